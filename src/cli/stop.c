#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/read_file.h"
#include "cli/state.h"
#include "cli/verbs.h"

#define POLL_MS 50

static const struct brama_usage usage = {
    .synopsis = "brama stop [FLAGS]",
    .about = "End the gateway of a state directory and wait until it has gone; requests under\n"
             "way are answered first. Also ends an nginx whose agent was killed.\n"
             "Exit code: 0 ended or nothing ran, 69 it wouldn't end.",
    .example = "  brama stop --state /tmp/brama",
};

/* One of the two that may run: how it is found and what it is told. */
struct process {
    const char *what, *lock_file, *pid_file;
    int signal;
};
static const struct process agent = {"agent", BRAMA_STATE_LOCK, BRAMA_STATE_LOCK, SIGTERM};
static const struct process nginx = {"nginx", BRAMA_STATE_NGINX_LOCK, BRAMA_STATE_NGINX_PID,
                                     SIGQUIT};

/* The pid file of an nginx that died hard may name a stranger by now. */
static bool is_nginx(struct brama_cli *cli, pid_t pid)
{
    brama_str comm = BRAMA_NIL;
    brama_str path = brama_arena_printf(cli->arena, "/proc/%ld/comm", (long)pid);

    return path.n != 0 && brama_read_quietly(&comm, cli->arena, path.p) == BRAMA_OK &&
           brama_str_eq(brama_str_trim(comm), BRAMA_STR("nginx"));
}

/* The pid is pinned by a descriptor before the lock is looked at again, so that the signal reaches
 * the one that held it and nobody who took its number since. */
static bool send(const struct brama_state *state, const struct process *p, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0)
        return errno == ESRCH;
    int why = 0;
    if (brama_state_holder(state, p->lock_file, p->pid_file) == pid &&
        (p != &nginx || is_nginx(state->cli, pid)) &&
        syscall(SYS_pidfd_send_signal, fd, p->signal, NULL, 0) != 0)
        why = errno;
    close(fd);
    errno = why;
    return why == 0 || why == ESRCH;
}

static bool wait_released(const struct brama_state *state, const struct process *p,
                          int64_t *left_ms)
{
    while (brama_state_is_locked(state, p->lock_file)) {
        if (*left_ms <= 0)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        *left_ms -= POLL_MS;
    }
    return true;
}

static int end(const struct brama_state *state, const struct process *p, int64_t *left_ms,
               bool *ran)
{
    pid_t pid = brama_state_holder(state, p->lock_file, p->pid_file);

    if (pid == 0)
        return BRAMA_EXIT_OK;
    *ran = true;
    if (pid > 0 && !send(state, p, pid)) {
        brama_say(state->cli, "%s, process %ld: %s", p->what, (long)pid, strerror(errno));
        return BRAMA_EXIT_UNAVAILABLE;
    }
    if (wait_released(state, p, left_ms))
        return BRAMA_EXIT_OK;
    if (pid > 0)
        brama_say(state->cli, "the %s, process %ld, hasn't ended in time", p->what, (long)pid);
    else
        brama_say(state->cli, "the %s runs, but %.*s doesn't tell its process", p->what,
                  BRAMA_FMT(brama_state_path(state, p->pid_file)));
    return BRAMA_EXIT_UNAVAILABLE;
}

int brama_cmd_stop(struct brama_cli *cli, int argc, char **argv)
{
    brama_str dir = BRAMA_NIL;
    int64_t left_ms = 60000;
    const struct brama_opt opts[] = {
        {.name = "state", .value = "DIR", .help = BRAMA_HELP_STATE, .text = &dir},
        {.name = "timeout",
         .value = "TIME",
         .help = "how long to wait: 60s",
         .duration_ms = &left_ms},
    };
    struct brama_args args;
    struct brama_state state;
    bool ran = false;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    brama_state_init(&state, cli, dir);
    int code = end(&state, &agent, &left_ms, &ran);
    if (code == BRAMA_EXIT_OK)
        code = end(&state, &nginx, &left_ms, &ran);
    if (code == BRAMA_EXIT_OK && !ran)
        brama_say(cli, "nothing was running in %.*s", BRAMA_FMT(state.dir));
    return code;
}
