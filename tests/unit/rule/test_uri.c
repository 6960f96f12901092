/* Facts: apirule.md 3.1, the vectors of Go's url.ParseRequestURI, and Go's net/url documentation.
 */
#include "fixture.h"

#include "rule/uri.h"

static void uris_are_refused_in_gos_words(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str uri, error;
    } rows[] = {
        {"nothing", BRAMA_LIT(""), BRAMA_LIT("value is empty")},
        {"a bare host", BRAMA_LIT("example.com"),
         BRAMA_LIT("parse \"example.com\": invalid URI for request")},
        {"no scheme before the colon", BRAMA_LIT("://bad"),
         BRAMA_LIT("parse \"://bad\": missing protocol scheme")},
        {"a port by name", BRAMA_LIT("https://a:port/"),
         BRAMA_LIT("parse \"https://a:port/\": invalid port \":port\" after host")},
        {"a blank in the host", BRAMA_LIT("https://a b/"),
         BRAMA_LIT("parse \"https://a b/\": invalid character \" \" in host name")},
        {"a broken escape", BRAMA_LIT("https://a/%zz"),
         BRAMA_LIT("parse \"https://a/%zz\": invalid URL escape \"%zz\"")},
        {"an escape cut short", BRAMA_LIT("https://a/%2"),
         BRAMA_LIT("parse \"https://a/%2\": invalid URL escape \"%2\"")},
        {"an open bracket", BRAMA_LIT("http://[::1"),
         BRAMA_LIT("parse \"http://[::1\": missing ']' in host")},
        {"a line end", BRAMA_LIT("https://a\n"),
         BRAMA_LIT("parse \"https://a\\n\": net/url: invalid control character in URL")},
        {"a blank in user information", BRAMA_LIT("https://u v@a/"),
         BRAMA_LIT("parse \"https://u v@a/\": net/url: invalid userinfo")},
        {"an ASCII escape in the host", BRAMA_LIT("https://a%41/"),
         BRAMA_LIT("parse \"https://a%41/\": invalid URL escape \"%41\"")},
        {"https and nothing", BRAMA_LIT("https://"), {NULL, 0}},
        {"a scheme alone", BRAMA_LIT("https:"), {NULL, 0}},
        {"something opaque", BRAMA_LIT("foo:bar"), {NULL, 0}},
        {"a URN", BRAMA_LIT("urn:x:y"), {NULL, 0}},
        {"a path", BRAMA_LIT("/foo"), {NULL, 0}},
        {"an asterisk", BRAMA_LIT("*"), {NULL, 0}},
        {"a blank in the path", BRAMA_LIT("https://a/b c"), {NULL, 0}},
        {"an address with port", BRAMA_LIT("http://[::1]:80/x"), {NULL, 0}},
        {"an address with zone", BRAMA_LIT("http://[fe80::1%25en0]/"), {NULL, 0}},
        {"a cluster's name",
         BRAMA_LIT("http://poster-app.default.svc.cluster.local/jwks_uri"),
         {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_arena arena;
        brama_str uri = expect_exact(rows[i].uri);
        brama_arena_init(&arena, NULL, 1 << 16);
        EXPECT_STR(rows[i].name, brama__uri_error(&arena, uri), rows[i].error);
        brama_arena_deinit(&arena);
        expect_free(uri);
    }
}

static void key_sets_are_had_by_http_or_from_a_file(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str uri;
        bool fetchable;
    } rows[] = {
        {"https", BRAMA_LIT("https://idp.example/keys"), true},
        {"http in capitals", BRAMA_LIT("HTTP://idp.example"), true},
        {"a file", BRAMA_LIT("file:///keys"), true},
        {"a file of another host", BRAMA_LIT("file://idp/keys"), false},
        {"a file without path", BRAMA_LIT("file:///"), false},
        {"a bucket", BRAMA_LIT("s3://bucket/keys"), false},
        {"no host", BRAMA_LIT("https:///keys"), false},
        {"only a port", BRAMA_LIT("http://:80/keys"), false},
        {"only a user", BRAMA_LIT("http://me@/keys"), false},
        {"a user at a host", BRAMA_LIT("http://me@idp/keys"), true},
        {"a query at once", BRAMA_LIT("http://?a"), false},
        {"only a scheme", BRAMA_LIT("https://"), false},
        {"a path", BRAMA_LIT("/keys"), false},
        {"nothing", BRAMA_LIT(""), false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str uri = expect_exact(rows[i].uri);
        EXPECT(rows[i].name, brama__uri_is_fetchable(uri) == rows[i].fetchable);
        expect_free(uri);
    }
}

int run_uri(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uris_are_refused_in_gos_words),
        cmocka_unit_test(key_sets_are_had_by_http_or_from_a_file),
    };
    return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
