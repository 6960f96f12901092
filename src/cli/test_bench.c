/* The engine in memory, with keys of its own, and one test put to it. */
#include <stdlib.h>
#include <time.h>

#include "cli/testing.h"
#include "crypto/digest.h"
#include "policy/advice.h"
#include "policy/compile.h"
#include "policy/explain.h"

#define POLICY_BYTES ((size_t)1 << 30)
#define FACTS_BYTES ((size_t)1 << 26)

/* A key set that rules name. The RSA key is the same in all, under a kid of each: making one takes
 * as long as a thousand decisions. */
struct set {
    brama_str url, ec_kid, rsa_kid;
    struct brama_pkey *ec;
    struct brama_jwks *jwks;
};

struct brama_test_bench {
    struct brama_arena *arena;
    brama_str domain;
    const struct brama_world *world;
    struct set *sets;
    size_t set_count;
    struct brama_pkey *rsa, *other_ec, *other_rsa;
    struct brama_buf policy_bytes, facts_bytes;
    struct brama_policy policy;
    struct brama_facts facts;
    struct brama_memory *memory;
};

static brama_str set_url(const struct brama_test_bench *b, uint32_t i)
{
    const struct brama_p_keyset *row =
        BRAMA_ROW(&b->policy.pack, BRAMA_T_KEYSET, i, struct brama_p_keyset);

    return row != NULL ? brama_pack_text(&b->policy.pack, row->url) : BRAMA_NIL;
}

static enum brama_err write_set(struct brama_test_bench *b, struct set *s)
{
    struct brama_jwk_wish ec = {s->ec_kid, BRAMA_STR("sig"), BRAMA_ALG_INVALID, BRAMA_NIL};
    struct brama_jwk_wish rsa = {s->rsa_kid, BRAMA_STR("sig"), BRAMA_ALG_INVALID, BRAMA_NIL};
    struct brama_buf text;

    brama_buf_init(&text, NULL, BRAMA_JWKS_MAX_BYTES);
    brama_buf_add(&text, BRAMA_STR("{\"keys\":["));
    enum brama_err err = brama_jwk_write(&text, s->ec, &ec);
    if (err == BRAMA_OK && b->rsa != NULL) {
        brama_buf_add_c(&text, ',');
        err = brama_jwk_write(&text, b->rsa, &rsa);
    }
    brama_buf_add(&text, BRAMA_STR("]}"));
    if (err == BRAMA_OK)
        err = brama_buf_err(&text);
    if (err == BRAMA_OK)
        err = brama_jwks_load(&s->jwks, brama_buf_str(&text), NULL);
    brama_buf_deinit(&text);
    return err;
}

static enum brama_err make_keys(struct brama_test_bench *b, bool rsa)
{
    enum brama_err err = brama_pkey_generate(&b->other_ec, BRAMA_ALG_ES256, 0, NULL);

    if (err == BRAMA_OK && rsa)
        err = brama_pkey_generate(&b->rsa, BRAMA_ALG_RS256, 0, NULL);
    if (err == BRAMA_OK && rsa)
        err = brama_pkey_generate(&b->other_rsa, BRAMA_ALG_RS256, 0, NULL);
    uint32_t count = brama_pack_count(&b->policy.pack, BRAMA_T_KEYSET);
    b->sets = brama_arena_array(b->arena, count + 1, sizeof(*b->sets));
    if (err == BRAMA_OK && b->sets == NULL)
        err = BRAMA_ERR_NOMEM;
    for (uint32_t i = 0; i < count && err == BRAMA_OK; i++) {
        struct set *s = &b->sets[b->set_count++];
        s->url = brama_arena_copy(b->arena, set_url(b, i));
        s->ec_kid = brama_arena_printf(b->arena, "ec-%u", i);
        s->rsa_kid = brama_arena_printf(b->arena, "rsa-%u", i);
        err = brama_pkey_generate(&s->ec, BRAMA_ALG_ES256, 0, NULL);
        if (err == BRAMA_OK)
            err = write_set(b, s);
    }
    return err;
}

static enum brama_err build_facts(struct brama_test_bench *b)
{
    struct brama_facts_keyset_in *in = brama_arena_array(b->arena, b->set_count + 1, sizeof(*in));
    struct brama_facts_in facts = {.keysets = in, .keyset_count = b->set_count};

