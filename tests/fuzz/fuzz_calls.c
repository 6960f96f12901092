/* What authorizers, OAuth servers and hydrators answer, as an enemy among them writes it: nobody is
 * let in but by an answer that says so in words of its own kind, no header gets through that the
 * rule doesn't name, and none ends its line. What an answer says is judged here by the JSON module
 * alone.
 *
 * An input is the path of a rule, and answers, each behind a byte 0x1e: how it ended (d done, c
 * cut, t too late, b too big, y busy) with its status, header lines (0x01 is a line's end within
 * one), an empty line, the body.
 */
#include "fuzz.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "rule/judge.h"
#include "json/read.h"

#define NOW 1800000000
#define HEADERS_MAX 16
#define KEPT_S 60

#define INTROSPECTION(more)                                                                        \
    "{handler: oauth2_introspection, config: {introspection_url: 'http://idp/i'" more "}}"
#define V1(path, strategy, more)                                                                   \
    "  - {path: " path ", methods: [GET], accessStrategies: [" strategy "]" more "}\n"
#define TELL(name)                                                                                 \
    "{handler: header, config: {headers: {X-Sub: '{{ .Subject }}', X-More: '{{ .Extra." name       \
    " }}'}}}"

static const char rules[] =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n"
    "  mesh: |\n    extensionProviders:\n"
    "    - name: door\n      envoyExtAuthzHttp: {service: a.b, port: 80, headersToUpstreamOnAllow: "
    "[x-user, x-role-*], headersToDownstreamOnAllow: [set-cookie], headersToDownstreamOnDeny: "
    "[set-cookie, x-why]}\n"
    "    - name: lenient\n      envoyExtAuthzHttp: {service: a.b, port: 80, failOpen: true}\n"
    "---\napiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: mesh}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [mesh]\n  service: {name: s, port: 80}\n"
    "  rules:\n"
    "  - {path: /door, methods: [GET], extAuth: {authorizers: [door]}}\n"
    "  - {path: /lenient, methods: [GET], extAuth: {authorizers: [lenient]}}\n"
    "---\napiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: "
    "ory}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: ory\n  service: {name: s, port: 80}\n  "
    "rules:\n" V1("/plain", INTROSPECTION(""), ", mutators: [" TELL("username") "]")
        V1("/full",
           INTROSPECTION(", required_scope: [read], scope_strategy: exact, target_audience: "
                         "[me], trusted_issuers: [them]"),
           "") V1("/kept", INTROSPECTION(", cache: {enabled: true, ttl: 60s}"), "")
            V1("/pre",
               INTROSPECTION(", pre_authorization: {enabled: true, client_id: c, client_secret: s, "
                             "token_url: 'http://idp/t'}"),
               "") V1("/basic",
                      "{handler: oauth2_client_credentials, config: {token_url: 'http://idp/t'}}",
                      "") V1("/hydrated", "{handler: noop}",
                             ", mutators: [{handler: hydrator, config: {api: {url: "
                             "'http://idp/h'}}}, " TELL("role") "]");

static struct brama_arena rules_arena;
static struct brama_policy policy;
static struct brama_facts facts;

struct run {
    struct brama_arena arena;
    struct brama_memory *memory;
    struct brama_call_answer answers[BRAMA_CALLS_MAX];
    size_t given, used;
    struct brama_decision d;
};

/* Every target has an address, so that everybody is asked. */
static void build_facts(struct brama_buf *out)
{
    struct brama_f_address address = {.family = 2, .port = 80, .ip = {127, 0, 0, 1}};
    struct brama_facts_upstream_in list[16];
    struct brama_facts_in in = {.upstreams = list};

    for (uint32_t i = 0; i < brama_pack_count(&policy.pack, BRAMA_T_UPSTREAM); i++)
        list[in.upstream_count++] = (struct brama_facts_upstream_in){
            BRAMA_ROW(&policy.pack, BRAMA_T_UPSTREAM, i, struct brama_p_upstream)->id, &address, 1};
    for (uint32_t i = 0; i < brama_pack_count(&policy.pack, BRAMA_T_TARGET); i++)
        list[in.upstream_count++] = (struct brama_facts_upstream_in){
            BRAMA_ROW(&policy.pack, BRAMA_T_TARGET, i, struct brama_p_target)->id, &address, 1};
    FUZZ_CHECK(brama_facts_build(out, 1, &in) == BRAMA_OK);
}

