/* A policy file with patched bytes, and a request decided on it. A worker looks at the header only,
 * so every access behind it must hold for any bytes; and the agent's check must notice any patch.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "rule/judge.h"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n  service: {name: a, port: 80}\n"
    "  corsPolicy: {allowOrigins: [{regex: '.*example'}], allowMethods: [GET]}\n"
    "  rules:\n  - path: /x.y/{*}\n    methods: [GET]\n    jwt:\n      authentications: [{issuer: "
    "i, "
    "jwksUri: \"https://i/k\"}]\n      authorizations: [{requiredScopes: [s], audiences: [t]}]\n"
    "  - {path: \"/{**}\", methods: [GET], noAuth: true, request: {headers: {a: b, c: "
    "'%REQ(x?:path):9%!%START_TIME(%s)%'}, cookies: {d: '%REQ(Authorization)%'}}}\n---\n"
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: b, port: 80}\n"
    "  rules:\n  - path: /a.*\n    methods: [GET]\n    accessStrategies: [{handler: jwt, config: "
    "{jwks_urls: [\"http://h/k\"], required_scope: [s]}}]\n"
    "  - {path: /b, methods: [GET], accessStrategies: [{handler: noop}]}\n";

/* Built once: the bytes are a constant of this program. */
static void build(struct brama_buf *policy, struct brama_buf *facts)
{
    struct brama_arena arena;
    struct brama_world world;
    brama_arena_init(&arena, NULL, SIZE_MAX);
    brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_STR("shop")});
    FUZZ_CHECK(brama_world_add(&world, BRAMA_STR("f"), brama_str_c(rules), NULL) == BRAMA_OK);
    brama_judge(&world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
    FUZZ_CHECK(world.rules->judged.valid && world.rules->next->judged.valid);
    struct brama_compile_in in = {.world = &world, .domain = BRAMA_STR("kyma.example")};
    brama_buf_init(policy, NULL, 1 << 20);
    FUZZ_CHECK(brama_policy_compile(policy, 1, &in) == BRAMA_OK);
    struct brama_f_address address = {.family = 2, .port = 80};
    struct brama_facts_upstream_in ups[] = {
        {brama_upstream_id(BRAMA_STR("shop"), BRAMA_STR("a"), 80), &address, 1},
        {brama_upstream_id(BRAMA_STR("shop"), BRAMA_STR("b"), 80), &address, 1}};
    struct brama_facts_in facts_in = {.upstreams = ups, .upstream_count = 2};
    brama_buf_init(facts, NULL, 1 << 20);
    FUZZ_CHECK(brama_facts_build(facts, 1, &facts_in) == BRAMA_OK);
    brama_arena_deinit(&arena);
}

static void decide(const struct brama_policy *policy, const struct brama_facts *facts,
                   brama_str target)
{
    static const struct brama_header headers[] = {
        {BRAMA_LIT("Authorization"), BRAMA_LIT("Bearer a.b.c")},
        {BRAMA_LIT("Origin"), BRAMA_LIT("https://ui.example")}};
    struct brama_memory *memory;
    struct brama_memory_options options = {.tokens_max = 4, .regexes_max = 4, .keys_max = 4};
    struct brama_arena arena;
    struct brama_trace trace;
    struct brama_decision d;

    FUZZ_CHECK(brama_memory_new(&memory, &options) == BRAMA_OK);
    brama_arena_init(&arena, NULL, 1 << 22);
    brama_trace_init(&trace, &arena);
    struct brama_engine engine = {.policy = policy, .facts = facts, .memory = memory};
    for (int here = 0; here < 2; here++) {
        struct brama_request request = {.scheme = BRAMA_STR("http"),
                                        .method = BRAMA_STR("GET"),
                                        .authority = here ? BRAMA_STR("here.kyma.example")
                                                          : BRAMA_STR("orders.kyma.example"),
                                        .target = target,
                                        .headers = headers,
                                        .header_count = BRAMA_ARRAY_LEN(headers),
                                        .now_s = 1800000000};
        brama_decide(&d, &engine, &request, &arena, here ? &trace : NULL);
        FUZZ_CHECK(d.verdict == BRAMA_VERDICT_ALLOW || d.status >= 200);
        FUZZ_CHECK(d.verdict != BRAMA_VERDICT_ALLOW || d.upstream != NULL);
    }
    brama_arena_deinit(&arena);
    brama_memory_free(memory);
}

/* Input: a count, then that many patches of {offset (2 bytes), value}, then the request's target.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct brama_buf policy_bytes, facts_bytes;
    struct brama_policy policy;
    struct brama_facts facts;

    if (policy_bytes.p == NULL)
        build(&policy_bytes, &facts_bytes);
    size_t patches = size != 0 ? data[0] % 16 : 0;
    if (size < 1 + patches * 3)
        return 0;
    void *copy = malloc(policy_bytes.n);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, policy_bytes.p, policy_bytes.n);
    for (size_t i = 0; i < patches; i++) {
        const uint8_t *p = data + 1 + i * 3;
        ((uint8_t *)copy)[(size_t)(p[0] * 256 + p[1]) % policy_bytes.n] = p[2];
    }
    bool same = memcmp(copy, policy_bytes.p, policy_bytes.n) == 0;
    FUZZ_CHECK(brama_facts_open(&facts, facts_bytes.p, facts_bytes.n) == BRAMA_OK);
    if (brama_policy_open(&policy, copy, policy_bytes.n) == BRAMA_OK) {
        FUZZ_CHECK((brama_policy_verify(&policy) == BRAMA_OK) == same);
        brama_str target = {(const char *)data + 1 + patches * 3, size - 1 - patches * 3};
        decide(&policy, &facts, target);
    }
    free(copy);
    return 0;
}
