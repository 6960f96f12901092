/* Names that neither Kyma nor the schema of an APIRule looks at, and that are likely a slip. */
#include "base/near.h"
#include "rule/warning.h"

/* apimachinery's ObjectMeta. */
static const brama_str metadata_fields[] = {BRAMA_LIT("name"),
                                            BRAMA_LIT("generateName"),
                                            BRAMA_LIT("namespace"),
                                            BRAMA_LIT("labels"),
                                            BRAMA_LIT("annotations"),
                                            BRAMA_LIT("finalizers"),
                                            BRAMA_LIT("ownerReferences"),
                                            BRAMA_LIT("uid"),
                                            BRAMA_LIT("resourceVersion"),
                                            BRAMA_LIT("generation"),
                                            BRAMA_LIT("creationTimestamp"),
                                            BRAMA_LIT("deletionTimestamp"),
                                            BRAMA_LIT("deletionGracePeriodSeconds"),
                                            BRAMA_LIT("managedFields"),
                                            BRAMA_LIT("selfLink")};
static const brama_str origin_fields[] = {BRAMA_LIT("exact"), BRAMA_LIT("prefix"),
                                          BRAMA_LIT("regex")};

/* True if it is one of them; else the nearest, or nothing. */
static bool is_known(brama_str name, const brama_str *fields, size_t count, brama_str *meant)
{
    struct brama_near near = {.distance = 0};

    for (size_t i = 0; i < count; i++) {
        if (brama_str_eq(name, fields[i]))
            return true;
        brama_near_try(&near, name, fields[i]);
    }
    *meant = near.best;
    return false;
}

static void warn_metadata(struct brama_world *world, const struct brama_apirule *rule)
{
    const struct brama_node *metadata = brama_node_get(rule->doc, BRAMA_STR("metadata"));
    brama_str meant;

    for (const struct brama_node *n = metadata != NULL ? metadata->first : NULL; n != NULL;
         n = n->next) {
        if (is_known(n->key, metadata_fields, BRAMA_ARRAY_LEN(metadata_fields), &meant))
            continue;
        brama_str path = brama_arena_printf(world->arena, "metadata.%.*s", BRAMA_FMT(n->key));
        brama__warn_at(
            world, n->key_where, BRAMA_CODE_METADATA,
            brama_arena_printf(world->arena, ".%.*s", BRAMA_FMT(path)),
            meant.n != 0 ? brama_arena_printf(world->arena, BRAMA__TEXT_UNKNOWN_MEANT,
                                              BRAMA_FMT(path), BRAMA_FMT(meant))
                         : brama_arena_printf(world->arena, BRAMA__TEXT_UNKNOWN, BRAMA_FMT(path)));
    }
}

/* Kyma takes any other name for prefix; apirule.md section 1.2. */
static void warn_origins(struct brama_world *world, const struct brama_apirule *rule)
{
    const struct brama_node *spec = brama_node_get(rule->doc, BRAMA_STR("spec"));
    const struct brama_node *list =
        brama_node_get(brama_node_get(spec, BRAMA_STR("corsPolicy")), BRAMA_STR("allowOrigins"));
    brama_str meant;
    size_t i = 0;

    if (list == NULL || list->kind != BRAMA_NODE_LIST)
        return;
    for (const struct brama_node *item = list->first; item != NULL; item = item->next, i++)
        for (const struct brama_node *n = item->first; n != NULL; n = n->next)
            if (item->kind == BRAMA_NODE_MAP &&
                !is_known(n->key, origin_fields, BRAMA_ARRAY_LEN(origin_fields), &meant))
                brama__warn_at(
                    world, n->key_where, BRAMA_CODE_ORIGIN,
                    brama_arena_printf(world->arena, ".spec.corsPolicy.allowOrigins[%zu].%.*s", i,
                                       BRAMA_FMT(n->key)),
                    brama_arena_printf(world->arena, BRAMA__TEXT_ORIGIN, BRAMA_FMT(n->key)));
}

void brama__warn_fields(struct brama_world *world, const struct brama_apirule *rule)
{
    warn_metadata(world, rule);
    warn_origins(world, rule);
}
