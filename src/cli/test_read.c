/* Test files: from nodes to cases, strictly. A slip in a test must not make it test nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/near.h"
#include "base/url.h"
#include "cli/duration.h"
#include "cli/testing.h"
#include "jose/alg.h"

#define TOKEN_S INT64_C(3600) /* of a token that doesn't say how long */

struct reading {
    struct brama_findings *out;
    struct brama_arena *arena;
    const struct brama_node *tokens;      /* spec.tokens: templates by name */
    const struct brama_test_token **made; /* in the same order; NULL: not a map */
    brama_str host;                       /* spec.host */
};

/* Where a value is: ".spec.tests[2].expect". */
static brama_str under(struct reading *r, brama_str at, brama_str key)
{
    return brama_arena_printf(r->arena, "%.*s.%.*s", BRAMA_FMT(at), BRAMA_FMT(key));
}

static void complain(struct reading *r, struct brama_where where, brama_str at, const char *fmt,
                     ...) BRAMA_PRINTF(4, 5);
static void complain(struct reading *r, struct brama_where where, brama_str at, const char *fmt,
                     ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    brama_findings_add(r->out, BRAMA_SEVERITY_ERROR, where, NULL, at, brama_str_c(text));
}

/* The member if it is of that kind; NULL, with a complaint if it is of another. */
static const struct brama_node *member(struct reading *r, brama_str at,
                                       const struct brama_node *map, const char *key,
                                       enum brama_node_kind kind)
{
    const struct brama_node *node = brama_node_get(map, brama_str_c(key));

    if (node == NULL || node->kind == kind)
        return node;
    complain(r, node->where, under(r, at, node->key), "a %s is wanted here, not a %s",
             brama_node_kind_name(kind), brama_node_kind_name(node->kind));
    return NULL;
}

static brama_str text(struct reading *r, brama_str at, const struct brama_node *map,
                      const char *key)
{
    const struct brama_node *node = member(r, at, map, key, BRAMA_NODE_STR);

    return node != NULL ? node->text : BRAMA_NIL;
}

static void only(struct reading *r, brama_str at, const struct brama_node *map,
                 const char *const *names, size_t count)
{
    for (const struct brama_node *n = map->first; n != NULL; n = n->next) {
        struct brama_near near = {.distance = 0};
        bool known = false;
        for (size_t i = 0; i < count && !known; i++) {
            known = brama_str_eq(n->key, brama_str_c(names[i]));
            brama_near_try(&near, n->key, brama_str_c(names[i]));
        }
        if (known)
            continue;
        if (near.best.n != 0)
            complain(r, n->key_where, under(r, at, n->key),
                     "unknown field \"%.*s\", did you mean \"%.*s\"?", BRAMA_FMT(n->key),
                     BRAMA_FMT(near.best));
        else
            complain(r, n->key_where, under(r, at, n->key), "unknown field \"%.*s\"",
                     BRAMA_FMT(n->key));
    }
}

#define ONLY(r, at, map, names) only((r), (at), (map), (names), BRAMA_ARRAY_LEN(names))

/* A list of texts, or one text alone. */
static struct brama_str_list texts(struct reading *r, brama_str at, const struct brama_node *map,
                                   const char *key)
{
    const struct brama_node *node = brama_node_get(map, brama_str_c(key));
    struct brama_str_list out = {NULL, 0};

    if (node == NULL)
        return out;
    brama_str *p = brama_arena_array(r->arena, node->count + 1, sizeof(*p));
    if (p == NULL)
        return out;
    out.p = p;
    if (node->kind == BRAMA_NODE_STR) {
        p[out.n++] = node->text;
        return out;
    }
    if (node->kind != BRAMA_NODE_LIST)
        complain(r, node->where, under(r, at, node->key), "a list of strings is wanted here");
    for (const struct brama_node *n = node->first; node->kind == BRAMA_NODE_LIST && n != NULL;
         n = n->next) {
        if (n->kind == BRAMA_NODE_STR)
            p[out.n++] = n->text;
        else
            complain(r, n->where, under(r, at, node->key), "a string is wanted here, not a %s",
                     brama_node_kind_name(n->kind));
    }
    return out;
}

