#include "expect.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/address.h"
#include "http/http.h"
#include "http/server.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define BODY(s) "Content-Length: " s "\r\nConnection: close\r\n\r\n"

static void link_local_and_metadata_addresses_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *address;
        bool want;
    } rows[] = {
        {"the metadata address of most clouds", "169.254.169.254", true},
        {"the rest of link-local", "169.254.0.1", true},
        {"its neighbour", "169.253.255.255", false},
        {"Alibaba's metadata address", "100.100.100.200", true},
        {"its neighbour", "100.100.100.201", false},
        {"loopback, where local workloads are", "127.0.0.1", false},
        {"a private network", "10.0.0.1", false},
        {"link-local, IPv6", "fe80::1", true},
        {"the end of link-local", "febf:ffff::1", true},
        {"just behind it", "fec0::1", false},
        {"AWS's metadata address", "fd00:ec2::254", true},
        {"another unique local address", "fd00:ec3::254", false},
        {"loopback, IPv6", "::1", false},
        {"mapped", "::ffff:169.254.169.254", true},
        {"mapped, but harmless", "::ffff:10.0.0.1", false},
        {"compatible", "::169.254.169.254", true},
        {"behind NAT64", "64:ff9b::169.254.169.254", true},
        {"behind NAT64, but harmless", "64:ff9b::192.0.2.1", false},
        {"Alibaba's behind NAT64", "64:ff9b::100.100.100.200", true},
        {"by 6to4", "2002:a9fe:a9fe::1", true},
        {"by 6to4, but harmless", "2002:c000:201::1", false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        bool v6 = inet_pton(AF_INET, rows[i].address, &in.sin_addr) != 1;
        if (v6 && inet_pton(AF_INET6, rows[i].address, &in6.sin6_addr) != 1)
            fail_msg("%s: not an address", rows[i].name);
        const struct sockaddr *a =
            v6 ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in;
        EXPECT(rows[i].name, brama__address_refused(a) == rows[i].want);
    }
    struct sockaddr unix_address = {.sa_family = AF_UNIX};
    EXPECT("no other family is connected to", brama__address_refused(&unix_address));
}

/* What the server says for a target, and what the client must make of it. */
struct endpoint {
    const char *name;
    brama_str target, answer;
    uint16_t status;     /* 0: refused */
    brama_str body;      /* of a 200 */
    const char *problem; /* a word of it */
    int64_t max_age_s;
};

