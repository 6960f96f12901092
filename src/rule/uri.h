/* Kyma's test of a URI, which is Go's url.ParseRequestURI, with Go's words for what it refuses. */
#ifndef BRAMA_RULE_URI_H
#define BRAMA_RULE_URI_H

#include "base/arena.h"

/* Empty if uri passes; else "value is empty" or `parse "uri": ...`. The scheme is not restricted,
 * and a query is not looked at. */
brama_str brama__uri_error(struct brama_arena *arena, brama_str uri);

/* Can a key set be had from it: http or https with a host, or file:///path? */
bool brama__uri_is_fetchable(brama_str uri);

#endif
