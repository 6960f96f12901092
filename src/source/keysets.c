#include "source/keysets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "source/discovery.h"
#include "source/forced.h"
#include "source/kept.h"
#include "source/turns.h"

#define FILE_REFRESH_MS 1000
#define TOUCH_S 60 /* a kept set's time is that of its last confirmation, within this */
#define DISCOVERY_BYTES ((size_t)1 << 22) /* of nodes, for a document of 256 KiB */

/* One set: what is told, and what is done for it. */
struct entry {
    struct brama_keyset told; /* first member */
    struct entry *next;
    struct brama_keysets *sets;
    bool wanted, in_flight, following; /* following: on the way to a jwks_uri */
    bool waited;                       /* nobody waits for its first answer any more */
    uint64_t due_ms;                   /* of the next fetch; loop time */
    bool wished;                       /* and one out of turn: */
    uint64_t wish_due_ms;
    struct brama__forced forced;
    bool out_of_turn, new_keys; /* of the fetch under way */
    unsigned failures;          /* in a row */
    int64_t max_age_s;
    struct brama_jwks *set; /* told or not */
    struct brama_buf text;  /* the set as fetched */
    int64_t confirmed_at_s; /* UNIX time */
    int64_t kept_at_s;      /* of the kept one */
    char problem[sizeof(((struct brama_diag *)0)->what)];
};

struct brama_keysets {
    struct brama_keysets_options options;
    struct brama_http *http;
    uv_timer_t timer;
    struct entry *first;
    char *dir, *ca_file;
};

static void run_due(struct brama_keysets *sets);

static void free_entry(struct entry *e)
{
    brama_jwks_free(e->set);
    brama_buf_deinit(&e->text);
    free((void *)(uintptr_t)e->told.url.p);
    free(e);
}

static bool is_file(const struct entry *e)
{
    return brama_str_eq_nocase(brama_str_head(e->told.url, 7), BRAMA_STR("file://"));
}

/* Is there a key that wasn't there before? What else changes in the text brings nobody in. */
static bool has_new_key(const struct brama_jwks *set, const struct brama_jwks *old)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct brama_jwk *key = &set->keys[i];
        size_t k = 0;
        while (old != NULL && k < old->count &&
               (memcmp(old->keys[k].thumbprint, key->thumbprint, sizeof(key->thumbprint)) != 0 ||
                !brama_str_eq(old->keys[k].kid, key->kid)))
            k++;
        if (old == NULL || k == old->count)
            return true;
    }
    return false;
}

/* The text is a good set: it is the one from now on. True also if it is the one that we have. */
static bool adopt(struct entry *e, brama_str text, int64_t at_s, struct brama_diag *diag)
{
    struct brama_jwks *set = NULL;
    struct brama_buf kept;

    if (e->set != NULL && brama_str_eq(brama_buf_str(&e->text), text)) {
        if (!is_file(e))
            e->told.fetched_at_s = at_s;
        e->confirmed_at_s = at_s;
        return true;
    }
    enum brama_err err = brama_jwks_load(&set, text, diag);
    if (err != BRAMA_OK) {
        if (diag->what[0] == '\0')
            brama_diag_set(diag, (struct brama_where){0}, "%s", brama_err_text(err));
        return false;
    }
    brama_buf_init(&kept, NULL, BRAMA_JWKS_MAX_BYTES);
    brama_buf_add(&kept, text);
    if (brama_buf_err(&kept) != BRAMA_OK) {
        brama_diag_set(diag, (struct brama_where){0}, "%s", brama_err_text(kept.err));
        brama_buf_deinit(&kept);
        brama_jwks_free(set);
        return false;
    }
    e->new_keys = has_new_key(set, e->set);
    brama_jwks_free(e->set);
    brama_buf_deinit(&e->text);
    e->set = set;
    e->text = kept;
    e->told.fetched_at_s = e->confirmed_at_s = at_s;
    e->told.version++;
    return true;
}

/* What is told of the set: too old a one isn't served. One of a time to come (the clock was wrong,
 * then or now) is of now, from when it is seen: else it would live until that time, and a day. */
static void judge_age(struct entry *e)
{
    int64_t stale_s = e->sets->options.stale_s, now_s = (int64_t)time(NULL);
    if (e->confirmed_at_s > now_s)
        e->told.fetched_at_s = e->confirmed_at_s = now_s;
    e->told.expired = e->set != NULL && now_s - e->confirmed_at_s > stale_s;
    e->told.set = e->told.expired ? NULL : e->set;
}

/* A set that can't be kept is served all the same; it is missed at the next cold start only. */
static void keep(struct entry *e, bool differs)
{
    brama_str dir = brama_str_c(e->sets->dir);
    if (dir.n == 0 || (!differs && e->confirmed_at_s - e->kept_at_s < TOUCH_S))
        return;
    /* One that can't be touched is gone. */
    if (differs || !brama__kept_touch(dir, e->told.url))
        (void)!brama__kept_write(dir, e->told.url, brama_buf_str(&e->text));
    e->kept_at_s = e->confirmed_at_s;
}

