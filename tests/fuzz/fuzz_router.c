/* Small rule sets made from bytes, compiled, and asked: the rule that a decision names is the one
 * that a naive scan of the rules, in their order, finds. */
#include <string.h>

#include "fuzz.h"
#include "naive.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "rule/judge.h"

#define RULES_MAX 6
#define NONE UINT32_MAX

static const char *const segments[] = {"a", "b", "ab", "{*}", "{**}", "", "-", "a~"};
static const char *const method_lists[] = {"GET", "POST", "GET, POST", "PUT, GET"};
static const char *const methods[] = {"GET", "POST", "PUT"};

struct input {
    const uint8_t *p;
    size_t n;
};

static unsigned take(struct input *in, unsigned below)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++ % below;
}

static void add_path(struct brama_buf *out, struct input *in, unsigned kinds)
{
    for (unsigned n = take(in, 4) + 1; n > 0; n--) {
        brama_buf_add_c(out, '/');
        brama_buf_add(out, brama_str_c(segments[take(in, kinds)]));
    }
}

static void write_rules(struct brama_buf *out, struct input *in)
{
    brama_buf_add(out, BRAMA_STR("apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\n"
                                 "metadata: {name: r}\nspec:\n"
                                 "  gateway: kyma-system/kyma-gateway\n  hosts: [r]\n"
                                 "  service: {name: s, port: 80}\n  rules:\n"));
    for (unsigned n = take(in, RULES_MAX) + 1; n > 0; n--) {
        brama_buf_add(out, BRAMA_STR("  - path: \""));
        add_path(out, in, BRAMA_ARRAY_LEN(segments));
        brama_buf_printf(out, "\"\n    methods: [%s]\n    noAuth: true\n",
                         method_lists[take(in, BRAMA_ARRAY_LEN(method_lists))]);
    }
}

/* The first rule whose path and method fit. */
static uint32_t scan(const struct brama_apirule *rule, brama_str path, uint32_t method)
{
    for (size_t i = 0; i < rule->rule_count; i++)
        if ((rule->rules[i].methods & method) != 0 && naive_template(rule->rules[i].path, path))
            return (uint32_t)i;
    return NONE;
}

/* Kyma excludes the paths of earlier rules that share any method with this one, so that a request
 * may find its rule and no policy for it. */
static bool is_excluded(const struct brama_apirule *rule, uint32_t index, brama_str path)
{
    for (uint32_t i = 0; i < index; i++)
        if ((rule->rules[i].methods & rule->rules[index].methods) != 0 &&
            naive_template(rule->rules[i].path, path))
            return true;
    return false;
}

static void ask(const struct brama_engine *engine, const struct brama_apirule *rule,
                struct brama_arena *arena, brama_str target, const char *method)
{
    struct brama_decision d;
    struct brama_request request = {.scheme = BRAMA_STR("http"),
                                    .method = brama_str_c(method),
                                    .authority = BRAMA_STR("r.kyma.example"),
                                    .target = target,
                                    .now_s = 1800000000};
    brama_decide(&d, engine, &request, arena, NULL);
    if (d.reason == BRAMA_REASON_AMBIGUOUS_PATH)
        return; /* an empty segment: fuzz_path's matter */
    uint32_t want = scan(rule, target, brama_method_by_name(request.method));
    if (want == NONE) {
        FUZZ_CHECK(d.verdict == BRAMA_VERDICT_DENY && d.reason == BRAMA_REASON_NO_ROUTE);
        return;
    }
    FUZZ_CHECK(d.route != BRAMA_NO_ROW && d.rule_index == want);
    if (d.verdict == BRAMA_VERDICT_ALLOW)
        FUZZ_CHECK(brama_str_eq(d.target, target));
    else
        FUZZ_CHECK(d.reason == BRAMA_REASON_POLICY_DENIED && is_excluded(rule, want, target));
}

static void decide(const struct brama_world *world, struct brama_arena *arena, struct input *in)
{
    struct brama_compile_in compile = {.world = world, .domain = BRAMA_STR("kyma.example")};
    struct brama_f_address address = {.family = 2, .port = 80};
    struct brama_facts_upstream_in up = {brama_upstream_id(BRAMA_STR("n"), BRAMA_STR("s"), 80),
                                         &address, 1};
    struct brama_facts_in facts_in = {.upstreams = &up, .upstream_count = 1};
    struct brama_memory_options options = {.tokens_max = 4, .regexes_max = 8, .keys_max = 4};
    struct brama_buf policy_bytes, facts_bytes, target;
    struct brama_policy policy;
    struct brama_facts facts;
    struct brama_memory *memory;

    brama_buf_init(&policy_bytes, NULL, 1 << 20);
    brama_buf_init(&facts_bytes, NULL, 1 << 20);
    brama_buf_init(&target, NULL, 4096);
    FUZZ_CHECK(brama_policy_compile(&policy_bytes, 1, &compile) == BRAMA_OK);
    FUZZ_CHECK(brama_facts_build(&facts_bytes, 1, &facts_in) == BRAMA_OK);
    FUZZ_CHECK(brama_policy_open(&policy, policy_bytes.p, policy_bytes.n) == BRAMA_OK);
    FUZZ_CHECK(brama_policy_verify(&policy) == BRAMA_OK);
    FUZZ_CHECK(brama_facts_open(&facts, facts_bytes.p, facts_bytes.n) == BRAMA_OK);
    FUZZ_CHECK(brama_memory_new(&memory, &options) == BRAMA_OK);
    struct brama_engine engine = {.policy = &policy, .facts = &facts, .memory = memory};
    for (unsigned n = take(in, 8) + 1; n > 0; n--) {
        brama_buf_reset(&target);
        add_path(&target, in, 3); /* texts only */
        ask(&engine, world->rules, arena, brama_buf_str(&target),
            methods[take(in, BRAMA_ARRAY_LEN(methods))]);
    }
    brama_memory_free(memory);
    brama_buf_deinit(&target);
    brama_buf_deinit(&facts_bytes);
    brama_buf_deinit(&policy_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct brama_arena arena;
    struct brama_world world;
    struct brama_buf rules;

    brama_arena_init(&arena, NULL, 1 << 24);
    brama_buf_init(&rules, NULL, 1 << 16);
    write_rules(&rules, &in);
    brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_STR("n")});
    FUZZ_CHECK(brama_world_add(&world, BRAMA_STR("f"), brama_buf_str(&rules), NULL) == BRAMA_OK);
    brama_judge(&world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
    FUZZ_CHECK(brama_compile_check(&world) == BRAMA_OK && world.rules != NULL);
    if (world.rules->judged.valid)
        decide(&world, &arena, &in);
    brama_buf_deinit(&rules);
    brama_arena_deinit(&arena);
    return 0;
}