static void compile_once(void)
{
    static struct brama_buf policy_bytes, facts_bytes; /* for the life of the program */
    struct brama_world world;
    struct brama_compile_in in = {.world = &world, .domain = BRAMA_STR("test")};

    if (policy_bytes.p != NULL)
        return;
    brama_arena_init(&rules_arena, NULL, 1 << 24);
    brama_world_init(&world, &rules_arena, &(struct brama_world_options){.ns = BRAMA_STR("n")});
    FUZZ_CHECK(brama_world_add(&world, BRAMA_STR("f"), brama_str_c(rules), NULL) == BRAMA_OK);
    brama_judge(&world, &(struct brama_judge_options){.domain = BRAMA_STR("test")});
    FUZZ_CHECK(brama_compile_check(&world) == BRAMA_OK);
    for (const struct brama_apirule *r = world.rules; r != NULL; r = r->next)
        FUZZ_CHECK(r->judged.valid);
    brama_buf_init(&policy_bytes, NULL, 1 << 20);
    brama_buf_init(&facts_bytes, NULL, 1 << 20);
    FUZZ_CHECK(brama_policy_compile(&policy_bytes, 1, &in) == BRAMA_OK);
    FUZZ_CHECK(brama_policy_open(&policy, policy_bytes.p, policy_bytes.n) == BRAMA_OK);
    build_facts(&facts_bytes);
    FUZZ_CHECK(brama_facts_open(&facts, facts_bytes.p, facts_bytes.n) == BRAMA_OK);
}

static brama_str with_line_ends(struct run *run, brama_str text)
{
    char *p = brama_arena_alloc(&run->arena, text.n + 1);

    FUZZ_CHECK(p != NULL);
    for (size_t i = 0; i < text.n; i++)
        p[i] = text.p[i] == 1 ? '\n' : text.p[i];
    return (brama_str){p, text.n};
}

static void read_answer(struct run *run, brama_str text)
{
    static const char ends[] = "ctbyd"; /* in the order of enum brama_call_end */
    struct brama_call_answer *a = &run->answers[run->given++];
    struct brama_header *headers = brama_arena_array(&run->arena, HEADERS_MAX, sizeof(*headers));
    brama_str line = BRAMA_NIL;
    uint64_t status = 0;

    (void)brama_str_next(&text, '\n', &line);
    size_t end = line.n != 0 ? brama_str_find(brama_str_c(ends), line.p[0]) : 0;
    if (!brama_str_u64(brama_str_from(line, 1), &status) || status > 999)
        status = 0;
    *a = (struct brama_call_answer){.end = end < BRAMA_CALL_ANSWERED + 1u ? (enum brama_call_end)end
                                                                          : BRAMA_CALL_ANSWERED,
                                    .status = (uint16_t)status};
    while (brama_str_next(&text, '\n', &line) && line.n != 0 && a->header_count < HEADERS_MAX) {
        size_t colon = brama_str_find(line, ':');
        headers[a->header_count++] = (struct brama_header){
            with_line_ends(run, brama_str_head(line, colon)),
            with_line_ends(run, brama_str_trim(brama_str_from(line, colon + 1)))};
    }
    a->headers = headers;
    a->body = text;
    if (a->end == BRAMA_CALL_ANSWERED && a->status < 100)
        a->status = 200; /* what answers has one */
    if (a->end != BRAMA_CALL_ANSWERED)
        a->body = (brama_str){NULL, a->header_count = 0};
}

static void ask(struct run *run, brama_str path, int64_t now_s, bool may_call)
{
    static const struct brama_header bearer = {BRAMA_LIT("Authorization"), BRAMA_LIT("Bearer x")};
    static const struct brama_header basic = {BRAMA_LIT("Authorization"), BRAMA_LIT("Basic YTpi")};
    bool mesh = brama_str_eq(path, BRAMA_STR("/door")) || brama_str_eq(path, BRAMA_STR("/lenient"));
    struct brama_engine engine = {
        .policy = &policy, .facts = &facts, .memory = run->memory, .answers = run->answers};
    struct brama_request request = {
        .scheme = BRAMA_STR("http"),
        .method = BRAMA_STR("GET"),
        .authority = mesh ? BRAMA_STR("mesh.test") : BRAMA_STR("ory.test"),
        .target = path,
        .headers = brama_str_eq(path, BRAMA_STR("/basic")) ? &basic : &bearer,
        .header_count = 1,
        .request_id = BRAMA_STR("id"),
        .now_s = now_s};

    for (run->used = 0;; run->used++) {
        engine.may_call = may_call && run->used < run->given;
        engine.answer_count = run->used;
        brama_decide(&run->d, &engine, &request, &run->arena, NULL);
        if (run->d.verdict != BRAMA_VERDICT_CALL)
            return;
        run->answers[run->used].key = run->d.call.key;
    }
}

