/* Headers and cookies that a rule makes of the caller's credentials. */
#include "rule/warning.h"
#include "template/envoy.h"

/* A header where the rule itself expects a token; empty: the value reads none of them. */
static brama_str token_header(const struct brama_rule *rule, const struct brama_envoy_value *value)
{
    for (size_t j = 0; j < rule->strategy_count; j++)
        for (size_t k = 0; k < rule->strategies[j].istio.auth_count; k++) {
            const struct brama_jwt_auth *auth = &rule->strategies[j].istio.auths[k];
            for (size_t n = 0; n < auth->from_header_count; n++)
                if (auth->from_headers[n].name.n != 0 &&
                    brama_envoy_reads(value, auth->from_headers[n].name))
                    return auth->from_headers[n].name;
        }
    return BRAMA_NIL;
}

/* Under its own name a credential is known for what it is. */
static void warn_pair(struct brama_world *world, const struct brama_apirule *apirule, size_t i,
                      const struct brama_name_value *pair, bool cookie)
{
    const char *what = cookie ? "cookie" : "header";
    brama_str name = cookie ? BRAMA_STR("cookie") : pair->name;
    struct brama_envoy_value value;

    if (brama_envoy_read(&value, world->arena, pair->value, NULL) != BRAMA_OK)
        return;
    brama_str read = brama_envoy_credential(&value);
    if (read.n == 0)
        read = token_header(&apirule->rules[i], &value);
    if (read.n == 0 || brama_str_eq_nocase(read, name))
        return;
    brama__warn_at(world, pair->where, BRAMA_CODE_CREDENTIAL_COPIED,
                   brama_arena_printf(world->arena, ".spec.rules[%zu].%s.%ss.%.*s", i,
                                      brama_api_is_v1(apirule->version) ? "mutators" : "request",
                                      what, BRAMA_FMT(pair->name)),
                   brama_arena_printf(world->arena, BRAMA__TEXT_CREDENTIAL_COPIED, BRAMA_FMT(read),
                                      what, BRAMA_FMT(pair->name)));
}

void brama__warn_headers(struct brama_world *world, const struct brama_apirule *rule, size_t i)
{
    const struct brama_rule *r = &rule->rules[i];

    /* Oathkeeper's templates are another language. */
    if (brama_api_is_v1(rule->version) && rule->judged.handler != BRAMA_HANDLER_ISTIO)
        return;
    for (size_t k = 0; k < r->header_count; k++)
        warn_pair(world, rule, i, &r->headers[k], false);
    for (size_t k = 0; k < r->cookie_count; k++)
        warn_pair(world, rule, i, &r->cookies[k], true);
}
