#include "policy/explain.h"

#include <string.h>
#include <time.h>

#include "jose/jwt.h"
#include "policy/advice.h"
#include "policy/kyma.h"

/* How much of it: texts of at most so many bytes, and so many rules that were tried in vain. */
struct limits {
    size_t text_bytes, claim_bytes, routes;
};

struct writer {
    struct brama_json_out json;
    const struct brama_explanation *e;
    const struct limits *limits;
    const struct brama_trace_step *cause;
};

static const struct limits unlimited = {SIZE_MAX, SIZE_MAX, SIZE_MAX};

const char *brama_verdict_name(enum brama_verdict verdict)
{
    switch (verdict) {
    case BRAMA_VERDICT_ALLOW:
        return "allow";
    case BRAMA_VERDICT_ANSWER:
        return "answer";
    case BRAMA_VERDICT_DENY:
    case BRAMA_VERDICT_PARK:
    case BRAMA_VERDICT_CALL:
    case BRAMA_VERDICT_READ:
        break;
    }
    return "deny";
}

brama_str brama_explain_upstream(struct brama_arena *arena, const struct brama_policy *policy,
                                 const struct brama_decision *d)
{
    const struct brama_p_upstream *up =
        policy != NULL
            ? BRAMA_ROW(&policy->pack, BRAMA_T_UPSTREAM, d->upstream_row, struct brama_p_upstream)
            : NULL;

    if (up == NULL)
        return BRAMA_NIL;
    return brama_arena_printf(arena, "%.*s/%.*s:%u",
                              BRAMA_FMT(brama_pack_text(&policy->pack, up->ns)),
                              BRAMA_FMT(brama_pack_text(&policy->pack, up->name)), up->port);
}

static brama_str cause_text(struct brama_arena *arena, const struct brama_trace_step *s,
                            brama_str actual, brama_str note)
{
    bool both = s->expected.n != 0 && actual.n != 0;

    if (s->expected.n == 0 && actual.n == 0)
        return brama_arena_printf(arena, "%s: %.*s", s->step, BRAMA_FMT(note));
    return brama_arena_printf(arena, "%s: %s%.*s%s%.*s%s%.*s", s->step,
                              s->expected.n != 0 ? "expected " : "", BRAMA_FMT(s->expected),
                              both ? ", actual " : "", BRAMA_FMT(actual), note.n != 0 ? "; " : "",
                              BRAMA_FMT(note));
}

brama_str brama_cause_text(struct brama_arena *arena, const struct brama_trace_step *cause)
{
    return cause != NULL ? cause_text(arena, cause, cause->actual, cause->note) : BRAMA_NIL;
}

brama_str brama_cause_brief(struct brama_arena *arena, const struct brama_trace_step *cause)
{
    return cause != NULL ? cause_text(arena, cause, BRAMA_NIL, BRAMA_NIL) : BRAMA_NIL;
}

static void member_int(struct writer *w, const char *key, int64_t value)
{
    brama_json_key(&w->json, brama_str_c(key));
    brama_json_int(&w->json, value);
}

/* Cut so that everybody sees it. */
static brama_str cut(struct writer *w, brama_str text, size_t max)
{
    if (text.n <= max)
        return text;
    return brama_arena_printf(w->e->arena, "%.*s... (%zu bytes more)", (int)max, text.p,
                              text.n - max);
}

static void member(struct writer *w, const char *key, brama_str value)
{
    brama_json_member(&w->json, brama_str_c(key), cut(w, value, w->limits->text_bytes));
}

static void member_or_null(struct writer *w, const char *key, brama_str value)
{
    if (value.n != 0) {
        member(w, key, value);
        return;
    }
    brama_json_key(&w->json, brama_str_c(key));
    brama_json_null(&w->json);
}

/* RFC 3339, with milliseconds. */
static void write_time(struct writer *w)
{
    int64_t ms = w->e->time_ms != 0 ? w->e->time_ms : w->e->request->now_s * 1000;
    time_t seconds = (time_t)(ms / 1000);
    char text[40];
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL)
        return;
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    member(w, "time",
           brama_arena_printf(w->e->arena, "%.*s.%03dZ", (int)n, text, (int)(ms % 1000)));
}