/* "2026-01-01T12:00:00Z" (RFC 3339, UTC only), or UNIX seconds. */
static int64_t read_now(struct reading *r, const struct brama_node *spec)
{
    const struct brama_node *node = brama_node_get(spec, BRAMA_STR("now"));
    struct tm tm = {0};
    char zone = 0, rest = 0, buf[32];

    if (node == NULL)
        return BRAMA_TEST_NOW_S;
    if (node->kind == BRAMA_NODE_INT && node->integer >= 0)
        return node->integer;
    snprintf(buf, sizeof(buf), "%.*s", BRAMA_FMT(node->text));
    if (node->kind == BRAMA_NODE_STR && node->text.n == 20 &&
        sscanf(buf, "%4d-%2d-%2dT%2d:%2d:%2d%c%c", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &zone, &rest) == 7 &&
        zone == 'Z') {
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        return (int64_t)timegm(&tm);
    }
    complain(r, node->where, BRAMA_STR(".spec.now"),
             "a time like 2026-01-01T12:00:00Z, or UNIX seconds, is wanted here");
    return BRAMA_TEST_NOW_S;
}

/* "5m", or seconds; 0 if it is none. */
static int64_t length_s(struct reading *r, brama_str at, const struct brama_node *node)
{
    int64_t ms = 0;

    if (node->kind == BRAMA_NODE_INT && node->integer > 0 && node->integer < INT32_MAX)
        return node->integer;
    if (node->kind == BRAMA_NODE_STR && brama_duration_read(&ms, node->text) && ms % 1000 == 0)
        return ms / 1000;
    complain(r, node->where, under(r, at, node->key),
             "a length of time like 90s, 5m or 1h is wanted here");
    return 0;
}

/* true, or how long ago, or in how long. */
static bool read_time(struct reading *r, brama_str at, const struct brama_node *map,
                      const char *key, int64_t *seconds)
{
    const struct brama_node *node = brama_node_get(map, brama_str_c(key));

    if (node == NULL || (node->kind == BRAMA_NODE_BOOL && !node->truth))
        return false;
    *seconds = node->kind == BRAMA_NODE_BOOL ? TOKEN_S : length_s(r, at, node);
    return true;
}

static void read_place(struct reading *r, brama_str at, const struct brama_node *map,
                       struct brama_test_token *t)
{
    static const char *const names[] = {"header", "prefix", "param", "cookie"};
    static const enum brama_token_place places[] = {BRAMA_TOKEN_HEADER, BRAMA_TOKEN_HEADER,
                                                    BRAMA_TOKEN_PARAM, BRAMA_TOKEN_COOKIE};
    const struct brama_node *in = member(r, at, map, "in", BRAMA_NODE_MAP);
    size_t given = 0;

    if (in == NULL)
        return;
    at = under(r, at, in->key);
    ONLY(r, at, in, names);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++) {
        brama_str name = text(r, at, in, names[i]);
        if (i == 1 || name.n == 0)
            continue;
        t->place.place = places[i];
        t->place.name = name;
        given++;
    }
    t->place.prefix = text(r, at, in, "prefix");
    t->has_place = true;
    if (given != 1)
        complain(r, in->where, at, "one of header, param and cookie is wanted here");
}

static void read_key(struct reading *r, brama_str at, const struct brama_node *map,
                     struct brama_test_token *t)
{
    const struct brama_node *key = member(r, at, map, "key", BRAMA_NODE_STR);
    const struct brama_node *alg = member(r, at, map, "alg", BRAMA_NODE_STR);

