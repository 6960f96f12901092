/* Addresses that couldn't be connected to a moment ago, so that not every request pays for finding
 * out. Pure: time comes in.
 *
 *     if (brama_shun_may_use(&shun, address, len, now_ms)) connect();
 *     brama_shun_failed(&shun, address, len, now_ms);      // nobody for BRAMA_SHUN_MS
 *     brama_shun_works(&shun, address, len);
 */
#ifndef BRAMA_GATEWAY_SHUN_H
#define BRAMA_GATEWAY_SHUN_H

#include "base/def.h"

#define BRAMA_SHUN_MS 5000
#define BRAMA_SHUN_MAX 64         /* a newer failure takes the oldest one's place */
#define BRAMA_SHUN_ADDRESS_MAX 28 /* struct sockaddr_in6 */

struct brama_shunned {
    uint64_t until_ms;
    size_t len;
    uint8_t address[BRAMA_SHUN_ADDRESS_MAX];
};

/* Zero: none. */
struct brama_shun {
    struct brama_shunned entries[BRAMA_SHUN_MAX];
    size_t count;
};

/* False: it failed, and it isn't time to try again. When it is, one caller gets true; the others
 * wait for what he finds out, or for BRAMA_SHUN_MS more. O(count), nothing where none failed. */
bool brama_shun_may_use(struct brama_shun *shun, const void *address, size_t len, uint64_t now_ms);
void brama_shun_failed(struct brama_shun *shun, const void *address, size_t len, uint64_t now_ms);
void brama_shun_works(struct brama_shun *shun, const void *address, size_t len);

#endif
