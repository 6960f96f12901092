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

#include "agent/nginx_conf.h"
#include "agent/nginx_orphan.h"

#define CONF_BYTES ((size_t)1 << 20)
#define LOOK_MS 20
#define AGAIN_MAX_S 30
#define STEADY_MS 60000 /* after this long a death is the first one again */
#define KILL_AFTER_MS 5000
#define LOG_TAIL_BYTES 2000
#define FIRST_FD 3 /* of the child: nginx.lock, then the sockets */

static void start_again(uv_timer_t *timer);

static void add_module_mark(struct brama__nginx *n)
{
    struct stat st;
    if (stat(n->module, &st) == 0)
        brama_buf_printf(&n->conf, "# module: %lld bytes of %lld.%09ld\n", (long long)st.st_size,
                         (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

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
        .workers = n->workers,
        .drain_s = n->drain_s,
        .kid_wait_ms = o->kid_wait_ms};
    brama_nginx_conf(&n->conf, &conf);
    add_module_mark(n); /* another build of the module isn't the one that an orphan runs */
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
    write_conf(n);
    return brama_buf_err(&n->conf);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* End an orphan and wait: until then neither its lock nor its sockets can be had. */
static bool drain_orphan(struct brama__nginx *n, pid_t pid)
{
    long left_ms = (long)n->drain_s * 1000 + KILL_AFTER_MS;
    if (pid != 0)
        kill(pid, SIGQUIT);
    while (!brama__state_take_nginx_lock(n->state)) {
        if (left_ms <= 0)
            return false;
        if (pid != 0 && left_ms <= KILL_AFTER_MS &&
            brama__nginx_orphan(n->state, n->program) == pid)
            kill(pid, SIGTERM);
        pause_ms(100);
        left_ms -= 200; /* a try takes as long */
    }
    return true;
}

enum brama_err brama__nginx_prepare(struct brama__nginx *n, struct brama_diag *diag)
{
    const struct brama_agent_options *o = n->options;
    if (!brama__state_take_nginx_lock(n->state)) {
        pid_t pid = brama__nginx_orphan(n->state, n->program);
        if (pid != 0 && brama__nginx_conf_is(n->state, brama_buf_str(&n->conf))) {
            n->pid = pid;
            n->adopted = true;
            return BRAMA_OK;
        }
        if (!drain_orphan(n, pid)) {
            brama_diag_set(diag, (struct brama_where){0},
                           "an nginx of an earlier run holds %s/" BRAMA_STATE_NGINX_LOCK
                           " and doesn't end",
                           n->state->dir);
            return BRAMA_ERR_UNAVAILABLE;
        }
    }
    enum brama_err err = brama__listen_add(&n->listen, o->listen, diag);
    if (err == BRAMA_OK)
        err = brama__listen_add(&n->listen, o->tls_listen, diag);
    if (err == BRAMA_OK)
        err = brama__listen_add(&n->listen, o->admin, diag);
    return err;
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

/* The master has ended, ours or adopted. */
static void on_end(struct brama__nginx *n)
{
    char tail[LOG_TAIL_BYTES];
    n->pid = 0;
    n->adopted = false;
    uv_timer_stop(&n->timer);
    if (n->stopping) {
        n->events.gone(n->events.ctx);
        return;
    }
    if (!n->served) {
        read_log_tail(n, tail, sizeof(tail));
        n->events.failed(n->events.ctx, tail[0] != '\0' ? tail : "nginx ended without a word");
        return;
    }
    if (uv_now(n->loop) - n->since_ms > STEADY_MS)
        n->failures = 0;
    unsigned again_s = n->failures < 5 ? 1u << n->failures : AGAIN_MAX_S;
    n->failures++;
    n->events.died(n->events.ctx, again_s);
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
    int fd;
    (void)status;
    (void)events;
    if (uv_fileno((uv_handle_t *)poll, &fd) == 0) {
        uv_poll_stop(poll);
        close(fd);
    }
    uv_close((uv_handle_t *)poll, on_pidfd_closed);
}

static bool watch_adopted(struct brama__nginx *n)
{
    int fd = (int)syscall(SYS_pidfd_open, n->pid, 0);
    if (fd < 0)
        return false;
    if (uv_poll_init(n->loop, &n->pidfd, fd) != 0) {
        close(fd);
        return false;
    }
    n->pidfd.data = n;
    n->pidfd_open = true;
    return uv_poll_start(&n->pidfd, UV_READABLE, on_pidfd) == 0;
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
    char prefix[PATH_MAX + 2], conf[PATH_MAX + 16], log[PATH_MAX + 16], sockets[64] = "NGINX=";
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
    n->pid = n->process.pid;
    n->since_ms = uv_now(n->loop);
    uv_timer_start(&n->timer, look, LOOK_MS, LOOK_MS);
    return BRAMA_OK;
}

/* After the death of an adopted master lock and sockets have to be had first: its workers let go of
 * both as they drain. */
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
    if (n->pid != 0)
        kill(n->pid, SIGKILL);
}

static void end_now(uv_timer_t *timer)
{
    struct brama__nginx *n = timer->data;
    if (n->pid != 0)
        kill(n->pid, SIGTERM);
    uv_timer_start(timer, end_hard, KILL_AFTER_MS, 0);
}

void brama__nginx_stop(struct brama__nginx *n, bool at_once)
{
    brama__listen_close(&n->listen); /* or connects would wait in a queue that nobody serves */
    n->stopping = true;
    bool watched = n->process_open || n->pidfd_open;
    if (n->pid != 0 && !watched)
        kill(n->pid, SIGQUIT); /* an orphan that wasn't taken over yet */
    if (n->pid == 0 || !watched) {
        uv_timer_stop(&n->timer);
        n->events.gone(n->events.ctx);
        return;
    }
    if (at_once) {
        end_now(&n->timer);
        return;
    }
    kill(n->pid, SIGQUIT);
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
    brama__listen_close(&n->listen);
    brama_buf_deinit(&n->conf);
}
