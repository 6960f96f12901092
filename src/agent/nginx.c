#include "agent/nginx.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/call_ca.h"
#include "agent/nginx_conf.h"
#include "agent/nginx_find.h"
#include "agent/say.h"
#include "agent/step.h"

#define CONF_BYTES ((size_t)1 << 20)
#define LOOK_MS 20
#define AGAIN_MAX_S 30
#define STEADY_MS 60000 /* after this long a death is the first one again */
#define KILL_AFTER_MS 5000
#define LOG_TAIL_BYTES 2000
#define FIRST_FD BRAMA__NGINX_LOCK_FD /* of the child: nginx.lock, then the sockets */

static void start_again(uv_timer_t *timer);

/* Another build of a file isn't the one that an orphan runs. */
static void add_file(struct brama_buf *out, const char *what, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        brama_buf_printf(out, "# %s: %s, %lld bytes of %lld.%09ld\n", what, path,
                         (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* Twice: its mark is a hash of all the rest. */
static void write_conf(struct brama__nginx *n)
{
    const struct brama_agent_options *o = n->options;
    struct brama_nginx_options conf = {
        .state_dir = brama_str_c(n->state->dir),
        .module = brama_str_c(n->module),
        .listen = o->listen,
        .tls_listen = o->tls_listen,
        .admin = o->admin,
        .access_log = o->access_log.n != 0 ? o->access_log : BRAMA_STR("/dev/stdout"),
        .user = brama_str_c(n->state->user),
        .call_ca = brama_str_c(n->call_ca),
        .workers = n->workers,
        .drain_s = n->drain_s,
        .kid_wait_ms = o->kid_wait_ms,
        .refusals = o->refusals.n != 0 ? o->refusals : BRAMA_STR("full")};
    brama_nginx_conf(&n->conf, &conf);
    add_file(&n->conf, "module", n->module);
    add_file(&n->conf, "program", n->program);
    snprintf(n->mark, sizeof(n->mark), "%016" PRIx64, brama_str_hash(brama_buf_str(&n->conf)));
    conf.mark = brama_str_c(n->mark);
    brama_buf_reset(&n->conf);
    brama_nginx_conf(&n->conf, &conf);
}

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
    write_conf(n);
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
        brama__say("the nginx of an earlier run, process %ld, answers what it has and ends",
                   (long)n->old.master[i].pid);
}

/* A socket for each address, from had where it has one. An old nginx that has an address in another
 * form (0.0.0.0 for 127.0.0.1), or that gave us nothing, has to let go of it first. */
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
    brama__listen_close(&had);
    if (err != BRAMA_OK)
        brama__listen_close(&n->listen);
    return n->adopted ? BRAMA_OK : err; /* an adopted one serves without our having them, too */
}

/* What it said since this start: the last lines. */
static void read_log_tail(const struct brama__nginx *n, char *out, size_t size)
{
    struct stat st;
    int fd = openat(n->state->dir_fd, BRAMA_STATE_ERROR_LOG, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        long at = n->log_at;
        if (st.st_size - at > (long)size - 1)
            at = st.st_size - (long)size + 1;
        got = pread(fd, out, size - 1, at);
    }
    if (fd >= 0)
        close(fd);
    out[got > 0 ? got : 0] = '\0';
}

static long log_size(const struct brama__nginx *n)
{
    struct stat st;
    return fstatat(n->state->dir_fd, BRAMA_STATE_ERROR_LOG, &st, 0) == 0 ? (long)st.st_size : 0;
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

/* The master has ended, ours or adopted. */
static void on_end(struct brama__nginx *n)
{
    char tail[LOG_TAIL_BYTES];
    n->pid = 0;
    n->adopted = false;
    uv_timer_stop(&n->timer);
    if (n->stopping) {
        wait_for_old(&n->timer);
        return;
    }
    if (!n->served) {
        read_log_tail(n, tail, sizeof(tail));
        n->events.failed(n->events.ctx, tail[0] != '\0' ? tail : "nginx ended without a word");
        return;
    }
    if (uv_now(n->loop) - n->since_ms > STEADY_MS)
        n->failures = 0;
    /* At once, then after 1, 2, 4... seconds: the sockets are open, and clients wait. */
    unsigned again_s = n->failures < 5 ? (1u << n->failures) >> 1 : AGAIN_MAX_S;
    n->failures++;
    if (again_s == 0)
        brama__say("nginx has ended by itself; started again");
    else
        brama__say("nginx has ended by itself; started again in %u s", again_s);
    uv_timer_start(&n->timer, start_again, again_s * 1000, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct brama__nginx *n = handle->data;
    n->process_open = false;
    on_end(n);
}

static void on_child_end(uv_process_t *process, int64_t status, int signal)
{
    (void)status;
    (void)signal;
    uv_close((uv_handle_t *)process, on_closed);
}

static void on_pidfd_closed(uv_handle_t *handle)
{
    struct brama__nginx *n = handle->data;
    n->pidfd_open = false;
    on_end(n);
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

void brama__nginx_look_after(struct brama__nginx *n)
{
    if (brama_orphans_reap(&n->old) && n->pid != 0)
        write_pid(n);
}

/* Serving: the workers are there and have taken what is published. */
static void look(uv_timer_t *timer)
{
    struct brama__nginx *n = timer->data;
    struct brama__workers w = brama__publish_workers(n->publisher, n->pid);
    if (w.current < w.live || w.current < n->workers)
        return;
    uv_timer_stop(timer);
    n->served = true;
    n->since_ms = uv_now(n->loop);
    drain_old(n);
    brama__step();
    write_pid(n);
    n->events.serving(n->events.ctx, n->adopted);
}

/* NAME=VALUE of our own environment, with NGINX= for the sockets. The strings stay ours. */
static char **environment(char *sockets)
{
    extern char **environ;
    size_t count = 0, at = 0;
    while (environ[count] != NULL)
        count++;
    char **out = calloc(count + 2, sizeof(*out));
    for (size_t i = 0; out != NULL && i < count; i++) {
        if (strncmp(environ[i], "NGINX=", 6) != 0)
            out[at++] = environ[i];
    }
    if (out != NULL)
        out[at] = sockets;
    return out;
}

static int spawn(struct brama__nginx *n)
{
    char prefix[PATH_MAX + 2], conf[PATH_MAX + 16], log[PATH_MAX + 16], sockets[128] = "NGINX=";
    uv_stdio_container_t stdio[FIRST_FD + 1 + BRAMA__LISTEN_MAX] = {{.flags = UV_IGNORE}};
    snprintf(prefix, sizeof(prefix), "%s/", n->state->dir);
    snprintf(conf, sizeof(conf), "%s/" BRAMA_STATE_NGINX_CONF, n->state->dir);
    snprintf(log, sizeof(log), "%s/" BRAMA_STATE_ERROR_LOG, n->state->dir);
    char p[] = "-p", c[] = "-c", e[] = "-e";
    char *args[] = {n->program, p, prefix, c, conf, e, log, NULL};
    for (int i = 1; i < FIRST_FD; i++)
        stdio[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = i};
    stdio[FIRST_FD] =
        (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = n->state->nginx_lock_fd};
    for (size_t i = 0; i < n->listen.count; i++) {
        size_t used = strlen(sockets);
        stdio[FIRST_FD + 1 + i] =
            (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = n->listen.fd[i]};
        snprintf(sockets + used, sizeof(sockets) - used, "%d;", FIRST_FD + 1 + (int)i);
    }
    char **env = environment(sockets);
    if (env == NULL)
        return UV_ENOMEM;
    uv_process_options_t options = {.exit_cb = on_child_end,
                                    .file = n->program,
                                    .args = args,
                                    .env = env,
                                    .flags = UV_PROCESS_DETACHED, /* a session of its own */
                                    .stdio_count = FIRST_FD + 1 + (int)n->listen.count,
                                    .stdio = stdio};
    n->process.data = n;
    int error = uv_spawn(n->loop, &n->process, &options);
    n->process_open = true; /* to be closed in either case */
    free(env);
    return error;
}

enum brama_err brama__nginx_start(struct brama__nginx *n, struct brama_diag *diag)
{
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
    n->log_at = log_size(n);
    int error = spawn(n);
    if (error != 0) {
        brama_diag_set(diag, (struct brama_where){0}, "can't start %.150s: %s", n->program,
                       uv_strerror(error));
        return BRAMA_ERR_IO;
    }
    brama__step();
    n->pid = n->process.pid;
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
    if (err == BRAMA_OK)
        err = brama__nginx_start(n, &diag);
    if (err == BRAMA_OK)
        return;
    brama__listen_close(&n->listen);
    n->failures++;
    uv_timer_start(timer, start_again, AGAIN_MAX_S * 1000, 0);
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
    brama__listen_close(&n->listen); /* or connects would wait in a queue that nobody serves */
    bool watched = n->process_open || n->pidfd_open;
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
    if (n->process_open && !uv_is_closing((uv_handle_t *)&n->process))
        uv_close((uv_handle_t *)&n->process, NULL);
    if (n->pidfd_open && !uv_is_closing((uv_handle_t *)&n->pidfd))
        uv_close((uv_handle_t *)&n->pidfd, NULL);
    if (n->adopted)
        close(n->ours.pidfd);
    brama_orphans_close(&n->old);
    brama__listen_close(&n->listen);
    brama_buf_deinit(&n->conf);
}
