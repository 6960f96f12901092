/* Mutators of a jwt rule under the istio handler. apirule.md section 3.2.3. */
#include "rule/judging.h"
#include "rule/reading.h"

static bool came_before(const struct brama_node *list, const struct brama_node *item,
                        brama_str name)
{
    for (const struct brama_node *one = list->first; one != item; one = one->next)
        if (brama_str_eq(brama_node_get_str(one, BRAMA_STR("handler")), name))
            return true;
    return false;
}

static void judge_pairs(struct brama__judging *j, const struct brama_node *item, brama_str at,
                        const char *key)
{
    const struct brama_node *config = brama_node_get(item, BRAMA_STR("config"));
    brama_str error = brama__pairs_decode_error(j->arena, config, brama_str_c(key));
    const struct brama_node *map = brama_node_get(config, brama_str_c(key));

    if (error.n != 0) {
        brama__fail(j, item->where,
                    brama_arena_printf(j->arena, BRAMA__TEXT_V1_JSON, BRAMA_FMT(error)),
                    "%.*s.handler.config", BRAMA_FMT(at));
        return;
    }
    if (map == NULL || map->count == 0) {
        brama__fail(j, item->where,
                    brama_arena_printf(j->arena, BRAMA__TEXT_V1_MUTATOR_NOTHING, key),
                    "%.*s.handler.config", BRAMA_FMT(at));
        return;
    }
    for (const struct brama_node *pair = map->first; pair != NULL; pair = pair->next)
        if (pair->key.n == 0)
            brama__fail(j, pair->where, BRAMA_STR(BRAMA__TEXT_V1_MUTATOR_NAME),
                        "%.*s.handler.config.%s.name", BRAMA_FMT(at), key);
}

static void judge_mutator(struct brama__judging *j, const struct brama_node *list,
                          const struct brama_node *item, brama_str at)
{
    brama_str name = brama_node_get_str(item, BRAMA_STR("handler"));

    if (came_before(list, item, name))
        brama__fail(j, item->where, BRAMA_STR(BRAMA__TEXT_V1_MUTATOR_TWICE), "%.*s.handler.%.*s",
                    BRAMA_FMT(at), BRAMA_FMT(name));
    if (name.n == 0)
        brama__fail(j, item->where, BRAMA_STR(BRAMA__TEXT_V1_MUTATOR_EMPTY), "%.*s.handler",
                    BRAMA_FMT(at));
    else if (brama_str_eq(name, BRAMA_STR("header")))
        judge_pairs(j, item, at, "headers");
    else if (brama_str_eq(name, BRAMA_STR("cookie")))
        judge_pairs(j, item, at, "cookies");
    else
        brama__fail(j, item->where,
                    brama_arena_printf(j->arena, BRAMA__TEXT_V1_MUTATOR, BRAMA_FMT(name)),
                    "%.*s.handler", BRAMA_FMT(at));
}

void brama__judge_mutators(struct brama__judging *j, size_t i)
{
    const struct brama_node *list = j->rule->rules[i].mutators;
    size_t m = 0;

    if (list == NULL)
        return;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next, m++)
        judge_mutator(j, list, item,
                      brama_arena_printf(j->arena, ".spec.rules[%zu].mutators[%zu]", i, m));
}
