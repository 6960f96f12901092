/* Test files: from nodes to cases, strictly. A slip in a test must not make it test nothing. */
#include <stdio.h>
#include <time.h>

#include "base/near.h"
#include "base/url.h"
#include "cli/testing.h"

struct reading {
    struct brama_fields f;
    const struct brama_node *tokens;      /* spec.tokens: templates by name */
    const struct brama_test_token **made; /* in the same order; NULL: not a map */
    brama_str host;                       /* spec.host */
};

/* "2026-01-01T12:00:00Z" (RFC 3339, UTC only), or UNIX seconds. */
static int64_t read_now(struct reading *r, const struct brama_node *spec)
{
    const struct brama_node *node = brama_node_get(spec, BRAMA_STR("now"));
    struct tm tm = {0};
    char zone = 0, rest = 0, buf[32], again[32];

    if (node == NULL)
        return BRAMA_TEST_NOW_S;
    if (node->kind == BRAMA_NODE_INT && node->integer >= 0)
        return node->integer;
    snprintf(buf, sizeof(buf), "%.*s", BRAMA_FMT(node->text));
    if (node->kind == BRAMA_NODE_STR && node->text.n == sizeof("2026-01-01T12:00:00Z") - 1 &&
        sscanf(buf, "%4d-%2d-%2dT%2d:%2d:%2d%c%c", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &zone, &rest) == 7 &&
        zone == 'Z') {
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        time_t t = timegm(&tm);
        /* the 31st of February would have become another day */
        if (gmtime_r(&t, &tm) != NULL &&
            strftime(again, sizeof(again), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0 &&
            brama_str_eq(node->text, brama_str_c(again)))
            return (int64_t)t;
    }
    brama_field_complain(&r->f, node->where, BRAMA_STR(".spec.now"),
                         "a time like 2026-01-01T12:00:00Z, or UNIX seconds, is wanted here");
    return BRAMA_TEST_NOW_S;
}

/* The name of a template, or one on the spot; none: no token. */
static const struct brama_test_token *case_token(struct reading *r, brama_str at,
                                                 const struct brama_node *node)
{
    const struct brama_node *token = brama_node_get(node, BRAMA_STR("token"));
    struct brama_near near = {.distance = 0};

    if (token == NULL || token->kind == BRAMA_NODE_NULL)
        return NULL;
    at = brama_field_path(&r->f, at, token->key);
    if (token->kind == BRAMA_NODE_MAP)
        return brama_test_token_read(&r->f, at, token);
    if (token->kind != BRAMA_NODE_STR) {
        brama_field_complain(&r->f, token->where, at,
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
        brama_field_complain(&r->f, token->where, at,
                             "no token \"%.*s\" in spec.tokens, did you mean \"%.*s\"?",
                             BRAMA_FMT(token->text), BRAMA_FMT(near.best));
    else
        brama_field_complain(&r->f, token->where, at, "no token \"%.*s\" in spec.tokens",
                             BRAMA_FMT(token->text));
    return NULL;
}

/* A map of names to texts; null: it must be absent. */
static const struct brama_test_header *read_headers(struct reading *r, brama_str at,
                                                    const struct brama_node *map, const char *key,
                                                    bool may_be_absent, size_t *count)
{
    const struct brama_node *list = brama_field(&r->f, at, map, key, BRAMA_NODE_MAP);
    struct brama_test_header *out =
        list != NULL ? brama_arena_array(r->f.arena, list->count + 1, sizeof(*out)) : NULL;

    *count = 0;
    for (const struct brama_node *n = out != NULL ? list->first : NULL; n != NULL; n = n->next) {
        bool absent = may_be_absent && n->kind == BRAMA_NODE_NULL;
        if (n->kind == BRAMA_NODE_STR || absent)
            out[(*count)++] = (struct brama_test_header){n->key, n->text, absent};
        else
            brama_field_complain(
                &r->f, n->where,
                brama_field_path(&r->f, brama_field_path(&r->f, at, list->key), n->key),
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
        brama_field_complain(&r->f, node->where, at,
                             "METHOD and URL are wanted here, like \"GET /orders\"");
        return;
    }
    if (target.p[0] != '/') {
        if (brama_url_split(&url, r->f.arena, target, &diag) != BRAMA_OK) {
            brama_field_complain(&r->f, node->where, at, "%s", diag.what);
            return;
        }
    } else if (r->host.n == 0) {
        brama_field_complain(&r->f, node->where, at,
                             "a path alone needs a host: in spec.host, or in the URL");
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
        brama_field_complain(&r->f, test->where, at, "a request is wanted here");
        return;
    }
    at = brama_field_path(&r->f, at, node->key);
    if (node->kind == BRAMA_NODE_STR) {
        read_line(r, at, node, node->text, out);
        return;
    }
    if (node->kind != BRAMA_NODE_MAP) {
        brama_field_complain(&r->f, node->where, at,
                             "METHOD and URL are wanted here, like \"GET /orders\"");
        return;
    }
    BRAMA_FIELDS_ONLY(&r->f, at, node, names);
    read_line(r, brama_field_path(&r->f, at, BRAMA_STR("line")), node,
              brama_field_text(&r->f, at, node, "line"), out);
    const struct brama_test_header *list = read_headers(r, at, node, "headers", false, &count);
    struct brama_header *headers = brama_arena_array(r->f.arena, count + 1, sizeof(*headers));
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
    brama_field_complain(&r->f, node->where, at, "allow, deny or answer is wanted here");
    return BRAMA_VERDICT_DENY;
}

/* A whole number up to max. */
static bool read_number(struct reading *r, brama_str at, const struct brama_node *map,
                        const char *key, int64_t max, int64_t *out)
{
    const struct brama_node *node = brama_field(&r->f, at, map, key, BRAMA_NODE_INT);

    if (node == NULL)
        return false;
    *out = node->integer;
    if (node->integer >= 0 && node->integer <= max)
        return true;
    brama_field_complain(&r->f, node->where, brama_field_path(&r->f, at, node->key),
                         "a number up to %lld is wanted here", (long long)max);
    return false;
}

static void read_reason(struct reading *r, brama_str at, const struct brama_node *node,
                        struct brama_test_expectation *out)
{
    struct brama_near near = {.distance = 0};

    out->reason = brama_field_text(&r->f, at, node, "reason");
    for (int i = 0; i < BRAMA_REASON_COUNT && out->reason.n != 0; i++) {
        brama_str name = brama_str_c(brama_reason_name((enum brama_reason)i));
        if (brama_str_eq(name, out->reason))
            return;
        brama_near_try(&near, out->reason, name);
    }
    if (out->reason.n != 0)
        brama_field_complain(&r->f, brama_node_get(node, BRAMA_STR("reason"))->where,
                             brama_field_path(&r->f, at, BRAMA_STR("reason")),
                             "no reason is called \"%.*s\"%s%.*s%s", BRAMA_FMT(out->reason),
                             near.best.n != 0 ? ", did you mean \"" : "", BRAMA_FMT(near.best),
                             near.best.n != 0 ? "\"?" : "");
}

static void read_expectation(struct reading *r, brama_str at, const struct brama_node *test,
                             struct brama_test_expectation *out)
{
    static const char *const names[] = {"verdict", "status",  "reason", "apirule",        "rule",
                                        "service", "headers", "path",   "responseHeaders"};
    const struct brama_node *node = brama_node_get(test, BRAMA_STR("expect"));
    int64_t number = 0;

    if (node == NULL) {
        brama_field_complain(&r->f, test->where, at, "what to expect is wanted here");
        return;
    }
    at = brama_field_path(&r->f, at, node->key);
    if (node->kind != BRAMA_NODE_MAP) {
        out->verdict = read_verdict(r, at, node);
        return;
    }
    BRAMA_FIELDS_ONLY(&r->f, at, node, names);
    const struct brama_node *verdict = brama_node_get(node, BRAMA_STR("verdict"));
    if (verdict == NULL)
        brama_field_complain(&r->f, node->where, brama_field_path(&r->f, at, BRAMA_STR("verdict")),
                             "allow, deny or answer is wanted here");
    else
        out->verdict = read_verdict(r, brama_field_path(&r->f, at, verdict->key), verdict);
    if (read_number(r, at, node, "status", 999, &number))
        out->status = (uint16_t)number;
    out->has_rule = read_number(r, at, node, "rule", INT32_MAX, &number);
    out->rule = out->has_rule ? (uint32_t)number : 0;
    read_reason(r, at, node, out);
    out->apirule = brama_field_text(&r->f, at, node, "apirule");
    out->service = brama_field_text(&r->f, at, node, "service");
    out->path = brama_field_text(&r->f, at, node, "path");
    out->headers = read_headers(r, at, node, "headers", true, &out->header_count);
    out->response_headers =
        read_headers(r, at, node, "responseHeaders", true, &out->response_header_count);
    bool allows = out->verdict == BRAMA_VERDICT_ALLOW;
    if (allows ? out->status != 0
               : out->header_count != 0 || out->service.n != 0 || out->path.n != 0)
        brama_field_complain(&r->f, node->where, at,
                             allows ? "status is the workload's own where a request is allowed"
                                    : "headers, service and path are of requests that are allowed");
}

/* Also "timeout" and "failed", for one who isn't there. */
static void read_answer(struct reading *r, brama_str at, const struct brama_node *node,
                        struct brama_call_answer *out)
{
    static const char *const names[] = {"status", "headers", "body"};
    int64_t status = 0;
    size_t count = 0;

    if (node->kind == BRAMA_NODE_STR && brama_str_eq(node->text, BRAMA_STR("timeout"))) {
        out->end = BRAMA_CALL_TIMEOUT;
        return;
    }
    if (node->kind == BRAMA_NODE_STR && brama_str_eq(node->text, BRAMA_STR("failed"))) {
        out->end = BRAMA_CALL_FAILED;
        return;
    }
    if (node->kind != BRAMA_NODE_MAP) {
        brama_field_complain(&r->f, node->where, at,
                             "a map with a status, timeout or failed is wanted here");
        return;
    }
    BRAMA_FIELDS_ONLY(&r->f, at, node, names);
    if (!read_number(r, at, node, "status", 599, &status) || status < 200)
        brama_field_complain(&r->f, node->where, at, "a status from 200 on is wanted here");
    const struct brama_test_header *list = read_headers(r, at, node, "headers", false, &count);
    struct brama_header *headers = brama_arena_array(r->f.arena, count + 1, sizeof(*headers));
    if (headers == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct brama_header){list[i].name, list[i].value};
    *out = (struct brama_call_answer){.end = BRAMA_CALL_ANSWERED,
                                      .status = (uint16_t)status,
                                      .headers = headers,
                                      .header_count = count,
                                      .body = brama_field_text(&r->f, at, node, "body")};
}

static void read_answers(struct reading *r, brama_str at, const struct brama_node *test,
                         struct brama_test_case *one)
{
    const struct brama_node *list = brama_field(&r->f, at, test, "answers", BRAMA_NODE_LIST);
    struct brama_call_answer *out =
        list != NULL ? brama_arena_array(r->f.arena, list->count + 1, sizeof(*out)) : NULL;

    if (out == NULL)
        return;
    at = brama_field_path(&r->f, at, list->key);
    if (list->count > BRAMA_CALLS_MAX)
        brama_field_complain(&r->f, list->where, at, "more than %d", BRAMA_CALLS_MAX);
    for (const struct brama_node *n = list->first; n != NULL && one->answer_count < BRAMA_CALLS_MAX;
         n = n->next, one->answer_count++)
        read_answer(r,
                    brama_arena_printf(r->f.arena, "%.*s[%zu]", BRAMA_FMT(at), one->answer_count),
                    n, &out[one->answer_count]);
    one->answers = out;
}

static void read_case(struct reading *r, struct brama_test_suite *suite, size_t index,
                      const struct brama_node *node)
{
    static const char *const names[] = {"name", "request", "token", "answers", "expect"};
    brama_str at = brama_arena_printf(r->f.arena, ".spec.tests[%zu]", index);
    struct brama_test_case *one = brama_arena_alloc(r->f.arena, sizeof(*one));

    if (one == NULL)
        return;
    if (node->kind != BRAMA_NODE_MAP) {
        brama_field_complain(&r->f, node->where, at, "a map is wanted here, not a %s",
                             brama_node_kind_name(node->kind));
        return;
    }
    BRAMA_FIELDS_ONLY(&r->f, at, node, names);
    *one = (struct brama_test_case){.suite = suite, .where = node->where};
    one->name = brama_field_text(&r->f, at, node, "name");
    if (one->name.n == 0)
        brama_field_complain(&r->f, node->where, at, "a name is wanted here");
    read_request(r, at, node, &one->request);
    one->request.now_s = suite->now_s;
    one->token = case_token(r, at, node);
    read_answers(r, at, node, one);
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
    r->made = brama_arena_array(r->f.arena, r->tokens->count + 1, sizeof(*r->made));
    for (const struct brama_node *n = r->tokens->first; r->made != NULL && n != NULL;
         n = n->next, i++) {
        brama_str at = brama_field_path(&r->f, BRAMA_STR(".spec.tokens"), n->key);
        if (n->kind == BRAMA_NODE_MAP)
            r->made[i] = brama_test_token_read(&r->f, at, n);
        else
            brama_field_complain(&r->f, n->where, at, "a map is wanted here, not a %s",
                                 brama_node_kind_name(n->kind));
    }
}

static struct brama_test_suite *read_suite(struct reading *r, const struct brama_world_test *test)
{
    static const char *const top[] = {"apiVersion", "kind", "metadata", "spec"};
    static const char *const names[] = {"host", "now", "tokens", "tests"};
    const struct brama_node *spec =
        brama_field(&r->f, BRAMA_NIL, test->doc, "spec", BRAMA_NODE_MAP);
    brama_str version = brama_node_get_str(test->doc, BRAMA_STR("apiVersion"));
    struct brama_test_suite *suite = brama_arena_alloc(r->f.arena, sizeof(*suite));
    brama_str at = BRAMA_STR(".spec");

    if (suite == NULL)
        return NULL;
    *suite =
        (struct brama_test_suite){.ns = test->ns, .name = test->name, .where = test->doc->where};
    if (!brama_str_eq(version, BRAMA_STR(BRAMA_TEST_VERSION)))
        brama_field_complain(&r->f, brama_node_get(test->doc, BRAMA_STR("apiVersion"))->where,
                             BRAMA_STR(".apiVersion"),
                             "apiVersion of " BRAMA_TEST_KIND " is %s, not \"%.*s\"",
                             BRAMA_TEST_VERSION, BRAMA_FMT(version));
    BRAMA_FIELDS_ONLY(&r->f, BRAMA_NIL, test->doc, top);
    if (spec == NULL) {
        brama_field_complain(&r->f, test->doc->where, at, "spec is wanted here");
        return suite;
    }
    BRAMA_FIELDS_ONLY(&r->f, at, spec, names);
    suite->now_s = read_now(r, spec);
    r->host = brama_field_text(&r->f, at, spec, "host");
    r->tokens = brama_field(&r->f, at, spec, "tokens", BRAMA_NODE_MAP);
    read_tokens(r);
    const struct brama_node *tests = brama_field(&r->f, at, spec, "tests", BRAMA_NODE_LIST);
    if (tests == NULL || tests->count == 0)
        brama_field_complain(&r->f, spec->where, BRAMA_STR(".spec.tests"), "tests are wanted here");
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
        struct reading r = {.f = {out, out->arena}};
        *end = read_suite(&r, t);
        if (*end == NULL)
            break;
        end = &(*end)->next;
    }
    return first;
}
