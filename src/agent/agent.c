#include "agent/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keep_state.h"
#include "agent/large_pages.h"
#include "agent/nginx.h"
#include "agent/roots.h"
#include "agent/say.h"
#include "agent/signer.h"
#include "agent/tls.h"
#include "agent/wanted.h"
#include "crypto/digest.h"
#include "source/watch.h"

#define FIRST_FETCH_MS 2000 /* a policy waits this long for key sets and names it is new to */
#define NEXT_EDIT_MS 30     /* and so long, once somebody's next edit waits with it */
#define TICK_MS 1000
#define FLOWS_AGAIN "changes go into force again"

/* Exit codes: design section 5. */
enum { DONE = 0, UNUSABLE = 2, UNREACHABLE = 69, BUG = 70 };

struct agent {
    const struct brama_agent_options *options;
    uv_loop_t loop;
    uv_signal_t term, interrupt, hangup;
    uv_timer_t tick, patience;
    struct brama__state state;
    struct brama__publisher publisher;
    struct brama__wanted wanted;
    struct brama__goods goods;
    struct brama__tls tls;
    struct brama__nginx nginx;
    struct brama__signer signer;
    struct brama__state_keeper keeper;
    struct brama_keysets *keysets;
    struct brama_resolver *resolver;
    struct brama_watch *watch;
    struct brama_arena arena;       /* of roots and standard input */
    struct brama__round_in sources; /* all but what a round is told */
    brama_str stdin_text;
    struct brama__round *in_force, *next;
    struct brama_buf facts; /* as published */
    struct brama__trouble held_up, unkept, no_cert, damaged;
    bool facts_due, settled; /* facts are new, or couldn't be told; last good forms are on disk */
    bool nginx_started, stopping;
    int exit_code;
};

static void end(struct agent *a, int exit_code)
{
    if (!a->stopping || exit_code != DONE)
        a->exit_code = exit_code;
    uv_stop(&a->loop);
}

/* Facts out of all that we know now, if they differ from what is published. */
static enum brama_err publish_facts(struct agent *a, struct brama_diag *diag)
{
    const struct brama__round *newest = a->next != NULL ? a->next : a->in_force;
    struct brama__facts_sources from = {.keysets = a->keysets, .resolver = a->resolver};
    struct brama_buf bytes;
    uint64_t number = brama__publish_next(&a->publisher, BRAMA_PACK_FACTS);

    brama__round_ask(&from, newest, a->in_force);
    enum brama_err err = brama__signer_tell(&a->signer, from.policies, from.policy_count, diag);
    bool known = a->in_force != NULL && brama__round_needs_the_same(newest, a->in_force);
    if (err != BRAMA_OK || (known && !a->facts_due))
        return err;
    from.own_cert = a->tls.cert.chain_pem.n != 0 ? &a->tls.cert : NULL;
    brama_buf_init(&bytes, NULL, BRAMA__FACTS_BYTES);
    err = brama__plan_facts(&bytes, number, &from);
    bool same = brama_pack_same(brama_buf_str(&bytes), brama_buf_str(&a->facts));
    if (err == BRAMA_OK && !same)
        err = brama__publish(&a->publisher, BRAMA_PACK_FACTS, number, brama_buf_str(&bytes), diag);
    a->facts_due = err != BRAMA_OK;
    brama_buf_deinit(err == BRAMA_OK ? &a->facts : &bytes);
    if (err == BRAMA_OK)
        a->facts = bytes;
    return err;
}

static void say_held_up(struct agent *a, enum brama_err err, const struct brama_diag *diag)
{
    brama__say_trouble(&a->held_up, "what is in force stays: %s",
                       diag->what[0] != '\0' ? diag->what : brama_err_text(err));
}

static void start_nginx(struct agent *a)
{
    struct brama_diag diag = {0};
    if (a->nginx_started)
        return;
    a->nginx_started = true;
    if (brama__nginx_start(&a->nginx, &diag) != BRAMA_OK) {
        brama__say_diag(&diag);
        end(a, UNREACHABLE);
    }
}

static void settle(struct agent *a)
{
    size_t failed = brama__round_settle(a->in_force, &a->goods);
    a->settled = failed == 0;
    if (a->settled)
        brama__say_over(&a->unkept, "last good forms are kept again");
    else
        brama__say_trouble(&a->unkept, "%zu last good forms couldn't be written: %s", failed,
                           strerror(errno));
}

