#include "cli/get_objects.h"

/* A child at the end of parent's; NULL: no memory, or no parent for the same reason. */
static struct brama_node *add(struct brama_arena *arena, struct brama_node *parent,
                              const struct brama_node *like)
{
    struct brama_node *copy = parent != NULL ? brama_arena_alloc(arena, sizeof(*copy)) : NULL;
    struct brama_node **link = parent != NULL ? &parent->first : NULL;

    if (copy == NULL)
        return NULL;
    *copy = *like;
    copy->next = NULL;
    while (*link != NULL)
        link = &(*link)->next;
    *link = copy;
    parent->count++;
    return copy;
}

static void add_text(struct brama_arena *arena, struct brama_node *map, brama_str key,
                     brama_str text)
{
    add(arena, map, &(struct brama_node){.kind = BRAMA_NODE_STR, .key = key, .text = text});
}

static struct brama_node *add_map(struct brama_arena *arena, struct brama_node *map, brama_str key)
{
    return add(arena, map, &(struct brama_node){.kind = BRAMA_NODE_MAP, .key = key});
}

static bool is_metadata(const struct brama_get_form *form, brama_str key)
{
    return brama_str_eq(key, BRAMA_STR("namespace")) || brama_str_eq(key, BRAMA_STR("version")) ||
           brama_str_eq(key, brama_str_c(form->name_member));
}

/* {code, desc} */
static void add_block(struct brama_arena *arena, struct brama_node *status, const char *name,
                      brama_str code, brama_str desc)
{
    struct brama_node *block = add_map(arena, status, brama_str_c(name));

    if (block == NULL)
        return;
    add_text(arena, block, BRAMA_STR("code"), code);
    if (desc.n != 0)
        add_text(arena, block, BRAMA_STR("desc"), desc);
}

/* As v1alpha1 and v1beta1 have their status: a block for the rule, and one for each kind of object
 * that Kyma makes of it. apirule.md section 3.6. */
static void add_blocks(struct brama_arena *arena, struct brama_node *status,
                       const struct brama_node *row)
{
    static const char *const ory[] = {"virtualServiceStatus", "accessRuleStatus"};
    static const char *const istio[] = {"virtualServiceStatus", "authorizationPolicyStatus",
                                        "requestAuthenticationStatus"};
    bool ok = brama_str_eq(brama_node_get_str(row, BRAMA_STR("state")), BRAMA_STR("OK"));
    bool is_istio =
        brama_str_eq(brama_node_get_str(row, BRAMA_STR("judged_under")), BRAMA_STR("istio"));
    size_t count = is_istio ? BRAMA_ARRAY_LEN(istio) : BRAMA_ARRAY_LEN(ory);

    add_block(arena, status, "APIRuleStatus", ok ? BRAMA_STR("OK") : BRAMA_STR("ERROR"),
              brama_node_get_str(row, BRAMA_STR("description")));
    for (size_t i = 0; i < count; i++)
        add_block(arena, status, is_istio ? istio[i] : ory[i],
                  ok ? BRAMA_STR("OK") : BRAMA_STR("SKIPPED"), BRAMA_NIL);
}

struct brama_node *brama_get_object(struct brama_arena *arena, const struct brama_get_form *form,
                                    const struct brama_node *row)
{
    struct brama_node *object = brama_arena_alloc(arena, sizeof(*object));
    brama_str version = brama_node_get_str(row, BRAMA_STR("version"));
    brama_str ns = brama_node_get_str(row, BRAMA_STR("namespace"));

    if (object == NULL)
        return NULL;
    *object = (struct brama_node){.kind = BRAMA_NODE_MAP};
    add_text(arena, object, BRAMA_STR("apiVersion"),
             form->group != NULL
                 ? brama_arena_printf(arena, "%s/%.*s", form->group, BRAMA_FMT(version))
                 : BRAMA_STR("v1"));
    add_text(arena, object, BRAMA_STR("kind"), brama_str_c(form->kind));
    struct brama_node *metadata = add_map(arena, object, BRAMA_STR("metadata"));
    add_text(arena, metadata, BRAMA_STR("name"),
             brama_node_get_str(row, brama_str_c(form->name_member)));
    if (ns.n != 0)
        add_text(arena, metadata, BRAMA_STR("namespace"), ns);
    struct brama_node *status = add_map(arena, object, BRAMA_STR("status"));
    for (const struct brama_node *m = row->first; m != NULL; m = m->next) {
        if (!is_metadata(form, m->key))
            add(arena, status, m);
    }
    if (brama_str_starts(version, BRAMA_STR("v1")) && form->group != NULL)
        add_blocks(arena, status, row);
    return brama_arena_failed(arena) ? NULL : object;
}

struct brama_node *brama_get_list(struct brama_arena *arena, const struct brama_get_form *form,
                                  const struct brama_node *rows)
{
    struct brama_node *list = brama_arena_alloc(arena, sizeof(*list));

    if (list == NULL)
        return NULL;
    *list = (struct brama_node){.kind = BRAMA_NODE_MAP};
    add_text(arena, list, BRAMA_STR("apiVersion"), BRAMA_STR("v1"));
    add_text(arena, list, BRAMA_STR("kind"), BRAMA_STR("List"));
    struct brama_node *items =
        add(arena, list, &(struct brama_node){.kind = BRAMA_NODE_LIST, .key = BRAMA_STR("items")});
    /* Linked by hand: there may be very many. */
    struct brama_node **link = items != NULL ? &items->first : NULL;
    for (const struct brama_node *row = rows->first; link != NULL && row != NULL; row = row->next) {
        *link = brama_get_object(arena, form, row);
        if (*link == NULL)
            return NULL;
        link = &(*link)->next;
        items->count++;
    }
    return brama_arena_failed(arena) ? NULL : list;
}
