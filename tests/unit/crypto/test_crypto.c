#include "test_crypto.h"

int main(void)
{
    return test_keys() + test_signatures() + test_certificates();
}
