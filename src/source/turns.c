#include "source/turns.h"

#define REFRESH_MIN_S 67 /* a tenth less is still a minute */
#define REFRESH_MAX_S (24 * 3600)
#define REFRESH_S 300
#define RETRY_MAX_S 60

static uint64_t shorten(uint64_t s, uint64_t part, uint64_t random)
{
    uint64_t ms = s * 1000;
    return ms - random % (ms / part + 1);
}

uint64_t brama__turn_ms(unsigned failures, int64_t max_age_s, uint64_t random)
{
    if (failures != 0) {
        uint64_t s = failures <= 6 ? (uint64_t)1 << (failures - 1) : RETRY_MAX_S;
        return shorten(s, 4, random);
    }
    int64_t s = max_age_s < 0 ? REFRESH_S : max_age_s;
    if (s < REFRESH_MIN_S)
        s = REFRESH_MIN_S;
    if (s > REFRESH_MAX_S)
        s = REFRESH_MAX_S;
    return shorten((uint64_t)s, 10, random);
}

/* SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
uint64_t brama__turn_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
