/* Whatever the linter says about random rules is so, by the engine and by the oracle: no request
 * reaches a rule that it calls unreachable, and each example does what is said of it. */
#include "world.h"

#include "policy/lint.h"

enum { SETS = 500, QUESTIONS = 40 };

/* What is said, and about which rule. */
struct claim {
    const struct brama_finding *finding;
    const struct brama_apirule *apirule;
    size_t index;
    const char *host; /* a name that the APIRule serves */
};

static bool find_rule(struct claim *c, struct oracle_world *w)
{
    for (c->apirule = w->f.world.rules; c->apirule != NULL; c->apirule = c->apirule->next)
        for (c->index = 0; c->index < c->apirule->rule_count; c->index++)
            if (c->apirule->rules[c->index].where.line == c->finding->where.line) {
                bool wild = c->apirule->full_host.p[0] == '*';
                brama_str rest = brama_str_from(c->apirule->full_host, wild ? 1 : 0);
                c->host =
                    brama_arena_printf(&w->f.arena, "%s%.*s", wild ? "any" : "", BRAMA_FMT(rest)).p;
                return true;
            }
    return false;
}

/* A token in the place that every rule without a place of its own looks at; none: empty. */
static void decide(struct oracle_world *w, struct brama_decision *d, const char *host,
                   const char *method, const char *target, brama_str token)
{
    struct brama_engine engine = {
        .policy = &w->f.policy, .facts = &w->f.facts, .memory = w->f.memory};
    struct brama_header header = {BRAMA_STR("Authorization"),
                                  brama_arena_printf(&w->arena, "Bearer %.*s", BRAMA_FMT(token))};
    struct brama_request request = {.scheme = BRAMA_STR("https"),
                                    .method = brama_str_c(method),
                                    .authority = brama_str_c(host),
                                    .target = brama_str_c(target),
                                    .headers = &header,
                                    .header_count = token.n != 0,
                                    .now_s = NOW};
    brama_decide(d, &engine, &request, &w->arena, NULL);
}

static bool cluster_allows(struct oracle_world *w, const char *host, const char *method,
                           const char *path, brama_str token)
{
    struct oracle o = {&w->arena, &w->f.world, w->objects, w->tokens, ORACLE_TOKENS, NOW};
    struct oracle_request request = {.method = method, .host = host, .path = path, .decoded = path};
    if (token.n != 0) {
        request.header = "Authorization";
        request.value = brama_arena_printf(&w->arena, "Bearer %.*s", BRAMA_FMT(token));
    }
    return oracle_ask(&o, &request).allow;
}

/* "GET, POST never reaches this rule", "no request reaches this rule", "this rule doesn't serve
 * GET": none does. NULL: so it is. */
static const char *reaches(struct oracle_world *w, const struct claim *c, const struct invent *from)
{
    brama_str message = c->finding->message;
    size_t never = brama_str_find_str(message, BRAMA_STR(" never"));
    struct brama_decision d;
    brama_str name = brama_arena_printf(&w->f.arena, "%.*s/%.*s", BRAMA_FMT(c->apirule->ns),
                                        BRAMA_FMT(c->apirule->name));

    for (size_t i = 0; i < QUESTIONS; i++) {
        struct invent_request r = invent_request(from);
        brama_str named = brama_str_head(message, never);
        if (never != message.n && brama_str_find_str(named, brama_str_c(r.method)) == named.n)
            continue;
        brama_arena_reset(&w->arena);
        decide(w, &d, c->host, r.method, r.target, w->tokens[i % ORACLE_TOKENS].text);
        if (d.route != BRAMA_NO_ROW && d.rule_index == c->index && brama_str_eq(d.apirule, name))
            return brama_arena_printf(&w->f.arena, "%s %s reaches it", r.method, r.target).p;
    }
    return NULL;
}