    t->other_key = key != NULL && brama_str_eq(key->text, BRAMA_STR("wrong"));
    t->other_kid = key != NULL && brama_str_eq(key->text, BRAMA_STR("unknown"));
    if (key != NULL && !t->other_key && !t->other_kid)
        complain(r, key->where, under(r, at, key->key),
                 "\"wrong\" (another key under the right kid) or \"unknown\" (under a kid that no "
                 "set has) is wanted here");
    if (alg == NULL)
        return;
    t->alg = brama_alg_by_name(alg->text);
    if (t->alg == BRAMA_ALG_INVALID || t->alg > BRAMA_ALG_ES256)
        complain(r, alg->where, under(r, at, alg->key),
                 "RS256, RS384, RS512, PS256, PS384, PS512 or ES256 is wanted here");
}

static void read_claims(struct reading *r, brama_str at, const struct brama_node *map,
                        struct brama_test_token *t)
{
    const struct brama_node *claims = member(r, at, map, "claims", BRAMA_NODE_MAP);
    struct brama_mint_claim *out =
        claims != NULL ? brama_arena_array(r->arena, claims->count + 1, sizeof(*out)) : NULL;

    for (const struct brama_node *n = out != NULL ? claims->first : NULL; n != NULL; n = n->next)
        out[t->claim_count++] = (struct brama_mint_claim){n->key, n};
    t->claims = out;
}

static brama_str joined(struct brama_arena *arena, struct brama_str_list list)
{
    brama_str out = BRAMA_NIL;

    for (size_t i = 0; i < list.n; i++)
        out = brama_arena_printf(arena, "%.*s%s%.*s", BRAMA_FMT(out), i != 0 ? " " : "",
                                 BRAMA_FMT(list.p[i]));
    return out;
}

static const struct brama_test_token *read_token(struct reading *r, brama_str at,
                                                 const struct brama_node *node)
{
    static const char *const names[] = {"issuer", "subject", "scopes",  "audiences",
                                        "claims", "expired", "expires", "notBefore",
                                        "key",    "alg",     "raw",     "in"};
    struct brama_test_token *t = brama_arena_alloc(r->arena, sizeof(*t));

    if (t == NULL)
        return NULL;
    ONLY(r, at, node, names);
    *t = (struct brama_test_token){.subject = BRAMA_STR("tester"), .expires_in_s = TOKEN_S};
    const struct brama_node *subject = brama_node_get(node, BRAMA_STR("subject"));
    if (subject != NULL)
        t->subject = subject->kind == BRAMA_NODE_NULL ? BRAMA_NIL : text(r, at, node, "subject");
    t->has_issuer = brama_node_get(node, BRAMA_STR("issuer")) != NULL;
    t->issuer = text(r, at, node, "issuer");
    t->scope = joined(r->arena, texts(r, at, node, "scopes"));
    t->audiences = texts(r, at, node, "audiences");
    t->has_raw = brama_node_get(node, BRAMA_STR("raw")) != NULL;
    t->raw = text(r, at, node, "raw");
    read_claims(r, at, node, t);
    read_time(r, at, node, "expires", &t->expires_in_s);
    if (read_time(r, at, node, "expired", &t->expires_in_s))
        t->expires_in_s = -t->expires_in_s;
    t->has_not_before = read_time(r, at, node, "notBefore", &t->not_before_in_s);
    read_key(r, at, node, t);
    read_place(r, at, node, t);
    return t;
}

/* The name of a template, or one on the spot; none: no token. */
static const struct brama_test_token *case_token(struct reading *r, brama_str at,
                                                 const struct brama_node *node)
{
    const struct brama_node *token = brama_node_get(node, BRAMA_STR("token"));
    struct brama_near near = {.distance = 0};

    if (token == NULL || token->kind == BRAMA_NODE_NULL)
        return NULL;
    at = under(r, at, token->key);
    if (token->kind == BRAMA_NODE_MAP)
        return read_token(r, at, token);
    if (token->kind != BRAMA_NODE_STR) {
        complain(r, token->where, at,
                 "the name of a token, or a map that says how to make one, is "
                 "wanted here");
        return NULL;
    }
    const struct brama_test_token **made = r->made;
    for (const struct brama_node *n = made != NULL ? r->tokens->first : NULL; n != NULL;
         n = n->next, made++) {
        if (brama_str_eq(n->key, token->text))
            return *made;
        brama_near_try(&near, token->text, n->key);
    }
    if (near.best.n != 0)
        complain(r, token->where, at, "no token \"%.*s\" in spec.tokens, did you mean \"%.*s\"?",
                 BRAMA_FMT(token->text), BRAMA_FMT(near.best));
    else
        complain(r, token->where, at, "no token \"%.*s\" in spec.tokens", BRAMA_FMT(token->text));
    return NULL;
}

