/* Which address stands behind a service name: --service flags, Service and EndpointSlice objects.
 * Upstreams and key fetches use the same table. */
#ifndef BRAMA_SOURCE_SERVICES_H
#define BRAMA_SOURCE_SERVICES_H

#include "base/diag.h"
#include "base/err.h"
#include "rule/world.h"

/* NAME[.NS][:PORT]=HOST:PORT; ns and port of the left side may be open (empty, 0: any). */
struct brama_service_flag {
    brama_str name, ns;
    uint16_t port;
    brama_str to_host; /* IPv4, [IPv6] without brackets, or a DNS name */
    uint16_t to_port;
};

/* BRAMA_ERR_SYNTAX with a diag that quotes the part that is wrong. A missing NS is default_ns. */
BRAMA_MUST_USE enum brama_err brama_service_flag_read(struct brama_service_flag *out,
                                                      brama_str text, brama_str default_ns,
                                                      struct brama_diag *diag);

/* A table is looked up once an upstream, so its objects are found by name. */
struct brama_service_table {
    const struct brama_service_flag *flags;
    size_t flag_count;
    const struct brama_world *world;
    /* Slices in the world's order, found by their hash: the first and the last of a bucket, and the
     * one behind each; numbers from 1. */
    const struct brama_endpoint_slice **slices;
    uint32_t *behind;
    struct brama__bucket {
        uint32_t first, last;
    } * buckets;
    size_t bucket_count; /* a power of two */
};

/* flags and world (NULL: flags only) must outlive the table and not change. BRAMA_ERR_NOMEM. */
BRAMA_MUST_USE enum brama_err brama_service_table_init(struct brama_service_table *out,
                                                       struct brama_arena *arena,
                                                       const struct brama_service_flag *flags,
                                                       size_t flag_count,
                                                       const struct brama_world *world);

struct brama_endpoint {
    brama_str host;
    uint16_t port;
};

/* The endpoints of ns/name:port, flags first, then EndpointSlices, then ExternalName; 0 if nobody
 * knows it. At most max are written. */
size_t brama_service_endpoints(const struct brama_service_table *table, brama_str ns,
                               brama_str name, uint16_t port, struct brama_endpoint *out,
                               size_t max);

/* A host of a URL as a service name: NAME.NS.svc.cluster.local, NAME.NS.svc, NAME.NS (only if the
 * table knows it). For brama_http_resolver; ctx is a struct brama_service_table. */
bool brama_service_lookup(void *ctx, brama_str host, uint16_t port, size_t which,
                          brama_str *to_host, uint16_t *to_port);

#endif