    if (in == NULL)
        return BRAMA_ERR_NOMEM;
    for (size_t i = 0; i < b->set_count; i++)
        in[i] = (struct brama_facts_keyset_in){.url = b->sets[i].url,
                                               .state = BRAMA_KEYSET_FRESH,
                                               .fetched_at_s = BRAMA_TEST_NOW_S,
                                               .version = 1,
                                               .set = b->sets[i].jwks};
    enum brama_err err = brama_facts_build(&b->facts_bytes, 1, &facts);
    if (err != BRAMA_OK)
        return err;
    brama_str bytes = brama_buf_str(&b->facts_bytes);
    return brama_facts_open(&b->facts, bytes.p, bytes.n);
}

/* Oathkeeper takes RS256 alone unless a rule says more. */
static bool needs_rsa(const struct brama_world *world)
{
    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next)
        for (size_t i = 0; i < r->rule_count; i++)
            for (size_t j = 0; j < r->rules[i].strategy_count; j++)
                if (r->rules[i].strategies[j].ory.jwks_urls.n != 0)
                    return true;
    return false;
}

enum brama_err brama_test_bench_load(struct brama_test_bench *b, const struct brama_world *world)
{
    struct brama_compile_in in = {.world = world, .domain = b->domain};

    b->world = world;
    brama_buf_reset(&b->policy_bytes);
    enum brama_err err = brama_policy_compile(&b->policy_bytes, 1, &in);
    if (err != BRAMA_OK)
        return err;
    brama_str bytes = brama_buf_str(&b->policy_bytes);
    return brama_policy_open(&b->policy, bytes.p, bytes.n);
}

enum brama_err brama_test_bench_new(struct brama_test_bench **out, struct brama_arena *arena,
                                    const struct brama_world *world, brama_str domain, bool rsa)
{
    struct brama_memory_options options = {.regexes_max = 4096, .keys_max = 256};
    struct brama_test_bench *b = brama_arena_alloc(arena, sizeof(*b));

    *out = b;
    if (b == NULL)
        return BRAMA_ERR_NOMEM;
    *b = (struct brama_test_bench){.arena = arena, .domain = domain};
    brama_buf_init(&b->policy_bytes, NULL, POLICY_BYTES);
    brama_buf_init(&b->facts_bytes, NULL, FACTS_BYTES);
    enum brama_err err = brama_test_bench_load(b, world);
    if (err == BRAMA_OK)
        err = make_keys(b, rsa || needs_rsa(world));
    if (err == BRAMA_OK)
        err = build_facts(b);
    if (err == BRAMA_OK)
        err = brama_random(options.seed, sizeof(options.seed));
    return err == BRAMA_OK ? brama_memory_new(&b->memory, &options) : err;
}

void brama_test_bench_free(struct brama_test_bench *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->set_count; i++) {
        brama_pkey_free(b->sets[i].ec);
        brama_jwks_free(b->sets[i].jwks);
    }
    brama_pkey_free(b->rsa);
    brama_pkey_free(b->other_ec);
    brama_pkey_free(b->other_rsa);
    brama_memory_free(b->memory);
    brama_buf_deinit(&b->policy_bytes);
    brama_buf_deinit(&b->facts_bytes);
}

struct brama_test_key brama_test_bench_key(const struct brama_test_bench *b, brama_str url,
                                           bool rsa)
{
    for (size_t i = 0; url.n != 0 && i < b->set_count; i++)
        if (brama_str_eq(b->sets[i].url, url))
            return (struct brama_test_key){rsa ? b->rsa : b->sets[i].ec,
                                           rsa ? b->sets[i].rsa_kid : b->sets[i].ec_kid};
    return (struct brama_test_key){rsa ? b->other_rsa : b->other_ec, BRAMA_STR("unknown")};
}

static const struct brama_apirule *named(const struct brama_world *world, brama_str full)
{
    size_t slash = brama_str_find(full, '/');

    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next)
        if (brama_str_eq(r->ns, brama_str_head(full, slash)) &&
            brama_str_eq(r->name, brama_str_from(full, slash + 1)))
            return r;
    return NULL;
}

/* Whoever the rule asks gives the test's answers in turn; when they are used up, nobody answers,
 * and the rule refuses with "call_needed". *asked: how many were used. */