/* A map of names to texts; null: it must be absent. */
static const struct brama_test_header *read_headers(struct reading *r, brama_str at,
                                                    const struct brama_node *map, const char *key,
                                                    bool may_be_absent, size_t *count)
{
    const struct brama_node *list = member(r, at, map, key, BRAMA_NODE_MAP);
    struct brama_test_header *out =
        list != NULL ? brama_arena_array(r->arena, list->count + 1, sizeof(*out)) : NULL;

    *count = 0;
    for (const struct brama_node *n = out != NULL ? list->first : NULL; n != NULL; n = n->next) {
        bool absent = may_be_absent && n->kind == BRAMA_NODE_NULL;
        if (n->kind == BRAMA_NODE_STR || absent)
            out[(*count)++] = (struct brama_test_header){n->key, n->text, absent};
        else
            complain(r, n->where, under(r, under(r, at, list->key), n->key),
                     "a string is wanted here, not a %s", brama_node_kind_name(n->kind));
    }
    return out;
}

/* "GET /path" or "GET http://host/path". */
static void read_line(struct reading *r, brama_str at, const struct brama_node *node,
                      brama_str line, struct brama_request *out)
{
    size_t blank = brama_str_find(line, ' ');
    brama_str target = brama_str_trim(brama_str_from(line, blank + 1));
    struct brama_url url = {BRAMA_STR("https"), r->host, target};
    struct brama_diag diag = {0};

    if (blank == 0 || blank == line.n || target.n == 0) {
        complain(r, node->where, at, "METHOD and URL are wanted here, like \"GET /orders\"");
        return;
    }
    if (target.p[0] != '/') {
        if (brama_url_split(&url, r->arena, target, &diag) != BRAMA_OK) {
            complain(r, node->where, at, "%s", diag.what);
            return;
        }
    } else if (r->host.n == 0) {
        complain(r, node->where, at, "a path alone needs a host: in spec.host, or in the URL");
        return;
    }
    out->scheme = url.scheme;
    out->method = brama_str_head(line, blank);
    out->authority = url.authority;
    out->target = url.target;
}

static void read_request(struct reading *r, brama_str at, const struct brama_node *test,
                         struct brama_request *out)
{
    static const char *const names[] = {"line", "headers"};
    const struct brama_node *node = brama_node_get(test, BRAMA_STR("request"));
    size_t count = 0;

    if (node == NULL) {
        complain(r, test->where, at, "a request is wanted here");
        return;
    }
    at = under(r, at, node->key);
    if (node->kind == BRAMA_NODE_STR) {
        read_line(r, at, node, node->text, out);
        return;
    }
    if (node->kind != BRAMA_NODE_MAP) {
        complain(r, node->where, at, "METHOD and URL are wanted here, like \"GET /orders\"");
        return;
    }
    ONLY(r, at, node, names);
    read_line(r, under(r, at, BRAMA_STR("line")), node, text(r, at, node, "line"), out);
    const struct brama_test_header *list = read_headers(r, at, node, "headers", false, &count);
    struct brama_header *headers = brama_arena_array(r->arena, count + 1, sizeof(*headers));
    if (headers == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct brama_header){list[i].name, list[i].value};
    out->headers = headers;
    out->header_count = count;
}

static enum brama_verdict read_verdict(struct reading *r, brama_str at,
                                       const struct brama_node *node)
{
    static const struct {
        brama_str name;
        enum brama_verdict verdict;
    } rows[] = {{BRAMA_LIT("allow"), BRAMA_VERDICT_ALLOW},
                {BRAMA_LIT("deny"), BRAMA_VERDICT_DENY},
                {BRAMA_LIT("answer"), BRAMA_VERDICT_ANSWER}};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        if (node->kind == BRAMA_NODE_STR && brama_str_eq(node->text, rows[i].name))
            return rows[i].verdict;
    complain(r, node->where, at, "allow, deny or answer is wanted here");
    return BRAMA_VERDICT_DENY;
}