static void write_rule(struct writer *w)
{
    const struct brama_decision *d = w->e->decision;
    bool ruled = d->apirule.n != 0;

    member_or_null(w, "rule", d->apirule);
    brama_json_key(&w->json, BRAMA_STR("rule_index"));
    if (ruled)
        brama_json_int(&w->json, d->rule_index);
    else
        brama_json_null(&w->json);
    member(w, "file", ruled ? d->rule_file : BRAMA_NIL);
    member_int(w, "line", ruled ? d->rule_line : 0);
}

static brama_str summary_cause(const struct brama_explanation *e,
                               const struct brama_trace_step *cause)
{
    const struct brama_decision *d = e->decision;

    if (cause == NULL && d->verdict == BRAMA_VERDICT_DENY) /* nobody recorded one */
        return brama_arena_printf(e->arena, "%s: %s", brama_reason_step(d->reason),
                                  brama_reason_name(d->reason));
    return e->brief ? brama_cause_brief(e->arena, cause) : brama_cause_text(e->arena, cause);
}

/* A list's row. */
static void write_summary(struct writer *w)
{
    const struct brama_explanation *e = w->e;
    const struct brama_decision *d = e->decision;
    const struct brama_request *r = e->request;
    size_t path_n = brama_str_find(brama_str_head(r->target, brama_str_find(r->target, '#')), '?');

    write_time(w);
    member_or_null(w, "request_id", e->request_id);
    member(w, "verdict", brama_str_c(brama_verdict_name(d->verdict)));
    brama_json_key(&w->json, BRAMA_STR("status"));
    if (d->verdict == BRAMA_VERDICT_ALLOW)
        brama_json_null(&w->json);
    else
        brama_json_int(&w->json, d->status);
    member(w, "reason", brama_str_c(brama_reason_name(d->reason)));
    write_rule(w);
    member(w, "method", r->method);
    member(w, "host", r->authority);
    member(w, "path", brama_str_head(r->target, path_n));
    member_or_null(w, "cause", summary_cause(e, w->cause));
}

/* Of a header of ours, no query, which may hold a token; of an authorizer's nothing, as it may be a
 * session's. A record's reader needn't be whom they were sent to. */
static brama_str kept_value(const struct writer *w, brama_str value)
{
    if (w->e->all_claims)
        return value;
    if (w->e->decision->reason == BRAMA_REASON_EXT_AUTH_DENIED)
        return BRAMA_STR("... (not kept)");
    size_t n = brama_str_find(value, '?');
    return n == value.n ? value
                        : brama_arena_printf(w->e->arena, "%.*s?... (%zu bytes not kept)", (int)n,
                                             value.p, value.n - n - 1);
}

static void write_header(struct writer *w, brama_str name, brama_str value)
{
    brama_json_map(&w->json);
    member(w, "name", name);
    member(w, "value", value);
    brama_json_end(&w->json);
}

brama_str brama_explain_told(struct brama_arena *arena, const struct brama_decision *d,
                             const struct brama_header *header)
{
    for (size_t i = 0; i < d->upstream_secret_count; i++)
        if (brama_str_eq_nocase(d->upstream_secrets[i], header->name))
            return brama_arena_printf(arena, "... (%zu bytes, not shown)", header->value.n);
    return header->value;
}

static void write_answer(struct writer *w)
{
    const struct brama_decision *d = w->e->decision;
    bool allowed = d->verdict == BRAMA_VERDICT_ALLOW;

    member(w, "scheme", w->e->request->scheme);
    member(w, "body", d->body);
    brama_json_key(&w->json, BRAMA_STR("headers"));
    brama_json_list(&w->json);
    for (size_t i = 0; i < d->response_header_count; i++)
        write_header(w, d->response_headers[i].name, kept_value(w, d->response_headers[i].value));
    if (!allowed && d->content_type.n != 0)
        write_header(w, BRAMA_STR("content-type"), d->content_type);
    brama_json_end(&w->json);
    member_or_null(w, "upstream", allowed ? w->e->upstream : BRAMA_NIL);
    member_or_null(w, "target", allowed ? d->target : BRAMA_NIL);
    if (!allowed)
        return;
    member_int(w, "timeout_s", d->timeout_s);
    brama_json_key(&w->json, BRAMA_STR("upstream_headers"));
    brama_json_list(&w->json);
    for (size_t i = 0; i < d->upstream_header_count; i++)
        write_header(w, d->upstream_headers[i].name,
                     brama_explain_told(w->e->arena, d, &d->upstream_headers[i]));
    brama_json_end(&w->json);
}

static void member_if_any(struct writer *w, const char *key, brama_str value)
{
    if (value.n != 0)
        member(w, key, value);
}