static const struct endpoint endpoints[] = {
    {"a plain answer", BRAMA_LIT("/ok"), BRAMA_LIT(OK BODY("2") "{}"), 200, BRAMA_LIT("{}"), "",
     -1},
    {"an answer in chunks", BRAMA_LIT("/chunks"),
     BRAMA_LIT(OK "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), 200,
     BRAMA_LIT("{}"), "", -1},
    {"an answer that ends with the connection", BRAMA_LIT("/close"), BRAMA_LIT(OK "\r\n{}"), 200,
     BRAMA_LIT("{}"), "", -1},
    {"its age", BRAMA_LIT("/age"),
     BRAMA_LIT(OK "cache-control: public, Max-Age=600, x\r\n" BODY("2") "{}"), 200, BRAMA_LIT("{}"),
     "", 600},
    {"a quoted age", BRAMA_LIT("/quoted"),
     BRAMA_LIT(OK "Cache-Control: max-age=\"60\"\r\n" BODY("2") "{}"), 200, BRAMA_LIT("{}"), "",
     60},
    {"an age that is no number", BRAMA_LIT("/never"),
     BRAMA_LIT(OK "Cache-Control: max-age=soon\r\n" BODY("2") "{}"), 200, BRAMA_LIT("{}"), "", -1},
    {"no-store beats an age", BRAMA_LIT("/nostore"),
     BRAMA_LIT(OK "Cache-Control: no-store\r\nCache-Control: max-age=60\r\n" BODY("2") "{}"), 200,
     BRAMA_LIT("{}"), "", 0},
    {"500", BRAMA_LIT("/500"), BRAMA_LIT("HTTP/1.1 500 Oops\r\n" BODY("2") "{}"), 500,
     BRAMA_LIT("{}"), "500", -1},
    {"404", BRAMA_LIT("/404"), BRAMA_LIT("HTTP/1.1 404 No\r\n" BODY("2") "{}"), 404,
     BRAMA_LIT("{}"), "404", -1},
    {"a body of the largest size", BRAMA_LIT("/16"), BRAMA_LIT(OK BODY("16") "0123456789abcdef"),
     200, BRAMA_LIT("0123456789abcdef"), "", -1},
    {"a byte more, announced", BRAMA_LIT("/17"), BRAMA_LIT(OK BODY("17") "0123456789abcdefg"), 0,
     BRAMA_LIT(""), "more than 16 bytes", -1},
    {"a byte more, not announced", BRAMA_LIT("/17close"), BRAMA_LIT(OK "\r\n0123456789abcdefg"), 0,
     BRAMA_LIT(""), "more than 16 bytes", -1},
    {"gzip", BRAMA_LIT("/gzip"), BRAMA_LIT(OK "Content-Encoding: gzip\r\n" BODY("2") "{}"), 0,
     BRAMA_LIT(""), "gzip", -1},
    {"gzip of the connection", BRAMA_LIT("/tegzip"),
     BRAMA_LIT(OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 0, BRAMA_LIT(""), "gzip",
     -1},
    {"identity said aloud", BRAMA_LIT("/identity"),
     BRAMA_LIT(OK "Content-Encoding: identity\r\n" BODY("2") "{}"), 200, BRAMA_LIT("{}"), "", -1},
    {"cut short", BRAMA_LIT("/cut"), BRAMA_LIT(OK BODY("3") "{}"), 0, BRAMA_LIT(""), "", -1},
    {"no HTTP at all", BRAMA_LIT("/none"), BRAMA_LIT("hello\r\n\r\n"), 0, BRAMA_LIT(""), "", -1},
    {"a redirect", BRAMA_LIT("/to-ok"),
     BRAMA_LIT("HTTP/1.1 302 F\r\nLocation: /ok\r\n" BODY("9") "elsewhere"), 200, BRAMA_LIT("{}"),
     "", -1},
    {"three redirects", BRAMA_LIT("/3"), BRAMA_LIT("HTTP/1.1 301 F\r\nLocation: /2\r\n" BODY("0")),
     200, BRAMA_LIT("{}"), "", -1},
    {"two redirects", BRAMA_LIT("/2"), BRAMA_LIT("HTTP/1.1 307 F\r\nLocation: /1\r\n" BODY("0")),
     200, BRAMA_LIT("{}"), "", -1},
    {"one redirect", BRAMA_LIT("/1"), BRAMA_LIT("HTTP/1.1 308 F\r\nLocation: /ok\r\n" BODY("0")),
     200, BRAMA_LIT("{}"), "", -1},
    {"four redirects", BRAMA_LIT("/4"), BRAMA_LIT("HTTP/1.1 302 F\r\nLocation: /3\r\n" BODY("0")),
     0, BRAMA_LIT(""), "redirects", -1},
    {"a redirect to itself", BRAMA_LIT("/loop"),
     BRAMA_LIT("HTTP/1.1 302 F\r\nLocation: /loop\r\n" BODY("0")), 0, BRAMA_LIT(""), "redirects",
     -1},
    {"a redirect that says not where", BRAMA_LIT("/nowhere"),
     BRAMA_LIT("HTTP/1.1 302 F\r\n" BODY("0")), 302, BRAMA_LIT(""), "302", -1},
    {"a redirect to the metadata address", BRAMA_LIT("/meta"),
     BRAMA_LIT("HTTP/1.1 302 F\r\nLocation: http://169.254.169.254/latest\r\n" BODY("0")), 0,
     BRAMA_LIT(""), "metadata", -1},
    {"the same by NAT64", BRAMA_LIT("/nat64"),
     BRAMA_LIT("HTTP/1.1 302 F\r\nLocation: http://[64:ff9b::a9fe:a9fe]/latest\r\n" BODY("0")), 0,
     BRAMA_LIT(""), "metadata", -1},
    {"the same in one number", BRAMA_LIT("/number"),
     BRAMA_LIT("HTTP/1.1 302 F\r\nLocation: http://2852039166/latest\r\n" BODY("0")), 0,
     BRAMA_LIT(""), "metadata", -1},
    {"a redirect to a file", BRAMA_LIT("/file"),
     BRAMA_LIT("HTTP/1.1 302 F\r\nLocation: file:///etc/hostname\r\n" BODY("0")), 0, BRAMA_LIT(""),
     "only http", -1},
    {"a redirect to a service of the table", BRAMA_LIT("/to-service"),
     BRAMA_LIT("HTTP/1.1 302 F\r\nLocation: http://idp.default.svc.cluster.local/ok\r\n" BODY("0")),
     200, BRAMA_LIT("{}"), "", -1},
};

static brama_str by_target(void *ctx, brama_str target)
{
    (void)ctx;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(endpoints); i++) {
        if (brama_str_eq(endpoints[i].target, target))
            return endpoints[i].answer;
    }
    return BRAMA_NIL;
}

/* The service table of the test: one name at the test's server; one there too, but at two places
 * before it where nobody is. */
static bool lookup(void *ctx, brama_str host, uint16_t port, size_t which, brama_str *to_host,
                   uint16_t *to_port)
{
    const struct server *server = ctx;
    size_t dead = brama_str_eq(host, BRAMA_STR("several.default.svc")) ? 2 : 0;
    if ((dead == 0 && !brama_str_eq(host, BRAMA_STR("idp.default.svc.cluster.local"))) ||
        port != 80 || which > dead)
        return false;
    *to_host = which < dead ? BRAMA_STR("127.0.0.9") : BRAMA_STR("127.0.0.1");
    *to_port = which < dead ? 1 : server->port;
    return true;
}

struct got {
    struct brama_http_answer answer;
    char body[64];
    unsigned calls;
    uv_loop_t *loop; /* stopped by the call; may be NULL */
};

static void take(void *ctx, const struct brama_http_answer *answer)
{
    struct got *got = ctx;
    got->answer = *answer;
    got->calls++;
    if (got->loop != NULL)
        uv_stop(got->loop);
    if (answer->body.n > sizeof(got->body))
        fail_msg("a body of %zu bytes came through", answer->body.n);
    if (answer->body.n != 0)
        memcpy(got->body, answer->body.p, answer->body.n);
    got->answer.body.p = got->body;
}

struct setup {
    uv_loop_t loop;
    struct server server;
    struct brama_http *http;
};

static void set_up(struct setup *s)
{
    *s = (struct setup){.server = {.answer = by_target}};
    uv_loop_init(&s->loop);
    server_start(&s->server, &s->loop);
    assert_int_equal(brama_http_new(&s->http, &s->loop), BRAMA_OK);
}

static void tear_down(struct setup *s)
{
    brama_http_free(s->http);
    server_stop(&s->server);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

static void fetch(struct setup *s, struct got *got, brama_str url,
                  const struct brama_http_options *options)
{
    brama_str exact = expect_exact(url);
    *got = (struct got){.loop = &s->loop};
    assert_int_equal(brama_http_start(s->http, exact, options, take, got), BRAMA_OK);
    expect_free(exact);
    assert_int_equal(got->calls, 0); /* later, never from within */
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(got->calls, 1);
}

static void every_endpoint_is_taken_for_what_it_is(void **state)
{
    (void)state;
    struct setup s;
    struct got got;
    set_up(&s);
    struct brama_http_resolver resolver = {lookup, &s.server};
    struct brama_http_options options = {.resolver = &resolver, .max_body = 16};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(endpoints); i++) {
        const struct endpoint *e = &endpoints[i];
        char url[128];
        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", s.server.port, e->target.p);
        fetch(&s, &got, brama_str_c(url), &options);
        if (got.answer.status != e->status)
            fail_msg("%s: status %u, %s", e->name, got.answer.status, got.answer.problem);
        EXPECT_STR(e->name, got.answer.body, e->body);
        if (strstr(got.answer.problem, e->problem) == NULL)
            fail_msg("%s: \"%s\" has no \"%s\"", e->name, got.answer.problem, e->problem);
        EXPECT(e->name, (got.answer.problem[0] == '\0') == (e->status == 200));
        if (e->status == 200)
            EXPECT(e->name, got.answer.max_age_s == e->max_age_s);
    }
    tear_down(&s);
}

static void a_service_name_keeps_its_host_header(void **state)
{
    (void)state;
    struct setup s;
    struct got got;
    set_up(&s);
    struct brama_http_resolver resolver = {lookup, &s.server};
    struct brama_http_options options = {.resolver = &resolver};
    fetch(&s, &got, BRAMA_STR("http://idp.default.svc.cluster.local/ok"), &options);
    assert_int_equal(got.answer.status, 200);
    brama_str head = {s.server.last, s.server.last_n};
    EXPECT("the URL's host, byte for byte",
           brama_str_find_str(head, BRAMA_STR("\r\nHost: idp.default.svc.cluster.local\r\n")) <
               head.n);
    EXPECT("no coding is asked for",
           brama_str_find_str(head, BRAMA_STR("Accept-Encoding")) == head.n);
    tear_down(&s);
}

static void the_endpoints_of_a_service_are_tried_in_turn(void **state)
{
    (void)state;
    struct setup s;
    struct got got;
    set_up(&s);
    struct brama_http_resolver resolver = {lookup, &s.server};
    struct brama_http_options options = {.resolver = &resolver};
    fetch(&s, &got, BRAMA_STR("http://several.default.svc/ok"), &options);
    assert_int_equal(got.answer.status, 200);
    brama_str head = {s.server.last, s.server.last_n};
    EXPECT("the request is the same",
           brama_str_find_str(head, BRAMA_STR("\r\nHost: several.default.svc\r\n")) < head.n);
    server_stop(&s.server);
    fetch(&s, &got, BRAMA_STR("http://several.default.svc/ok"), &options);
    EXPECT("none of them", got.answer.status == 0 && got.answer.problem[0] != '\0');
    server_start(&s.server, &s.loop);
    tear_down(&s);
}

static void urls_of_no_use_have_a_problem_and_no_connection(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str url;
        const char *problem;
    } rows[] = {
        {"nothing", BRAMA_LIT(""), "URL"},
        {"no scheme", BRAMA_LIT("idp.example"), "URL"},
        {"a blank", BRAMA_LIT("http://127.0.0.1/a b"), "blank"},
        {"a line break", BRAMA_LIT("http://127.0.0.1/a\r\nX: y"), "blank"},
        {"a NUL", BRAMA_LIT("http://127.0.0.1/\0"), "blank"},
        {"another protocol", BRAMA_LIT("gopher://127.0.0.1/"), "only http"},
        {"no host", BRAMA_LIT("http://"), "URL"},
        {"the metadata address", BRAMA_LIT("http://169.254.169.254/"), "metadata"},
        {"the metadata address over TLS", BRAMA_LIT("https://[::ffff:169.254.169.254]/"),
         "metadata"},
        {"a directory", BRAMA_LIT("file:///tmp"), "regular"},
        {"a device", BRAMA_LIT("file:///dev/zero"), "regular"},
        {"a file that isn't there", BRAMA_LIT("file:///nonexistent/x"), "No such file"},
        {"a file on another host", BRAMA_LIT("file://host/etc/hostname"), "file:///path"},
        {"a broken escape", BRAMA_LIT("file:///etc/%4"), "decoded"},
        {"an encoded NUL", BRAMA_LIT("file:///etc/hostname%00x"), "decoded"},
    };
    struct setup s;
    set_up(&s);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct got got;
        fetch(&s, &got, rows[i].url, NULL);
        EXPECT(rows[i].name, got.answer.status == 0);
        if (strstr(got.answer.problem, rows[i].problem) == NULL)
            fail_msg("%s: \"%s\" has no \"%s\"", rows[i].name, got.answer.problem, rows[i].problem);
    }
    tear_down(&s);
}

