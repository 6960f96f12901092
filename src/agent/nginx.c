#include "agent/nginx.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/call_ca.h"
#include "agent/nginx_find.h"
#include "agent/say.h"
#include "agent/step.h"

#define CONF_BYTES ((size_t)1 << 20)
#define LOOK_MS 20
#define AGAIN_MAX_S 30
#define STEADY_MS 60000 /* after this long a death is the first one again */
#define KILL_AFTER_MS 5000
#define LOG_TAIL_BYTES 2000
#define USELESS_TICKS 2
#define QUEUE_MS 300
#define SLOW_MS 10000 /* until it is said that workers don't serve yet */

static void start_again(uv_timer_t *timer);

enum brama_err brama__nginx_open(struct brama__nginx *n, uv_loop_t *loop,
                                 struct brama__state *state,
                                 const struct brama__publisher *publisher,
                                 const struct brama_agent_options *options,
                                 const struct brama__nginx_events *events, struct brama_diag *diag)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    *n = (struct brama__nginx){.loop = loop,
                               .state = state,
                               .publisher = publisher,
                               .options = options,
                               .events = *events,
                               .drain_s = options->drain_s != 0 ? options->drain_s : 30};
    n->workers = options->workers != 0 ? options->workers : cpus > 0 ? (unsigned)cpus : 1;
    if (n->workers > BRAMA_WORKER_SLOTS / 2)
        n->workers = BRAMA_WORKER_SLOTS / 2; /* during a drain there are twice as many */
    uv_timer_init(loop, &n->timer);
    n->timer.data = n;
    brama_buf_init(&n->conf, NULL, CONF_BYTES);
    if (!brama__nginx_find_program(n->program, options->nginx)) {
        brama_diag_set(diag, (struct brama_where){0}, "no nginx found%s%.*s (--nginx)",
                       options->nginx.n != 0 ? " at " : " on PATH", BRAMA_FMT(options->nginx));
        return BRAMA_ERR_NOT_FOUND;
    }
    if (!brama__nginx_find_module(n->module, options->module, options->self)) {
        brama_diag_set(
            diag, (struct brama_where){0}, "no ngx_http_brama_module.so found%s%.*s (--module)",
            options->module.n != 0 ? " at " : " beside this program", BRAMA_FMT(options->module));
        return BRAMA_ERR_NOT_FOUND;
    }
    brama__call_ca_path(n->call_ca, n->state->dir, options->inputs.ca_file);
    brama__nginx_write_conf(n);
    return brama_buf_err(&n->conf);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void signal_old(const struct brama__nginx *n, int number)
{
    for (size_t i = 0; i < n->old.count; i++)
        brama_orphan_signal(&n->old.master[i], number);
}

static void signal_ours(const struct brama__nginx *n, int number)
{
    if (n->adopted)
        brama_orphan_signal(&n->ours, number);
    else if (n->pid != 0)
        kill(n->pid, number);
}

static void drain_old(struct brama__nginx *n)
{
    signal_old(n, SIGQUIT);
    for (size_t i = 0; i < n->old.count; i++)
        brama__say("the nginx before it, process %ld, answers what it has and ends",
                   (long)n->old.master[i].pid);
}

/* A socket for each address, from had where it has one. An old nginx that gave us nothing has to
 * let go of its own first. */
static enum brama_err open_sockets(struct brama__nginx *n, struct brama__listen *had,
                                   struct brama_diag *diag)
{
    const brama_str addresses[] = {n->options->listen, n->options->tls_listen, n->options->admin};
    long left_ms = (long)n->drain_s * 1000 + KILL_AFTER_MS;
    bool given = had->count != 0, told = false;

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(addresses);) {
        enum brama_err err = brama__listen_add(&n->listen, had, addresses[i], diag);
        if (err == BRAMA_OK) {
            i++;
            continue;
        }
        bool theirs = err == BRAMA_ERR_EXISTS || told || !given;
        if (!theirs || left_ms <= 0 || !brama__state_nginx_lives(n->state))
            return BRAMA_ERR_UNAVAILABLE;
        if (!told)
            drain_old(n);
        told = true;
        brama__listen_close(had); /* ours are in the way, too */
        pause_ms(50);
        left_ms -= 50;
        (void)brama_orphans_reap(&n->old);
    }
    return BRAMA_OK;
}

/* The one that is what ours would be goes on as ours. */
static void adopt(struct brama__nginx *n)
{
    for (size_t i = 0; i < n->old.count; i++) {
        if (!n->old.master[i].same)
            continue;
        n->ours = n->old.master[i];
        n->old.master[i] = n->old.master[--n->old.count];
        n->pid = n->ours.pid;
        n->adopted = true;
        return;
    }
}

