/* Kyma's test of a URI, which is Go's url.ParseRequestURI, with Go's words for what it refuses. */
#ifndef BRAMA_RULE_URI_H
#define BRAMA_RULE_URI_H

#include "base/arena.h"
#include "json/node.h"

/* Empty if uri passes; else "value is empty" or `parse "uri": ...`. The scheme is not restricted,
 * and a query is not looked at. */
brama_str brama__uri_error(struct brama_arena *arena, brama_str uri);

/* Can a key set be had from it: http or https with a host, or file:///path? */
bool brama__uri_is_fetchable(brama_str uri);

/* "300ms" as Oathkeeper's schema has it: one unit, no fraction. oathkeeper.md 1.5. False: something
 * else, or NULL. */
bool brama_ory_duration_read(const struct brama_node *node, uint64_t *ms);

/* Whom the mutator hydrator asks, by its config or NULL. Empty: no text. */
brama_str brama_ory_hydrator_url(const struct brama_node *config);

/* An http or https URL that a request can be sent to, in its parts. */
struct brama_url_parts {
    bool tls;
    brama_str host; /* lower case; an IPv6 literal without brackets */
    uint16_t port;
    brama_str authority; /* host[:port] as written: what Host says */
    brama_str target;    /* path and query, "/" if there is none */
};
/* False: another scheme, no host, a user name, a fragment, or bytes that no URL has. */
bool brama_url_parts_read(struct brama_url_parts *out, struct brama_arena *arena, brama_str url);

#endif
