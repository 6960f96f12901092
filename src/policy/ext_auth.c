/* External authorizers, asked as Envoy's ext_authz asks over HTTP. istio-jwt.md 5.1, 5.2. */
#include "policy/inner.h"

#include "rule/world.h"

#define TIMEOUT_MAX_MS 600000 /* Istio's default */
#define ASKED_MAX 8           /* authorizers of one request */

static bool ends_nocase(brama_str s, brama_str end)
{
    return s.n >= end.n && brama_str_eq_nocase(brama_str_from(s, s.n - end.n), end);
}

/* Exact, "p*" or "*s"; a star alone is refused by Istio, and names nothing here. */
static bool named_by(const struct brama__case *c, struct brama_span list, brama_str name)
{
    brama_str one;
    for (uint32_t i = 0; brama__text(c, list, i, &one); i++) {
        if (one.n > 1 && one.p[one.n - 1] == '*') {
            brama_str head = brama_str_head(one, one.n - 1);
            if (brama_str_eq_nocase(brama_str_head(name, head.n), head))
                return true;
        } else if (one.n > 1 && one.p[0] == '*') {
            if (ends_nocase(name, brama_str_from(one, 1)))
                return true;
        } else if (brama_str_eq_nocase(one, name)) {
            return true;
        }
    }
    return false;
}

static const struct brama_p_header *fixed_at(const struct brama__case *c,
                                             const struct brama_p_authorizer *a, uint32_t i)
{
    return i < a->fixed_headers.count ? BRAMA_ROW(c->policy, BRAMA_T_HEADER,
                                                  a->fixed_headers.first + i, struct brama_p_header)
                                      : NULL;
}

static bool is_fixed(const struct brama__case *c, const struct brama_p_authorizer *a,
                     brama_str name)
{
    const struct brama_p_header *h;
    for (uint32_t i = 0; (h = fixed_at(c, a, i)) != NULL; i++)
        if (brama_str_eq_nocase(brama_pack_text(c->policy, h->name), name))
            return true;
    return false;
}

/* Repeated ones become one, as Envoy joins them. */
static brama_str joined(struct brama__case *c, brama_str name)
{
    brama_str out = BRAMA_NIL;
    for (size_t i = 0; i < c->request->header_count; i++) {
        const struct brama_header *h = &c->request->headers[i];
        if (brama_str_eq_nocase(h->name, name))
            out = out.p == NULL ? brama_arena_copy(c->arena, h->value)
                                : brama_arena_printf(c->arena, "%.*s,%.*s", BRAMA_FMT(out),
                                                     BRAMA_FMT(h->value));
    }
    return out;
}

static bool came_before(const struct brama_request *r, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (brama_str_eq_nocase(r->headers[i].name, r->headers[at].name))
            return true;
    return false;
}

/* What the route tells the workload that it was asked for. */
static bool forwarded_host(struct brama__case *c, brama_str *out)
{
    for (uint32_t i = 0; i < c->route->headers.count; i++) {
        const struct brama_p_header *h = BRAMA_ROW(
            c->policy, BRAMA_T_HEADER, c->route->headers.first + i, struct brama_p_header);
        if (h != NULL &&
            brama_str_eq_nocase(brama_pack_text(c->policy, h->name), BRAMA_STR("x-forwarded-host")))
            return brama__header_value(c, h, out);
    }
    return true;
}

/* What in a cluster the ingress gateway has written before a sidecar asks: here it is ours, in the
 * place of what the client says of itself. */
static bool add_own(struct brama__case *c, struct brama_call *call,
                    const struct brama_p_authorizer *a)
{
    static const brama_str names[] = {
        BRAMA_LIT("x-forwarded-for"), BRAMA_LIT("x-forwarded-proto"), BRAMA_LIT("x-forwarded-host"),
        BRAMA_LIT("x-envoy-external-address"), BRAMA_LIT("x-request-id")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++) {
        brama_str value = BRAMA_NIL;
        if (!named_by(c, a->check_headers, names[i]) || is_fixed(c, a, names[i]))
            continue;
        if (!brama__own_header(c, names[i], &value) && !forwarded_host(c, &value))
            return false;
        if (value.n != 0 && !brama__call_header(c, call, names[i], value))
            return false;
    }
    return true;
}

