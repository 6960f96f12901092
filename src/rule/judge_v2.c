/* v2alpha1 and v2 as Kyma 3.10 judges them, in its order. apirule.md section 3.3. Checks that need
 * a cluster's facts (sidecars, Pods) run where there are such facts. */
#include "rule/judging.h"
#include "rule/pattern.h"

/* The paths of these have no leading dot. True if judging may go on. */
static bool judge_gateway(struct brama__judging *j)
{
    const struct brama_apirule *rule = j->rule;
    bool external = rule->names_external;

    if ((rule->gateway.n != 0) == external) {
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_NO_GATEWAY), "spec");
        return false;
    }
    if (external) {
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_EXTERNAL_GATEWAY),
                    "spec.externalGateway");
        return false;
    }
    if (j->gateway == NULL && !j->built_in) {
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_GATEWAY), "spec.gateway");
        return false;
    }
    return true;
}

static void judge_path(struct brama__judging *j, size_t i)
{
    const struct brama_rule *rule = &j->rule->rules[i];
    brama_str any = BRAMA_STR("{**}");
    size_t first = brama_str_find_str(rule->path, any);
    brama_str rest = brama_str_from(rule->path, first + any.n);

    if (first == rule->path.n)
        return;
    if (brama_str_find_str(rest, any) < rest.n)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_OPERATORS), ".spec.rules[%zu].path",
                    i);
    if (brama_str_find(rest, '{') < rest.n)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_OPERATOR_LAST),
                    ".spec.rules[%zu].path", i);
}

static void judge_rule(struct brama__judging *j, size_t i)
{
    const struct brama_rule *rule = &j->rule->rules[i];

    if (!rule->service.given && !j->rule->service.given)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_NO_SERVICE),
                    ".spec.rules[%zu].service", i);
    for (size_t k = 0; k < rule->strategy_count; k++) {
        const struct brama_strategy *s = &rule->strategies[k];
        /* extAuth without restrictions has no JWT config to judge. */
        if (s->kind != BRAMA_STRATEGY_JWT &&
            (s->kind != BRAMA_STRATEGY_EXT_AUTH || !s->istio.given))
            continue;
        brama_str at = BRAMA_JOIN(j->arena, brama__rule_path(j, i, BRAMA_STR(".")), s->name);
        brama__judge_jwt(j, at, s, at);
    }
    brama__judge_injection(j, i, BRAMA_NIL);
    if (rule->strategy_count != 0 && rule->strategies[0].kind == BRAMA_STRATEGY_EXT_AUTH)
        brama__judge_authorizers(j, i, &rule->strategies[0]);
    judge_path(j, i);
}

static void judge_conflicts(struct brama__judging *j)
{
    size_t i = 0;
    brama_methods method = 0;

    if (!brama__path_conflict(j->arena, j->rule, &i, &method))
        return;
    const struct brama_rule *rule = &j->rule->rules[i];
    brama_str path = brama_str_eq(rule->path, BRAMA_STR("/*")) ? BRAMA_STR("/{**}") : rule->path;
    brama__fail(j, rule->where,
                brama_arena_printf(j->arena, BRAMA__TEXT_V2_CONFLICT, BRAMA_FMT(path),
                                   brama_method_name(method)),
                ".spec.rules");
}

static void judge_host(struct brama__judging *j)
{
    const struct brama_apirule *rule = j->rule;

    if (rule->host.n == 0) {
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_NO_HOSTS), ".spec.hosts");
        return;
    }
    if (rule->full_host.n == 0)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_SHORT_HOST), ".spec.hosts[0]");
    if (j->occupied)
        brama__fail(j, rule->where, BRAMA_STR(BRAMA__TEXT_V2_OCCUPIED), ".spec.hosts[0]");
}

void brama__judge_v2(struct brama__judging *j)
{
    /* Before the gateway, which an empty spec lacks too: this text says what to do. */
    if (j->rule->is_empty) {
        brama__fail(j, j->rule->where, BRAMA_STR(BRAMA__TEXT_V2_EMPTY_SPEC), ".spec");
        return;
    }
    if (!judge_gateway(j))
        return;
    if (j->rule->rule_count == 0)
        brama__fail(j, j->rule->where, BRAMA_STR(BRAMA__TEXT_NO_RULES), ".spec.rules");
    for (size_t i = 0; i < j->rule->rule_count; i++)
        judge_rule(j, i);
    if (j->rule->rule_count != 0) {
        judge_conflicts(j);
        brama__judge_issuers(j);
    }
    judge_host(j);
}