/* "GET /a ..." or "in a cluster GET /a ...". */
static const char *example_fails(struct oracle_world *w, const struct claim *c)
{
    brama_str code = c->finding->code, rest = c->finding->message, word[2];
    struct brama_decision d;

    if (brama_str_starts(rest, BRAMA_STR("in a cluster ")))
        rest = brama_str_from(rest, 13);
    for (size_t i = 0; i < 2; i++) {
        brama_str_next(&rest, ' ', &word[i]);
        word[i] = brama_arena_copy(&w->f.arena, word[i]);
    }
    const char *method = word[0].p, *path = word[1].p;
    brama_arena_reset(&w->arena);
    decide(w, &d, c->host, method, path, BRAMA_NIL);
    bool cluster = cluster_allows(w, c->host, method, path, BRAMA_NIL);
    if (brama_str_eq(code, BRAMA_STR("BRAMA1204")))
        return d.reason == BRAMA_REASON_OATHKEEPER_MANY_RULES && !cluster
                   ? NULL
                   : brama_reason_name(d.reason);
    if (brama_str_eq(code, BRAMA_STR("BRAMA1205")))
        return d.reason == BRAMA_REASON_TOKEN_MISSING && cluster ? NULL
                                                                 : brama_reason_name(d.reason);
    if (brama_str_eq(code, BRAMA_STR("BRAMA1206")))
        return d.verdict == BRAMA_VERDICT_ALLOW && cluster ? NULL : brama_reason_name(d.reason);
    for (size_t i = 0; i < ORACLE_TOKENS; i++) { /* 403, whatever token it carries */
        brama_arena_reset(&w->arena);
        decide(w, &d, c->host, method, path, w->tokens[i].text);
        if (d.verdict == BRAMA_VERDICT_ALLOW)
            return "the engine lets a token in";
        if (cluster_allows(w, c->host, method, path, w->tokens[i].text))
            return "the cluster lets a token in";
    }
    return NULL;
}

static const char *const reach_codes[] = {"BRAMA1201", "BRAMA1203"};
static const char *const example_codes[] = {"BRAMA1202", "BRAMA1204", "BRAMA1205",
                                            "BRAMA1206", "BRAMA1210", "BRAMA1212"};

static bool is_one_of(brama_str code, const char *const *codes, size_t count, size_t *seen)
{
    for (size_t i = 0; i < count; i++)
        if (brama_str_eq(code, brama_str_c(codes[i]))) {
            seen[i]++;
            return true;
        }
    return false;
}

static void what_the_linter_claims_is_so(void **state)
{
    uint64_t seed = 20261126;
    const struct invent from = {invent_seeded, &seed};
    size_t reach_seen[BRAMA_ARRAY_LEN(reach_codes)] = {0};
    size_t example_seen[BRAMA_ARRAY_LEN(example_codes)] = {0};
    struct oracle_world w;
    struct brama_buf yaml;

    (void)state;
    oracle_world_init(&w);
    brama_buf_init(&yaml, NULL, 1 << 16);
    for (size_t i = 0; i < SETS; i++) {
        brama_buf_reset(&yaml);
        invent_rules(&yaml, &from);
        brama_buf_add_c(&yaml, '\0');
        oracle_world_load(&w, yaml.p);
        brama_findings_init(&w.f.world.findings, &w.f.arena);
        assert_int_equal(brama_policy_lint(&w.f.world, &w.f.policy), BRAMA_OK);
        for (const struct brama_finding *f = w.f.world.findings.first; f != NULL; f = f->next) {
            struct claim claim = {.finding = f};
            const char *wrong = NULL;
            if (is_one_of(f->code, reach_codes, BRAMA_ARRAY_LEN(reach_codes), reach_seen))
                wrong = find_rule(&claim, &w) ? reaches(&w, &claim, &from) : "whose rule is it?";
            else if (is_one_of(f->code, example_codes, BRAMA_ARRAY_LEN(example_codes),
                               example_seen))
                wrong = find_rule(&claim, &w) ? example_fails(&w, &claim) : "whose rule is it?";
            if (wrong == NULL)
                continue;
            printf("%s\n%.*s:%u %.*s: but %s\n", yaml.p, BRAMA_FMT(f->code), f->where.line,
                   BRAMA_FMT(f->message), wrong);
            fail_msg("a claim about rule set %zu isn't so", i);
        }
    }
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(reach_codes); i++) {
        printf("%s: %zu claims\n", reach_codes[i], reach_seen[i]);
        EXPECT(reach_codes[i], reach_seen[i] != 0);
    }
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(example_codes); i++) {
        printf("%s: %zu claims\n", example_codes[i], example_seen[i]);
        EXPECT(example_codes[i], example_seen[i] != 0);
    }
    brama_buf_deinit(&yaml);
    oracle_world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_the_linter_claims_is_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