static void decide(struct brama_test_bench *b, struct brama_decision *d,
                   const struct brama_request *request, const struct brama_test_case *test,
                   struct brama_arena *arena, struct brama_trace *trace, size_t *asked)
{
    struct brama_engine engine = {.policy = &b->policy,
                                  .facts = &b->facts,
                                  .memory = b->memory,
                                  .any_upstream = true,
                                  .no_signer = true};
    struct brama_call_answer answers[BRAMA_CALLS_MAX];

    engine.answers = answers;
    for (;;) {
        engine.may_call = engine.answer_count < test->answer_count;
        if (trace != NULL)
            brama_trace_init(trace, arena);
        brama_decide(d, &engine, request, arena, trace);
        if (d->verdict != BRAMA_VERDICT_CALL)
            break;
        answers[engine.answer_count] = test->answers[engine.answer_count];
        answers[engine.answer_count++].key = d->call.key;
    }
    *asked = engine.answer_count;
}

/* The request as it is sent. The rule that it belongs to says whose token, and where. */
static enum brama_err prepare(struct brama_request *out, struct brama_test_bench *b,
                              const struct brama_test_case *test, struct brama_arena *arena,
                              struct brama_diag *diag)
{
    struct brama_decision d;
    brama_str token;
    size_t asked;

    *out = test->request;
    if (test->token == NULL)
        return BRAMA_OK;
    decide(b, &d, &test->request, test, arena, NULL, &asked);
    const struct brama_apirule *apirule = d.apirule.n != 0 ? named(b->world, d.apirule) : NULL;
    struct brama_test_signer signer =
        brama_test_signer(b->world, apirule, d.rule_index, test->token);
    enum brama_err err =
        brama_test_token(&token, arena, b, test->token, &signer, test->suite->now_s, diag);
    if (err != BRAMA_OK)
        return err;
    const struct brama_token_from *place =
        test->token->has_place ? &test->token->place : &signer.place;
    return brama_test_put(out, arena, &test->request, token, place) ? BRAMA_OK : BRAMA_ERR_NOMEM;
}

static brama_str service_of(struct brama_arena *arena, const struct brama_policy *policy,
                            const struct brama_decision *d)
{
    const struct brama_p_upstream *u =
        BRAMA_ROW(&policy->pack, BRAMA_T_UPSTREAM, d->upstream_row, struct brama_p_upstream);

    return u == NULL
               ? BRAMA_NIL
               : brama_arena_printf(arena, "%.*s/%.*s:%u",
                                    BRAMA_FMT(brama_pack_text(&policy->pack, u->ns)),
                                    BRAMA_FMT(brama_pack_text(&policy->pack, u->name)), u->port);
}

/* What is compared, and what it is compared with. */
struct comparing {
    struct brama_arena *arena;
    brama_str problem;
};

static void differs(struct comparing *c, const char *what, brama_str want, brama_str got)
{
    c->problem =
        brama_arena_printf(c->arena, "%.*s%s%s: expected %.*s, got %.*s", BRAMA_FMT(c->problem),
                           c->problem.n != 0 ? "\n" : "", what, BRAMA_FMT(want), BRAMA_FMT(got));
}

static void compare_text(struct comparing *c, const char *what, brama_str want, brama_str got)
{
    if (want.n != 0 && !brama_str_eq(want, got))
        differs(c, what, want, got.n != 0 ? got : BRAMA_STR("none"));
}

static void compare_headers(struct comparing *c, const char *what, const struct brama_decision *d,
                            const struct brama_test_header *want, size_t want_count,
                            const struct brama_header *got, size_t got_count)
{
    for (size_t i = 0; i < want_count; i++) {
        const struct brama_header *found = NULL;
        for (size_t k = 0; k < got_count; k++)
            if (brama_str_eq_nocase(got[k].name, want[i].name))
                found = &got[k];
        brama_str name = brama_arena_printf(c->arena, "%s %.*s", what, BRAMA_FMT(want[i].name));
        if (name.p == NULL ||
            (want[i].absent ? found == NULL
                            : found != NULL && brama_str_eq(found->value, want[i].value)))
            continue;
        differs(c, name.p, want[i].absent ? BRAMA_STR("none") : want[i].value,
                found != NULL ? brama_explain_told(c->arena, d, found) : BRAMA_STR("none"));
    }
}