static void a_dripping_or_silent_server_ends_with_the_deadline(void **state)
{
    (void)state;
    struct setup s;
    struct got got;
    char url[64];
    struct brama_http_options options = {.total_ms = 200};
    set_up(&s);
    s.server.drip_ms = 20;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/age", s.server.port);
    uint64_t start = uv_hrtime();
    fetch(&s, &got, brama_str_c(url), &options);
    uint64_t took_ms = (uv_hrtime() - start) / 1000000;
    assert_int_equal(got.answer.status, 0);
    assert_non_null(strstr(got.answer.problem, "200 ms"));
    assert_true(took_ms >= 190 && took_ms < 2000);

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/unknown", s.server.port);
    fetch(&s, &got, brama_str_c(url), &options);
    assert_int_equal(got.answer.status, 0);
    tear_down(&s);
}

static void an_abandoned_fetch_calls_nobody(void **state)
{
    (void)state;
    struct setup s;
    struct got running = {0}, ready = {0};
    char url[64];
    set_up(&s);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/unknown", s.server.port);
    assert_int_equal(brama_http_start(s.http, brama_str_c(url), NULL, take, &running), BRAMA_OK);
    while (s.server.requests == 0)
        uv_run(&s.loop, UV_RUN_ONCE);
    assert_int_equal(brama_http_start(s.http, BRAMA_STR("file:///x"), NULL, take, &ready),
                     BRAMA_OK);
    tear_down(&s);
    assert_int_equal(running.calls + ready.calls, 0);
}