/* A whole number up to max. */
static bool read_number(struct reading *r, brama_str at, const struct brama_node *map,
                        const char *key, int64_t max, int64_t *out)
{
    const struct brama_node *node = member(r, at, map, key, BRAMA_NODE_INT);

    if (node == NULL)
        return false;
    *out = node->integer;
    if (node->integer >= 0 && node->integer <= max)
        return true;
    complain(r, node->where, under(r, at, node->key), "a number up to %lld is wanted here",
             (long long)max);
    return false;
}

static void read_reason(struct reading *r, brama_str at, const struct brama_node *node,
                        struct brama_test_expectation *out)
{
    struct brama_near near = {.distance = 0};

    out->reason = text(r, at, node, "reason");
    for (int i = 0; i < BRAMA_REASON_COUNT && out->reason.n != 0; i++) {
        brama_str name = brama_str_c(brama_reason_name((enum brama_reason)i));
        if (brama_str_eq(name, out->reason))
            return;
        brama_near_try(&near, out->reason, name);
    }
    if (out->reason.n != 0)
        complain(r, brama_node_get(node, BRAMA_STR("reason"))->where,
                 under(r, at, BRAMA_STR("reason")), "no reason is called \"%.*s\"%s%.*s%s",
                 BRAMA_FMT(out->reason), near.best.n != 0 ? ", did you mean \"" : "",
                 BRAMA_FMT(near.best), near.best.n != 0 ? "\"?" : "");
}

static void read_expectation(struct reading *r, brama_str at, const struct brama_node *test,
                             struct brama_test_expectation *out)
{
    static const char *const names[] = {"verdict", "status",  "reason", "apirule",        "rule",
                                        "service", "headers", "path",   "responseHeaders"};
    const struct brama_node *node = brama_node_get(test, BRAMA_STR("expect"));
    int64_t number = 0;

    if (node == NULL) {
        complain(r, test->where, at, "what to expect is wanted here");
        return;
    }
    at = under(r, at, node->key);
    if (node->kind != BRAMA_NODE_MAP) {
        out->verdict = read_verdict(r, at, node);
        return;
    }
    ONLY(r, at, node, names);
    const struct brama_node *verdict = brama_node_get(node, BRAMA_STR("verdict"));
    if (verdict == NULL)
        complain(r, node->where, under(r, at, BRAMA_STR("verdict")),
                 "allow, deny or answer is wanted here");
    else
        out->verdict = read_verdict(r, under(r, at, verdict->key), verdict);
    if (read_number(r, at, node, "status", 999, &number))
        out->status = (uint16_t)number;
    out->has_rule = read_number(r, at, node, "rule", INT32_MAX, &number);
    out->rule = out->has_rule ? (uint32_t)number : 0;
    read_reason(r, at, node, out);
    out->apirule = text(r, at, node, "apirule");
    out->service = text(r, at, node, "service");
    out->path = text(r, at, node, "path");
    out->headers = read_headers(r, at, node, "headers", true, &out->header_count);
    out->response_headers =
        read_headers(r, at, node, "responseHeaders", true, &out->response_header_count);
    bool allows = out->verdict == BRAMA_VERDICT_ALLOW;
    if (allows ? out->status != 0
               : out->header_count != 0 || out->service.n != 0 || out->path.n != 0)
        complain(r, node->where, at,
                 allows ? "status is the workload's own where a request is allowed"
                        : "headers, service and path are of requests that are allowed");
}

