#include "fixture.h"

#include "jose/b64url.h"
#include "rule/judge.h"

static struct brama_jwks *make_set(const struct brama_pkey *key)
{
    struct brama_buf jwk;
    struct brama_jwks *set = NULL;
    struct brama_jwk_wish wish = {BRAMA_STR("k1"), BRAMA_STR("sig"), BRAMA_ALG_RS256, BRAMA_NIL};
    brama_buf_init(&jwk, NULL, 1 << 16);
    brama_buf_add(&jwk, BRAMA_STR("{\"keys\":["));
    assert_int_equal(brama_jwk_write(&jwk, key, &wish), BRAMA_OK);
    brama_buf_add(&jwk, BRAMA_STR("]}"));
    assert_int_equal(brama_jwks_load(&set, brama_buf_str(&jwk), NULL), BRAMA_OK);
    brama_buf_deinit(&jwk);
    return set;
}

static struct brama_jwks *set_of(brama_str url, const struct fixture_set *sets, size_t count)
{
    struct brama_jwks *set = NULL;
    for (size_t i = 0; i < count; i++)
        if (brama_str_eq(url, brama_str_c(sets[i].url)))
            assert_int_equal(brama_jwks_load(&set, brama_str_c(sets[i].json), NULL), BRAMA_OK);
    return set;
}

void fixture_facts(struct fixture *f, const struct fixture_set *sets, size_t count)
{
    struct brama_jwks *set = make_set(f->key), *own[16] = {NULL};
    uint32_t urls = brama_pack_count(&f->policy.pack, BRAMA_T_KEYSET);
    uint32_t ups = brama_pack_count(&f->policy.pack, BRAMA_T_UPSTREAM);
    struct brama_facts_keyset_in keysets[16] = {{.set = NULL}};
    struct brama_facts_upstream_in upstreams[32] = {{.id = 0}};
    struct brama_f_address address = {.family = 2, .port = 8000, .ip = {127, 0, 0, 1}};

    assert_true(urls <= 16 && ups <= 16);
    for (uint32_t i = 0; i < urls; i++) {
        const struct brama_p_keyset *k =
            BRAMA_ROW(&f->policy.pack, BRAMA_T_KEYSET, i, struct brama_p_keyset);
        brama_str url = brama_pack_text(&f->policy.pack, k->url);
        bool never = brama_str_ends(url, BRAMA_STR("/never"));
        own[i] = set_of(url, sets, count);
        keysets[i] = (struct brama_facts_keyset_in){.url = url,
                                                    .state = BRAMA_KEYSET_FRESH,
                                                    .fetched_at_s = NOW - 12,
                                                    .set = own[i] != NULL ? own[i]
                                                           : never        ? NULL
                                                                          : set};
    }
    for (uint32_t i = 0; i < ups; i++) {
        const struct brama_p_upstream *u =
            BRAMA_ROW(&f->policy.pack, BRAMA_T_UPSTREAM, i, struct brama_p_upstream);
        upstreams[i] = (struct brama_facts_upstream_in){
            u->id, &address,
            !brama_str_eq(brama_pack_text(&f->policy.pack, u->name), BRAMA_STR("gone"))};
    }
    for (uint32_t i = 0; i < brama_pack_count(&f->policy.pack, BRAMA_T_TARGET); i++) {
        const struct brama_p_target *t =
            BRAMA_ROW(&f->policy.pack, BRAMA_T_TARGET, i, struct brama_p_target);
        assert_true(ups < BRAMA_ARRAY_LEN(upstreams));
        upstreams[ups++] = (struct brama_facts_upstream_in){
            t->id, &address,
            !brama_str_eq(brama_pack_text(&f->policy.pack, t->host), BRAMA_STR("gone"))};
    }
    struct brama_facts_in in = {
        .keysets = keysets, .keyset_count = urls, .upstreams = upstreams, .upstream_count = ups};
    brama_buf_deinit(&f->facts_bytes);
    brama_buf_init(&f->facts_bytes, NULL, 1 << 24);
    assert_int_equal(brama_facts_build(&f->facts_bytes, 1, &in), BRAMA_OK);
    assert_int_equal(brama_facts_open(&f->facts, f->facts_bytes.p, f->facts_bytes.n), BRAMA_OK);
    assert_int_equal(brama_facts_verify(&f->facts), BRAMA_OK);
    brama_jwks_free(set);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(own); i++)
        brama_jwks_free(own[i]);
}

