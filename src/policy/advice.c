#include "policy/advice.h"

#include <string.h>

struct ask {
    struct brama_arena *arena;
    const struct brama_trace_step *cause;
    int64_t now_s;
};

const struct brama_trace_step *brama_trace_cause(const struct brama_trace *trace)
{
    const struct brama_trace_step *cause = NULL;

    for (const struct brama_trace_step *s = trace->first; s != NULL; s = s->next) {
        if (s->outcome == BRAMA_TRACE_FAIL && strcmp(s->step, "answer") != 0)
            cause = s;
    }
    return cause;
}

/* What the trace writes where the token has nothing. */
static bool is_none(brama_str text)
{
    return text.n == 0 || brama_str_eq(text, BRAMA_STR("none"));
}

/* ", the token has ..." */
static brama_str token_has(const struct ask *a)
{
    if (is_none(a->cause->actual))
        return BRAMA_STR("the token has none");
    return brama_arena_printf(a->arena, "the token has \"%.*s\"", BRAMA_FMT(a->cause->actual));
}

static brama_str scope(const struct ask *a)
{
    return brama_arena_printf(a->arena, "mint the token with scope \"%.*s\"; %.*s",
                              BRAMA_FMT(a->cause->expected), BRAMA_FMT(token_has(a)));
}

static brama_str audience(const struct ask *a)
{
    return brama_arena_printf(a->arena, "the rule wants audience \"%.*s\", %.*s",
                              BRAMA_FMT(a->cause->expected), BRAMA_FMT(token_has(a)));
}

static brama_str subject(const struct ask *a)
{
    (void)a;
    return BRAMA_STR("the token needs a sub: Istio's requestPrincipals are made of iss and sub");
}

/* Seconds from the time in the step to the decision's; false: there is no time in it. */
static bool seconds_since(const struct ask *a, int64_t *out)
{
    uint64_t at;

    if (!brama_str_u64(a->cause->actual, &at) || at > INT64_MAX / 2)
        return false;
    *out = a->now_s - (int64_t)at;
    return true;
}

/* "3 min": from two of a unit on. */
static brama_str span_text(const struct ask *a, int64_t s)
{
    static const struct {
        int64_t s;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(units); i++)
        if (s >= 2 * units[i].s)
            return brama_arena_printf(a->arena, "%lld %s", (long long)(s / units[i].s),
                                      units[i].name);
    return brama_arena_printf(a->arena, "%lld s", (long long)s);
}

static brama_str expired(const struct ask *a)
{
    int64_t ago;

    if (!seconds_since(a, &ago) || ago < 0)
        return BRAMA_STR("get a new token: this one has expired");
    return brama_arena_printf(a->arena, "get a new token: this one expired %.*s ago",
                              BRAMA_FMT(span_text(a, ago)));
}

static brama_str not_yet(const struct ask *a)
{
    int64_t ago;

    if (!seconds_since(a, &ago) || ago > 0)
        return BRAMA_NIL;
    return brama_arena_printf(a->arena,
                              "wait, or set the issuer's clock: the token is of a time in %.*s",
                              BRAMA_FMT(span_text(a, -ago)));
}

static brama_str without_slash(brama_str s)
{
    return brama_str_ends(s, BRAMA_STR("/")) ? brama_str_head(s, s.n - 1) : s;
}

/* expected: one issuer, or several with blanks between them. */
static brama_str issuer(const struct ask *a)
{
    brama_str rest = a->cause->expected, one, actual = a->cause->actual;

    if (rest.n == 0)
        return BRAMA_NIL;
    while (brama_str_next(&rest, ' ', &one)) {
        if (actual.n != 0 && !brama_str_eq(one, actual) &&
            brama_str_eq(without_slash(one), without_slash(actual)))
            return brama_arena_printf(a->arena,
                                      "the issuer differs by a trailing slash: the rule has "
                                      "\"%.*s\", the token \"%.*s\"",
                                      BRAMA_FMT(one), BRAMA_FMT(actual));
    }
    return brama_arena_printf(a->arena, "the rule wants a token of \"%.*s\", %.*s",
                              BRAMA_FMT(a->cause->expected), BRAMA_FMT(token_has(a)));
}

