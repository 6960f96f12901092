/* Oathkeeper's Rules. apirule.md section 4.4. */
#include "cluster/rendering.h"

/* In istio mode only these reach Oathkeeper. */
static bool is_kept(const struct brama__rendering *r, const struct brama_strategy *s)
{
    return r->handler != BRAMA_HANDLER_ISTIO || s->kind == BRAMA_STRATEGY_NOOP ||
           s->kind == BRAMA_STRATEGY_OAUTH2_INTROSPECTION;
}

static bool has_rule(const struct brama__rendering *r, const struct brama_rule *rule)
{
    if (brama__rule_is_open(rule))
        return false;
    for (size_t i = 0; i < rule->strategy_count; i++)
        if (is_kept(r, &rule->strategies[i]))
            return true;
    return false;
}

static void authenticators(const struct brama__rendering *r, const struct brama_rule *rule)
{
    brama_json_key(r->out, BRAMA_STR("authenticators"));
    brama_json_list(r->out);
    for (size_t i = 0; i < rule->strategy_count; i++) {
        const struct brama_strategy *s = &rule->strategies[i];
        if (!is_kept(r, s))
            continue;
        brama_json_map(r->out);
        brama_json_member(r->out, BRAMA_STR("handler"), s->name);
        if (s->config != NULL && s->config->kind == BRAMA_NODE_MAP && s->config->count != 0) {
            brama_json_key(r->out, BRAMA_STR("config"));
            brama_json_node(r->out, s->config);
        }
        brama_json_end(r->out);
    }
    brama_json_end(r->out);
}

static void oathkeeper_rule(const struct brama__rendering *r, const struct brama_rule *rule)
{
    struct brama_service_ref service = brama_rule_service(r->apirule, rule);

    brama__render_begin(r, "oathkeeper.ory.sh/v1alpha1", "Rule", r->apirule->ns, NULL);
    brama_json_key(r->out, BRAMA_STR("match"));
    brama_json_map(r->out);
    brama__render_member(r, "url", "<http|https>://%.*s<%.*s>", BRAMA_FMT(r->apirule->full_host),
                         BRAMA_FMT(rule->path));
    brama__render_methods(r, rule->methods);
    brama_json_end(r->out);
    brama_json_key(r->out, BRAMA_STR("upstream"));
    brama_json_map(r->out);
    brama__render_member(r, "url", "http://%.*s.%.*s.svc.cluster.local:%u", BRAMA_FMT(service.name),
                         BRAMA_FMT(service.ns), service.port);
    brama_json_end(r->out);
    authenticators(r, rule);
    brama_json_key(r->out, BRAMA_STR("authorizer"));
    brama_json_map(r->out);
    brama_json_member(r->out, BRAMA_STR("handler"), BRAMA_STR("allow"));
    brama_json_end(r->out);
    if (rule->mutators != NULL && rule->mutators->count != 0) {
        brama_json_key(r->out, BRAMA_STR("mutators"));
        brama_json_node(r->out, rule->mutators);
    }
    brama__render_end(r);
}

void brama__render_oathkeeper_rules(const struct brama__rendering *r)
{
    for (size_t i = 0; i < r->apirule->rule_count; i++)
        if (has_rule(r, &r->apirule->rules[i]))
            oathkeeper_rule(r, &r->apirule->rules[i]);
}