static bool add_headers(struct brama__case *c, struct brama_call *call,
                        const struct brama_p_authorizer *a)
{
    const struct brama_p_header *fixed;

    for (size_t i = 0; i < c->request->header_count; i++) {
        brama_str name = c->request->headers[i].name;
        bool wanted = brama_str_eq_nocase(name, BRAMA_STR("authorization")) ||
                      named_by(c, a->check_headers, name);
        if (!wanted || brama__is_of_the_message(name) || is_fixed(c, a, name) ||
            came_before(c->request, i) || brama__is_hidden(c->request, name))
            continue;
        if (!brama__call_header(c, call, name, joined(c, name)))
            return false;
    }
    if (!add_own(c, call, a))
        return false;
    for (uint32_t i = 0; (fixed = fixed_at(c, a, i)) != NULL; i++) {
        brama_str name = brama_arena_copy(c->arena, brama_pack_text(c->policy, fixed->name));
        brama_str value;
        if (brama__is_of_the_message(name))
            continue;
        if (!brama__header_value(c, fixed, &value) ||
            (value.n != 0 && !brama__call_header(c, call, name, value)))
            return false;
    }
    return true;
}

/* Its beginning has to be read first: false, and the case has ended. */
static bool need_body(struct brama__case *c, size_t bytes)
{
    brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_CALL_NEEDED);
    c->out->verdict = BRAMA_VERDICT_READ; /* status and texts stay the refusal's */
    c->out->read_bytes = bytes;
    return false;
}

/* As much of the request's body as it is to be told: false, and the case has ended. */
static bool add_body(struct brama__case *c, struct brama_call *call,
                     const struct brama_p_authorizer *a)
{
    const struct brama_request_body *body = &c->request->body;
    size_t max = a->body_max < BRAMA_CHECK_BODY_MAX ? a->body_max : BRAMA_CHECK_BODY_MAX;
    bool larger = body->bytes.n > max || body->length > (int64_t)max;

    if (max == 0 || body->state == BRAMA_BODY_NONE)
        return true;
    if (larger && !a->body_partial) {
        brama_trace_add(c->trace, "authorizer", BRAMA_TRACE_FAIL, BRAMA_NIL, BRAMA_NIL,
                        "%.*s is told bodies of at most %zu bytes",
                        BRAMA_FMT(brama_pack_text(c->policy, a->name)), max);
        brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_BODY_TOO_LARGE);
        return false;
    }
    if (body->state == BRAMA_BODY_COMING && body->bytes.n <= max)
        return need_body(c, max);
    call->body = brama_str_head(body->bytes, max);
    call->body_is_the_requests = true;
    return brama__call_header(c, call, BRAMA_STR("x-envoy-auth-partial-body"),
                              larger ? BRAMA_STR("true") : BRAMA_STR("false"));
}

/* RFC 9110 section 9.2.2, as far as rules name methods. */
static bool is_idempotent(brama_str method)
{
    static const brama_str names[] = {BRAMA_LIT("GET"), BRAMA_LIT("HEAD"), BRAMA_LIT("OPTIONS"),
                                      BRAMA_LIT("PUT"), BRAMA_LIT("DELETE")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_str_eq(names[i], method))
            return true;
    return false;
}

static const struct brama_call_answer *ask(struct brama__case *c,
                                           const struct brama_p_authorizer *a)
{
    static const struct brama_call_answer busy = {.end = BRAMA_CALL_BUSY};
    struct brama_call call;
    brama_str prefix = brama_pack_text(c->policy, a->path_prefix);

    if (a->body_max != 0 && c->request->body.state == BRAMA_BODY_NO_ROOM)
        return &busy;
    if (!brama__call_to(c, &call, a->target, (struct brama_ref){0, 0}) ||
        !add_headers(c, &call, a) || !add_body(c, &call, a))
        return NULL;
    call.method = c->request->method;
    call.authority = c->request->authority; /* the client's, as Envoy sends it */
    call.target =
        brama_arena_printf(c->arena, "%.*s%.*s%s%.*s", BRAMA_FMT(prefix), BRAMA_FMT(c->path.path),
                           c->path.has_query ? "?" : "", BRAMA_FMT(c->path.query));
    call.timeout_ms =
        a->timeout_ms != 0 && a->timeout_ms < TIMEOUT_MAX_MS ? a->timeout_ms : TIMEOUT_MAX_MS;
    call.repeatable = is_idempotent(call.method);
    return brama__ask(c, &call, 0);
}