/* Facts first, then the policy that needs them. */
static void publish_next(struct agent *a)
{
    struct brama_diag diag = {0};
    struct brama__round *r = a->next;
    uv_timer_stop(&a->patience);
    enum brama_err err = publish_facts(a, &diag);
    uint64_t number = brama_pack_number(&r->policy.pack);
    if (err == BRAMA_OK)
        err = brama__publish(&a->publisher, BRAMA_PACK_POLICY, number, brama_buf_str(&r->bytes),
                             &diag);
    if (err != BRAMA_OK) {
        say_held_up(a, err, &diag);
        a->next = NULL; /* read again at the next tick */
        brama__round_free(r);
        if (a->in_force != NULL)
            a->in_force->again = true;
        return;
    }
    brama__say_over(&a->held_up, FLOWS_AGAIN);
    brama__say_what_changed(a->in_force, r);
    brama__round_free(a->in_force);
    a->in_force = r;
    a->next = NULL;
    if (brama__round_settle_needs(r, a->keysets, a->resolver) != BRAMA_OK)
        brama__say("%s", brama_err_text(BRAMA_ERR_NOMEM));
    start_nginx(a);
    settle(a);
}

static bool is_pending(const struct agent *a)
{
    return brama_keysets_pending(a->keysets) != 0 || brama_resolver_pending(a->resolver) != 0;
}

static bool is_patient(const struct agent *a)
{
    return uv_is_active((const uv_handle_t *)&a->patience) && is_pending(a);
}

/* Something about key sets, names or certificates is new. */
static void facts_changed(struct agent *a)
{
    struct brama_diag diag = {0};
    if (a->stopping)
        return;
    a->facts_due = true;
    if (a->next != NULL && !is_patient(a)) {
        publish_next(a);
        return;
    }
    if (a->in_force == NULL)
        return;
    enum brama_err err = publish_facts(a, &diag);
    if (err != BRAMA_OK)
        say_held_up(a, err, &diag);
    else if (!a->in_force->again)
        brama__say_over(&a->held_up, FLOWS_AGAIN);
}

static void on_patience(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    if (a->next != NULL)
        publish_next(a);
}

static void on_keyset(void *ctx, const struct brama_keyset *keyset, enum brama_keyset_event event)
{
    struct agent *a = ctx;
    uint64_t id = brama_keyset_id(keyset->url), version = keyset->version;
    int64_t next_at_s = keyset->next_at_s;

    if (event == BRAMA_KEYSET_ASKED) {
        brama__wanted_asked(&a->wanted, a->keysets, id);
        return;
    }
    if (event == BRAMA_KEYSET_NEWS && keyset->problem.n != 0)
        brama__say("key set %.*s: %.*s%s", BRAMA_FMT(keyset->url), BRAMA_FMT(keyset->problem),
                   keyset->set != NULL ? "; the last good one stays"
                   : keyset->expired   ? "; the last good one is too old, nobody is let in by it"
                                       : "");
    if (event == BRAMA_KEYSET_NEWS)
        facts_changed(a); /* and with a new policy the set may have been let go */
    brama__wanted_done(&a->wanted, id, version, next_at_s);
}

static void on_poke(void *ctx)
{
    struct agent *a = ctx;
    if (!a->stopping)
        brama__wanted_take(&a->wanted, a->keysets);
}

static void on_host(void *ctx, brama_str host)
{
    struct agent *a = ctx;
    size_t count;
    (void)brama_resolver_ips(a->resolver, host, &count);
    if (count == 0)
        brama__say("%.*s has no address", BRAMA_FMT(host));
    facts_changed(a);
}

static bool read_sources(void *ctx, const struct brama_touched *touched, size_t count)
{
    struct agent *a = ctx;
    const struct brama__round *last = a->next != NULL ? a->next : a->in_force;
    struct brama__round_in in = a->sources;
    in.before = last;
    in.sheets.touched = last != NULL && !last->again ? touched : NULL;
    in.sheets.touched_count = count;
    struct brama__round *r;
    if (a->stopping)
        return true;
    enum brama_err err = brama__round_read(&r, &in) ? BRAMA_OK : BRAMA_ERR_NOMEM;
    if (err == BRAMA_OK && r->sheets.files.unfinished)
        brama_watch_soon(a->watch);
    if (err == BRAMA_OK && last != NULL && !last->again && r->sheets.same) {
        brama__round_free(r);
        return true;
    }
    if (err == BRAMA_OK)
        err = brama__round_compile(r, &in, brama__publish_next(&a->publisher, BRAMA_PACK_POLICY));
    if (err == BRAMA_OK) {
        brama__round_free(a->next);
        a->next = r;
        err = brama__round_want(r, a->in_force, a->keysets, a->resolver);
    } else {
        brama__round_free(r);
    }
    if (err != BRAMA_OK) {
        say_held_up(a, err, &(struct brama_diag){0});
        return false;
    }
    if (!is_pending(a))
        publish_next(a);
    else if (!uv_is_active((const uv_handle_t *)&a->patience))
        uv_timer_start(&a->patience, on_patience, FIRST_FETCH_MS, 0);
    else if (a->in_force != NULL && uv_timer_get_due_in(&a->patience) > NEXT_EDIT_MS)
        uv_timer_start(&a->patience, on_patience, NEXT_EDIT_MS, 0);
    return true;
}

