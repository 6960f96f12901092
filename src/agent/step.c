#include "agent/step.h"

#ifdef BRAMA_TEST_BUILD

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void brama__step(void)
{
    static unsigned long count;
    const char *die_at = getenv("BRAMA_TEST_DIE_AT");
    count++;
    if (die_at != NULL && strtoul(die_at, NULL, 10) == count)
        kill(getpid(), SIGKILL);
}

#else

typedef int brama__no_steps; /* a file of C is never empty */

#endif