enum brama_err brama__nginx_prepare(struct brama__nginx *n, struct brama_diag *diag)
{
    struct brama__listen had = {.count = 0};
    if (!brama__state_take_nginx_lock(n->state)) {
        brama_diag_set(diag, (struct brama_where){0}, "can't take " BRAMA_STATE_NGINX_LOCK ": %s",
                       strerror(errno));
        return BRAMA_ERR_IO;
    }
    brama_orphans_find(&n->old, n->state->dir_fd, n->mark);
    brama__orphans_sockets(&n->old, n->state->dir_fd, &had);
    adopt(n);
    enum brama_err err = brama__call_ca_write(n->call_ca, n->options->inputs.ca_file, diag);
    if (err == BRAMA_OK && (!n->adopted || had.count != 0))
        err = open_sockets(n, &had, diag);
    brama__listen_close(&n->leaving);
    n->leaving = had;
    if (err != BRAMA_OK) {
        brama__listen_close(&n->leaving);
        brama__listen_close(&n->listen);
    }
    return n->adopted ? BRAMA_OK : err; /* an adopted one serves without our having them, too */
}

/* Ours has ended; the end is when the old ones have, too. */
static void wait_for_old(uv_timer_t *timer)
{
    struct brama__nginx *n = timer->data;
    (void)brama_orphans_reap(&n->old);
    if (n->old.count == 0) {
        n->events.gone(n->events.ctx);
        return;
    }
    if (uv_now(n->loop) - n->stop_ms > n->drain_s * 1000ull + KILL_AFTER_MS)
        signal_old(n, SIGKILL);
    uv_timer_start(timer, wait_for_old, LOOK_MS, 0);
}

/* At once, then after 1, 2, 4... seconds: the sockets are open, and clients wait. */
static unsigned pause_s(struct brama__nginx *n)
{
    if (uv_now(n->loop) - n->since_ms > STEADY_MS)
        n->failures = 0;
    return n->failures < 5 ? (1u << n->failures) >> 1 : AGAIN_MAX_S;
}

/* The master has ended, ours or adopted. */
static void on_end(struct brama__nginx *n, bool was_ours)
{
    char tail[LOG_TAIL_BYTES];
    n->pid = 0;
    n->adopted = false;
    uv_timer_stop(&n->timer);
    if (n->stopping) {
        wait_for_old(&n->timer);
        return;
    }
    if (!n->served && was_ours) {
        brama__nginx_log_tail(n->state->dir_fd, n->log_at, tail, sizeof(tail));
        n->events.failed(n->events.ctx, tail[0] != '\0' ? tail : "nginx ended without a word");
        return;
    }
    unsigned again_s = pause_s(n);
    n->failures++;
    const char *what = n->ended_by_us ? "nginx was ended" : "nginx has ended by itself";
    if (again_s == 0)
        brama__say("%s; started again", what);
    else
        brama__say("%s; started again in %u s", what, again_s);
    if (!n->serves && !n->ended_by_us) {
        brama__nginx_log_tail(n->state->dir_fd, n->log_at, tail, sizeof(tail));
        brama__say_lines(brama_str_c(tail));
    }
    uv_timer_start(&n->timer, start_again, again_s * 1000, 0);
}

static void on_child_end(void *ctx)
{
    struct brama__nginx *n = ctx;
    n->child = NULL;
    on_end(n, true);
}

static void on_pidfd_closed(uv_handle_t *handle)
{
    struct brama__nginx *n = handle->data;
    n->pidfd_open = false;
    on_end(n, false);
}

static void on_let_go(uv_handle_t *handle)
{
    struct brama__nginx *n = handle->data;
    n->pidfd_open = false;
}

static void on_pidfd(uv_poll_t *poll, int status, int events)
{
    struct brama__nginx *n = poll->data;
    (void)status;
    (void)events;
    uv_poll_stop(poll);
    close(n->ours.pidfd);
    n->pid = 0;
    n->adopted = false;
    uv_close((uv_handle_t *)poll, on_pidfd_closed);
}

static bool watch_adopted(struct brama__nginx *n)
{
    if (uv_poll_init(n->loop, &n->pidfd, n->ours.pidfd) != 0)
        return false;
    n->pidfd.data = n;
    n->pidfd_open = true;
    return uv_poll_start(&n->pidfd, UV_READABLE, on_pidfd) == 0;
}

