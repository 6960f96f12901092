#include "world.h"

#include "cluster/render.h"
#include "json/read.h"

struct oracle_world_counts oracle_world_counts;

#define HEADER(kid) "{\"alg\":\"RS256\",\"kid\":\"" kid "\"}"

/* by: 0 nobody, 1 the key of issuer A, 2 that of issuer B */
static const struct {
    int by;
    const char *claims;
} drafts[ORACLE_TOKENS] = {
    {0, NULL}, /* none at all */
    {1, "{\"iss\":\"" INVENT_ISSUER_A "\",\"sub\":\"me\"}"},
    {1, "{\"iss\":\"" INVENT_ISSUER_A "\",\"sub\":\"me\",\"scope\":\"read\",\"aud\":\"x\"}"},
    {1, "{\"iss\":\"" INVENT_ISSUER_A "\",\"sub\":\"me\",\"scp\":[\"read\",\"write\"],"
        "\"aud\":[\"x\",\"y\"]}"},
    {1, "{\"iss\":\"" INVENT_ISSUER_A "\",\"scope\":\"read write admin\",\"aud\":[\"x\",\"y\"]}"},
    {2, "{\"iss\":\"" INVENT_ISSUER_B "\",\"sub\":\"you\",\"scopes\":[\"admin\"],\"aud\":\"y\"}"},
    {1, "{\"iss\":\"" INVENT_ISSUER_B "\",\"sub\":\"you\",\"scope\":\"read.all\"}"}, /* wrong key */
    {1, "{\"iss\":\"evil\",\"sub\":\"me\",\"scope\":\"read write\",\"aud\":[\"x\",\"y\"]}"},
    {1, "{\"iss\":\"" INVENT_ISSUER_A "\",\"sub\":\"me\",\"scope\":\"read\",\"exp\":1700000000}"},
    {0, NULL} /* not a token */
};

void oracle_world_init(struct oracle_world *w)
{
    *w = (struct oracle_world){.objects = NULL};
    fixture_init(&w->f, "");
    brama_arena_init(&w->tokens_arena, NULL, 1 << 20);
    brama_arena_init(&w->arena, NULL, 1 << 26);
    for (size_t i = 0; i < ORACLE_TOKENS; i++) {
        struct oracle_token *t = &w->tokens[i];
        const struct brama_pkey *key = drafts[i].by == 2 ? w->f.stranger : w->f.key;
        t->claims = drafts[i].claims;
        t->text = i == 0 ? BRAMA_NIL : BRAMA_STR("not.a.token");
        if (drafts[i].by == 0)
            continue;
        t->jwks_uri = drafts[i].by == 2 ? INVENT_KEYS_B : INVENT_KEYS_A;
        t->text = brama_arena_copy(
            &w->tokens_arena,
            fixture_token(&w->f, key, drafts[i].by == 2 ? HEADER("k2") : HEADER("k1"), t->claims));
    }
}

void oracle_world_deinit(struct oracle_world *w)
{
    brama_arena_deinit(&w->arena);
    brama_arena_deinit(&w->tokens_arena);
    fixture_deinit(&w->f);
}

/* Issuer B's key set, where the rules name it. */
static void load_keys(struct oracle_world *w)
{
    brama_str jwk = fixture_jwk(&w->f, w->f.stranger, BRAMA_ALG_RS256, "k2");
    brama_str set = brama_arena_printf(&w->f.arena, "{\"keys\":[%.*s]}", BRAMA_FMT(jwk));
    const struct fixture_set sets[] = {{INVENT_KEYS_B, set.p}};
    fixture_facts(&w->f, sets, BRAMA_ARRAY_LEN(sets));
}

/* "Authorization: Bearer " is the default, and the requests have no parameter access_token. */
static brama_str place_of(struct brama_arena *arena, const struct brama_jwt_auth *auth)
{
    if (auth->from_params.n != 0)
        return brama_arena_printf(arena, "?%.*s", BRAMA_FMT(auth->from_params.p[0]));
    if (auth->from_header_count == 0)
        return BRAMA_STR("Authorization: Bearer ");
    return brama_arena_printf(arena, "%.*s: %.*s", BRAMA_FMT(auth->from_headers[0].name),
                              BRAMA_FMT(auth->from_headers[0].prefix));
}