static void write_step(struct writer *w, const struct brama_trace_step *s)
{
    static const char *const outcomes[] = {
        [BRAMA_TRACE_INFO] = "info", [BRAMA_TRACE_PASS] = "pass", [BRAMA_TRACE_FAIL] = "fail"};

    brama_json_map(&w->json);
    member(w, "step", brama_str_c(s->step));
    member(w, "outcome", brama_str_c(outcomes[s->outcome]));
    member_if_any(w, "expected", s->expected);
    member_if_any(w, "actual", s->actual);
    member_if_any(w, "note", s->note);
    if (s->where.line != 0) {
        member(w, "file", s->where.file);
        member_int(w, "line", s->where.line);
    }
    brama_json_end(&w->json);
}

static bool is_vain_route(const struct brama_trace_step *s)
{
    return s->outcome == BRAMA_TRACE_INFO && strcmp(s->step, "route") == 0;
}

static void write_steps(struct writer *w)
{
    size_t routes = 0;

    brama_json_key(&w->json, BRAMA_STR("steps"));
    brama_json_list(&w->json);
    for (const struct brama_trace_step *s = w->e->trace->first; s != NULL; s = s->next) {
        if (is_vain_route(s) && routes++ >= w->limits->routes)
            continue;
        write_step(w, s);
    }
    brama_json_end(&w->json);
    size_t written = routes < w->limits->routes ? routes : w->limits->routes;
    if (w->e->trace->vain > written)
        member_int(w, "rules_left_out", (int64_t)(w->e->trace->vain - written));
}

static bool is_one_of(brama_str name, const brama_str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (brama_str_eq(name, list[i]))
            return true;
    return false;
}

/* A claim as it stands, unless it is too long. */
static void write_claim(struct writer *w, const struct brama_node *claim)
{
    struct brama_json_out one;
    struct brama_buf text;

    if (w->limits->claim_bytes == SIZE_MAX) {
        brama_json_node(&w->json, claim);
        return;
    }
    brama_buf_init(&text, NULL, w->limits->claim_bytes);
    brama_json_out_init(&one, &text, 0);
    brama_json_node(&one, claim);
    if (brama_buf_err(&text) == BRAMA_OK)
        brama_json_node(&w->json, claim);
    else
        brama_json_str(&w->json, claim->kind == BRAMA_NODE_STR
                                     ? cut(w, claim->text, w->limits->claim_bytes)
                                     : BRAMA_STR("... (too long)"));
    brama_buf_deinit(&text);
}

/* The members that decide, and the names of the others. */
static void write_members(struct writer *w, const char *key, const struct brama_node *map,
                          const brama_str *known, size_t known_n)
{
    size_t left_out = 0;

    if (map == NULL || map->kind != BRAMA_NODE_MAP)
        return;
    brama_json_key(&w->json, brama_str_c(key));
    brama_json_map(&w->json);
    for (const struct brama_node *m = map->first; m != NULL; m = m->next) {
        if (!w->e->all_claims && !is_one_of(m->key, known, known_n)) {
            left_out++;
            continue;
        }
        brama_json_key(&w->json, m->key);
        write_claim(w, m);
    }
    brama_json_end(&w->json);
    if (left_out == 0)
        return;
    brama_json_key(&w->json, brama_arena_printf(w->e->arena, "%s_left_out", key));
    brama_json_list(&w->json);
    for (const struct brama_node *m = map->first; m != NULL; m = m->next)
        if (!is_one_of(m->key, known, known_n) && left_out-- != 0)
            brama_json_str(&w->json, cut(w, m->key, w->limits->claim_bytes));
    brama_json_end(&w->json);
}

