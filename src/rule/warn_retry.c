/* Whoever is asked is asked once: a decision is made anew with his answer, it doesn't wait to ask
 * again. oathkeeper.md 2.6, 2.7, 3.3. */
#include "rule/warning.h"

static void warn_at(struct brama_world *world, const struct brama_node *holder, brama_str at,
                    const char *whom)
{
    const struct brama_node *retry = brama_node_get(holder, BRAMA_STR("retry"));
    brama_str name = brama_str_c(whom);

    if (retry != NULL)
        brama__warn_at(world, retry->key_where, BRAMA_CODE_RETRY,
                       brama_arena_printf(world->arena, "%.*s.retry", BRAMA_FMT(at)),
                       brama_arena_printf(world->arena, BRAMA__TEXT_RETRY, BRAMA_FMT(name)));
}

static void warn_mutators(struct brama_world *world, const struct brama_node *list, size_t i)
{
    size_t k = 0;

    for (const struct brama_node *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next, k++)
        if (brama_str_eq(brama_node_get_str(item, BRAMA_STR("handler")), BRAMA_STR("hydrator")))
            warn_at(
                world, brama_node_get(brama_node_get(item, BRAMA_STR("config")), BRAMA_STR("api")),
                brama_arena_printf(world->arena, ".spec.rules[%zu].mutators[%zu].config.api", i, k),
                "the API");
}

void brama__warn_retry(struct brama_world *world, const struct brama_apirule *rule, size_t i)
{
    const struct brama_rule *r = &rule->rules[i];

    for (size_t k = 0; k < r->strategy_count; k++)
        if (r->strategies[k].kind == BRAMA_STRATEGY_OAUTH2_INTROSPECTION ||
            r->strategies[k].kind == BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS)
            warn_at(world, r->strategies[k].config,
                    brama_arena_printf(world->arena,
                                       ".spec.rules[%zu].accessStrategies[%zu].config", i, k),
                    "the server");
    warn_mutators(world, r->mutators, i);
}