static void files_are_read_within_the_limit(void **state)
{
    (void)state;
    char path[] = "/tmp/brama-http-XXXXXX", url[128], fifo[96];
    struct brama_http_answer answer;
    struct brama_arena arena;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "0123456789", 10) == 10);
    close(fd);
    brama_arena_init(&arena, NULL, 1 << 20);

    snprintf(url, sizeof(url), "file://%s", path);
    brama_http_get(&answer, &arena, brama_str_c(url), &(struct brama_http_options){.max_body = 10});
    EXPECT("as large as may be", answer.status == 200);
    EXPECT_STR("its text", answer.body, BRAMA_STR("0123456789"));
    brama_http_get(&answer, &arena, brama_str_c(url), &(struct brama_http_options){.max_body = 9});
    EXPECT("a byte too large", answer.status == 0 && strstr(answer.problem, "more than 9") != NULL);
    snprintf(url, sizeof(url), "file://localhost/%%74mp/%s", path + 5);
    brama_http_get(&answer, &arena, brama_str_c(url), NULL);
    EXPECT("localhost and an escape", answer.status == 200);

    snprintf(fifo, sizeof(fifo), "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    snprintf(url, sizeof(url), "file://%s", fifo);
    brama_http_get(&answer, &arena, brama_str_c(url), NULL);
    EXPECT("a FIFO doesn't hold us up", answer.status == 0);
    unlink(fifo);
    unlink(path);
    brama_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_local_and_metadata_addresses_are_refused),
        cmocka_unit_test(every_endpoint_is_taken_for_what_it_is),
        cmocka_unit_test(a_service_name_keeps_its_host_header),
        cmocka_unit_test(the_endpoints_of_a_service_are_tried_in_turn),
        cmocka_unit_test(urls_of_no_use_have_a_problem_and_no_connection),
        cmocka_unit_test(a_dripping_or_silent_server_ends_with_the_deadline),
        cmocka_unit_test(an_abandoned_fetch_calls_nobody),
        cmocka_unit_test(files_are_read_within_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