static void write_token(struct writer *w)
{
    static const brama_str header[] = {BRAMA_LIT("alg"), BRAMA_LIT("kid"),     BRAMA_LIT("typ"),
                                       BRAMA_LIT("jku"), BRAMA_LIT("cty"),     BRAMA_LIT("crit"),
                                       BRAMA_LIT("x5t"), BRAMA_LIT("x5t#S256")};
    static const brama_str claims[] = {BRAMA_LIT("iss"),   BRAMA_LIT("sub"),   BRAMA_LIT("aud"),
                                       BRAMA_LIT("exp"),   BRAMA_LIT("nbf"),   BRAMA_LIT("iat"),
                                       BRAMA_LIT("scp"),   BRAMA_LIT("scope"), BRAMA_LIT("jti"),
                                       BRAMA_LIT("scopes")};
    const struct brama_jwt *jwt = w->e->trace->jwt;

    brama_json_key(&w->json, BRAMA_STR("token"));
    if (jwt == NULL) {
        brama_json_null(&w->json);
        return;
    }
    brama_json_map(&w->json);
    member(w, "place", w->e->trace->jwt_place);
    if (jwt->status != BRAMA_JWT_OK)
        member(w, "problem",
               brama_arena_printf(w->e->arena, "%s%s%s", brama_jwt_status_text(jwt->status),
                                  jwt->detail[0] != '\0' ? ": " : "", jwt->detail));
    write_members(w, "header", jwt->header, header, BRAMA_ARRAY_LEN(header));
    write_members(w, "claims", jwt->claims.root, claims, BRAMA_ARRAY_LEN(claims));
    brama_json_end(&w->json);
}

/* What a cluster would answer, where that is something else. */
static void write_kyma(struct writer *w)
{
    const struct brama_explanation *e = w->e;
    struct brama_kyma_question q = {.policy = e->in_force,
                                    .request = e->request,
                                    .decision = e->decision,
                                    .jwt = e->trace->jwt};
    struct brama_kyma kyma;

    brama_json_key(&w->json, BRAMA_STR("kyma"));
    if (!brama_kyma_differs(&kyma, &q)) {
        brama_json_null(&w->json);
        return;
    }
    brama_json_map(&w->json);
    member(w, "answer", kyma.answer);
    member(w, "why", kyma.why);
    brama_json_end(&w->json);
}

static void write_details(struct writer *w)
{
    const struct brama_explanation *e = w->e;
    const struct brama_decision *d = e->decision;

    write_answer(w);
    member_int(w, "now", e->request->now_s);
    if (e->policy != 0 || e->facts != 0) {
        member_int(w, "policy", (int64_t)e->policy);
        member_int(w, "facts", (int64_t)e->facts);
    }
    if (e->brief || e->trace == NULL) {
        member_or_null(w, "steps_left_out", brama_str_c(e->why_brief));
        return;
    }
    write_kyma(w);
    write_token(w);
    write_steps(w);
    brama_str advice = d->verdict == BRAMA_VERDICT_DENY
                           ? brama_advice(e->arena, d->reason, w->cause, e->request->now_s)
                           : BRAMA_NIL;
    member_or_null(w, "advice", advice);
    if (d->verdict == BRAMA_VERDICT_DENY)
        brama_change_write(&w->json, w->cause);
}

static void write_all(struct brama_buf *out, const struct brama_explanation *e,
                      const struct limits *limits, size_t *summary_n)
{
    struct writer w = {
        .e = e, .limits = limits, .cause = e->trace != NULL ? brama_trace_cause(e->trace) : NULL};

    if (e->decision->verdict != BRAMA_VERDICT_DENY)
        w.cause = NULL;
    brama_json_out_init(&w.json, out, e->indented ? 2 : 0);
    brama_json_map(&w.json);
    write_summary(&w);
    if (summary_n != NULL)
        *summary_n = out->n;
    write_details(&w);
    brama_json_end(&w.json);
}

void brama_explain(struct brama_buf *out, const struct brama_explanation *e, size_t *summary_n)
{
    write_all(out, e, &unlimited, summary_n);
    brama_buf_add_c(out, '\n');
}

bool brama_explain_within(struct brama_buf *out, const struct brama_explanation *e, size_t max,
                          size_t *summary_n)
{
    static const struct limits tries[] = {{1024, 1024, 32}, {512, 512, 12}, {256, 256, 6},
                                          {128, 96, 3},     {64, 48, 1},    {40, 24, 0}};
    struct brama_explanation brief = *e;

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(tries); i++) {
        brama_buf_reset(out);
        write_all(out, e, &tries[i], summary_n);
        if (brama_arena_failed(e->arena))
            return false; /* a text may be missing anywhere */
        if (brama_buf_err(out) == BRAMA_OK && out->n <= max)
            return true;
    }
    brief.brief = true;
    brief.why_brief = "they are too long for a record";
    brama_buf_reset(out);
    write_all(out, &brief, &tries[BRAMA_ARRAY_LEN(tries) - 1], summary_n);
    return brama_buf_err(out) == BRAMA_OK && !brama_arena_failed(e->arena) && out->n <= max;
}
