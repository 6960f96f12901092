#include "expect.h"

#include "agent/nginx_conf.h"

static const struct brama_nginx_options plain = {
    .state_dir = BRAMA_LIT("/run/brama"),
    .module = BRAMA_LIT("/usr/lib/brama/module.so"),
    .listen = BRAMA_LIT("127.0.0.1:8080"),
    .tls_listen = BRAMA_LIT("127.0.0.1:8443"),
    .admin = BRAMA_LIT("127.0.0.1:9901"),
    .access_log = BRAMA_LIT("/dev/stdout"),
    .workers = 2,
    .drain_s = 30,
    .kid_wait_ms = 2000,
    .mark = BRAMA_LIT("0123456789abcdef"),
    .refusals = BRAMA_LIT("brief"),
};

static struct brama_buf made(const struct brama_nginx_options *options)
{
    struct brama_buf text;

    brama_buf_init(&text, NULL, 1 << 16);
    brama_nginx_conf(&text, options);
    assert_int_equal(brama_buf_err(&text), BRAMA_OK);
    return text;
}

static size_t count(brama_str text, brama_str what)
{
    size_t n = 0;
    size_t at;

    while ((at = brama_str_find_str(text, what)) != text.n) {
        text = brama_str_from(text, at + what.n);
        n++;
    }
    return n;
}

/* Each row is one promise to workloads or clients, and the line that keeps it. */
static void promises_have_their_lines(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str line;
        size_t times;
    } rows[] = {
        {"the module is loaded", BRAMA_LIT("load_module \"/usr/lib/brama/module.so\";"), 1},
        {"the agent is the parent", BRAMA_LIT("daemon off;"), 1},
        {"workers as asked", BRAMA_LIT("worker_processes 2;"), 1},
        {"a drain ends", BRAMA_LIT("worker_shutdown_timeout 30s;"), 1},
        {"its workers name it", BRAMA_LIT("brama_mark \"0123456789abcdef\";"), 1},
        {"refusals are kept in brief", BRAMA_LIT("brama_refusals brief;"), 1},
        {"a request waits for a key", BRAMA_LIT("brama_kid_wait 2000ms;"), 1},
        {"the module judges", BRAMA_LIT("brama on;"), 1},
        {"and answers the admin", BRAMA_LIT("brama_admin on;"), 1},
        {"bodies have no limit", BRAMA_LIT("client_max_body_size 0;"), 1},
        {"requests stream", BRAMA_LIT("proxy_request_buffering off;"), 1},
        {"answers stream", BRAMA_LIT("proxy_buffering off;"), 1},
        {"a workload's errors are its own", BRAMA_LIT("proxy_intercept_errors off;"), 1},
        {"a workload steers nothing", BRAMA_LIT("proxy_ignore_headers X-Accel-Redirect"), 1},
        {"HTTP/2 by ALPN", BRAMA_LIT("listen 127.0.0.1:8443 ssl http2 default_server;"), 1},
        {"plain is HTTP/1.1", BRAMA_LIT("listen 127.0.0.1:8080 default_server;"), 1},
        {"no access log of nginx", BRAMA_LIT("access_log off;"), 1},
        {"satisfy any would let in", BRAMA_LIT("satisfy any"), 0},
        {"no user unless asked", BRAMA_LIT("user "), 0},
    };
    struct brama_buf text = made(&plain);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        EXPECT(rows[i].name, count(brama_buf_str(&text), rows[i].line) == rows[i].times);
    brama_buf_deinit(&text);
}

static void what_is_not_asked_for_is_not_there(void **state)
{
    (void)state;
    struct brama_nginx_options options = plain;

    options.tls_listen = BRAMA_NIL;
    options.admin = BRAMA_NIL;
    options.user = BRAMA_STR("www-data");
    struct brama_buf text = made(&options);
    EXPECT("no TLS", count(brama_buf_str(&text), BRAMA_STR("ssl")) == 0);
    EXPECT("no admin", count(brama_buf_str(&text), BRAMA_STR("brama_admin")) == 0);
    EXPECT("a user", count(brama_buf_str(&text), BRAMA_STR("user \"www-data\";")) == 1);
    brama_buf_deinit(&text);
}

/* A folder's name is text, whatever it holds. */
static void names_do_not_become_directives(void **state)
{
    (void)state;
    struct brama_nginx_options options = plain;

    options.state_dir = BRAMA_STR("/tmp/a\"; daemon on; b\\");
    struct brama_buf text = made(&options);
    brama_str got = brama_buf_str(&text);
    EXPECT("the quote is escaped",
           count(got, BRAMA_STR("brama_state \"/tmp/a\\\"; daemon on; b\\\\\";")) == 1);
    EXPECT("and nowhere bare", count(got, BRAMA_STR("a\";")) == 0);
    brama_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promises_have_their_lines),
        cmocka_unit_test(what_is_not_asked_for_is_not_there),
        cmocka_unit_test(names_do_not_become_directives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