static uint64_t delay_ms(struct entry *e)
{
    if (e->failures == 0 && is_file(e))
        return FILE_REFRESH_MS;
    return brama__turn_ms(e->failures, e->max_age_s, brama__turn_random(&e->sets->options.seed));
}

static void remove_entry(struct entry *e)
{
    struct entry **at = &e->sets->first;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    free_entry(e);
}

static void tell(const struct entry *e, enum brama_keyset_event event)
{
    const struct brama_keysets_options *o = &e->sets->options;
    if (o->news != NULL)
        o->news(o->ctx, &e->told, event);
}

/* A fetch is over: what it means for the set, and when the next one is due. */
static void conclude(struct entry *e, const char *problem, bool changed)
{
    struct brama_keysets *sets = e->sets;
    e->in_flight = e->following = false;
    if (!e->wanted) {
        remove_entry(e);
        return;
    }
    bool expired = e->told.expired;
    judge_age(e);
    bool news =
        changed || !e->told.asked || expired != e->told.expired || strcmp(problem, e->problem) != 0;
    e->told.asked = true;
    e->failures = problem[0] != '\0' ? e->failures + 1 : 0;
    snprintf(e->problem, sizeof(e->problem), "%s", problem);
    e->told.problem = brama_str_c(e->problem);
    uint64_t now_ms = uv_now(sets->options.loop), wait_ms = delay_ms(e);
    e->due_ms = now_ms + wait_ms;
    e->told.next_at_s = (int64_t)time(NULL) + (int64_t)(wait_ms / 1000);
    if (e->out_of_turn || e->new_keys)
        brama__forced_ended(&e->forced, now_ms, e->new_keys);
    run_due(sets);
    tell(e, news ? BRAMA_KEYSET_NEWS : BRAMA_KEYSET_SAME);
}

static void take_set(struct entry *e, const struct brama_http_answer *answer)
{
    struct brama_diag diag = {0};
    uint64_t version = e->told.version;
    int64_t at_s = e->told.fetched_at_s;

    e->max_age_s = answer->max_age_s;
    if (!adopt(e, answer->body, (int64_t)time(NULL), &diag)) {
        conclude(e, diag.what, false);
        return;
    }
    keep(e, e->told.version != version);
    conclude(e, "", e->told.version != version || e->told.fetched_at_s != at_s);
}

static void take(void *ctx, const struct brama_http_answer *answer);

static bool fetch(struct entry *e, brama_str url)
{
    struct brama_keysets *sets = e->sets;
    e->in_flight = true;
    if (brama_http_start(sets->http, url, &sets->options.http, take, e) == BRAMA_OK)
        return true;
    /* No memory: later, quietly. */
    e->in_flight = e->following = false;
    e->failures++;
    e->due_ms = uv_now(sets->options.loop) + delay_ms(e);
    return false;
}

static void begin(struct entry *e)
{
    e->out_of_turn = e->wished;
    e->wished = e->new_keys = false;
    if (fetch(e, e->told.url))
        tell(e, BRAMA_KEYSET_ASKED);
}

static void follow_discovery(struct entry *e, const struct brama_http_answer *answer)
{
    struct brama_arena arena;
    struct brama_diag diag = {0};
    brama_str uri;

    brama_arena_init(&arena, NULL, DISCOVERY_BYTES);
    enum brama_err err = brama__discovery_read(&uri, &arena, e->told.url, answer->body, &diag);
    if (err == BRAMA_OK) {
        e->following = true;
        if (!fetch(e, uri))
            tell(e, BRAMA_KEYSET_SAME);
    } else {
        conclude(e, diag.what[0] != '\0' ? diag.what : brama_err_text(err), false);
    }
    brama_arena_deinit(&arena);
}

static void take(void *ctx, const struct brama_http_answer *answer)
{
    struct entry *e = ctx;
    if (answer->status < 200 || answer->status > 299)
        conclude(e, answer->problem[0] != '\0' ? answer->problem : "no answer", false);
    else if (brama__is_discovery(e->told.url) && !e->following && e->wanted)
        follow_discovery(e, answer);
    else
        take_set(e, answer);
}

static void on_timer(uv_timer_t *timer)
{
    run_due(timer->data);
}

/* Start what is due, and be woken for the next. */
static void run_due(struct brama_keysets *sets)
{
    uint64_t now_ms = uv_now(sets->options.loop), next_ms = UINT64_MAX;
    for (struct entry *e = sets->first; e != NULL; e = e->next) {
        if (!e->wanted || e->in_flight)
            continue;
        uint64_t due_ms = e->wished && e->wish_due_ms < e->due_ms ? e->wish_due_ms : e->due_ms;
        if (due_ms <= now_ms)
            begin(e);
        else if (due_ms < next_ms)
            next_ms = due_ms;
    }
    if (next_ms == UINT64_MAX)
        uv_timer_stop(&sets->timer);
    else
        uv_timer_start(&sets->timer, on_timer, next_ms - now_ms, 0);
}

