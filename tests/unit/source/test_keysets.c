/* What becomes of a key set: fetched, refreshed, failing, kept, forced, let go. Longer than others,
 * since all of it needs the one loop with its real server below. */
#include "expect.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "http/server.h"
#include "source/forced.h"
#include "source/keysets.h"
#include "source/resolve.h"
#include "source/turns.h"

/* RFC 7517 appendix A.1, for signatures; RFC 8037 appendix A.2. */
#define KEY_EC                                                                                     \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"kid\":\"1\","                             \
    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","                                       \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}"
#define KEY_OKP                                                                                    \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"2\","                                          \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define SET_ONE "{\"keys\":[" KEY_EC "]}"
#define SET_TWO "{\"keys\":[" KEY_EC "," KEY_OKP "]}"
#define WELL_KNOWN "/.well-known/openid-configuration"

struct setup {
    uv_loop_t loop;
    struct server server;
    uv_timer_t limit;
    struct brama_keysets *sets;
    char dir[32];
    unsigned events[BRAMA_KEYSET_NEWS + 1];
    bool any_end; /* wait for ends of fetches that bring no news, too */
    int status;   /* what the server answers with */
    brama_str body;
    int64_t stale_s;
    const char *headers; /* more of the answer's */
    char issuer[64];     /* of the discovery document */
    char jwks_uri[64];
    char answer[4096];
};

/* /set and everything else: the body of the moment; a well-known path: a discovery document. */
static brama_str answer(void *ctx, brama_str target)
{
    struct setup *s = ctx;
    char document[512];
    brama_str body = s->body;
    if (brama_str_ends(target, BRAMA_STR(WELL_KNOWN))) {
        snprintf(document, sizeof(document), "{\"issuer\":\"%s\",\"jwks_uri\":\"%s\"}", s->issuer,
                 s->jwks_uri);
        body = brama_str_c(document);
    }
    int n =
        snprintf(s->answer, sizeof(s->answer), "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%.*s",
                 s->status, s->headers != NULL ? s->headers : "", body.n, BRAMA_FMT(body));
    return (brama_str){s->answer, (size_t)n};
}

static void told(void *ctx, const struct brama_keyset *keyset, enum brama_keyset_event event)
{
    struct setup *s = ctx;
    (void)keyset;
    s->events[event]++;
    if (event == BRAMA_KEYSET_NEWS || (event == BRAMA_KEYSET_SAME && s->any_end))
        uv_stop(&s->loop);
}

static void too_late(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("no news within 5 seconds");
}

static void set_up(struct setup *s)
{
    *s = (struct setup){.server = {.answer = answer, .ctx = s},
                        .dir = "/tmp/brama-keys-XXXXXX",
                        .status = 200,
                        .body = BRAMA_LIT(SET_ONE)};
    assert_non_null(mkdtemp(s->dir));
    uv_loop_init(&s->loop);
    uv_timer_init(&s->loop, &s->limit);
    server_start(&s->server, &s->loop);
}

static void open_sets(struct setup *s)
{
    struct brama_keysets_options options = {.loop = &s->loop,
                                            .dir = brama_str_c(s->dir),
                                            .stale_s = s->stale_s,
                                            .news = told,
                                            .ctx = s};
    assert_int_equal(brama_keysets_new(&s->sets, &options), BRAMA_OK);
}

static void close_sets(struct setup *s)
{
    brama_keysets_free(s->sets);
    uv_run(&s->loop, UV_RUN_NOWAIT);
    s->sets = NULL;
}

static void tear_down(struct setup *s)
{
    char command[64];
    if (s->sets != NULL)
        close_sets(s);
    server_stop(&s->server);
    uv_close((uv_handle_t *)&s->limit, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    snprintf(command, sizeof(command), "rm -r %s", s->dir);
    assert_int_equal(system(command), 0);
}

static void wait_for_news(struct setup *s)
{
    uv_timer_start(&s->limit, too_late, 5000, 0);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&s->limit);
}

