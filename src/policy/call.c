/* Asking somebody else, without doing it: what to send goes out with the decision, and the answer
 * comes back as input, under a key that says all it was an answer to. Design section 3. */
#include "policy/inner.h"

#include "jose/b64url.h"

#define CALL_MS 5000 /* Oathkeeper has no limit; a request has to end */
#define ANSWER_MAX ((size_t)64 * 1024)
#define HEADERS_MAX 100
#define KEY_MAX ((size_t)1 << 20)

/* Who asks words the refusal. */
static enum brama__dialect dialect_of(const struct brama__case *c)
{
    return c->oathkeeper != NULL ? BRAMA__ORY : BRAMA__ISTIO;
}

/* Each part with its length, so that no two calls have one key. */
static void add_part(struct brama_buf *key, brama_str part)
{
    brama_buf_printf(key, "%zu:", part.n);
    brama_buf_add(key, part);
}

static brama_str make_key(struct brama__case *c, const struct brama_call *call)
{
    struct brama_buf key;

    brama_buf_init(&key, NULL, KEY_MAX);
    brama_buf_printf(&key, "%s %u ",
                     call->signer ? "signer"
                     : call->tls  ? "https"
                                  : "http",
                     call->port);
    add_part(&key, call->host);
    add_part(&key, call->authority);
    add_part(&key, call->method);
    add_part(&key, call->target);
    for (size_t i = 0; i < call->header_count; i++) {
        add_part(&key, call->headers[i].name);
        add_part(&key, call->headers[i].value);
    }
    brama_buf_add_c(&key, ' ');
    if (call->body_is_the_requests)
        brama_buf_printf(&key, "first %zu", call->body.n); /* of what doesn't change meanwhile */
    else
        add_part(&key, call->body);
    brama_str out = brama_buf_end(&key, c->arena);
    return out;
}

static void trace_call(struct brama__case *c, const struct brama_call *call, const char *what)
{
    brama_str path = brama_str_head(call->target, brama_str_find(call->target, '?'));
    brama_trace_add(c->trace, "call", BRAMA_TRACE_INFO, BRAMA_NIL, BRAMA_NIL,
                    "%.*s %s://%.*s%.*s: %s", BRAMA_FMT(call->method), call->tls ? "https" : "http",
                    BRAMA_FMT(call->authority), BRAMA_FMT(path), what);
}

static void trace_answer(struct brama__case *c, const struct brama_call_answer *a, const char *from)
{
    static const char *const ends[] = {"no answer", "no answer in time", "too large an answer",
                                       "not asked: too many wait already"};

    if (a->end == BRAMA_CALL_ANSWERED)
        brama_trace_add(c->trace, "call", BRAMA_TRACE_INFO, BRAMA_NIL, BRAMA_NIL,
                        "%s %u with %zu bytes", from, a->status, a->body.n);
    else
        brama_trace_add(c->trace, "call", BRAMA_TRACE_FAIL, BRAMA_STR("an answer"), BRAMA_NIL, "%s",
                        ends[a->end]);
}

static const struct brama_call_answer *find_answer(struct brama__case *c, brama_str key)
{
    for (size_t i = 0; i < c->engine->answer_count; i++)
        if (brama_str_eq(c->engine->answers[i].key, key))
            return &c->engine->answers[i];
    return NULL;
}

static void end_with_call(struct brama__case *c, const struct brama_call *call)
{
    trace_call(c, call, c->engine->may_call ? "asked" : "not asked");
    if (!c->engine->may_call)
        brama_trace_add(c->trace, "call", BRAMA_TRACE_FAIL, BRAMA_STR("an answer"), BRAMA_NIL,
                        "nobody may be asked here");
    brama__deny(c, dialect_of(c), BRAMA_REASON_CALL_NEEDED);
    if (!c->engine->may_call)
        return;
    c->out->verdict = BRAMA_VERDICT_CALL; /* status and texts stay the refusal's */
    c->out->call = *call;
}

/* One that stays within its request line, whatever a mesh configuration has for a prefix. */
static bool is_target(brama_str target)
{
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= 0x20 || target.p[i] >= 0x7f)
            return false;
    return target.n != 0;
}