/* nginx writes it, and each master removes it at its end, whoever's it is by then. */
static void write_pid(const struct brama__nginx *n)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%ld\n", (long)n->pid);
    (void)brama__state_write(n->state, BRAMA_STATE_NGINX_PID, (brama_str){text, (size_t)length},
                             0644);
}

/* Some serve: another nginx beside this one. None does: it ends, and another is started. Neither
 * more often than masters that end are started again. */
static void give_up_on(struct brama__nginx *n, bool some_serve)
{
    if (!some_serve) {
        n->ended_by_us = true;
        signal_ours(n, SIGKILL);
    } else if (uv_now(n->loop) - n->since_ms >= pause_s(n) * 1000ull) {
        n->failures++;
        brama__nginx_replace(n);
    }
}

/* Of an old one, whose successor can't start either, there is nothing to be had any more. */
static void look_at_old(struct brama__nginx *n)
{
    unsigned serving = 0;
    for (size_t i = 0; i < n->old.count; i++)
        serving += brama__publish_workers(n->publisher, n->old.master[i].pid).current;
    bool useless = n->old.count != 0 && serving == 0 && !n->serves && n->dying.said[0] != '\0';
    n->useless_ticks = useless ? n->useless_ticks + 1 : 0;
    if (n->useless_ticks > USELESS_TICKS)
        signal_old(n, SIGKILL);
}

static void look_at_workers(struct brama__nginx *n)
{
    struct brama__workers w = brama__publish_workers(n->publisher, n->pid);
    int log = openat(n->state->dir_fd, BRAMA_STATE_ERROR_LOG, O_RDONLY | O_CLOEXEC);
    brama__nginx_deaths_read(&n->deaths, log, n->pid);
    if (log >= 0)
        close(log);
    if (!brama__nginx_deaths_judge(&n->deaths, w.current, n->workers))
        return;
    brama__say_trouble(&n->dying, "nginx's workers can't live: %s", n->deaths.last);
    give_up_on(n, w.current != 0);
}

void brama__nginx_look_after(struct brama__nginx *n)
{
    if (brama_orphans_reap(&n->old) && n->pid != 0)
        write_pid(n);
    if (n->stopping)
        return;
    look_at_old(n);
    if (n->pid != 0)
        look_at_workers(n);
}

/* Who stood in the queue of a socket that we don't go on with has been accepted by now. */
static void drain_after_queue(uv_timer_t *timer)
{
    struct brama__nginx *n = timer->data;
    drain_old(n);
    brama__listen_close(&n->leaving);
}

/* Serving: the workers are there and have taken what is published. */
static void look(uv_timer_t *timer)
{
    struct brama__nginx *n = timer->data;
    struct brama__workers w = brama__publish_workers(n->publisher, n->pid);
    if (w.current < w.live || w.current < n->workers) {
        if (uv_now(n->loop) - n->since_ms > SLOW_MS)
            brama__say_trouble(&n->dying,
                               "nginx started %u s ago, and %u of %u workers serve; "
                               "see " BRAMA_STATE_ERROR_LOG,
                               SLOW_MS / 1000, w.current, n->workers);
        return;
    }
    uv_timer_stop(timer);
    n->served = n->serves = true;
    n->since_ms = uv_now(n->loop);
    brama__say_over(&n->dying, "nginx's workers live again");
    if (n->leaving.count == 0) {
        drain_old(n);
    } else {
        brama__listen_turn_away(&n->leaving);
        uv_timer_start(timer, drain_after_queue, QUEUE_MS, 0);
    }
    brama__step();
    write_pid(n);
    n->events.serving(n->events.ctx, n->adopted);
}

enum brama_err brama__nginx_start(struct brama__nginx *n, struct brama_diag *diag)
{
    const struct brama__nginx_wish wish = {.loop = n->loop,
                                           .program = n->program,
                                           .state_dir = n->state->dir,
                                           .lock_fd = n->state->nginx_lock_fd,
                                           .listen = &n->listen,
                                           .ended = on_child_end,
                                           .ctx = n};
    n->serves = n->ended_by_us = false;
    n->log_at = brama__nginx_log_size(n->state->dir_fd);
    brama__nginx_deaths_forget(&n->deaths, n->log_at);
    if (n->adopted) {
        uv_timer_start(&n->timer, look, 0, LOOK_MS);
        if (watch_adopted(n))
            return BRAMA_OK;
        brama_diag_set(diag, (struct brama_where){0}, "the nginx of the earlier run is gone");
        return BRAMA_ERR_IO;
    }
    if (!brama__state_write(n->state, BRAMA_STATE_NGINX_CONF, brama_buf_str(&n->conf), 0600)) {
        brama_diag_set(diag, (struct brama_where){0}, "can't write " BRAMA_STATE_NGINX_CONF ": %s",
                       strerror(errno));
        return BRAMA_ERR_IO;
    }
    int error = brama__nginx_spawn(&n->children, &n->child, &wish);
    if (error != 0) {
        brama_diag_set(diag, (struct brama_where){0}, "can't start %.150s: %s", n->program,
                       uv_strerror(error));
        return BRAMA_ERR_IO;
    }
    brama__step();
    n->pid = n->child->process.pid;
    n->since_ms = uv_now(n->loop);
    uv_timer_start(&n->timer, look, LOOK_MS, LOOK_MS);
    return BRAMA_OK;
}

