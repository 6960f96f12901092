/* Mutators that Oathkeeper would run: Kyma passes them on unread, so what we couldn't run is found
 * here. apirule.md 2.5, oathkeeper.md 3.3. */
#include "rule/judging.h"
#include "template/template.h"

/* One header or cookie: its name, and the template of its value. */
static void judge_pair(struct brama__judging *j, brama_str at, const struct brama_node *pair,
                       bool cookie)
{
    const char *what = cookie ? "cookie" : "header";
    struct brama_diag diag = {0};
    brama_str why = BRAMA_NIL;

    if (!brama_str_is_token(pair->key) || (!cookie && brama__is_of_the_connection(pair->key)))
        why = brama_arena_printf(j->arena, "setting %s \"%.*s\"", what, BRAMA_FMT(pair->key));
    else if (pair->kind != BRAMA_NODE_STR)
        why =
            brama_arena_printf(j->arena, "%s \"%.*s\" without a text", what, BRAMA_FMT(pair->key));
    else if (brama_template_check(j->arena, pair->text, &diag) != BRAMA_OK)
        why = brama_arena_printf(j->arena, "the template of %s \"%.*s\" (%s)", what,
                                 BRAMA_FMT(pair->key), diag.what);
    if (why.n != 0)
        brama__fail(j, pair->where, brama__unsupported(j, why), "%.*s.%.*s", BRAMA_FMT(at),
                    BRAMA_FMT(pair->key));
}

/* Named groups count behind the others at Oathkeeper, and in their place here. */
static bool has_named_group(brama_str path)
{
    return brama_str_find_str(path, BRAMA_STR("(?P<")) != path.n ||
           brama_str_find_str(path, BRAMA_STR("(?<")) != path.n;
}

static void judge_group(struct brama__judging *j, brama_str at, const struct brama_node *n,
                        size_t i)
{
    brama_str word = BRAMA_STR("RegexpCaptureGroups");

    if (n->kind == BRAMA_NODE_STR && has_named_group(j->rule->rules[i].path) &&
        brama_str_find_str(n->text, word) != n->text.n)
        brama__fail(
            j, n->where,
            brama__unsupported(j, BRAMA_STR("RegexpCaptureGroups of a path with named groups")),
            "%.*s.%.*s", BRAMA_FMT(at), BRAMA_FMT(n->key));
}

static void judge_groups(struct brama__judging *j, brama_str at, const struct brama_node *map,
                         size_t i)
{
    for (const struct brama_node *n = map->first; n != NULL; n = n->next)
        judge_group(j, at, n, i);
}

/* config of header and cookie: one map of that name, or nothing at all. */
static void judge_pairs(struct brama__judging *j, brama_str at, const struct brama_node *item,
                        size_t i, brama_str list)
{
    const struct brama_node *config = brama_node_get(item, BRAMA_STR("config"));
    bool cookie = brama_str_eq(list, BRAMA_STR("cookies"));
    brama_str place = brama_arena_printf(j->arena, "%.*s.config", BRAMA_FMT(at));

    for (const struct brama_node *n = config != NULL ? config->first : NULL; n != NULL;
         n = n->next) {
        brama_str here =
            brama_arena_printf(j->arena, "%.*s.%.*s", BRAMA_FMT(place), BRAMA_FMT(n->key));
        if (!brama_str_eq(n->key, list) || n->kind != BRAMA_NODE_MAP) {
            brama__fail(j, n->key_where, brama__unsupported(j, n->key), "%.*s", BRAMA_FMT(here));
            continue;
        }
        for (const struct brama_node *pair = n->first; pair != NULL; pair = pair->next)
            judge_pair(j, here, pair, cookie);
        judge_groups(j, here, n, i);
    }
}

/* It is told the groups. */
static void judge_hydrator(struct brama__judging *j, brama_str at, const struct brama_node *item,
                           size_t i)
{
    brama__judge_hydrator(j, at, item);
    if (has_named_group(j->rule->rules[i].path))
        brama__fail(j, item->where,
                    brama__unsupported(j, BRAMA_STR("hydrator for a path with named groups")),
                    "%.*s", BRAMA_FMT(at));
}

static void judge_id_token(struct brama__judging *j, brama_str at, const struct brama_node *item,
                           size_t i)
{
    const struct brama_node *claims =
        brama_node_get(brama_node_get(item, BRAMA_STR("config")), BRAMA_STR("claims"));
    brama_str here = brama_arena_printf(j->arena, "%.*s.config", BRAMA_FMT(at));
    struct brama_diag diag = {0};

    brama__judge_id_token(j, at, item);
    if (claims == NULL || claims->kind != BRAMA_NODE_STR)
        return;
    if (brama_template_check(j->arena, claims->text, &diag) != BRAMA_OK)
        brama__fail(j, claims->where,
                    brama__unsupported(
                        j, brama_arena_printf(j->arena, "the template of claims (%s)", diag.what)),
                    "%.*s.claims", BRAMA_FMT(here));
    judge_group(j, here, claims, i);
}

void brama__judge_ory_mutators(struct brama__judging *j, size_t i)
{
    const struct brama_node *list = j->rule->rules[i].mutators;
    size_t m = 0;

    for (const struct brama_node *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next, m++) {
        brama_str name = brama_node_get_str(item, BRAMA_STR("handler"));
        brama_str at = brama_arena_printf(j->arena, ".spec.rules[%zu].mutators[%zu]", i, m);
        if (brama_str_eq(name, BRAMA_STR("noop")))
            continue;
        if (brama_str_eq(name, BRAMA_STR("header")))
            judge_pairs(j, at, item, i, BRAMA_STR("headers"));
        else if (brama_str_eq(name, BRAMA_STR("cookie")))
            judge_pairs(j, at, item, i, BRAMA_STR("cookies"));
        else if (brama_str_eq(name, BRAMA_STR("hydrator")))
            judge_hydrator(j, at, item, i);
        else if (brama_str_eq(name, BRAMA_STR("id_token")))
            judge_id_token(j, at, item, i);
        else
            brama__fail(
                j, item->where,
                brama__unsupported(
                    j, brama_arena_printf(j->arena, "mutator %.*s served by Ory", BRAMA_FMT(name))),
                "%.*s", BRAMA_FMT(at));
    }
}