/* Whoever wrote it, it stays on its line. RFC 9110 section 5.5. */
static bool is_header(brama_str name, brama_str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
            return false;
    return brama_str_is_token(name);
}

/* One whose headers stay on their lines, as whoever read it should have seen to; else it is none,
 * though it came. */
static const struct brama_call_answer *legible(struct brama__case *c,
                                               const struct brama_call_answer *answer)
{
    struct brama_call_answer *none;

    for (size_t i = 0; i < answer->header_count; i++) {
        if (is_header(answer->headers[i].name, answer->headers[i].value))
            continue;
        none = brama_arena_alloc(c->arena, sizeof(*none));
        if (none == NULL) {
            brama__deny(c, dialect_of(c), BRAMA_REASON_INTERNAL);
            return NULL;
        }
        *none = (struct brama_call_answer){.key = answer->key, .status = answer->status};
        return none;
    }
    return answer;
}

const struct brama_call_answer *brama__ask(struct brama__case *c, struct brama_call *call,
                                           int64_t max_age_s)
{
    static const struct brama_call_answer unreachable = {.end = BRAMA_CALL_FAILED};

    call->key = make_key(c, call);
    if (call->key.n == 0 || !is_target(call->target)) {
        brama__deny(c, dialect_of(c), BRAMA_REASON_INTERNAL);
        return NULL;
    }
    const struct brama_call_answer *answer = find_answer(c, call->key);
    if (answer != NULL) {
        trace_call(c, call, "asked");
        answer = legible(c, answer);
        if (answer != NULL)
            trace_answer(c, answer, "answered");
        return answer;
    }
    if (max_age_s > 0)
        answer = brama__answers_find(brama__memory_answers(c->engine->memory),
                                     brama__memory_hash(c->engine->memory, call->key), call->key,
                                     c->request->now_s, max_age_s);
    if (answer != NULL) {
        trace_call(c, call, "asked before");
        trace_answer(c, answer, "kept:");
        return answer;
    }
    if (!c->engine->any_upstream && !call->signer &&
        (call->upstream == NULL || call->upstream->addresses.count == 0)) {
        trace_call(c, call, "no address is known");
        return &unreachable;
    }
    end_with_call(c, call);
    return NULL;
}

void brama__keep_answer(struct brama__case *c, const struct brama_call_answer *answer,
                        int64_t seconds)
{
    int64_t now_s = c->request->now_s;

    if (seconds > 0 && find_answer(c, answer->key) == answer)
        brama__answers_keep(brama__memory_answers(c->engine->memory),
                            brama__memory_hash(c->engine->memory, answer->key), answer, now_s,
                            now_s + seconds);
}

bool brama__call_to(struct brama__case *c, struct brama_call *out, uint32_t target_row,
                    struct brama_ref authority)
{
    const struct brama_p_target *t =
        BRAMA_ROW(c->policy, BRAMA_T_TARGET, target_row, struct brama_p_target);

    if (t == NULL) {
        brama__deny(c, dialect_of(c), BRAMA_REASON_INTERNAL);
        return false;
    }
    *out = (struct brama_call){
        .tls = t->tls != 0,
        .host = brama_arena_copy(c->arena, brama_pack_text(c->policy, t->host)),
        .port = (uint16_t)t->port,
        .authority = brama_arena_copy(c->arena, brama_pack_text(c->policy, authority)),
        .method = BRAMA_STR("POST"),
        .upstream = brama_facts_upstream(c->engine->facts, t->id),
        .timeout_ms = CALL_MS,
        .answer_max = ANSWER_MAX};
    return true;
}

bool brama__call_header(struct brama__case *c, struct brama_call *call, brama_str name,
                        brama_str value)
{
    struct brama_header *more = brama_arena_array(c->arena, call->header_count + 1, sizeof(*more));

    if (more == NULL || call->header_count == HEADERS_MAX || !is_header(name, value)) {
        brama__deny(c, dialect_of(c), BRAMA_REASON_INTERNAL);
        return false;
    }
    for (size_t i = 0; i < call->header_count; i++)
        more[i] = call->headers[i];
    more[call->header_count++] = (struct brama_header){name, value};
    call->headers = more;
    return true;
}