enum brama_err brama_keysets_new(struct brama_keysets **out,
                                 const struct brama_keysets_options *options)
{
    *out = NULL;
    struct brama_keysets *sets = calloc(1, sizeof(*sets));
    if (sets == NULL)
        return BRAMA_ERR_NOMEM;
    sets->options = *options;
    sets->options.http.max_body = BRAMA_JWKS_MAX_BYTES;
    if (sets->options.stale_s == 0)
        sets->options.stale_s = BRAMA_KEYSET_STALE_S;
    sets->dir = options->dir.n != 0 ? brama_str_dup(options->dir) : NULL;
    sets->ca_file = brama_str_dup(options->http.ca_file);
    if (sets->ca_file == NULL || (options->dir.n != 0 && sets->dir == NULL) ||
        brama_http_new(&sets->http, options->loop) != BRAMA_OK) {
        free(sets->dir);
        free(sets->ca_file);
        free(sets);
        return BRAMA_ERR_NOMEM;
    }
    sets->options.http.ca_file = brama_str_c(sets->ca_file);
    uv_timer_init(options->loop, &sets->timer);
    sets->timer.data = sets;
    *out = sets;
    return BRAMA_OK;
}

static void free_sets(uv_handle_t *handle)
{
    free(handle->data);
}

void brama_keysets_free(struct brama_keysets *sets)
{
    if (sets == NULL)
        return;
    brama_http_free(sets->http);
    while (sets->first != NULL)
        remove_entry(sets->first);
    free(sets->dir);
    free(sets->ca_file);
    uv_close((uv_handle_t *)&sets->timer, free_sets);
}

static struct entry *find(const struct brama_keysets *sets, brama_str url)
{
    struct entry *e = sets->first;
    while (e != NULL && !brama_str_eq(e->told.url, url))
        e = e->next;
    return e;
}

static void load_kept(struct entry *e)
{
    struct brama_buf text;
    struct brama_diag diag = {0};
    int64_t at_s = 0;

    brama_buf_init(&text, NULL, BRAMA_JWKS_MAX_BYTES);
    if (brama__kept_read(&text, &at_s, brama_str_c(e->sets->dir), e->told.url) &&
        adopt(e, brama_buf_str(&text), at_s, &diag)) {
        judge_age(e);
        e->kept_at_s = e->confirmed_at_s;
        if (at_s > e->kept_at_s)
            (void)brama__kept_touch(brama_str_c(e->sets->dir), e->told.url);
        snprintf(e->problem, sizeof(e->problem), "kept from an earlier run, not fetched yet");
        e->told.problem = brama_str_c(e->problem);
    }
    brama_buf_deinit(&text);
}

static struct entry *new_entry(struct brama_keysets *sets, brama_str url)
{
    struct entry *e = calloc(1, sizeof(*e));
    char *p = brama_str_dup(url);
    if (e == NULL || p == NULL) {
        free(e);
        free(p);
        return NULL;
    }
    e->told.url = (brama_str){p, url.n};
    e->sets = sets;
    brama_buf_init(&e->text, NULL, BRAMA_JWKS_MAX_BYTES);
    struct entry **at = &sets->first; /* at the end: in the order they were wanted */
    while (*at != NULL)
        at = &(*at)->next;
    *at = e;
    if (sets->dir != NULL)
        load_kept(e);
    return e;
}

enum brama_err brama_keysets_want(struct brama_keysets *sets, const brama_str *urls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (find(sets, urls[i]) == NULL && new_entry(sets, urls[i]) == NULL)
            return BRAMA_ERR_NOMEM;
    }
    for (struct entry *e = sets->first; e != NULL; e = e->next)
        e->wanted = false;
    for (size_t i = 0; i < count; i++)
        find(sets, urls[i])->wanted = true;
    for (struct entry *e = sets->first, *next; e != NULL; e = next) {
        next = e->next;
        if (!e->wanted && !e->in_flight)
            remove_entry(e);
    }
    uv_update_time(sets->options.loop);
    run_due(sets);
    return BRAMA_OK;
}

void brama_keysets_force(struct brama_keysets *sets, brama_str url)
{
    struct entry *e = find(sets, url);
    if (e == NULL || !e->wanted || e->in_flight || e->wished)
        return;
    uv_update_time(sets->options.loop);
    e->wished = true;
    e->wish_due_ms = brama__forced_due(&e->forced, uv_now(sets->options.loop));
    run_due(sets);
}

size_t brama_keysets_pending(const struct brama_keysets *sets)
{
    size_t n = 0;
    for (const struct entry *e = sets->first; e != NULL; e = e->next)
        n += e->wanted && !e->told.asked && !e->waited;
    return n;
}

void brama_keysets_wait_no_more(struct brama_keysets *sets)
{
    for (struct entry *e = sets->first; e != NULL; e = e->next)
        e->waited = true;
}

size_t brama_keysets_count(const struct brama_keysets *sets)
{
    size_t n = 0;
    for (const struct entry *e = sets->first; e != NULL; e = e->next)
        n += e->wanted;
    return n;
}

const struct brama_keyset *brama_keysets_at(const struct brama_keysets *sets, size_t i)
{
    for (const struct entry *e = sets->first; e != NULL; e = e->next) {
        if (e->wanted && i-- == 0)
            return &e->told;
    }
    return NULL;
}
