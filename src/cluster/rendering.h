/* What the files of the renderer share: one APIRule under way, and Kyma's own questions about it.
 */
#ifndef BRAMA_CLUSTER_RENDERING_H
#define BRAMA_CLUSTER_RENDERING_H

#include "cluster/render.h"

struct brama__rendering {
    struct brama_json_out *out;
    const struct brama_world *world;
    const struct brama_apirule *apirule;
    enum brama_handler handler;
    bool v2;
};

/* kind of an object with its metadata; spec is left open: end it with brama__render_end(). Labels
 * beyond the owner's follow as name, value, ..., NULL. */
void brama__render_begin(const struct brama__rendering *r, const char *api_version,
                         const char *kind, brama_str ns, const char *const *labels);
void brama__render_end(const struct brama__rendering *r);

void brama__render_virtual_service(const struct brama__rendering *r);
void brama__render_request_authentications(const struct brama__rendering *r);
void brama__render_authorization_policies(const struct brama__rendering *r);
void brama__render_oathkeeper_rules(const struct brama__rendering *r);

/* "key": [ ... ] of texts. */
void brama__render_texts(const struct brama__rendering *r, const char *key,
                         struct brama_str_list list);
/* "key": printf text */
void brama__render_member(const struct brama__rendering *r, const char *key, const char *fmt, ...)
    BRAMA_PRINTF(3, 4);
/* The text of a buffer on the side, whose error is out's from here on; empty then. */
brama_str brama__render_aside(const struct brama__rendering *r, const struct brama_buf *aside);
/* "methods": [...], in the order of the enum. */
void brama__render_methods(const struct brama__rendering *r, brama_methods methods);
/* "selector": {"matchLabels": ...} of the rule's Service. */
void brama__render_selector(const struct brama__rendering *r, const struct brama_rule *rule);

bool brama__rule_has(const struct brama_rule *rule, enum brama_strategy_kind kind);
/* All strategies are allow or no_auth. */
bool brama__rule_is_open(const struct brama_rule *rule);
/* The VirtualService sends it to Oathkeeper. */
bool brama__rule_by_oathkeeper(const struct brama__rendering *r, const struct brama_rule *rule);
/* The JWT config that Istio is to enforce; NULL: none. */
const struct brama_jwt_istio *brama__rule_jwt(const struct brama__rendering *r,
                                              const struct brama_rule *rule);

#endif