/* The note says which key set, and how long ago it was fetched. */
static brama_str key_unknown(const struct ask *a)
{
    if (a->cause->expected.n == 0 || strcmp(a->cause->step, "key") != 0)
        return BRAMA_NIL;
    return brama_arena_printf(a->arena,
                              "publish a key for kid \"%.*s\" and %.*s, or sign with one that "
                              "is there: %.*s",
                              BRAMA_FMT(a->cause->expected), BRAMA_FMT(a->cause->actual),
                              BRAMA_FMT(a->cause->note));
}

static brama_str keys_unavailable(const struct ask *a)
{
    if (a->cause->expected.n == 0)
        return BRAMA_NIL;
    return brama_arena_printf(a->arena, "the gateway has to reach %.*s: %.*s",
                              BRAMA_FMT(a->cause->expected), BRAMA_FMT(a->cause->note));
}

/* The note says behind its colon where it is looked for. */
static brama_str token_missing(const struct ask *a)
{
    size_t colon = brama_str_find_str(a->cause->note, BRAMA_STR(": "));
    brama_str places = brama_str_from(a->cause->note, colon + 2);

    if (places.n == 0)
        return BRAMA_NIL;
    return brama_arena_printf(a->arena, "send a token in %.*s", BRAMA_FMT(places));
}

static brama_str several(const struct ask *a)
{
    (void)a;
    return BRAMA_STR("send one token, at one place");
}

static brama_str algorithm(const struct ask *a)
{
    return brama_arena_printf(a->arena, "sign with one of %.*s; the token has %.*s",
                              BRAMA_FMT(a->cause->expected), BRAMA_FMT(a->cause->actual));
}

static brama_str kid_missing(const struct ask *a)
{
    (void)a;
    return BRAMA_STR("the token's header needs a kid: Oathkeeper finds no key without one");
}

static brama_str no_upstream(const struct ask *a)
{
    (void)a;
    return BRAMA_STR("say where the workload is: --service NAME.NS:PORT=HOST:PORT, or a Service "
                     "among the rules");
}

/* Said of the change alone, where the reason has no better words. */
static brama_str of_change(const struct ask *a)
{
    const struct brama_change *c = &a->cause->change;
    const char *name = c->member[0].name;
    brama_str value = c->member[0].value, alg = c->member[1].value;
    bool drop = c->member[0].type == BRAMA_CHANGE_DROP;

    if (c->count == 0)
        return BRAMA_NIL;
    switch (c->kind) {
    case BRAMA_CHANGE_MINT:
        return drop ? brama_arena_printf(a->arena, "mint the token without %s", name)
                    : brama_arena_printf(a->arena, "mint the token with %s \"%.*s\"", name,
                                         BRAMA_FMT(value));
    case BRAMA_CHANGE_SIGN:
        return c->count == 1
                   ? brama_arena_printf(a->arena, "leave %s out of the token's header", name)
                   : brama_arena_printf(a->arena, "sign the token with the key \"%.*s\", by %.*s",
                                        BRAMA_FMT(value), BRAMA_FMT(alg));
    case BRAMA_CHANGE_TOKEN:
        return brama_arena_printf(a->arena, "send a well-formed token in the %.*s %.*s",
                                  BRAMA_FMT(value), BRAMA_FMT(alg));
    case BRAMA_CHANGE_HEADER:
        return brama_arena_printf(a->arena, "leave out the header %s", name);
    case BRAMA_CHANGE_METHOD:
        return brama_arena_printf(a->arena, "this path has a rule for %.*s", BRAMA_FMT(value));
    case BRAMA_CHANGE_PATH:
        return brama_arena_printf(a->arena, "send the path as \"%.*s\"", BRAMA_FMT(value));
    case BRAMA_CHANGE_HOST:
        return brama_arena_printf(a->arena, "the host in force is \"%.*s\"", BRAMA_FMT(value));
    case BRAMA_CHANGE_NONE:
    case BRAMA_CHANGE_ONCE:
    case BRAMA_CHANGE_KEYSET:
    case BRAMA_CHANGE_SERVICE:
    case BRAMA_CHANGE_COUNT:
        break;
    }
    return BRAMA_NIL;
}