/* Its own status and body; of its headers those that the configuration lets through. */
static bool deny(struct brama__case *c, const struct brama_p_authorizer *a,
                 const struct brama_call_answer *answer)
{
    static const char *const always[] = {"www-authenticate", "location", "status"};

    brama_trace_add(c->trace, "authorizer", BRAMA_TRACE_FAIL, BRAMA_STR("200"), BRAMA_NIL,
                    "%.*s says %u", BRAMA_FMT(brama_pack_text(c->policy, a->name)), answer->status);
    brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_EXT_AUTH_DENIED);
    c->out->status = answer->status;
    c->out->body = brama_arena_copy(c->arena, answer->body);
    c->out->content_type = BRAMA_NIL;
    for (size_t i = 0; i < answer->header_count; i++) {
        brama_str name = answer->headers[i].name, value = answer->headers[i].value;
        bool through = !a->deny_headers_given || named_by(c, a->deny_headers, name);
        for (size_t k = 0; k < BRAMA_ARRAY_LEN(always); k++)
            through = through || brama_str_eq_nocase(name, brama_str_c(always[k]));
        if (!through || brama__is_of_the_message(name))
            continue;
        if (brama_str_eq_nocase(name, BRAMA_STR("content-type")))
            c->out->content_type = brama_arena_copy(c->arena, value);
        else
            brama__add_response_header(c, brama_arena_copy(c->arena, name),
                                       brama_arena_copy(c->arena, value));
    }
    return false;
}

/* No answer, none that is final, or 5xx. Istio's failOpen is somebody's explicit word that this
 * lets in; an answer that is too large for us, or that began with another status, never does, nor
 * that he wasn't asked: who sends enough requests would be let in though he is there. */
static bool fail(struct brama__case *c, const struct brama_p_authorizer *a,
                 const struct brama_call_answer *answer)
{
    bool open =
        a->fail_open && answer->end != BRAMA_CALL_TOO_BIG && answer->end != BRAMA_CALL_BUSY &&
        (answer->status >= 500 || (answer->status == 0 && answer->end != BRAMA_CALL_ANSWERED));

    brama_trace_add(c->trace, "authorizer", open ? BRAMA_TRACE_INFO : BRAMA_TRACE_FAIL,
                    BRAMA_STR("an answer"), BRAMA_NIL, "%.*s has failed%s",
                    BRAMA_FMT(brama_pack_text(c->policy, a->name)),
                    open ? ", and its failOpen lets in" : "");
    if (open)
        return true;
    brama__deny(c, BRAMA__ISTIO,
                answer->end == BRAMA_CALL_BUSY ? BRAMA_REASON_CALL_BUSY
                                               : BRAMA_REASON_EXT_AUTH_FAILED);
    c->out->status = (uint16_t)a->error_status;
    c->out->body = c->out->content_type = BRAMA_NIL;
    return false;
}

static bool remove_named(struct brama__case *c, brama_str names)
{
    brama_str one;
    while (brama_str_next(&names, ',', &one)) {
        one = brama_str_trim(one);
        if (one.n == 0 || one.p[0] == ':' || brama__is_of_the_message(one))
            continue;
        if (!brama__add_name(c, &c->out->upstream_removed, &c->out->upstream_removed_count,
                             brama_arena_copy(c->arena, one)))
            return false;
    }
    return true;
}

