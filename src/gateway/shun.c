#include "gateway/shun.h"

#include <string.h>

static struct brama_shunned *find(struct brama_shun *shun, const void *address, size_t len)
{
    for (size_t i = 0; i < shun->count; i++) {
        struct brama_shunned *e = &shun->entries[i];
        if (e->len == len && memcmp(e->address, address, len) == 0)
            return e;
    }
    return NULL;
}

static struct brama_shunned *new_entry(struct brama_shun *shun)
{
    if (shun->count < BRAMA_SHUN_MAX)
        return &shun->entries[shun->count++];
    struct brama_shunned *oldest = &shun->entries[0];
    for (size_t i = 1; i < shun->count; i++) {
        if (shun->entries[i].until_ms < oldest->until_ms)
            oldest = &shun->entries[i];
    }
    return oldest;
}

bool brama_shun_may_use(struct brama_shun *shun, const void *address, size_t len, uint64_t now_ms)
{
    struct brama_shunned *e = find(shun, address, len);
    if (e == NULL)
        return true;
    if (now_ms < e->until_ms)
        return false;
    e->until_ms = now_ms + BRAMA_SHUN_MS;
    return true;
}

void brama_shun_failed(struct brama_shun *shun, const void *address, size_t len, uint64_t now_ms)
{
    if (len > BRAMA_SHUN_ADDRESS_MAX)
        return;
    struct brama_shunned *e = find(shun, address, len);
    if (e == NULL)
        e = new_entry(shun);
    memcpy(e->address, address, len);
    e->len = len;
    e->until_ms = now_ms + BRAMA_SHUN_MS;
}

void brama_shun_works(struct brama_shun *shun, const void *address, size_t len)
{
    struct brama_shunned *e = find(shun, address, len);
    if (e != NULL)
        *e = shun->entries[--shun->count];
}