static bool is_200(const struct run *run, size_t i)
{
    return i < run->used && run->answers[i].end == BRAMA_CALL_ANSWERED &&
           run->answers[i].status == 200;
}

/* Its body, if it is an object; NULL: it isn't. */
static const struct brama_node *object(struct run *run, size_t i)
{
    struct brama_node *root = NULL;

    if (!is_200(run, i) || brama_json_parse(&root, &run->arena, run->answers[i].body,
                                            &brama_json_limits_answer, NULL) != BRAMA_OK)
        return NULL;
    return root->kind == BRAMA_NODE_MAP ? root : NULL;
}

static bool says(const struct brama_node *root, const char *name, const char *text)
{
    const struct brama_node *n = brama_node_get(root, brama_str_c(name));

    if (n != NULL && n->kind == BRAMA_NODE_LIST) {
        for (n = n->first; n != NULL; n = n->next)
            if (n->kind == BRAMA_NODE_STR && brama_str_eq(n->text, brama_str_c(text)))
                return true;
        return false;
    }
    return n != NULL && n->kind == BRAMA_NODE_STR && brama_str_eq(n->text, brama_str_c(text));
}

static bool has_word(brama_str words, brama_str word)
{
    brama_str one;
    while (brama_str_next(&words, ' ', &one))
        if (brama_str_eq(one, word))
            return true;
    return false;
}

/* RFC 7662 section 2.2. */
static bool is_active(struct run *run, size_t i)
{
    const struct brama_node *root = object(run, i);
    const struct brama_node *active = brama_node_get(root, BRAMA_STR("active"));
    const struct brama_node *exp = brama_node_get(root, BRAMA_STR("exp"));
    const struct brama_node *use = brama_node_get(root, BRAMA_STR("token_use"));

    return active != NULL && active->kind == BRAMA_NODE_BOOL && active->truth &&
           (exp == NULL ||
            (exp->kind == BRAMA_NODE_INT && (exp->integer <= 0 || exp->integer > NOW))) &&
           (use == NULL || use->kind == BRAMA_NODE_NULL || says(root, "token_use", "") ||
            says(root, "token_use", "access_token"));
}

/* RFC 6749 section 5.1. */
static bool is_grant(struct run *run, size_t i)
{
    return brama_node_get_str(object(run, i), BRAMA_STR("access_token")).n != 0;
}

/* A session without a subject, as the one that went out. */
static bool is_nobodys(const struct brama_node *root)
{
    const struct brama_node *subject = brama_node_get(root, BRAMA_STR("subject"));

    return root != NULL &&
           (subject == NULL || subject->kind == BRAMA_NODE_NULL || says(root, "subject", ""));
}

static bool says_so(struct run *run, brama_str path)
{
    const struct brama_call_answer *a = run->answers;

    if (brama_str_eq(path, BRAMA_STR("/door")))
        return is_200(run, 0);
    if (brama_str_eq(path, BRAMA_STR("/lenient")))
        return is_200(run, 0) || a->status >= 500 ||
               (a->status == 0 && (a->end == BRAMA_CALL_FAILED || a->end == BRAMA_CALL_TIMEOUT));
    if (brama_str_eq(path, BRAMA_STR("/pre")))
        return is_grant(run, 0) && is_active(run, 1);
    if (brama_str_eq(path, BRAMA_STR("/basic")))
        return is_grant(run, 0);
    if (brama_str_eq(path, BRAMA_STR("/hydrated")))
        return is_nobodys(object(run, 0));
    if (brama_str_eq(path, BRAMA_STR("/full")))
        return is_active(run, 0) && says(object(run, 0), "aud", "me") &&
               says(object(run, 0), "iss", "them") &&
               has_word(brama_node_get_str(object(run, 0), BRAMA_STR("scope")), BRAMA_STR("read"));
    return is_active(run, 0);
}