/* "name" means one of the test's own namespace; the port of a Service may be left out. */
static brama_str completed(struct brama_arena *arena, const struct brama_test_case *test,
                           brama_str name, brama_str got)
{
    size_t colon = brama_str_find_last(got, ':');
    brama_str full = name;

    if (name.n != 0 && brama_str_find(name, '/') == name.n)
        full = brama_arena_printf(arena, "%.*s/%.*s", BRAMA_FMT(test->suite->ns), BRAMA_FMT(name));
    if (full.n != 0 && brama_str_find(full, ':') == full.n && colon < got.n)
        full = brama_arena_printf(arena, "%.*s%.*s", BRAMA_FMT(full),
                                  BRAMA_FMT(brama_str_from(got, colon)));
    return full;
}

static void compare(struct comparing *c, const struct brama_test_bench *b,
                    const struct brama_test_case *test, const struct brama_decision *d)
{
    const struct brama_test_expectation *e = &test->expect;
    brama_str service = service_of(c->arena, &b->policy, d);

    if (e->verdict != d->verdict)
        differs(c, "verdict", brama_str_c(brama_verdict_name(e->verdict)),
                brama_str_c(brama_verdict_name(d->verdict)));
    if (e->status != 0 && e->status != d->status && d->verdict != BRAMA_VERDICT_ALLOW)
        differs(c, "status", brama_arena_printf(c->arena, "%u", e->status),
                brama_arena_printf(c->arena, "%u", d->status));
    compare_text(c, "reason", e->reason, brama_str_c(brama_reason_name(d->reason)));
    compare_text(c, "apirule", completed(c->arena, test, e->apirule, BRAMA_NIL), d->apirule);
    if (e->has_rule && (d->apirule.n == 0 || e->rule != d->rule_index))
        differs(c, "rule", brama_arena_printf(c->arena, "%u", e->rule),
                d->apirule.n != 0 ? brama_arena_printf(c->arena, "%u", d->rule_index)
                                  : BRAMA_STR("none"));
    compare_headers(c, "response header", d, e->response_headers, e->response_header_count,
                    d->response_headers, d->response_header_count);
    if (d->verdict != BRAMA_VERDICT_ALLOW)
        return;
    compare_text(c, "service", completed(c->arena, test, e->service, service), service);
    compare_text(c, "path", e->path, d->target);
    compare_headers(c, "header", d, e->headers, e->header_count, d->upstream_headers,
                    d->upstream_header_count);
}

static brama_str got_text(struct brama_arena *arena, const struct brama_decision *d)
{
    brama_str status =
        d->verdict == BRAMA_VERDICT_ALLOW ? BRAMA_NIL : brama_arena_printf(arena, " %u", d->status);
    brama_str rule = d->apirule.n == 0 ? BRAMA_NIL
                                       : brama_arena_printf(arena, ", rule %u of %.*s",
                                                            d->rule_index, BRAMA_FMT(d->apirule));

    return brama_arena_printf(arena, "%s%.*s %s%.*s", brama_verdict_name(d->verdict),
                              BRAMA_FMT(status), brama_reason_name(d->reason), BRAMA_FMT(rule));
}

static int64_t clock_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

enum brama_err brama_test_run(struct brama_test_result *out, struct brama_test_bench *b,
                              const struct brama_test_case *test, struct brama_arena *arena,
                              struct brama_diag *diag)
{
    struct comparing c = {arena, BRAMA_NIL};
    struct brama_request request;
    struct brama_trace trace;
    struct brama_decision d;
    size_t asked;
    int64_t before = clock_us();

    *out = (struct brama_test_result){.test = test};
    enum brama_err err = prepare(&request, b, test, arena, diag);
    if (err != BRAMA_OK)
        return err;
    decide(b, &d, &request, test, arena, &trace, &asked);
    compare(&c, b, test, &d);
    if (asked < test->answer_count)
        differs(&c, "answers", brama_arena_printf(arena, "%zu asked for", test->answer_count),
                brama_arena_printf(arena, "%zu", asked));
    out->passed = c.problem.n == 0;
    out->problem = c.problem;
    out->got = got_text(arena, &d);
    out->cause = d.verdict == BRAMA_VERDICT_ALLOW
                     ? BRAMA_NIL
                     : brama_cause_text(arena, brama_trace_cause(&trace));
    out->allowed = d.verdict == BRAMA_VERDICT_ALLOW;
    out->apirule = d.apirule;
    out->rule = d.rule_index;
    out->took_us = clock_us() - before;
    return brama_arena_failed(arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}