static void look_at_certificate(struct agent *a)
{
    struct brama_diag diag = {0};
    bool changed = brama__tls_look(&a->tls, &diag);
    if (diag.what[0] != '\0')
        brama__say_trouble(&a->no_cert, "%.*s%s%s", BRAMA_FMT(diag.where.file),
                           diag.where.file.n != 0 ? ": " : "", diag.what);
    else
        brama__say_over(&a->no_cert, "the certificate can be read again");
    if (changed)
        facts_changed(a);
}

/* What somebody did to files that are told: put right, or published anew. */
static void look_at_files(struct agent *a)
{
    struct brama_diag diag = {0};
    enum brama__look look = brama__publish_look(&a->publisher, &diag);
    if (look == BRAMA__LOOK_GOOD) {
        brama__say_over(&a->damaged, "what is published is whole again");
        return;
    }
    brama__say_trouble(&a->damaged, "%s", diag.what);
    if (look != BRAMA__LOOK_FILES)
        return;
    brama_buf_reset(&a->facts); /* differs from any */
    a->facts_due = true;
    a->in_force->again = true;
}

static void on_tick(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    if (a->stopping)
        return;
    if (brama__keep_state(&a->keeper) == BRAMA_ERR_EXISTS) {
        end(a, UNREACHABLE);
        return;
    }
    if (a->options->tls_listen.n != 0)
        look_at_certificate(a);
    if (a->in_force != NULL)
        look_at_files(a);
    if (a->facts_due)
        facts_changed(a);
    if (a->next == NULL && (a->in_force == NULL || a->in_force->again))
        read_sources(a, NULL, 0);
    if (a->next == NULL && a->in_force != NULL && !a->settled)
        settle(a);
    brama__wanted_take(&a->wanted, a->keysets);
    brama__publish_collect(&a->publisher);
    brama__nginx_look_after(&a->nginx);
    if (a->next == NULL && a->in_force != NULL)
        brama__signer_tick(&a->signer, &a->in_force->policy);
}

static void on_serving(void *ctx, bool adopted)
{
    const struct agent *a = ctx;
    brama__say_serving(a->options, adopted ? a->nginx.pid : 0);
}

static void on_failed(void *ctx, const char *why)
{
    brama__say("nginx didn't start:");
    brama__say_lines(brama_str_c(why));
    end(ctx, UNREACHABLE);
}

static void on_gone(void *ctx)
{
    end(ctx, DONE);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct agent *a = handle->data;
    (void)number;
    if (!a->stopping)
        brama__say("ending, requests under way have %u s", a->nginx.drain_s);
    bool again = a->stopping;
    a->stopping = true;
    brama__nginx_stop(&a->nginx, again);
}

static bool lookup(void *ctx, brama_str host, uint16_t port, size_t which, brama_str *to_host,
                   uint16_t *to_port)
{
    struct agent *a = ctx;
    struct brama__round *r = a->next != NULL ? a->next : a->in_force;
    return r != NULL &&
           brama_service_lookup(&r->beside->table, host, port, which, to_host, to_port);
}

static int code_of(enum brama_err err, const struct brama_diag *diag)
{
    if (err == BRAMA_OK)
        return DONE;
    if (diag->what[0] != '\0')
        brama__say_diag(diag);
    else
        brama__say("%s", brama_err_text(err));
    return err == BRAMA_ERR_NOMEM || err == BRAMA_ERR_BUG ? BUG : UNREACHABLE;
}

