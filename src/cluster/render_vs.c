/* The VirtualService: routes, destinations, CORS, headers. apirule.md sections 4.2, 4.3 and 4.5. */
#include <string.h>

#include "cluster/rendering.h"

#define OATHKEEPER_HOST "ory-oathkeeper-proxy.kyma-system.svc.cluster.local"
#define OATHKEEPER_PORT 4455
/* What {**} and {*} become. */
#define ANY_TEXT "([A-Za-z0-9-._~!$&'()*+,;=:@/]|%[0-9a-fA-F]{2})*"
#define ONE_SEGMENT "([A-Za-z0-9-._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+"

static void put(struct brama_buf *buf, const char *s)
{
    brama_buf_add(buf, brama_str_c(s));
}

/* "^(GET|POST)$" */
static void method_match(const struct brama__rendering *r, brama_methods methods)
{
    char regex[128] = "^(";
    const char *between = "";

    for (unsigned bit = 1; bit <= BRAMA_METHOD_ALL; bit <<= 1) {
        if ((methods & bit) == 0)
            continue;
        strcat(regex, between);
        strcat(regex, brama_method_name((brama_methods)bit));
        between = "|";
    }
    brama_json_key(r->out, BRAMA_STR("method"));
    brama_json_map(r->out);
    brama__render_member(r, "regex", "%s)$", regex);
    brama_json_end(r->out);
}

/* The text between operators isn't escaped, as in Kyma. */
static void v2_regex(const struct brama__rendering *r, brama_str path)
{
    struct brama_buf regex;

    brama_buf_init(&regex, r->out->buf->alloc, path.n * sizeof(ANY_TEXT) + 16);
    put(&regex, "^");
    while (path.n != 0) {
        if (brama_str_starts(path, BRAMA_STR("{**}"))) {
            put(&regex, ANY_TEXT);
            path = brama_str_from(path, 4);
        } else if (brama_str_starts(path, BRAMA_STR("{*}"))) {
            put(&regex, ONE_SEGMENT);
            path = brama_str_from(path, 3);
        } else {
            brama_buf_add_c(&regex, path.p[0]);
            path = brama_str_from(path, 1);
        }
    }
    put(&regex, "$");
    brama_json_member(r->out, BRAMA_STR("regex"), brama__render_aside(r, &regex));
    brama_buf_deinit(&regex);
}

static void uri_match(const struct brama__rendering *r, brama_str path)
{
    bool prefix =
        brama_str_eq(path, BRAMA_STR("/*")) && (r->v2 || r->handler == BRAMA_HANDLER_ISTIO);

    brama_json_key(r->out, BRAMA_STR("uri"));
    brama_json_map(r->out);
    if (prefix)
        brama_json_member(r->out, BRAMA_STR("prefix"), BRAMA_STR("/"));
    else if (r->v2)
        v2_regex(r, path);
    else
        brama_json_member(r->out, BRAMA_STR("regex"), path);
    brama_json_end(r->out);
}

static bool matches_method(const struct brama__rendering *r, const struct brama_rule *rule)
{
    if (r->v2)
        return true;
    if (r->handler == BRAMA_HANDLER_ISTIO)
        return !brama__rule_has(rule, BRAMA_STRATEGY_ALLOW);
    return brama__rule_has(rule, BRAMA_STRATEGY_NO_AUTH);
}

static void match(const struct brama__rendering *r, const struct brama_rule *rule)
{
    brama_json_key(r->out, BRAMA_STR("match"));
    brama_json_list(r->out);
    brama_json_map(r->out);
    if (matches_method(r, rule))
        method_match(r, rule->methods);
    uri_match(r, rule->path);
    brama_json_end(r->out);
    brama_json_end(r->out);
}

static void destination(const struct brama__rendering *r, const struct brama_rule *rule)
{
    struct brama_service_ref service = brama_rule_service(r->apirule, rule);
    bool oathkeeper = brama__rule_by_oathkeeper(r, rule);

    brama_json_key(r->out, BRAMA_STR("route"));
    brama_json_list(r->out);
    brama_json_map(r->out);
    brama_json_key(r->out, BRAMA_STR("destination"));
    brama_json_map(r->out);
    if (oathkeeper)
        brama_json_member(r->out, BRAMA_STR("host"), BRAMA_STR(OATHKEEPER_HOST));
    else
        brama__render_member(r, "host", "%.*s.%.*s.svc.cluster.local", BRAMA_FMT(service.name),
                             BRAMA_FMT(service.ns));
    brama_json_key(r->out, BRAMA_STR("port"));
    brama_json_map(r->out);
    brama_json_key(r->out, BRAMA_STR("number"));
    brama_json_int(r->out, oathkeeper ? OATHKEEPER_PORT : service.port);
    brama_json_end(r->out);
    brama_json_end(r->out);
    brama_json_key(r->out, BRAMA_STR("weight"));
    brama_json_int(r->out, 100);
    brama_json_end(r->out);
    brama_json_end(r->out);
}