static bool looks_elsewhere(struct oracle_world *w, const struct brama_jwt_istio *jwt,
                            brama_str *place)
{
    bool elsewhere = false;
    for (size_t i = 0; i < jwt->auth_count; i++) {
        brama_str here = place_of(&w->f.arena, &jwt->auths[i]);
        *place = place->n != 0 ? *place : here;
        elsewhere = elsewhere || !brama_str_eq(*place, here);
    }
    return elsewhere;
}

/* Do its VirtualService and its policies speak of the same requests? In v2, unless a path has a
 * byte that the one reads as part of a regular expression and the other as itself, or the policies'
 * host is a wildcard, which holds for hosts with a VirtualService of their own, too, or another
 * rule looks for tokens elsewhere: policies don't ask where a token stood. */
static bool is_exact(struct oracle_world *w, const struct brama_apirule *rule, brama_str *place)
{
    bool exact = rule->version == BRAMA_API_V2 && rule->host.p[0] != '*';
    for (size_t i = 0; exact && i < rule->rule_count; i++)
        exact = brama_str_find(rule->rules[i].path, '.') == rule->rules[i].path.n &&
                !looks_elsewhere(w, &rule->rules[i].strategies[0].istio, place);
    return exact;
}

static void render(struct oracle_world *w)
{
    struct brama_buf text;
    struct brama_json_out out;
    brama_str place = BRAMA_NIL;

    brama_buf_init(&text, NULL, 1 << 24);
    brama_json_out_init(&out, &text, 0);
    brama_json_list(&out);
    for (const struct brama_apirule *r = w->f.world.rules; r != NULL; r = r->next) {
        w->exact = w->exact && is_exact(w, r, &place);
        w->all_valid = w->all_valid && r->judged.valid;
        if (r->judged.valid)
            brama_render(&out, &w->f.world, r, r->judged.handler);
    }
    brama_json_end(&out);
    assert_int_equal(brama_buf_err(&text), BRAMA_OK);
    assert_int_equal(brama_json_parse(&w->objects, &w->f.arena, brama_buf_str(&text),
                                      &brama_json_limits_rules, NULL),
                     BRAMA_OK);
    brama_buf_deinit(&text);
}

void oracle_world_load(struct oracle_world *w, const char *yaml)
{
    fixture_reload(&w->f, yaml);
    load_keys(w);
    w->exact = w->all_valid = true;
    render(w);
}

struct question {
    struct brama_request request;
    struct brama_header header;
    struct oracle_request asked;
};

static void pose(struct oracle_world *w, struct question *q, const struct invent *from)
{
    struct invent_request r = invent_request(from);
    brama_str token = w->tokens[invent_pick(from, ORACLE_TOKENS)].text;
    uint32_t where = invent_pick(from, 2 * INVENT_PLACES); /* mostly where most rules look */
    enum invent_place place = where < INVENT_PLACES ? (enum invent_place)where : INVENT_BEARER;

    *q = (struct question){
        .asked = {.method = r.method, .host = r.host, .path = r.path, .decoded = r.decoded}};
    q->request = (struct brama_request){.scheme = BRAMA_STR("https"),
                                        .method = brama_str_c(r.method),
                                        .authority = brama_str_c(r.host),
                                        .target = brama_str_c(r.target),
                                        .headers = &q->header,
                                        .now_s = NOW};
    if (token.n == 0)
        return;
    if (place == INVENT_PARAM) {
        q->request.target = brama_arena_printf(&w->arena, "%s?" INVENT_PARAM_NAME "=%.*s", r.target,
                                               BRAMA_FMT(token));
        q->asked.param = INVENT_PARAM_NAME;
        q->asked.param_value = token;
        return;
    }
    q->asked.header = place == INVENT_BEARER ? "Authorization" : INVENT_HEADER_NAME;
    q->asked.value = place == INVENT_BEARER
                         ? brama_arena_printf(&w->arena, "Bearer %.*s", BRAMA_FMT(token))
                         : token;
    q->header = (struct brama_header){brama_str_c(q->asked.header), q->asked.value};
    q->request.header_count = 1;
}

