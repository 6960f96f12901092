/* Addresses of hosts: literal ones at once, names by the system's resolver, again every 5 seconds.
 * What a name once had stays until there is an answer again.
 *
 *     err = brama_resolver_new(&resolver, loop, tell, ctx);
 *     err = brama_resolver_want(resolver, hosts, host_count);
 *     const struct brama_ip *ips = brama_resolver_ips(resolver, host, &count);
 */
#ifndef BRAMA_SOURCE_RESOLVE_H
#define BRAMA_SOURCE_RESOLVE_H

#include <uv.h>

#include "base/err.h"
#include "base/str.h"

#define BRAMA_HOST_IPS_MAX 16

struct brama_ip {
    int family;     /* AF_INET or AF_INET6 */
    uint8_t ip[16]; /* network byte order; the first 4 for AF_INET, the rest zero */
};

/* IPv4, or IPv6 without brackets. */
bool brama_ip_read(struct brama_ip *out, brama_str text);

/* A host has got other addresses, or its first answer. From the loop, never from within a call. */
typedef void brama_resolver_news(void *ctx, brama_str host);

struct brama_resolver;
BRAMA_MUST_USE enum brama_err brama_resolver_new(struct brama_resolver **out, uv_loop_t *loop,
                                                 brama_resolver_news *news, void *ctx);
/* The loop must turn until what is under way has ended. */
void brama_resolver_free(struct brama_resolver *resolver);

/* From now on these, and no others. BRAMA_ERR_NOMEM: those before stay. */
BRAMA_MUST_USE enum brama_err brama_resolver_want(struct brama_resolver *resolver,
                                                  const brama_str *hosts, size_t count);
/* How many have had no answer yet, not even a bad one, of those that are worth waiting for: */
size_t brama_resolver_pending(const struct brama_resolver *resolver);
/* from now on only those to come. */
void brama_resolver_wait_no_more(struct brama_resolver *resolver);
/* In a fixed order, IPv4 first; NULL and 0 if there are none. Until the loop turns. */
const struct brama_ip *brama_resolver_ips(const struct brama_resolver *resolver, brama_str host,
                                          size_t *count);

#endif