bool brama__is_of_the_message(brama_str name)
{
    static const brama_str names[] = {BRAMA_LIT("host"),       BRAMA_LIT("connection"),
                                      BRAMA_LIT("keep-alive"), BRAMA_LIT("te"),
                                      BRAMA_LIT("trailer"),    BRAMA_LIT("transfer-encoding"),
                                      BRAMA_LIT("upgrade"),    BRAMA_LIT("content-length"),
                                      BRAMA_LIT("expect"),     BRAMA_LIT("date"),
                                      BRAMA_LIT("server"),     BRAMA_LIT("proxy-connection"),
                                      BRAMA_LIT("via"),        BRAMA_LIT("proxy-authenticate")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_str_eq_nocase(names[i], name))
            return true;
    return false;
}

brama_str brama__answer_header(const struct brama_call_answer *answer, brama_str name)
{
    for (size_t i = 0; i < answer->header_count; i++)
        if (brama_str_eq_nocase(answer->headers[i].name, name))
            return answer->headers[i].value;
    return BRAMA_NIL;
}

/* As Go's url.QueryEscape. */
static void add_escaped(struct brama_buf *out, brama_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            brama_buf_add_c(out, c);
        else if (c == ' ')
            brama_buf_add_c(out, '+');
        else
            brama_buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

void brama__form_add(struct brama_buf *form, brama_str name, brama_str value)
{
    if (brama_buf_str(form).n != 0)
        brama_buf_add_c(form, '&');
    add_escaped(form, name);
    brama_buf_add_c(form, '=');
    add_escaped(form, value);
}

/* RFC 7617 section 2. */
static brama_str basic(struct brama__case *c, brama_str pair)
{
    struct brama_buf out;

    brama_buf_init(&out, NULL, KEY_MAX);
    brama_buf_add(&out, BRAMA_STR("Basic "));
    brama_b64_encode(&out, pair);
    brama_str text = brama_buf_end(&out, c->arena);
    return text;
}

brama_str brama__basic_plain(struct brama__case *c, brama_str user, brama_str password)
{
    return basic(c,
                 brama_arena_printf(c->arena, "%.*s:%.*s", BRAMA_FMT(user), BRAMA_FMT(password)));
}

brama_str brama__basic(struct brama__case *c, brama_str user, brama_str password)
{
    struct brama_buf plain;

    brama_buf_init(&plain, NULL, KEY_MAX);
    add_escaped(&plain, user);
    brama_buf_add_c(&plain, ':');
    add_escaped(&plain, password);
    brama_str text =
        brama_buf_err(&plain) == BRAMA_OK ? basic(c, brama_buf_str(&plain)) : BRAMA_NIL;
    brama_buf_deinit(&plain);
    return text;
}

void brama__deny_call(struct brama__case *c, const struct brama_call_answer *answer,
                      enum brama_reason reason, uint16_t status)
{
    static const brama_str rates[] = {BRAMA_LIT("Retry-After"), BRAMA_LIT("X-Ratelimit-Limit"),
                                      BRAMA_LIT("X-Ratelimit-Remaining"),
                                      BRAMA_LIT("X-Ratelimit-Reset"),
                                      BRAMA_LIT("X-Ratelimit-Type")};
    bool limited = answer->end == BRAMA_CALL_ANSWERED && answer->status == 429;

    if (answer->end == BRAMA_CALL_BUSY)
        reason = BRAMA_REASON_CALL_BUSY;
    c->ory_status = limited ? 429 : status;
    brama__deny(c, BRAMA__ORY, limited ? BRAMA_REASON_CALL_FAILED : reason);
    for (size_t i = 0; limited && i < BRAMA_ARRAY_LEN(rates); i++) {
        brama_str value = brama__answer_header(answer, rates[i]);
        if (value.p != NULL)
            brama__add_response_header(c, rates[i], brama_arena_copy(c->arena, value));
    }
}