static bool is_in(brama_str name, const char *const *names)
{
    for (; *names != NULL; names++) {
        brama_str one = brama_str_c(*names);
        bool prefix = brama_str_ends(one, BRAMA_STR("*"));
        if (brama_str_eq_nocase(prefix ? brama_str_head(name, one.n - 1) : name,
                                prefix ? brama_str_head(one, one.n - 1) : one))
            return true;
    }
    return false;
}

/* RFC 9110 section 5.6.2. */
static bool is_tchar(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && brama_str_find(BRAMA_STR("!#$%&'*+-.^_`|~"), c) < 15);
}

/* They stay within their lines, and are among those; NULL: any that don't frame a message. */
static void check_headers(const struct brama_header *headers, size_t n, const char *const *names)
{
    static const char *const framing[] = {
        "content-length", "transfer-encoding", "connection", "upgrade", "te",
        "trailer",        "keep-alive",        NULL};

    for (size_t i = 0; i < n; i++) {
        brama_str name = headers[i].name, value = headers[i].value;
        FUZZ_CHECK(name.n != 0);
        for (size_t k = 0; k < name.n; k++)
            FUZZ_CHECK(is_tchar(name.p[k]));
        for (size_t k = 0; k < value.n; k++)
            FUZZ_CHECK(value.p[k] != '\r' && value.p[k] != '\n' && value.p[k] != '\0');
        FUZZ_CHECK(!is_in(name, framing));
        FUZZ_CHECK(names == NULL || is_in(name, names));
    }
}

static void check_decision(struct run *run, brama_str path)
{
    static const char *const up[] = {"x-user", "x-role-*", "x-forwarded-host", NULL};
    static const char *const ory[] = {"x-sub",    "x-more", "x-forwarded-host", "host",
                                      "x-server", "cookie", "authorization",    NULL};
    static const char *const on_allow[] = {"set-cookie", NULL};
    static const char *const on_deny[] = {"set-cookie", "x-why",  "www-authenticate",
                                          "location",   "status", NULL};
    static const char *const of_ory[] = {"retry-after", "x-ratelimit-*", NULL};
    const struct brama_decision *d = &run->d;
    bool door = brama_str_eq(path, BRAMA_STR("/door"));
    bool lenient = brama_str_eq(path, BRAMA_STR("/lenient"));
    bool hydrated = brama_str_eq(path, BRAMA_STR("/hydrated"));
    bool allowed = d->verdict == BRAMA_VERDICT_ALLOW;

    FUZZ_CHECK(allowed || d->verdict == BRAMA_VERDICT_DENY);
    FUZZ_CHECK(allowed || (d->status >= 200 && d->status < 600));
    if (allowed)
        FUZZ_CHECK(says_so(run, path));
    check_headers(d->upstream_headers, d->upstream_header_count,
                  door || lenient ? up
                  : hydrated      ? NULL
                                  : ory);
    check_headers(d->response_headers, d->response_header_count,
                  door && allowed ? on_allow
                  : door          ? on_deny
                  : lenient       ? NULL
                                  : of_ory);
    if (d->reason == BRAMA_REASON_EXT_AUTH_DENIED)
        FUZZ_CHECK(d->status == run->answers[0].status && !is_200(run, 0) &&
                   brama_str_eq(d->body, run->answers[0].body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_memory_options options = {
        .tokens_max = 1, .regexes_max = 8, .keys_max = 1, .answers_max = 2};
    struct run run = {.given = 0};
    brama_str rest = {(const char *)data, size}, path = BRAMA_NIL, one;

    compile_once();
    if (!brama_str_next(&rest, 0x1e, &path) || path.n == 0 || path.n > 16)
        return 0;
    brama_arena_init(&run.arena, NULL, 1 << 24);
    FUZZ_CHECK(brama_memory_new(&run.memory, &options) == BRAMA_OK);
    while (run.given < 3 && brama_str_next(&rest, 0x1e, &one))
        read_answer(&run, one);
    ask(&run, path, NOW, true);
    check_decision(&run, path);
    /* What was kept is worth no more, and no longer. */
    bool before = run.d.verdict == BRAMA_VERDICT_ALLOW;
    size_t used = run.used;
    ask(&run, path, NOW, false);
    FUZZ_CHECK(run.d.verdict != BRAMA_VERDICT_ALLOW || (before && used == 1));
    ask(&run, path, NOW + KEPT_S, false);
    FUZZ_CHECK(run.d.verdict != BRAMA_VERDICT_ALLOW);
    brama_memory_free(run.memory);
    brama_arena_deinit(&run.arena);
    return 0;
}
