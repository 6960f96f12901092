#include "test_route.h"

int main(void)
{
    return test_path() + test_pattern() + test_overlap();
}