static void load_rules(struct fixture *f, const char *yaml)
{
    struct brama_diag diag = {0};
    brama_world_init(&f->world, &f->arena, &(struct brama_world_options){.ns = BRAMA_STR("shop")});
    if (brama_world_add(&f->world, BRAMA_STR("rules.yaml"), brama_str_c(yaml), &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
    brama_judge(&f->world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
    assert_int_equal(brama_compile_check(&f->world), BRAMA_OK);

    struct brama_compile_in in = {.world = &f->world, .domain = BRAMA_STR("kyma.example")};
    brama_buf_init(&f->policy_bytes, NULL, 1 << 24);
    brama_buf_init(&f->facts_bytes, NULL, 1 << 24);
    assert_int_equal(brama_policy_compile(&f->policy_bytes, 1, &in), BRAMA_OK);
    assert_int_equal(brama_policy_open(&f->policy, f->policy_bytes.p, f->policy_bytes.n), BRAMA_OK);
    assert_int_equal(brama_policy_verify(&f->policy), BRAMA_OK);
}

void fixture_init(struct fixture *f, const char *yaml)
{
    *f = (struct fixture){.memory = NULL};
    brama_arena_init(&f->arena, NULL, SIZE_MAX);
    load_rules(f, yaml);
    for (const struct brama_apirule *r = f->world.rules; r != NULL; r = r->next)
        if (!r->judged.valid)
            printf("%.*s\n", BRAMA_FMT(r->judged.description));
    assert_int_equal(brama_pkey_generate(&f->key, BRAMA_ALG_RS256, 0, NULL), BRAMA_OK);
    assert_int_equal(brama_pkey_generate(&f->stranger, BRAMA_ALG_RS256, 0, NULL), BRAMA_OK);
    fixture_facts(f, NULL, 0);
    struct brama_memory_options options = {
        .tokens_max = 64, .regexes_max = 16, .keys_max = 16, .answers_max = 4};
    assert_int_equal(brama_memory_new(&f->memory, &options), BRAMA_OK);
}

void fixture_reload(struct fixture *f, const char *yaml)
{
    brama_buf_deinit(&f->policy_bytes);
    brama_buf_deinit(&f->facts_bytes);
    brama_arena_deinit(&f->arena);
    brama_arena_init(&f->arena, NULL, SIZE_MAX);
    load_rules(f, yaml);
    fixture_facts(f, NULL, 0);
}

void fixture_deinit(struct fixture *f)
{
    brama_memory_free(f->memory);
    brama_pkey_free(f->key);
    brama_pkey_free(f->stranger);
    brama_buf_deinit(&f->policy_bytes);
    brama_buf_deinit(&f->facts_bytes);
    brama_arena_deinit(&f->arena);
}

brama_str fixture_jwk(struct fixture *f, const struct brama_pkey *key, enum brama_alg alg,
                      const char *kid)
{
    struct brama_buf jwk;
    struct brama_jwk_wish wish = {brama_str_c(kid), BRAMA_STR("sig"), alg, BRAMA_NIL};
    brama_buf_init(&jwk, NULL, 1 << 16);
    assert_int_equal(brama_jwk_write(&jwk, key, &wish), BRAMA_OK);
    brama_str text = brama_arena_copy(&f->arena, brama_buf_str(&jwk));
    brama_buf_deinit(&jwk);
    return text;
}

brama_str fixture_token(struct fixture *f, const struct brama_pkey *key, const char *header,
                        const char *payload)
{
    return fixture_token_by(f, key, BRAMA_ALG_RS256, header, payload);
}

brama_str fixture_token_by(struct fixture *f, const struct brama_pkey *key, enum brama_alg alg,
                           const char *header, const char *payload)
{
    struct brama_buf text, signature;
    brama_buf_init(&text, NULL, 1 << 16);
    brama_buf_init(&signature, NULL, 1 << 16);
    brama_b64url_encode(&text, brama_str_c(header));
    brama_buf_add_c(&text, '.');
    brama_b64url_encode(&text, brama_str_c(payload));
    assert_int_equal(brama_pkey_sign(&signature, key, alg, brama_buf_str(&text)), BRAMA_OK);
    brama_buf_add_c(&text, '.');
    brama_b64url_encode(&text, brama_buf_str(&signature));
    brama_str token = brama_arena_copy(&f->arena, brama_buf_str(&text));
    brama_buf_deinit(&text);
    brama_buf_deinit(&signature);
    return token;
}

const struct brama_decision *fixture_ask(struct fixture *f, const char *method, const char *host,
                                         const char *target, const char *const *headers)
{
    struct brama_header list[16];
    size_t n = 0;
    for (; headers != NULL && headers[n] != NULL && n < BRAMA_ARRAY_LEN(list); n++) {
        brama_str line = brama_str_c(headers[n]);
        size_t colon = brama_str_find(line, ':');
        list[n] = (struct brama_header){brama_str_head(line, colon),
                                        brama_str_trim(brama_str_from(line, colon + 1))};
    }
    struct brama_engine engine = {.policy = &f->policy, .facts = &f->facts, .memory = f->memory};
    struct brama_request request = {.scheme = BRAMA_STR("https"),
                                    .method = brama_str_c(method),
                                    .authority = brama_str_c(host),
                                    .target = brama_str_c(target),
                                    .headers = list,
                                    .header_count = n,
                                    .body = f->body,
                                    .request_id = BRAMA_STR("id-1"),
                                    .now_s = NOW + f->later_s,
                                    .connection = f->connection};
    struct brama_call_answer answers[BRAMA_CALLS_MAX];
    engine.answers = answers;
    f->call_count = 0;
    do {
        engine.may_call = engine.answer_count < f->answer_count;
        brama_trace_init(&f->trace, &f->arena);
        brama_decide(&f->decision, &engine, &request, &f->arena, &f->trace);
        if (f->decision.verdict != BRAMA_VERDICT_CALL)
            break;
        f->calls[f->call_count++] = f->decision.call;
        answers[engine.answer_count] = f->answers[engine.answer_count];
        answers[engine.answer_count++].key = f->decision.call.key;
    } while (engine.answer_count < BRAMA_CALLS_MAX);
    struct brama_decision untraced;
    brama_decide(&untraced, &engine, &request, &f->arena, NULL);
    assert_int_equal(untraced.verdict, f->decision.verdict); /* watching changes nothing */
    assert_int_equal(untraced.reason, f->decision.reason);
    return &f->decision;
}

const struct brama_decision *fixture_ask_with(struct fixture *f, const char *method,
                                              const char *host, const char *target, brama_str token)
{
    brama_str line = brama_arena_printf(&f->arena, "Authorization: Bearer %.*s", BRAMA_FMT(token));
    const char *headers[] = {token.n != 0 ? line.p : NULL, NULL};
    return fixture_ask(f, method, host, target, headers);
}

static brama_str find(const struct brama_header *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (brama_str_eq_nocase(list[i].name, brama_str_c(name)))
            return list[i].value;
    return BRAMA_NIL;
}

brama_str fixture_response_header(const struct fixture *f, const char *name)
{
    return find(f->decision.response_headers, f->decision.response_header_count, name);
}

brama_str fixture_upstream_header(const struct fixture *f, const char *name)
{
    return find(f->decision.upstream_headers, f->decision.upstream_header_count, name);
}

brama_str fixture_call_header(const struct brama_call *call, const char *name)
{
    return find(call->headers, call->header_count, name);
}
