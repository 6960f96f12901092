#include "fixture.h"

int main(void)
{
    return test_files() + test_decide() + test_ory() + test_advice() + test_attacks() +
           test_trace() + test_vectors();
}