static void want(struct setup *s, const char *path)
{
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", s->server.port, path);
    brama_str one = brama_str_c(url);
    const brama_str twice[] = {one, one};
    assert_int_equal(brama_keysets_want(s->sets, twice, 2), BRAMA_OK);
    assert_int_equal(brama_keysets_count(s->sets), 1);
}

static void a_set_survives_every_bad_answer(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int status;
        brama_str body;
        const char *problem;
        size_t keys;
    } rows[] = {
        {"a server error", 500, BRAMA_LIT(SET_TWO), "500", 1},
        {"two keys", 200, BRAMA_LIT(SET_TWO), "", 2},
        {"a page", 200, BRAMA_LIT("<!doctype html><title>Sign in</title>"), "", 2},
    };
    struct setup s;
    set_up(&s);
    open_sets(&s);
    want(&s, "/set");
    assert_int_equal(brama_keysets_pending(s.sets), 1);
    wait_for_news(&s);
    const struct brama_keyset *set = brama_keysets_at(s.sets, 0);
    assert_int_equal(brama_keysets_pending(s.sets), 0);
    EXPECT("the first answer", set->set != NULL && set->set->count == 1 && set->version == 1);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        s.status = rows[i].status;
        s.body = rows[i].body;
        /* A set that is dropped and wanted again is fetched at once, and comes from the disk. */
        assert_int_equal(brama_keysets_want(s.sets, NULL, 0), BRAMA_OK);
        assert_int_equal(brama_keysets_count(s.sets), 0);
        want(&s, "/set");
        set = brama_keysets_at(s.sets, 0);
        EXPECT(rows[i].name, set->set != NULL);
        wait_for_news(&s);
        set = brama_keysets_at(s.sets, 0);
        EXPECT(rows[i].name, set->set != NULL && set->set->count == rows[i].keys);
        EXPECT(rows[i].name, (set->problem.n != 0) == (i != 1));
        EXPECT(rows[i].name, strstr(set->problem.p, rows[i].problem) != NULL);
    }
    tear_down(&s);
}

static void without_a_good_answer_there_is_no_set(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int status;
        brama_str body;
    } rows[] = {
        {"500", 500, BRAMA_LIT(SET_ONE)},
        {"404", 404, BRAMA_LIT(SET_ONE)},
        {"an empty object", 200, BRAMA_LIT("{}")},
        {"no keys", 200, BRAMA_LIT("{\"keys\":[]}")},
        {"a page", 200, BRAMA_LIT("<html>")},
        {"nothing", 200, BRAMA_LIT("")},
        {"a symmetric key", 200, BRAMA_LIT("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct setup s;
        set_up(&s);
        s.status = rows[i].status;
        s.body = rows[i].body;
        open_sets(&s);
        want(&s, "/set");
        wait_for_news(&s);
        const struct brama_keyset *set = brama_keysets_at(s.sets, 0);
        EXPECT(rows[i].name, set->set == NULL && set->version == 0 && set->problem.n != 0);
        tear_down(&s);
    }
}

static void a_failed_fetch_is_tried_again_after_a_second(void **state)
{
    (void)state;
    struct setup s;
    set_up(&s);
    s.status = 503;
    open_sets(&s);
    want(&s, "/set");
    wait_for_news(&s);
    assert_null(brama_keysets_at(s.sets, 0)->set);
    s.status = 200;
    uint64_t start = uv_now(&s.loop);
    wait_for_news(&s);
    assert_non_null(brama_keysets_at(s.sets, 0)->set);
    assert_true(uv_now(&s.loop) - start >= 700);
    assert_int_equal(s.server.requests, 2);
    tear_down(&s);
}

static void turns_are_within_bounds_and_apart(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned failures;
        int64_t max_age_s;
        uint64_t least_ms, most_ms;
    } rows[] = {
        {"one failure", 1, -1, 750, 1000},
        {"two", 2, 300, 1500, 2000},
        {"six", 6, -1, 24000, 32000},
        {"seven", 7, -1, 45000, 60000},
        {"a thousand", 1000, -1, 45000, 60000},
        {"none, and nothing said", 0, -1, 270000, 300000},
        {"two hours", 0, 7200, 6480000, 7200000},
        {"no time at all is a minute", 0, 0, 60000, 67000},
        {"a minute", 0, 60, 60000, 67000},
        {"a week is a day", 0, 604800, 77760000, 86400000},
    };
    uint64_t seed = 1;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        uint64_t low = UINT64_MAX, high = 0, window = rows[i].most_ms - rows[i].least_ms;
        for (int n = 0; n < 1000; n++) {
            uint64_t ms =
                brama__turn_ms(rows[i].failures, rows[i].max_age_s, brama__turn_random(&seed));
            EXPECT(rows[i].name, ms >= rows[i].least_ms && ms <= rows[i].most_ms);
            low = ms < low ? ms : low;
            high = ms > high ? ms : high;
        }
        EXPECT(rows[i].name, high - low > window - window / 5);
    }
}

