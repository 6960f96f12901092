/* What one decision costs, without nginx: CPU time per decision of an open route, of a remembered
 * token and of a new one. Figures only; `make bench` prints them beside those of the whole gateway.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jose/b64url.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "rule/judge.h"

#define NOW 1800000000

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n  service: {name: a, port: 80}\n"
    "  rules:\n  - path: /orders/{*}\n    methods: [GET]\n    jwt:\n      authentications: "
    "[{issuer: "
    "\"https://idp.example.com\", jwksUri: \"https://i/k\"}]\n"
    "      authorizations: [{requiredScopes: [read]}]\n"
    "  - {path: \"/public/{**}\", methods: [GET], noAuth: true}\n";

struct bench {
    struct brama_arena arena;
    struct brama_buf policy_bytes, facts_bytes;
    struct brama_policy policy;
    struct brama_facts facts;
    struct brama_pkey *key;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "decide: %s failed\n", what);
    exit(1);
}

static void build_policy(struct bench *b)
{
    struct brama_world world;
    brama_world_init(&world, &b->arena, &(struct brama_world_options){.ns = BRAMA_STR("shop")});
    must(brama_world_add(&world, BRAMA_STR("f"), brama_str_c(rules), NULL) == BRAMA_OK, "reading");
    brama_judge(&world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
    struct brama_compile_in in = {.world = &world, .domain = BRAMA_STR("kyma.example")};
    brama_buf_init(&b->policy_bytes, NULL, 1 << 20);
    must(brama_policy_compile(&b->policy_bytes, 1, &in) == BRAMA_OK, "compiling");
    must(brama_policy_open(&b->policy, b->policy_bytes.p, b->policy_bytes.n) == BRAMA_OK,
         "opening");
}

static void build_facts(struct bench *b)
{
    struct brama_buf text;
    struct brama_jwks *set;
    struct brama_jwk_wish wish = {BRAMA_STR("k"), BRAMA_STR("sig"), BRAMA_ALG_RS256, BRAMA_NIL};
    brama_buf_init(&text, NULL, 1 << 16);
    brama_buf_add(&text, BRAMA_STR("{\"keys\":["));
    must(brama_jwk_write(&text, b->key, &wish) == BRAMA_OK, "writing a key");
    brama_buf_add(&text, BRAMA_STR("]}"));
    must(brama_jwks_load(&set, brama_buf_str(&text), NULL) == BRAMA_OK, "loading keys");
    struct brama_f_address address = {.family = 2, .port = 80};
    struct brama_facts_keyset_in keys = {
        BRAMA_STR("https://i/k"), BRAMA_NIL, BRAMA_KEYSET_FRESH, NOW, 1, set};
    struct brama_facts_upstream_in up = {brama_upstream_id(BRAMA_STR("shop"), BRAMA_STR("a"), 80),
                                         &address, 1};
    struct brama_facts_in in = {
        .keysets = &keys, .keyset_count = 1, .upstreams = &up, .upstream_count = 1};
    brama_buf_init(&b->facts_bytes, NULL, 1 << 20);
    must(brama_facts_build(&b->facts_bytes, 1, &in) == BRAMA_OK, "building facts");
    must(brama_facts_open(&b->facts, b->facts_bytes.p, b->facts_bytes.n) == BRAMA_OK,
         "opening facts");
    brama_jwks_free(set);
    brama_buf_deinit(&text);
}

static brama_str authorization(struct bench *b)
{
    struct brama_buf text, signature;
    brama_buf_init(&text, NULL, 1 << 16);
    brama_buf_init(&signature, NULL, 1 << 16);
    brama_b64url_encode(&text, BRAMA_STR("{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"JWT\"}"));
    brama_buf_add_c(&text, '.');
    brama_b64url_encode(
        &text, BRAMA_STR("{\"iss\":\"https://idp.example.com\",\"sub\":\"me\",\"scope\":\"read "
                         "write\",\"aud\":\"orders\",\"exp\":1800000600,\"iat\":1800000000}"));
    must(brama_pkey_sign(&signature, b->key, BRAMA_ALG_RS256, brama_buf_str(&text)) == BRAMA_OK,
         "signing");
    brama_buf_add_c(&text, '.');
    brama_b64url_encode(&text, brama_buf_str(&signature));
    brama_str line = brama_arena_printf(&b->arena, "Bearer %.*s", BRAMA_FMT(brama_buf_str(&text)));
    brama_buf_deinit(&text);
    brama_buf_deinit(&signature);
    return line;
}

static void run(const struct bench *b, const char *name, const char *target, brama_str auth,
                size_t tokens_max, size_t rounds)
{
    const struct brama_header headers[] = {
        {BRAMA_STR("Host"), BRAMA_STR("orders.kyma.example")},
        {BRAMA_STR("User-Agent"), BRAMA_STR("bench")},
        {BRAMA_STR("Accept"), BRAMA_STR("*/*")},
        {BRAMA_STR("Authorization"), auth},
    };
    struct brama_request request = {.scheme = BRAMA_STR("https"),
                                    .method = BRAMA_STR("GET"),
                                    .authority = BRAMA_STR("orders.kyma.example"),
                                    .target = brama_str_c(target),
                                    .headers = headers,
                                    .header_count = BRAMA_ARRAY_LEN(headers) - (auth.n == 0),
                                    .now_s = NOW};
    struct brama_memory *memory;
    struct brama_memory_options options = {
        .tokens_max = tokens_max, .regexes_max = 16, .keys_max = 16};
    struct brama_arena arena;
    struct brama_decision d;

    must(brama_memory_new(&memory, &options) == BRAMA_OK, "memory");
    brama_arena_init(&arena, NULL, 1 << 20);
    struct brama_engine engine = {.policy = &b->policy, .facts = &b->facts, .memory = memory};
    brama_decide(&d, &engine, &request, &arena, NULL);
    must(d.verdict == BRAMA_VERDICT_ALLOW, brama_reason_name(d.reason));
    clock_t start = clock();
    for (size_t i = 0; i < rounds; i++) {
        brama_arena_reset(&arena);
        brama_decide(&d, &engine, &request, &arena, NULL);
    }
    double ns = (double)(clock() - start) / CLOCKS_PER_SEC * 1e9 / (double)rounds;
    printf("%-28s %9.0f ns a decision\n", name, ns);
    brama_arena_deinit(&arena);
    brama_memory_free(memory);
}

int main(void)
{
    struct bench b = {.key = NULL};
    brama_arena_init(&b.arena, NULL, 1 << 24);
    must(brama_pkey_generate(&b.key, BRAMA_ALG_RS256, 2048, NULL) == BRAMA_OK, "making a key");
    build_policy(&b);
    build_facts(&b);
    brama_str auth = authorization(&b);
    run(&b, "open route", "/public/a", BRAMA_NIL, 64, 1000000);
    run(&b, "jwt, remembered token", "/orders/7", auth, 64, 1000000);
    run(&b, "jwt, new token (RSA-2048)", "/orders/7", auth, 0, 20000);
    brama_buf_deinit(&b.policy_bytes);
    brama_buf_deinit(&b.facts_bytes);
    brama_pkey_free(b.key);
    brama_arena_deinit(&b.arena);
    return 0;
}