static void read_case(struct reading *r, struct brama_test_suite *suite, size_t index,
                      const struct brama_node *node)
{
    static const char *const names[] = {"name", "request", "token", "expect"};
    brama_str at = brama_arena_printf(r->arena, ".spec.tests[%zu]", index);
    struct brama_test_case *one = brama_arena_alloc(r->arena, sizeof(*one));

    if (one == NULL)
        return;
    if (node->kind != BRAMA_NODE_MAP) {
        complain(r, node->where, at, "a map is wanted here, not a %s",
                 brama_node_kind_name(node->kind));
        return;
    }
    ONLY(r, at, node, names);
    *one = (struct brama_test_case){.suite = suite, .where = node->where};
    one->name = text(r, at, node, "name");
    if (one->name.n == 0)
        complain(r, node->where, at, "a name is wanted here");
    read_request(r, at, node, &one->request);
    one->request.now_s = suite->now_s;
    one->token = case_token(r, at, node);
    read_expectation(r, at, node, &one->expect);
    if (suite->last != NULL)
        suite->last->next = one;
    else
        suite->first = one;
    suite->last = one;
    suite->count++;
}

static void read_tokens(struct reading *r)
{
    size_t i = 0;

    if (r->tokens == NULL)
        return;
    r->made = brama_arena_array(r->arena, r->tokens->count + 1, sizeof(*r->made));
    for (const struct brama_node *n = r->tokens->first; r->made != NULL && n != NULL;
         n = n->next, i++) {
        brama_str at = under(r, BRAMA_STR(".spec.tokens"), n->key);
        if (n->kind == BRAMA_NODE_MAP)
            r->made[i] = read_token(r, at, n);
        else
            complain(r, n->where, at, "a map is wanted here, not a %s",
                     brama_node_kind_name(n->kind));
    }
}

static struct brama_test_suite *read_suite(struct reading *r, const struct brama_world_test *test)
{
    static const char *const top[] = {"apiVersion", "kind", "metadata", "spec"};
    static const char *const names[] = {"host", "now", "tokens", "tests"};
    const struct brama_node *spec = member(r, BRAMA_NIL, test->doc, "spec", BRAMA_NODE_MAP);
    brama_str version = brama_node_get_str(test->doc, BRAMA_STR("apiVersion"));
    struct brama_test_suite *suite = brama_arena_alloc(r->arena, sizeof(*suite));
    brama_str at = BRAMA_STR(".spec");

    if (suite == NULL)
        return NULL;
    *suite =
        (struct brama_test_suite){.ns = test->ns, .name = test->name, .where = test->doc->where};
    if (!brama_str_eq(version, BRAMA_STR(BRAMA_TEST_VERSION)))
        complain(r, brama_node_get(test->doc, BRAMA_STR("apiVersion"))->where,
                 BRAMA_STR(".apiVersion"), "apiVersion of " BRAMA_TEST_KIND " is %s, not \"%.*s\"",
                 BRAMA_TEST_VERSION, BRAMA_FMT(version));
    ONLY(r, BRAMA_NIL, test->doc, top);
    if (spec == NULL) {
        complain(r, test->doc->where, at, "spec is wanted here");
        return suite;
    }
    ONLY(r, at, spec, names);
    suite->now_s = read_now(r, spec);
    r->host = text(r, at, spec, "host");
    r->tokens = member(r, at, spec, "tokens", BRAMA_NODE_MAP);
    read_tokens(r);
    const struct brama_node *tests = member(r, at, spec, "tests", BRAMA_NODE_LIST);
    if (tests == NULL || tests->count == 0)
        complain(r, spec->where, BRAMA_STR(".spec.tests"), "tests are wanted here");
    size_t i = 0;
    for (const struct brama_node *n = tests != NULL ? tests->first : NULL; n != NULL; n = n->next)
        read_case(r, suite, i++, n);
    return suite;
}

struct brama_test_suite *brama_tests_read(struct brama_findings *out,
                                          const struct brama_world *world)
{
    struct brama_test_suite *first = NULL, **end = &first;

    for (const struct brama_world_test *t = world->tests; t != NULL; t = t->next) {
        struct reading r = {.out = out, .arena = out->arena};
        *end = read_suite(&r, t);
        if (*end == NULL)
            break;
        end = &(*end)->next;
    }
    return first;
}