#define TOGETHER 24

/* All of one host, which is down: the first fetches are at once, the second ones aren't. */
static void sets_that_fail_together_do_not_come_back_together(void **state)
{
    (void)state;
    struct setup s;
    char text[TOGETHER][64];
    brama_str urls[TOGETHER];
    uint64_t first_ms = 0, last_ms = 0;
    unsigned at_once = 0;
    set_up(&s);
    s.status = 503;
    s.any_end = true;
    open_sets(&s);
    for (size_t i = 0; i < TOGETHER; i++) {
        snprintf(text[i], sizeof(text[i]), "http://127.0.0.1:%u/%zu", s.server.port, i);
        urls[i] = brama_str_c(text[i]);
    }
    assert_int_equal(brama_keysets_want(s.sets, urls, TOGETHER), BRAMA_OK);
    while (brama_keysets_pending(s.sets) != 0)
        wait_for_news(&s);
    unsigned before = s.server.requests;
    while (s.server.requests < before + TOGETHER) {
        unsigned had = s.server.requests;
        wait_for_news(&s);
        if (s.server.requests == had)
            continue;
        last_ms = uv_now(&s.loop);
        if (first_ms == 0)
            first_ms = last_ms;
        at_once = s.server.requests - had > at_once ? s.server.requests - had : at_once;
    }
    EXPECT("over a quarter of a second, nearly", last_ms - first_ms > 150);
    EXPECT("not all at once", at_once < TOGETHER / 2);
    tear_down(&s);
}

static void a_cold_start_has_the_last_good_set(void **state)
{
    (void)state;
    struct setup s;
    set_up(&s);
    open_sets(&s);
    want(&s, "/set");
    wait_for_news(&s);
    close_sets(&s);
    s.status = 503;
    open_sets(&s);
    want(&s, "/set");
    const struct brama_keyset *set = brama_keysets_at(s.sets, 0);
    EXPECT("at once", set->set != NULL && set->problem.n != 0 && set->fetched_at_s != 0);
    wait_for_news(&s);
    EXPECT("and after a failure", set->set != NULL && strstr(set->problem.p, "503") != NULL);
    close_sets(&s);
    open_sets(&s);
    want(&s, "/other");
    EXPECT("but for its own URL only", brama_keysets_at(s.sets, 0)->set == NULL);
    tear_down(&s);
}

