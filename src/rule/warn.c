/* What is valid and still deserves a word. */
#include <stdlib.h>

#include "rule/warning.h"

void brama__warn_at(struct brama_world *world, struct brama_where where, enum brama_code code,
                    brama_str attribute, brama_str message)
{
    brama_findings_add(&world->findings, BRAMA_SEVERITY_WARNING, where, brama_code_name(code),
                       attribute, message);
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
    brama__warn_at(world, rule->rules[i].where, BRAMA_CODE_NO_SERVICE,
                   brama_arena_printf(world->arena, ".spec.rules[%zu]", i),
                   brama_arena_printf(world->arena, BRAMA__TEXT_NO_SERVICE, BRAMA_FMT(ref.ns),
                                      BRAMA_FMT(ref.name)));
}

/* allow has no method match in the VirtualService; only policies, which come with jwt and no_auth
 * under istio, would hold it to its list. apirule.md 4.2 and 4.7. */
static void warn_allow(struct brama_world *world, const struct brama_apirule *rule, size_t i)
{
    bool policies = false;

    if (rule->rules[i].strategy_count != 1 || rule->rules[i].methods == BRAMA_METHOD_ALL ||
        rule->rules[i].strategies[0].kind != BRAMA_STRATEGY_ALLOW)
        return;
    for (size_t k = 0; k < rule->rule_count && rule->judged.handler == BRAMA_HANDLER_ISTIO; k++)
        for (size_t j = 0; j < rule->rules[k].strategy_count; j++)
            policies = policies || rule->rules[k].strategies[j].kind == BRAMA_STRATEGY_JWT ||
                       rule->rules[k].strategies[j].kind == BRAMA_STRATEGY_NO_AUTH;
    if (!policies)
        brama__warn_at(
            world, rule->rules[i].where, BRAMA_CODE_ANY_METHOD,
            brama_arena_printf(world->arena, ".spec.rules[%zu].accessStrategies[0].handler", i),
            BRAMA_STR(BRAMA__TEXT_ANY_METHOD));
}

void brama__warn(struct brama_world *world)
{
    size_t count = 0;
    struct brama_service **services = sorted_services(world, &count);

    for (const struct brama_apirule *rule = world->rules; rule != NULL; rule = rule->next) {
        bool v1 = brama_api_is_v1(rule->version);
        if (v1)
            brama__warn_at(world, rule->where, BRAMA_CODE_NOT_RECONCILED, BRAMA_STR(".apiVersion"),
                           rule->version == BRAMA_API_V1ALPHA1
                               ? BRAMA_STR(BRAMA__TEXT_NOT_SERVED)
                               : BRAMA_STR(BRAMA__TEXT_NOT_RECONCILED));
        brama__warn_fields(world, rule);
        for (size_t i = 0; i < rule->rule_count; i++) {
            for (size_t j = 0; j < rule->rules[i].strategy_count; j++)
                brama__warn_jwt(world, rule, i, j);
            if (v1)
                warn_allow(world, rule, i);
            brama__warn_headers(world, rule, i);
            brama__warn_retry(world, rule, i);
            warn_service(world, rule, i, services, count);
        }
    }
}