/* What its yes says to the workload and to the client. */
static bool take(struct brama__case *c, const struct brama_p_authorizer *a,
                 const struct brama_call_answer *answer)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        brama_str name = brama_arena_copy(c->arena, answer->headers[i].name);
        brama_str value = brama_arena_copy(c->arena, answer->headers[i].value);
        if (brama_str_eq_nocase(name, BRAMA_STR("x-envoy-auth-headers-to-remove")) &&
            !remove_named(c, value))
            return false;
        if (brama__is_of_the_message(name))
            continue;
        if (named_by(c, a->upstream_headers, name))
            brama__set_upstream_header(c, name, value);
        if (named_by(c, a->allow_headers, name))
            brama__add_response_header(c, name, value);
    }
    return !brama_arena_failed(c->arena);
}

static bool satisfy(struct brama__case *c, uint32_t row)
{
    const struct brama_p_authorizer *a =
        BRAMA_ROW(c->policy, BRAMA_T_AUTHORIZER, row, struct brama_p_authorizer);

    if (a == NULL) {
        brama_trace_add(c->trace, "authorizer", BRAMA_TRACE_FAIL, BRAMA_NIL, BRAMA_NIL,
                        "the mesh configuration has it no more");
        brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_EXT_AUTH_FAILED);
        return false;
    }
    const struct brama_call_answer *answer = ask(c, a);
    if (answer == NULL)
        return false;
    if (answer->end != BRAMA_CALL_ANSWERED || answer->status < 200 || answer->status >= 500)
        return fail(c, a, answer);
    if (answer->status != 200)
        return deny(c, a, answer);
    brama_trace_add(c->trace, "authorizer", BRAMA_TRACE_PASS, BRAMA_NIL, BRAMA_NIL, "%.*s says yes",
                    BRAMA_FMT(brama_pack_text(c->policy, a->name)));
    if (take(c, a, answer))
        return true;
    brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_INTERNAL);
    return false;
}

static const struct brama_p_ap *policy_at(const struct brama__case *c, uint32_t i)
{
    const uint32_t *n =
        i < c->route->policies.count
            ? BRAMA_ROW(c->policy, BRAMA_T_NUMBERS, c->route->policies.first + i, uint32_t)
            : NULL;
    return n != NULL ? BRAMA_ROW(c->policy, BRAMA_T_AP, *n, struct brama_p_ap) : NULL;
}

static bool reaches(const struct brama__case *c, const struct brama_p_ap *ap, brama_str path)
{
    struct brama__place_of_request at = {c->host, path, c->method};
    return brama__policy_reaches(c->policy, ap, &at, brama__memory_regexes(c->engine->memory));
}

/* Would a lenient backend see a path that somebody else guards? */
static bool is_guarded_otherwise(const struct brama__case *c, const struct brama_p_ap *ap,
                                 brama_str *reading)
{
    for (size_t i = 0; i < c->path.reading_count; i++) {
        *reading = c->path.readings[i];
        if (reaches(c, ap, *reading))
            return true;
    }
    return false;
}

bool brama__ask_authorizers(struct brama__case *c)
{
    uint32_t asked[ASKED_MAX];
    size_t asked_count = 0;

    for (uint32_t i = 0; i < c->route->policies.count; i++) {
        const struct brama_p_ap *ap = policy_at(c, i);
        brama_str reading;
        size_t k = 0;
        if (ap == NULL || (ap->from == BRAMA_AP_CUSTOM && asked_count == ASKED_MAX)) {
            brama__deny(c, BRAMA__ISTIO, BRAMA_REASON_INTERNAL);
            return false;
        }
        if (ap->from != BRAMA_AP_CUSTOM)
            continue;
        if (!reaches(c, ap, c->path.path)) {
            if (!is_guarded_otherwise(c, ap, &reading))
                continue;
            brama__deny_ambiguous(c, reading);
            return false;
        }
        while (k < asked_count && asked[k] != ap->authorizer)
            k++;
        if (k < asked_count)
            continue;
        asked[asked_count++] = ap->authorizer;
        if (!satisfy(c, ap->authorizer))
            return false;
    }
    return !brama__in_doubt(c);
}