static void the_endpoint_says_how_often_within_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        int64_t want_s;
    } rows[] = {
        {"", 300},
        {"Cache-Control: max-age=120\r\n", 120},
        {"Cache-Control: public, max-age=\"7200\"\r\n", 7200},
        {"Cache-Control: max-age=5\r\n", 60},
        {"Cache-Control: max-age=604800\r\n", 24 * 3600},
        {"Cache-Control: max-age=99999999999999999999\r\n", 300},
        {"Cache-Control: no-store\r\n", 60},
        {"Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 300},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct setup s;
        set_up(&s);
        s.headers = rows[i].headers;
        open_sets(&s);
        want(&s, "/set");
        wait_for_news(&s);
        const struct brama_keyset *k = brama_keysets_at(s.sets, 0);
        int64_t in_s = k->next_at_s - (int64_t)time(NULL);
        EXPECT(rows[i].headers, k->set != NULL);
        int64_t least_s = rows[i].want_s == 60 ? 60 : rows[i].want_s - rows[i].want_s / 10;
        EXPECT(rows[i].headers, in_s <= (rows[i].want_s == 60 ? 67 : rows[i].want_s));
        EXPECT(rows[i].headers, in_s >= least_s - 5);
        tear_down(&s);
    }
}

/* When the one kept set was last found to be good, some seconds ago. */
static void age_kept_set(const struct setup *s, time_t age_s)
{
    char command[128];
    snprintf(command, sizeof(command), "touch -d @%lld %s/*.json", (long long)(time(NULL) - age_s),
             s->dir);
    assert_int_equal(system(command), 0);
}

/* Confirmed now, and too old after a second. */
static void have_set_for_a_second(struct setup *s)
{
    set_up(s);
    s->stale_s = 1;
    s->any_end = true;
    open_sets(s);
    want(s, "/set");
    wait_for_news(s);
}

static void a_set_that_nobody_confirms_ends(void **state)
{
    (void)state;
    struct setup s;
    have_set_for_a_second(&s);
    const struct brama_keyset *k = brama_keysets_at(s.sets, 0);
    EXPECT("fresh", k->set != NULL && !k->expired);
    EXPECT("the next one in turn", k->next_at_s >= time(NULL) + 269);

    s.status = 500;
    brama_keysets_force(s.sets, k->url);
    while (!k->expired)
        wait_for_news(&s);
    EXPECT("not before its time", time(NULL) - k->fetched_at_s > s.stale_s);
    EXPECT("nothing is served", k->set == NULL && k->problem.n != 0 && k->version == 1);
    EXPECT("it is tried again", k->next_at_s <= time(NULL) + 60);

    s.status = 200;
    while (k->expired)
        wait_for_news(&s);
    EXPECT("confirmed", k->set != NULL && k->problem.n == 0 && k->version == 1);
    tear_down(&s);
}

/* Its file says that it was confirmed in a year: the clock was wrong then, or is now. */
static void a_kept_set_of_a_time_to_come_is_of_now(void **state)
{
    (void)state;
    struct setup s;
    have_set_for_a_second(&s);
    close_sets(&s);
    age_kept_set(&s, -365 * 24 * 3600);
    s.status = 500;
    open_sets(&s);
    want(&s, "/set");
    const struct brama_keyset *k = brama_keysets_at(s.sets, 0);
    EXPECT("served", k->set != NULL && k->fetched_at_s <= time(NULL));
    while (!k->expired) {
        brama_keysets_force(s.sets, k->url);
        wait_for_news(&s);
    }
    EXPECT("not longer than any other", k->set == NULL);
    close_sets(&s);
    open_sets(&s);
    want(&s, "/set");
    EXPECT("nor once more after a restart", brama_keysets_at(s.sets, 0)->set == NULL);
    tear_down(&s);
}

