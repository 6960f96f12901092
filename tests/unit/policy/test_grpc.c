/* gRPC isn't forwarded, and says so to who may call; everybody is answered as gRPC clients read it.
 */
#include "fixture.h"

#define URL "https://idp.example/keys"
#define HOST "orders.kyma.example"
#define GOOD "{\"iss\":\"i\",\"sub\":\"me\",\"exp\":1800000600}"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: orders}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  hosts: [orders]\n"
    "  service: {name: orders, port: 80}\n  rules:\n"
    "  - path: /closed\n    methods: [POST]\n"
    "    jwt: {authentications: [{issuer: i, jwksUri: \"" URL "\"}]}\n"
    "  - path: /never\n    methods: [POST]\n    service: {name: other, port: 80}\n"
    "    jwt: {authentications: [{issuer: i, jwksUri: \"" URL "/never\"}]}\n"
    "  - path: /open\n    methods: [POST]\n    noAuth: true\n";

static const struct brama_decision *ask(struct fixture *f, const char *host, const char *target,
                                        const char *type, const char *payload)
{
    brama_str token = payload != NULL
                          ? fixture_token(f, f->key, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", payload)
                          : BRAMA_NIL;
    const char *const headers[] = {
        type, brama_arena_printf(&f->arena, "Authorization: Bearer %.*s", BRAMA_FMT(token)).p,
        NULL};
    const char *const without[] = {type, NULL};
    return fixture_ask(f, "POST", host, target, payload != NULL ? headers : without);
}

static void a_grpc_request_is_refused_in_grpc(void **state)
{
    (void)state;
    static const struct {
        const char *name, *host, *target, *payload;
        enum brama_reason reason;
        const char *status, *message;
    } rows[] = {
        {"no token", HOST, "/closed", NULL, BRAMA_REASON_TOKEN_MISSING, "7", "RBAC: access denied"},
        {"a bad one", HOST, "/closed", "{\"iss\":\"i\",\"sub\":\"me\",\"exp\":1}",
         BRAMA_REASON_TOKEN_EXPIRED, "16", "Jwt is expired"},
        {"no keys", HOST, "/never", GOOD, BRAMA_REASON_KEYS_UNAVAILABLE, "14",
         "Jwks remote fetch is failed"},
        {"no route", HOST, "/nowhere", GOOD, BRAMA_REASON_NO_ROUTE, "12", ""},
        {"no host", "x.kyma.example", "/", GOOD, BRAMA_REASON_NO_HOST, "12", ""},
        {"a path that is none", HOST, "/%zz", GOOD, BRAMA_REASON_BAD_PATH, "13", "Bad Request"},
        {"who may pass", HOST, "/closed", GOOD, BRAMA_REASON_GRPC_UNSUPPORTED, "12",
         "gRPC is not forwarded to workloads"},
        {"everybody may", HOST, "/open", NULL, BRAMA_REASON_GRPC_UNSUPPORTED, "12",
         "gRPC is not forwarded to workloads"},
    };
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        const struct brama_decision *d = ask(&f, rows[i].host, rows[i].target,
                                             "Content-Type: application/grpc", rows[i].payload);
        EXPECT(rows[i].name, d->verdict == BRAMA_VERDICT_DENY && d->reason == rows[i].reason);
        EXPECT(rows[i].name, d->status == 200 && d->body.n == 0);
        EXPECT_STR(rows[i].name, d->content_type, BRAMA_STR("application/grpc"));
        EXPECT_STR(rows[i].name, fixture_response_header(&f, "grpc-status"),
                   brama_str_c(rows[i].status));
        EXPECT_STR(rows[i].name, fixture_response_header(&f, "grpc-message"),
                   brama_str_c(rows[i].message));
    }
    fixture_deinit(&f);
}

static void the_content_type_tells(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool grpc;
    } rows[] = {
        {"Content-Type: application/grpc", true},
        {"content-type: Application/GRPC", true},
        {"Content-Type: application/grpc+proto", true},
        {"Content-Type: application/grpc;charset=utf-8", true},
        {"Content-Type: application/grpc-web", false},
        {"Content-Type: application/grpc-web+proto", false},
        {"Content-Type: application/grp", false},
        {"Content-Type: text/plain, application/grpc", false},
        {"Accept: application/grpc", false},
    };
    struct fixture f;
    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        const struct brama_decision *d = ask(&f, HOST, "/open", rows[i].type, NULL);
        EXPECT(rows[i].type, (d->verdict != BRAMA_VERDICT_ALLOW) == rows[i].grpc);
        d = ask(&f, HOST, "/closed", rows[i].type, NULL);
        EXPECT(rows[i].type, d->verdict == BRAMA_VERDICT_DENY);
        EXPECT(rows[i].type, d->status == (rows[i].grpc ? 200 : 403));
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grpc_request_is_refused_in_grpc),
        cmocka_unit_test(the_content_type_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