/* Sockets are lacking only after an adopted master that didn't give us any. */
static void start_again(uv_timer_t *timer)
{
    struct brama__nginx *n = timer->data;
    struct brama_diag diag = {0};
    enum brama_err err = BRAMA_OK;
    if (n->listen.count == 0)
        err = brama__nginx_prepare(n, &diag);
    else
        err = brama__call_ca_write(n->call_ca, n->options->inputs.ca_file, &diag);
    if (err == BRAMA_OK)
        err = brama__nginx_start(n, &diag);
    if (err == BRAMA_OK)
        return;
    brama__say_trouble(&n->dying, "nginx can't be started: %s", diag.what);
    unsigned again_s = pause_s(n);
    n->failures++;
    uv_timer_start(timer, start_again, (again_s != 0 ? again_s : 1) * 1000, 0);
}

/* The one that runs becomes an old one: it goes on, and who watches it is told nothing any more. */
static bool step_aside(struct brama__nginx *n)
{
    if (n->pid == 0 || n->old.count == BRAMA_ORPHANS_MAX)
        return n->pid == 0;
    if (n->adopted) {
        n->old.master[n->old.count++] = n->ours;
        uv_poll_stop(&n->pidfd);
        uv_close((uv_handle_t *)&n->pidfd, on_let_go);
    } else {
        struct brama_orphan old = {.pid = n->pid};
        old.pidfd = (int)syscall(SYS_pidfd_open, n->pid, 0);
        if (old.pidfd < 0)
            return false;
        n->old.master[n->old.count++] = old;
        brama__nginx_let_go(n->child);
    }
    n->child = NULL;
    n->adopted = false;
    n->pid = 0;
    return true;
}

void brama__nginx_replace(struct brama__nginx *n)
{
    if (n->stopping || !n->served)
        return;
    if (n->listen.count == 0 || !step_aside(n)) { /* they are its workers' alone: let them go */
        n->ended_by_us = true;
        signal_ours(n, SIGKILL);
        return;
    }
    uv_timer_stop(&n->timer);
    start_again(&n->timer);
}

static void end_hard(uv_timer_t *timer)
{
    struct brama__nginx *n = timer->data;
    signal_ours(n, SIGKILL);
    signal_old(n, SIGKILL);
}

static void end_now(uv_timer_t *timer)
{
    struct brama__nginx *n = timer->data;
    signal_ours(n, SIGTERM);
    signal_old(n, SIGTERM);
    uv_timer_start(timer, end_hard, KILL_AFTER_MS, 0);
}

void brama__nginx_stop(struct brama__nginx *n, bool at_once)
{
    brama__listen_close(&n->leaving);
    brama__listen_close(&n->listen); /* or connects would wait in a queue that nobody serves */
    bool watched = n->child != NULL || n->adopted;
    if (!n->stopping)
        n->stop_ms = uv_now(n->loop);
    n->stopping = true;
    signal_ours(n, SIGQUIT);
    signal_old(n, at_once ? SIGTERM : SIGQUIT);
    if (n->pid == 0 || !watched)
        uv_timer_start(&n->timer, wait_for_old, 0, 0);
    else if (at_once)
        end_now(&n->timer);
    else
        uv_timer_start(&n->timer, end_now, (uint64_t)n->drain_s * 1000 + 500, 0);
}

void brama__nginx_close(struct brama__nginx *n)
{
    if (n->loop == NULL)
        return;
    uv_close((uv_handle_t *)&n->timer, NULL);
    brama__nginx_children_close(&n->children);
    if (n->pidfd_open && !uv_is_closing((uv_handle_t *)&n->pidfd))
        uv_close((uv_handle_t *)&n->pidfd, NULL);
    if (n->adopted)
        close(n->ours.pidfd);
    brama_orphans_close(&n->old);
    brama__listen_close(&n->leaving);
    brama__listen_close(&n->listen);
    brama_buf_deinit(&n->conf);
}