static void a_kept_set_is_as_old_as_its_last_confirmation(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        time_t age_s;
        bool served;
    } rows[] = {{"a day, nearly", BRAMA_KEYSET_STALE_S - 60, true},
                {"more than a day", BRAMA_KEYSET_STALE_S + 60, false}};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct setup s;
        set_up(&s);
        open_sets(&s);
        want(&s, "/set");
        wait_for_news(&s);
        close_sets(&s);
        age_kept_set(&s, rows[i].age_s);
        s.status = 500;
        open_sets(&s);
        want(&s, "/set");
        const struct brama_keyset *k = brama_keysets_at(s.sets, 0);
        EXPECT(rows[i].name, (k->set != NULL) == rows[i].served && k->expired == !rows[i].served);
        wait_for_news(&s);
        EXPECT(rows[i].name, (k->set != NULL) == rows[i].served && k->expired == !rows[i].served);

        s.status = 200; /* it is the same still: that counts from now on */
        while (k->problem.n != 0)
            wait_for_news(&s);
        EXPECT(rows[i].name, k->set != NULL && k->version == 1);
        close_sets(&s);
        s.status = 500;
        open_sets(&s);
        want(&s, "/set");
        k = brama_keysets_at(s.sets, 0);
        EXPECT(rows[i].name, k->set != NULL && time(NULL) - k->fetched_at_s < 10);
        tear_down(&s);
    }
}

static void a_discovery_document_must_be_its_issuers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *path, *issuer, *jwks_uri;
        const char *problem; /* "": accepted */
    } rows[] = {
        {"the issuer is the URL's", "", "", "/set", ""},
        {"an issuer with a path", "/realms/a", "/realms/a", "/set", ""},
        {"an issuer with a slash at its end", "", "/", "/set", ""},
        {"another's", "/realms/a", "/realms/b", "/set", "issuer"},
        {"a longer one", "", "/realms", "/set", "issuer"},
        {"keys in a file", "", "", "file:///etc/hostname", "jwks_uri"},
        {"no keys", "", "", "none", "jwks_uri"},
        {"keys at the metadata address", "", "", "http://169.254.169.254/", "metadata"},
        {"keys that are a discovery document", "", "", "/x" WELL_KNOWN, "keys"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct setup s;
        char path[128];
        set_up(&s);
        open_sets(&s);
        snprintf(s.issuer, sizeof(s.issuer), "http://127.0.0.1:%u%s", s.server.port,
                 rows[i].issuer);
        if (rows[i].jwks_uri[0] == '/')
            snprintf(s.jwks_uri, sizeof(s.jwks_uri), "http://127.0.0.1:%u%s", s.server.port,
                     rows[i].jwks_uri);
        else if (strcmp(rows[i].jwks_uri, "none") != 0)
            snprintf(s.jwks_uri, sizeof(s.jwks_uri), "%s", rows[i].jwks_uri);
        snprintf(path, sizeof(path), "%s" WELL_KNOWN, rows[i].path);
        want(&s, path);
        wait_for_news(&s);
        const struct brama_keyset *set = brama_keysets_at(s.sets, 0);
        EXPECT(rows[i].name, (set->set != NULL) == (rows[i].problem[0] == '\0'));
        if (strstr(set->problem.p, rows[i].problem) == NULL)
            fail_msg("%s: \"%s\"", rows[i].name, set->problem.p);
        tear_down(&s);
    }
}

static void a_file_is_looked_at_each_second(void **state)
{
    (void)state;
    struct setup s;
    char url[128], path[64];
    set_up(&s);
    snprintf(path, sizeof(path), "%s/set.json", s.dir);
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && fputs(SET_ONE, f) >= 0 && fclose(f) == 0);
    open_sets(&s);
    snprintf(url, sizeof(url), "file://%s", path);
    brama_str one = brama_str_c(url);
    assert_int_equal(brama_keysets_want(s.sets, &one, 1), BRAMA_OK);
    wait_for_news(&s);
    assert_int_equal(brama_keysets_at(s.sets, 0)->set->count, 1);
    f = fopen(path, "w");
    assert_true(f != NULL && fputs(SET_TWO, f) >= 0 && fclose(f) == 0);
    wait_for_news(&s);
    assert_int_equal(brama_keysets_at(s.sets, 0)->set->count, 2);
    assert_int_equal(brama_keysets_at(s.sets, 0)->version, 2);
    tear_down(&s);
}

