#include "agent/nginx_deaths.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/pages.h"

#define READ_BYTES 65536
#define MANY 8
#define PATIENT_TICKS 3

/* nginx 1.22, src/os/unix/ngx_process.c and ngx_process_cycle.c. */
static const struct {
    brama_str what;
    bool final;
} ends[] = {
    {BRAMA_LIT(" exited on signal "), false},
    {BRAMA_LIT(" exited with fatal code "), true},
    {BRAMA_LIT("could not respawn worker process"), true},
    {BRAMA_LIT(" failed while spawning \"worker process"), true},
};

/* By an operator, a supervisor or a kernel without memory: the next one may live. */
static bool is_from_outside(brama_str line)
{
    static const brama_str signals[] = {BRAMA_LIT(" exited on signal 9"),
                                        BRAMA_LIT(" exited on signal 15")};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(signals); i++) {
        brama_str rest = brama_str_from(line, brama_str_find_str(line, signals[i]));
        if (rest.n == signals[i].n || (rest.n > signals[i].n && rest.p[signals[i].n] == ' '))
            return true;
    }
    return false;
}

/* "2026/11/26 20:00:00 [alert] 17#17: worker process 18 exited on signal 7": what follows "#17: ",
 * and the worker's number left out. */
static void describe(brama_str line, char *what, size_t size)
{
    static const brama_str worker = BRAMA_LIT("worker process ");
    brama_str text = brama_str_from(line, brama_str_find(line, '#'));
    text = brama_str_from(text, brama_str_find(text, ' '));
    text = brama_str_trim(text.n != 0 ? text : line);
    size_t at = brama_str_find_str(text, worker);
    brama_str head = brama_str_head(text, at < text.n ? at + worker.n : text.n);
    brama_str rest = brama_str_from(text, head.n);
    while (rest.n != 0 && rest.p[0] >= '0' && rest.p[0] <= '9')
        rest = brama_str_from(rest, 1);
    snprintf(what, size, "%.*s%.*s", BRAMA_FMT(head), BRAMA_FMT(brama_str_trim(rest)));
}

bool brama__nginx_death(brama_str line, char *what, size_t size, bool *final)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(ends); i++) {
        if (brama_str_find_str(line, ends[i].what) == line.n || is_from_outside(line))
            continue;
        *final = ends[i].final;
        describe(line, what, size);
        return true;
    }
    return false;
}

static void take(struct brama__nginx_deaths *d, brama_str text, pid_t master)
{
    char by[24];
    brama_str line;
    bool final;
    snprintf(by, sizeof(by), " %ld#", (long)master);
    while (brama_str_next(&text, '\n', &line)) {
        if (brama_str_find_str(line, brama_str_c(by)) == line.n ||
            !brama__nginx_death(line, d->last, sizeof(d->last), &final))
            continue;
        d->fresh++;
        d->count++;
        d->final = d->final || final;
    }
}

void brama__nginx_deaths_read(struct brama__nginx_deaths *d, int fd, pid_t master)
{
    char text[READ_BYTES];
    struct stat st;
    d->fresh = 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        return;
    if (st.st_size < d->at || st.st_size - d->at > READ_BYTES)
        d->at = st.st_size > READ_BYTES ? st.st_size - READ_BYTES : 0;
    ssize_t n = pread(fd, text, sizeof(text), d->at);
    if (n <= 0)
        return;
    brama_str got = {text, (size_t)n};
    size_t end =
        brama_str_find_last(got, '\n'); /* a line that is being written is left for later */
    if (end == got.n)
        return;
    d->at += (off_t)end + 1;
    take(d, brama_str_head(got, end), master);
}

bool brama__nginx_deaths_judge(struct brama__nginx_deaths *d, unsigned serving, unsigned wanted)
{
    if (d->fresh >= MANY)
        return true;
    if (serving >= wanted) {
        d->count = d->short_ticks = 0;
        d->final = false;
        return false;
    }
    d->short_ticks++;
    return d->short_ticks >= PATIENT_TICKS && (d->final || d->count > 1);
}

void brama__nginx_deaths_forget(struct brama__nginx_deaths *d, off_t at)
{
    *d = (struct brama__nginx_deaths){.at = at};
}

off_t brama__nginx_log_size(int state_fd)
{
    struct stat st;
    return fstatat(state_fd, BRAMA_STATE_ERROR_LOG, &st, 0) == 0 ? st.st_size : 0;
}

void brama__nginx_log_tail(int state_fd, off_t since, char *out, size_t size)
{
    struct stat st;
    int fd = openat(state_fd, BRAMA_STATE_ERROR_LOG, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (st.st_size - since > (off_t)size - 1)
            since = st.st_size - (off_t)size + 1;
        got = pread(fd, out, size - 1, since);
    }
    if (fd >= 0)
        close(fd);
    out[got > 0 ? got : 0] = '\0';
}
