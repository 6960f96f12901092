#include "source/forced.h"

#define QUIET_MS 60000

static const uint64_t waits_ms[] = {1000, 2000, 4000, 8000, 10000};

uint64_t brama__forced_due(struct brama__forced *f, uint64_t now_ms)
{
    if (f->fruitless != 0 && now_ms - f->ended_ms >= QUIET_MS)
        f->fruitless = 0;
    if (f->fruitless == 0)
        return now_ms;
    size_t i =
        f->fruitless < BRAMA_ARRAY_LEN(waits_ms) ? f->fruitless - 1 : BRAMA_ARRAY_LEN(waits_ms) - 1;
    uint64_t due_ms = f->ended_ms + waits_ms[i];
    return due_ms > now_ms ? due_ms : now_ms;
}

void brama__forced_ended(struct brama__forced *f, uint64_t now_ms, bool new_keys)
{
    if (new_keys)
        f->fruitless = 0;
    else if (f->fruitless < BRAMA_ARRAY_LEN(waits_ms))
        f->fruitless++;
    f->ended_ms = now_ms;
}
