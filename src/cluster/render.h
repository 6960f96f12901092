/* The Istio and Oathkeeper objects that Kyma's controller makes of an APIRule: VirtualService,
 * RequestAuthentication, AuthorizationPolicy, Oathkeeper Rule. Pure. apirule.md section 4.
 *
 *     struct brama_json_out out;
 *     brama_json_out_init(&out, &buf, 2);
 *     brama_json_list(&out);
 *     brama_render(&out, &world, apirule, handler);
 *     brama_json_end(&out);
 *     if (brama_buf_err(&buf) == BRAMA_OK) ...
 *
 * This says the same as the policy compiler in other words, on purpose: each is the test of the
 * other (tests/unit/oracle).
 */
#ifndef BRAMA_CLUSTER_RENDER_H
#define BRAMA_CLUSTER_RENDER_H

#include "rule/world.h"
#include "json/write.h"

/* Append the objects of one valid APIRule to the list that is open in out, in the order in which
 * Kyma applies them.
 *
 *   handler  under which it was judged; means nothing for v2
 *
 * A Service that the world doesn't have is selected by `app: NAME`, as Kyma did before it read
 * Services. Errors stick in out's buffer. */
void brama_render(struct brama_json_out *out, const struct brama_world *world,
                  const struct brama_apirule *apirule, enum brama_handler handler);

#endif