/* Reasons that aren't here have words of the change only. */
static brama_str (*const advices[BRAMA_REASON_COUNT])(const struct ask *a) = {
    [BRAMA_REASON_TOKEN_MISSING] = token_missing,
    [BRAMA_REASON_TOKEN_SEVERAL] = several,
    [BRAMA_REASON_TOKEN_EXPIRED] = expired,
    [BRAMA_REASON_TOKEN_NOT_YET_VALID] = not_yet,
    [BRAMA_REASON_ALG_NOT_ALLOWED] = algorithm,
    [BRAMA_REASON_ISSUER_UNKNOWN] = issuer,
    [BRAMA_REASON_KID_MISSING] = kid_missing,
    [BRAMA_REASON_KEY_UNKNOWN] = key_unknown,
    [BRAMA_REASON_KEYS_UNAVAILABLE] = keys_unavailable,
    [BRAMA_REASON_AUDIENCE_MISSING] = audience,
    [BRAMA_REASON_SCOPE_MISSING] = scope,
    [BRAMA_REASON_SUBJECT_MISSING] = subject,
    [BRAMA_REASON_NO_UPSTREAM] = no_upstream,
};

brama_str brama_advice(struct brama_arena *arena, enum brama_reason reason,
                       const struct brama_trace_step *cause, int64_t now_s)
{
    struct ask ask = {arena, cause, now_s};

    if (cause == NULL || (unsigned)reason >= BRAMA_REASON_COUNT)
        return BRAMA_NIL;
    return advices[reason] != NULL ? advices[reason](&ask) : of_change(&ask);
}

static void write_value(struct brama_json_out *json, enum brama_change_type type, brama_str value)
{
    brama_str one;
    uint64_t number = 0;

    switch (type) {
    case BRAMA_CHANGE_NUMBER:
        (void)!brama_str_u64(value, &number);
        brama_json_int(json, (int64_t)number);
        return;
    case BRAMA_CHANGE_LIST:
        if (brama_str_find(value, '\n') == value.n)
            break;
        brama_json_list(json);
        while (brama_str_next(&value, '\n', &one))
            brama_json_str(json, one);
        brama_json_end(json);
        return;
    case BRAMA_CHANGE_DROP:
        brama_json_null(json);
        return;
    case BRAMA_CHANGE_TEXT:
        break;
    }
    brama_json_str(json, value);
}

void brama_change_write(struct brama_json_out *json, const struct brama_trace_step *cause)
{
    static const char *const names[BRAMA_CHANGE_COUNT] = {
        [BRAMA_CHANGE_NONE] = "none",      [BRAMA_CHANGE_MINT] = "mint",
        [BRAMA_CHANGE_SIGN] = "sign",      [BRAMA_CHANGE_TOKEN] = "token",
        [BRAMA_CHANGE_ONCE] = "once",      [BRAMA_CHANGE_HEADER] = "header",
        [BRAMA_CHANGE_METHOD] = "method",  [BRAMA_CHANGE_PATH] = "path",
        [BRAMA_CHANGE_HOST] = "host",      [BRAMA_CHANGE_KEYSET] = "keyset",
        [BRAMA_CHANGE_SERVICE] = "service"};

    brama_json_key(json, BRAMA_STR("change"));
    if (cause == NULL || cause->change.count == 0) {
        brama_json_null(json);
        return;
    }
    const struct brama_change *c = &cause->change;
    brama_json_map(json);
    brama_json_key(json, brama_str_c(names[c->kind]));
    if (c->member[0].name == NULL) {
        write_value(json, c->member[0].type, c->member[0].value);
    } else {
        brama_json_map(json);
        for (size_t i = 0; i < c->count; i++) {
            brama_json_key(json, brama_str_c(c->member[i].name));
            write_value(json, c->member[i].type, c->member[i].value);
        }
        brama_json_end(json);
    }
    brama_json_end(json);
}
