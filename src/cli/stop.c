#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/orphans.h"
#include "cli/options.h"
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

/* The pid is pinned by a descriptor before the lock is looked at again, so that the signal reaches
 * the one that held it and nobody who took its number since. */
static bool send(const struct brama_state *state, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (fd < 0)
        return errno == ESRCH;
    int why = 0;
    if (brama_state_holder(state, BRAMA_STATE_LOCK) == pid &&
        syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) != 0)
        why = errno;
    close(fd);
    errno = why;
    return why == 0 || why == ESRCH;
}

static bool wait_released(const struct brama_state *state, const char *lock, int64_t *left_ms)
{
    while (brama_state_is_locked(state, lock)) {
        if (*left_ms <= 0)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        *left_ms -= POLL_MS;
    }
    return true;
}

static int end_agent(const struct brama_state *state, int64_t *left_ms, bool *ran)
{
    pid_t pid = brama_state_holder(state, BRAMA_STATE_LOCK);

    if (pid == 0)
        return BRAMA_EXIT_OK;
    *ran = true;
    if (pid > 0 && !send(state, pid)) {
        brama_say(state->cli, "agent, process %ld: %s", (long)pid, strerror(errno));
        return BRAMA_EXIT_UNAVAILABLE;
    }
    if (wait_released(state, BRAMA_STATE_LOCK, left_ms))
        return BRAMA_EXIT_OK;
    if (pid > 0)
        brama_say(state->cli, "the agent, process %ld, hasn't ended in time", (long)pid);
    else
        brama_say(state->cli, "the agent runs, but %.*s doesn't tell its process",
                  BRAMA_FMT(brama_state_path(state, BRAMA_STATE_LOCK)));
    return BRAMA_EXIT_UNAVAILABLE;
}

/* Every master that an agent has left behind; workers without one are ending already. */
static int end_nginx(const struct brama_state *state, int64_t *left_ms, bool *ran)
{
    static const char any[BRAMA_MARK_BYTES];
    struct brama_orphans orphans;
    brama_str dir = brama_state_path(state, ".");

    if (!brama_state_is_locked(state, BRAMA_STATE_NGINX_LOCK))
        return BRAMA_EXIT_OK;
    *ran = true;
    int fd = dir.n != 0 ? open(dir.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        brama_orphans_find(&orphans, fd, any);
        for (size_t i = 0; i < orphans.count; i++)
            brama_orphan_signal(&orphans.master[i], SIGQUIT);
        brama_orphans_close(&orphans);
        close(fd);
    }
    if (wait_released(state, BRAMA_STATE_NGINX_LOCK, left_ms))
        return BRAMA_EXIT_OK;
    brama_say(state->cli, "nginx hasn't ended in time");
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
    int code = end_agent(&state, &left_ms, &ran);
    if (code == BRAMA_EXIT_OK)
        code = end_nginx(&state, &left_ms, &ran);
    if (code == BRAMA_EXIT_OK && !ran)
        brama_say(cli, "nothing was running in %.*s", BRAMA_FMT(state.dir));
    return code;
}