/* The SETs differ in their keys; the space in the text only. */
static void a_forced_fetch_waits_only_after_one_that_brought_no_key(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str body;
        int status;
        bool waits; /* about a second */
    } rows[] = {
        {"the first is at once", BRAMA_LIT(SET_TWO), 200, false},
        {"after a new key too", BRAMA_LIT(SET_TWO), 200, false},
        {"after nothing it waits", BRAMA_LIT(SET_TWO " "), 200, true},
    };
    struct setup s;
    char url[128];
    set_up(&s);
    s.any_end = true;
    open_sets(&s);
    want(&s, "/set");
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/set", s.server.port);
    brama_keysets_force(s.sets, brama_str_c(url));
    brama_keysets_force(s.sets, BRAMA_STR("http://127.0.0.1/other"));
    wait_for_news(&s);
    EXPECT("a wish during a fetch, or for another set, is dropped", s.server.requests == 1);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        s.body = rows[i].body;
        s.status = rows[i].status;
        uint64_t start = uv_now(&s.loop);
        brama_keysets_force(s.sets, brama_str_c(url));
        brama_keysets_force(s.sets, brama_str_c(url));
        wait_for_news(&s);
        EXPECT(rows[i].name, (uv_now(&s.loop) - start >= 900) == rows[i].waits);
        EXPECT(rows[i].name, s.server.requests == i + 2);
    }
    EXPECT("every fetch is told twice", s.events[BRAMA_KEYSET_ASKED] == s.server.requests);
    EXPECT("at its end too", s.events[BRAMA_KEYSET_SAME] + s.events[BRAMA_KEYSET_NEWS] ==
                                 s.events[BRAMA_KEYSET_ASKED]);
    tear_down(&s);
}

/* Design section 2, "An unknown kid". */
static void the_waits_grow_to_ten_seconds_and_are_forgotten(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned idle_s; /* from the end of the last fetch to the wish */
        unsigned wait_s; /* from that end, or from the wish if it is later */
        bool new_keys;
    } rows[] = {
        {"the first is at once", 0, 0, false},
        {"1 s", 0, 1, false},
        {"2 s", 0, 2, false},
        {"4 s", 0, 4, false},
        {"8 s", 0, 8, false},
        {"10 s", 0, 10, false},
        {"never more", 0, 10, false},
        {"what is over isn't waited for", 12, 12, false},
        {"a part of it is", 4, 10, false},
        {"not quite a minute", 59, 59, false},
        {"nothing forgotten", 0, 10, false},
        {"a quiet minute", 60, 60, false},
        {"forgotten", 0, 1, false},
        {"a new key comes", 0, 2, true},
        {"forgotten, too", 0, 0, false},
        {"from the beginning", 0, 1, false},
    };
    struct brama__forced f = {0};
    uint64_t now_ms = 5000;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        uint64_t due_ms = brama__forced_due(&f, now_ms + (uint64_t)rows[i].idle_s * 1000);
        EXPECT(rows[i].name, due_ms == now_ms + (uint64_t)rows[i].wait_s * 1000);
        now_ms = due_ms + 7; /* the fetch takes a while */
        brama__forced_ended(&f, now_ms, rows[i].new_keys);
    }
}

static void resolved(void *ctx, brama_str host)
{
    struct setup *s = ctx;
    (void)host;
    uv_stop(&s->loop);
}

