/* What is valid and still deserves a word. */
#include <stdlib.h>

#include "rule/judging.h"
#include "rule/read.h"

static void warn(struct brama_world *world, struct brama_where where, const char *code,
                 brama_str attribute, brama_str message)
{
    brama_findings_add(&world->findings, BRAMA_SEVERITY_WARNING, where, code, attribute, message);
}

static void warn_if_plain(struct brama_world *world, struct brama_where where, brama_str uri,
                          brama_str attribute, brama_str text)
{
    if (brama_str_eq_nocase(brama_str_head(uri, 7), BRAMA_STR("http://")))
        warn(world, where, BRAMA__CODE_PLAIN_HTTP, attribute, text);
}

static void warn_list(struct brama_world *world, struct brama_where where, brama_str at,
                      const char *key, struct brama_str_list uris, brama_str text)
{
    for (size_t k = 0; k < uris.n; k++)
        warn_if_plain(world, where, uris.p[k],
                      brama_arena_printf(world->arena, "%.*s.%s[%zu]", BRAMA_FMT(at), key, k),
                      text);
}

static void warn_strategy(struct brama_world *world, const struct brama_apirule *rule, size_t i,
                          size_t j)
{
    const brama_str issuer = BRAMA_STR(BRAMA__TEXT_PLAIN_ISSUER);
    const brama_str keys = BRAMA_STR(BRAMA__TEXT_PLAIN_HTTP);
    const struct brama_strategy *s = &rule->rules[i].strategies[j];
    brama_str at =
        brama__is_v1(rule)
            ? brama_arena_printf(world->arena, ".spec.rules[%zu].accessStrategies[%zu].config", i,
                                 j)
            : brama_arena_printf(world->arena, ".spec.rules[%zu].%.*s", i, BRAMA_FMT(s->name));

    for (size_t k = 0; k < s->istio.auth_count; k++) {
        const struct brama_jwt_auth *auth = &s->istio.auths[k];
        brama_str path =
            brama_arena_printf(world->arena, "%.*s.authentications[%zu]", BRAMA_FMT(at), k);
        warn_if_plain(world, auth->where, auth->issuer,
                      brama_arena_printf(world->arena, "%.*s.issuer", BRAMA_FMT(path)), issuer);
        warn_if_plain(world, auth->where, auth->jwks_uri,
                      brama_arena_printf(world->arena, "%.*s.jwksUri", BRAMA_FMT(path)), keys);
    }
    warn_list(world, s->where, at, "trusted_issuers", s->ory.trusted_issuers, issuer);
    warn_list(world, s->where, at, "jwks_urls", s->ory.jwks_urls, keys);
}

static int by_name(const void *a, const void *b)
{
    const struct brama_service *const *x = a, *const *y = b;
    int d = brama_str_cmp((*x)->ns, (*y)->ns);

    return d != 0 ? d : brama_str_cmp((*x)->name, (*y)->name);
}

/* Sorted; NULL if the files hold no Service at all: then they are named elsewhere. */
static struct brama_service **sorted_services(struct brama_world *world, size_t *count)
{
    size_t n = 0;

    for (struct brama_service *s = world->services; s != NULL; s = s->next)
        n++;
    struct brama_service **all = n != 0 ? brama_arena_array(world->arena, n, sizeof(*all)) : NULL;
    *count = 0;
    if (all == NULL)
        return NULL;
    for (struct brama_service *s = world->services; s != NULL; s = s->next)
        all[(*count)++] = s;
    qsort(all, n, sizeof(*all), by_name);
    return all;
}

static void warn_service(struct brama_world *world, const struct brama_apirule *rule, size_t i,
                         struct brama_service **services, size_t count)
{
    struct brama_service_ref ref = brama_rule_service(rule, &rule->rules[i]);
    struct brama_service named = {.ns = ref.ns, .name = ref.name};
    struct brama_service *key = &named;

    if (!ref.given || count == 0 ||
        bsearch(&key, services, count, sizeof(struct brama_service *), by_name) != NULL)
        return;
    warn(world, rule->rules[i].where, BRAMA__CODE_NO_SERVICE,
         brama_arena_printf(world->arena, ".spec.rules[%zu]", i),
         brama_arena_printf(world->arena, BRAMA__TEXT_NO_SERVICE, BRAMA_FMT(ref.ns),
                            BRAMA_FMT(ref.name)));
}

void brama__warn(struct brama_world *world)
{
    size_t count = 0;
    struct brama_service **services = sorted_services(world, &count);

    for (const struct brama_apirule *rule = world->rules; rule != NULL; rule = rule->next) {
        if (brama__is_v1(rule))
            warn(world, rule->where, BRAMA__CODE_DEPRECATED, BRAMA_STR(""),
                 brama_arena_printf(world->arena, BRAMA__TEXT_DEPRECATED,
                                    brama_api_version_name(rule->version)));
        for (size_t i = 0; i < rule->rule_count; i++) {
            for (size_t j = 0; j < rule->rules[i].strategy_count; j++)
                warn_strategy(world, rule, i, j);
            warn_service(world, rule, i, services, count);
        }
    }
}