/* All that may end the start with a word, in the order in which somebody wants to hear it. */
static int open_world(struct agent *a, const struct brama_http_resolver *resolver)
{
    const struct brama_agent_options *o = a->options;
    const struct brama__nginx_events events = {on_serving, on_failed, on_gone, a};
    struct brama__sheets_in *in = &a->sources.sheets;
    struct brama_diag diag = {0};
    char keys[PATH_MAX + 8];

    enum brama_err err = brama__state_open(&a->state, o->state_dir, &diag);
    if (err != BRAMA_OK)
        return code_of(err, &diag);
    err = brama__roots_find(in, &a->stdin_text, &a->arena, &o->inputs, a->state.dir, &diag);
    if (err == BRAMA_OK)
        err = brama__round_check_roots(in->roots, in->root_count, &a->stdin_text, &diag);
    if (err != BRAMA_OK) {
        brama__say_diag(&diag);
        return err == BRAMA_ERR_INVALID ? UNUSABLE : BUG;
    }
    brama__signer_open(&a->signer, &a->loop, &a->state);
    err = brama__publisher_open(&a->publisher, &a->state, &diag);
    if (err == BRAMA_OK && o->tls_listen.n != 0)
        a->sources.certs = brama__certs_told(&a->arena, &a->publisher);
    if (err == BRAMA_OK)
        err = brama__nginx_open(&a->nginx, &a->loop, &a->state, &a->publisher, o, &events, &diag);
    if (err == BRAMA_OK && o->tls_listen.n != 0)
        err = brama__tls_open(&a->tls, &a->state, o->tls_cert, o->tls_key, o->inputs.domain, &diag);
    if (err == BRAMA_ERR_INVALID) {
        brama__say_diag(&diag);
        return UNUSABLE;
    }
    if (err == BRAMA_OK)
        err = brama__nginx_prepare(&a->nginx, &diag);
    if (err == BRAMA_OK)
        err = brama__goods_open(&a->goods, &a->state);
    snprintf(keys, sizeof(keys), "%s/" BRAMA_STATE_KEYS, a->state.dir);
    struct brama_keysets_options options = {
        .loop = &a->loop,
        .dir = brama_str_c(keys),
        .http = {.ca_file = o->inputs.ca_file, .resolver = resolver},
        .news = on_keyset,
        .ctx = a};
    if (err == BRAMA_OK)
        err = brama_random(&options.seed, sizeof(options.seed));
    if (err == BRAMA_OK)
        err = brama_keysets_new(&a->keysets, &options);
    if (err == BRAMA_OK)
        err = brama_resolver_new(&a->resolver, &a->loop, on_host, a);
    if (err == BRAMA_OK)
        err = brama_watch_new(&a->watch, &a->loop, in->roots, in->root_count, read_sources, a);
    if (err == BRAMA_OK)
        err = brama__wanted_open(&a->wanted, &a->loop, &a->publisher, on_poke, a, &diag);
    return code_of(err, &diag);
}

static void start_loop_handles(struct agent *a)
{
    uv_signal_t *const signals[] = {&a->term, &a->interrupt, &a->hangup};
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(signals); i++) {
        uv_signal_init(&a->loop, signals[i]);
        signals[i]->data = a;
        uv_signal_start(signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&a->loop, &a->tick);
    uv_timer_init(&a->loop, &a->patience);
    a->tick.data = a->patience.data = a;
    uv_timer_start(&a->tick, on_tick, TICK_MS, TICK_MS);
}

static void close_all(struct agent *a)
{
    uv_handle_t *const handles[] = {(uv_handle_t *)&a->term, (uv_handle_t *)&a->interrupt,
                                    (uv_handle_t *)&a->hangup, (uv_handle_t *)&a->tick,
                                    (uv_handle_t *)&a->patience};
    brama_watch_free(a->watch);
    brama_keysets_free(a->keysets);
    brama_resolver_free(a->resolver);
    brama__nginx_close(&a->nginx);
    brama__signer_close(&a->signer);
    brama__wanted_close(&a->wanted);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(handles); i++)
        uv_close(handles[i], NULL);
    uv_run(&a->loop, UV_RUN_DEFAULT);
    uv_loop_close(&a->loop);
    brama__round_free(a->next);
    brama__round_free(a->in_force);
    brama_buf_deinit(&a->facts);
    brama__tls_close(&a->tls);
    brama__goods_close(&a->goods);
    brama__publisher_close(&a->publisher);
    brama__state_close(&a->state);
    brama_arena_deinit(&a->arena);
}

int brama_agent_run(const struct brama_agent_options *options)
{
    struct agent *a = calloc(1, sizeof(*a));
    if (a == NULL || uv_loop_init(&a->loop) != 0) {
        free(a);
        brama__say("%s", brama_err_text(BRAMA_ERR_NOMEM));
        return BUG;
    }
    brama__large_pages();
    signal(SIGPIPE, SIG_IGN);
    a->options = options;
    a->sources = (struct brama__round_in){.inputs = &options->inputs, .goods = &a->goods};
    a->state.dir_fd = a->state.lock_fd = a->state.nginx_lock_fd = a->publisher.poke_fd =
        a->publisher.control_fd = a->wanted.fd = -1;
    brama_arena_init(&a->arena, NULL, (size_t)1 << 26);
    brama_buf_init(&a->facts, NULL, BRAMA__FACTS_BYTES);
    a->keeper = (struct brama__state_keeper){&a->state,  &a->goods, &a->wanted,
                                             &a->signer, &a->nginx, {{0}}};
    start_loop_handles(a);
    int code = open_world(a, &(struct brama_http_resolver){lookup, a});
    if (code == DONE) {
        read_sources(a, NULL, 0);
        uv_run(&a->loop, UV_RUN_DEFAULT);
        code = a->exit_code;
    }
    close_all(a);
    free(a);
    return code;
}