static void hosts_have_addresses(void **state)
{
    (void)state;
    struct setup s;
    struct brama_resolver *r;
    size_t n;
    const brama_str hosts[] = {BRAMA_LIT("127.0.0.2"), BRAMA_LIT("::1"), BRAMA_LIT("localhost")};
    set_up(&s);
    assert_int_equal(brama_resolver_new(&r, &s.loop, resolved, &s), BRAMA_OK);
    assert_int_equal(brama_resolver_want(r, hosts, 3), BRAMA_OK);
    assert_int_equal(brama_resolver_pending(r), 1);
    const struct brama_ip *ips = brama_resolver_ips(r, hosts[0], &n);
    EXPECT("IPv4 at once", n == 1 && ips->family == AF_INET && ips->ip[3] == 2);
    ips = brama_resolver_ips(r, hosts[1], &n);
    EXPECT("IPv6 at once", n == 1 && ips->family == AF_INET6 && ips->ip[15] == 1);
    ips = brama_resolver_ips(r, hosts[2], &n);
    EXPECT("a name not yet", n == 0 && ips == NULL);
    wait_for_news(&s);
    assert_int_equal(brama_resolver_pending(r), 0);
    ips = brama_resolver_ips(r, hosts[2], &n);
    EXPECT("a name later", n >= 1 && ips->family == AF_INET && ips->ip[0] == 127);
    assert_int_equal(brama_resolver_want(r, hosts, 1), BRAMA_OK);
    brama_resolver_ips(r, hosts[2], &n);
    EXPECT("what isn't wanted is forgotten", n == 0);
    brama_resolver_free(r);
    tear_down(&s);
}

/* More hosts than the table has places; each keeps its own address, and those no longer wanted go.
 */
static void many_hosts_are_told_apart(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    static char texts[MANY][16];
    static brama_str hosts[MANY];
    uv_loop_t loop;
    struct brama_resolver *r;
    size_t n, wrong = 0;
    uv_loop_init(&loop);
    assert_int_equal(brama_resolver_new(&r, &loop, NULL, NULL), BRAMA_OK);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "10.1.%u.%u", i / 250, i % 250);
        hosts[i] = brama_str_c(texts[i]);
    }
    assert_int_equal(brama_resolver_want(r, hosts, MANY), BRAMA_OK);
    for (unsigned i = 0; i < MANY; i++) {
        const uint8_t want[] = {10, 1, (uint8_t)(i / 250), (uint8_t)(i % 250)};
        const struct brama_ip *ips = brama_resolver_ips(r, hosts[i], &n);
        wrong += n != 1 || memcmp(ips->ip, want, sizeof(want)) != 0;
    }
    EXPECT("each has its own", wrong == 0);
    EXPECT("none is waited for", brama_resolver_pending(r) == 0);
    assert_int_equal(brama_resolver_want(r, hosts + MANY / 2, MANY / 2), BRAMA_OK);
    for (unsigned i = 0; i < MANY; i++) {
        brama_resolver_ips(r, hosts[i], &n);
        wrong += n != (i < MANY / 2 ? 0 : 1);
    }
    EXPECT("half of them are gone", wrong == 0);
    brama_resolver_free(r);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_survives_every_bad_answer),
        cmocka_unit_test(without_a_good_answer_there_is_no_set),
        cmocka_unit_test(a_failed_fetch_is_tried_again_after_a_second),
        cmocka_unit_test(turns_are_within_bounds_and_apart),
        cmocka_unit_test(sets_that_fail_together_do_not_come_back_together),
        cmocka_unit_test(a_cold_start_has_the_last_good_set),
        cmocka_unit_test(the_endpoint_says_how_often_within_bounds),
        cmocka_unit_test(a_set_that_nobody_confirms_ends),
        cmocka_unit_test(a_kept_set_is_as_old_as_its_last_confirmation),
        cmocka_unit_test(a_kept_set_of_a_time_to_come_is_of_now),
        cmocka_unit_test(a_discovery_document_must_be_its_issuers),
        cmocka_unit_test(a_file_is_looked_at_each_second),
        cmocka_unit_test(a_forced_fetch_waits_only_after_one_that_brought_no_key),
        cmocka_unit_test(the_waits_grow_to_ten_seconds_and_are_forgotten),
        cmocka_unit_test(hosts_have_addresses),
        cmocka_unit_test(many_hosts_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
