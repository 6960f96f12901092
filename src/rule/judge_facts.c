/* Checks that Kyma makes against other objects of the cluster. apirule.md sections 3.2 (15, 16) and
 * 3.3. Whether Pods are in the mesh is asked only where the source has Pods at all. */
#include "rule/judging.h"

/* Does the Pod have all labels of the selector? None, or no selector: yes. */
static bool selects(const struct brama_node *selector, const struct brama_pod *pod)
{
    const struct brama_node *label =
        selector != NULL && selector->kind == BRAMA_NODE_MAP ? selector->first : NULL;

    for (; label != NULL; label = label->next) {
        const struct brama_node *of_pod = brama_node_get(pod->labels, label->key);
        if (of_pod == NULL || !brama_str_eq(of_pod->text, label->text))
            return false;
    }
    return true;
}

static bool is_empty(const struct brama_node *selector)
{
    return selector == NULL || selector->kind != BRAMA_NODE_MAP || selector->count == 0;
}

static void judge_pods(struct brama__judging *j, struct brama_where where, brama_str ns,
                       const struct brama_node *selector, brama_str path)
{
    for (const struct brama_pod *pod = j->world->pods; pod != NULL; pod = pod->next)
        if (!pod->has_sidecar && brama_str_eq(pod->ns, ns) && selects(selector, pod))
            brama__fail(j, where,
                        brama_arena_printf(j->arena, BRAMA__TEXT_NO_SIDECAR, BRAMA_FMT(pod->ns),
                                           BRAMA_FMT(pod->name)),
                        "%.*s", BRAMA_FMT(path));
}

/* v1*: a Service that isn't there leaves an empty selector, which selects every Pod of the
 * namespace; the path of a Service without selector has its last part twice. */
void brama__judge_injection(struct brama__judging *j, size_t i, brama_str at)
{
    const struct brama_rule *rule = &j->rule->rules[i];
    struct brama_service_ref ref = brama_rule_service(j->rule, rule);
    bool v1 = brama_api_is_v1(j->rule->version);

    if (j->world->pods == NULL || !ref.given)
        return;
    const struct brama_service *service = brama_world_service(j->world, ref.ns, ref.name);
    const struct brama_node *selector = service != NULL ? service->selector : NULL;
    brama_str path = brama_arena_printf(j->arena, ".spec.rules[%zu]", i);
    if (v1)
        path = brama_arena_printf(j->arena, "%.*s.injection", BRAMA_FMT(at));
    if (service == NULL && !v1)
        brama__fail(j, rule->where,
                    brama_arena_printf(j->arena, BRAMA__TEXT_V2_INJECTION, BRAMA_FMT(ref.name)),
                    "%.*s", BRAMA_FMT(path));
    else if (service != NULL && is_empty(selector))
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_NO_SELECTOR), "%.*s.injection",
                    BRAMA_FMT(path));
    else
        judge_pods(j, rule->where, ref.ns, selector, path);
}

static void judge_authorizer(struct brama__judging *j, size_t i, struct brama_where where,
                             brama_str name)
{
    const struct brama_authorizer *a = brama_world_authorizer(j->world, name);

    if (a == NULL)
        brama__fail(j, where, BRAMA_STR(BRAMA__TEXT_V2_NO_AUTHORIZER),
                    ".spec.rules[%zu].extAuth.externalAuthorizers.%.*s", i, BRAMA_FMT(name));
    else if (!a->is_http)
        brama__fail(j, where, BRAMA_STR(BRAMA__TEXT_V2_NOT_HTTP),
                    ".spec.rules[%zu].extAuth.externalAuthorizers.%.*s", i, BRAMA_FMT(name));
}

void brama__judge_authorizers(struct brama__judging *j, size_t i, const struct brama_strategy *s)
{
    switch (j->world->mesh.state) {
    case BRAMA_MESH_NONE:
        brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_V2_NO_MESH), ".spec.rules[%zu].extAuth", i);
        return;
    case BRAMA_MESH_NO_KEY:
        brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_V2_NO_MESH_KEY),
                    ".spec.rules[%zu].extAuth.externalAuthorizers", i);
        return;
    case BRAMA_MESH_NO_YAML:
        brama__fail(j, s->where, BRAMA_STR(BRAMA__TEXT_V2_NO_MESH_YAML),
                    ".spec.rules[%zu].extAuth.externalAuthorizers", i);
        return;
    case BRAMA_MESH_READ:
        break;
    }
    for (size_t k = 0; k < s->authorizers.n; k++)
        judge_authorizer(j, i, s->where, s->authorizers.p[k]);
}