/* Why we may refuse what a cluster lets in: design section 3 (the matched rule AND the policies),
 * docs/decisions.md 11 and 17. */
static bool may_be_stricter(const struct oracle_world *w, const struct brama_decision *d)
{
    switch ((int)d->reason) {
    case BRAMA_REASON_AMBIGUOUS_PATH:
        return true;
    case BRAMA_REASON_OATHKEEPER_NO_RULE:
    case BRAMA_REASON_TOKEN_MISSING:
    case BRAMA_REASON_ISSUER_UNKNOWN:
    case BRAMA_REASON_SUBJECT_MISSING:
    case BRAMA_REASON_SCOPE_MISSING:
    case BRAMA_REASON_AUDIENCE_MISSING:
        return !w->exact;
    default:
        return !w->all_valid; /* the host of a rule that isn't valid stays taken */
    }
}

static brama_str destination(const struct oracle_world *w, const struct brama_decision *d,
                             struct brama_arena *arena)
{
    const struct brama_p_upstream *u =
        BRAMA_ROW(&w->f.policy.pack, BRAMA_T_UPSTREAM, d->upstream_row, struct brama_p_upstream);
    return u == NULL
               ? BRAMA_NIL
               : brama_arena_printf(arena, "%.*s.%.*s.svc.cluster.local:%u",
                                    BRAMA_FMT(brama_pack_text(&w->f.policy.pack, u->name)),
                                    BRAMA_FMT(brama_pack_text(&w->f.policy.pack, u->ns)), u->port);
}

/* The engine's word, with an answer to everything that it asks. */
static void decide(struct oracle_world *w, struct brama_decision *d, const struct question *q)
{
    struct brama_call_answer answers[8];
    struct brama_engine engine = {.policy = &w->f.policy,
                                  .facts = &w->f.facts,
                                  .memory = w->f.memory,
                                  .any_upstream = true,
                                  .may_call = true,
                                  .answers = answers};

    brama_decide(d, &engine, &q->request, &w->arena, NULL);
    while (d->verdict == BRAMA_VERDICT_CALL && engine.answer_count < BRAMA_ARRAY_LEN(answers)) {
        bool introspects = brama_str_eq(d->call.target, BRAMA_STR("/introspect"));
        answers[engine.answer_count++] = (struct brama_call_answer){
            .key = d->call.key,
            .end = BRAMA_CALL_ANSWERED,
            .status = introspects || q->asked.authorizer_allows ? 200 : 403,
            .body = q->asked.token_is_active ? BRAMA_STR("{\"active\":true,\"sub\":\"me\"}")
                                             : BRAMA_STR("{\"active\":false}")};
        brama_decide(d, &engine, &q->request, &w->arena, NULL);
    }
}

const char *oracle_world_compare(struct oracle_world *w, const struct invent *from)
{
    struct question q;
    struct brama_decision d;

    brama_arena_reset(&w->arena);
    pose(w, &q, from);
    struct oracle o = {&w->arena, &w->f.world, w->objects, w->tokens, ORACLE_TOKENS, NOW};
    struct oracle_answer want = oracle_ask(&o, &q.asked);
    decide(w, &d, &q);

    bool yes = d.verdict == BRAMA_VERDICT_ALLOW;
    brama_str to = yes ? destination(w, &d, &w->arena) : BRAMA_NIL;
    if (yes && want.allow && brama_str_eq(to, want.destination)) {
        oracle_world_counts.both_allow++;
        return NULL;
    }
    if (!yes && (!want.allow || may_be_stricter(w, &d))) {
        *(want.allow ? &oracle_world_counts.stricter : &oracle_world_counts.both_refuse) += 1;
        return NULL;
    }
    brama_str said = brama_arena_printf(
        &w->arena, "%s %s%.*s, %s: %.*s\nengine: %s, to %.*s\noracle: %s, to %.*s", q.asked.method,
        q.asked.host, BRAMA_FMT(q.request.target),
        q.asked.header != NULL ? q.asked.header : "no header", BRAMA_FMT(q.asked.value),
        brama_reason_name(d.reason), BRAMA_FMT(to), want.why != NULL ? want.why : "allowed",
        BRAMA_FMT(want.destination));
    return said.p;
}