static void cors_policy(const struct brama__rendering *r, const struct brama_cors *cors)
{
    static const char *const kinds[] = {[BRAMA_ORIGIN_EXACT] = "exact",
                                        [BRAMA_ORIGIN_PREFIX] = "prefix",
                                        [BRAMA_ORIGIN_REGEX] = "regex"};

    if (cors->origin_count == 0)
        return;
    brama_json_key(r->out, BRAMA_STR("corsPolicy"));
    brama_json_map(r->out);
    brama_json_key(r->out, BRAMA_STR("allowOrigins"));
    brama_json_list(r->out);
    for (size_t i = 0; i < cors->origin_count; i++) {
        brama_json_map(r->out);
        brama_json_member(r->out, brama_str_c(kinds[cors->origins[i].kind]),
                          cors->origins[i].value);
        brama_json_end(r->out);
    }
    brama_json_end(r->out);
    if (cors->methods.n != 0)
        brama__render_texts(r, "allowMethods", cors->methods);
    if (cors->headers.n != 0)
        brama__render_texts(r, "allowHeaders", cors->headers);
    if (cors->expose.n != 0)
        brama__render_texts(r, "exposeHeaders", cors->expose);
    if (cors->credentials_given) {
        brama_json_key(r->out, BRAMA_STR("allowCredentials"));
        brama_json_bool(r->out, cors->credentials);
    }
    if (cors->max_age_given)
        brama__render_member(r, "maxAge", "%llus", (unsigned long long)cors->max_age_s);
    brama_json_end(r->out);
}

static void default_cors_policy(const struct brama__rendering *r)
{
    static const brama_str methods[] = {BRAMA_LIT("GET"), BRAMA_LIT("POST"), BRAMA_LIT("PUT"),
                                        BRAMA_LIT("DELETE"), BRAMA_LIT("PATCH")};
    static const brama_str headers[] = {BRAMA_LIT("Authorization"), BRAMA_LIT("Content-Type"),
                                        BRAMA_LIT("*")};
    static const struct brama_origin any = {BRAMA_ORIGIN_REGEX, BRAMA_LIT(".*")};

    cors_policy(r, &(struct brama_cors){.origins = &any,
                                        .origin_count = 1,
                                        .methods = {methods, BRAMA_ARRAY_LEN(methods)},
                                        .headers = {headers, BRAMA_ARRAY_LEN(headers)}});
}

static void request_headers(const struct brama__rendering *r, const struct brama_rule *rule)
{
    struct brama_buf cookies;

    brama_json_key(r->out, BRAMA_STR("request"));
    brama_json_map(r->out);
    brama_json_key(r->out, BRAMA_STR("set"));
    brama_json_map(r->out);
    brama_json_member(r->out, BRAMA_STR("x-forwarded-host"),
                      brama_apirule_forwarded_host(r->apirule));
    for (size_t i = 0; i < rule->header_count; i++)
        brama_json_member(r->out, rule->headers[i].name, rule->headers[i].value);
    brama_buf_init(&cookies, r->out->buf->alloc, 1 << 20);
    for (size_t i = 0; i < rule->cookie_count; i++)
        brama_buf_printf(&cookies, "%s%.*s=%.*s", i != 0 ? "; " : "",
                         BRAMA_FMT(rule->cookies[i].name), BRAMA_FMT(rule->cookies[i].value));
    if (rule->cookie_count != 0)
        brama_json_member(r->out, BRAMA_STR("Cookie"), brama__render_aside(r, &cookies));
    brama_buf_deinit(&cookies);
    brama_json_end(r->out);
    brama_json_end(r->out);
}

/* The gateway speaks for CORS alone, unless a v1 rule leaves it to Kyma's default. */
static void response_headers(const struct brama__rendering *r)
{
    static const brama_str removed[] = {
        BRAMA_LIT("Access-Control-Allow-Origin"),  BRAMA_LIT("Access-Control-Expose-Headers"),
        BRAMA_LIT("Access-Control-Allow-Headers"), BRAMA_LIT("Access-Control-Allow-Credentials"),
        BRAMA_LIT("Access-Control-Allow-Methods"), BRAMA_LIT("Access-Control-Max-Age")};

    if (!r->v2 && !r->apirule->cors.given)
        return;
    brama_json_key(r->out, BRAMA_STR("response"));
    brama_json_map(r->out);
    brama__render_texts(r, "remove", (struct brama_str_list){removed, BRAMA_ARRAY_LEN(removed)});
    brama_json_end(r->out);
}

static void route(const struct brama__rendering *r, const struct brama_rule *rule)
{
    brama_json_map(r->out);
    match(r, rule);
    destination(r, rule);
    if (r->v2 || r->apirule->cors.given)
        cors_policy(r, &r->apirule->cors);
    else
        default_cors_policy(r);
    brama_json_key(r->out, BRAMA_STR("headers"));
    brama_json_map(r->out);
    request_headers(r, rule);
    response_headers(r);
    brama_json_end(r->out);
    brama__render_member(r, "timeout", "%us", (unsigned)brama_rule_timeout(r->apirule, rule));
    brama_json_end(r->out);
}

/* v1: only the first rule of each distinct path. */
static bool has_route(const struct brama__rendering *r, size_t index)
{
    const struct brama_rule *rules = r->apirule->rules;
    for (size_t i = 0; !r->v2 && i < index; i++)
        if (brama_str_eq(rules[i].path, rules[index].path))
            return false;
    return true;
}

void brama__render_virtual_service(const struct brama__rendering *r)
{
    const struct brama_apirule *a = r->apirule;

    brama__render_begin(r, "networking.istio.io/v1beta1", "VirtualService", a->ns, NULL);
    brama__render_texts(r, "hosts", (struct brama_str_list){&a->full_host, 1});
    brama__render_texts(r, "gateways", (struct brama_str_list){&a->gateway, 1});
    brama_json_key(r->out, BRAMA_STR("http"));
    brama_json_list(r->out);
    for (size_t i = 0; i < a->rule_count; i++)
        if (has_route(r, i))
            route(r, &a->rules[i]);
    brama_json_end(r->out);
    brama__render_end(r);
}
