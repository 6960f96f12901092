/* Workers that can't live: nginx starts one for each that ends, as fast as it can and for ever, or
 * not at all where it takes the end for final. It says so in its error log, and there it is read.
 *
 *     each second:
 *     brama__nginx_deaths_read(&deaths, log_fd, master);
 *     if (brama__nginx_deaths_judge(&deaths, serving, wanted)) say(deaths.last);
 */
#ifndef BRAMA_AGENT_NGINX_DEATHS_H
#define BRAMA_AGENT_NGINX_DEATHS_H

#include <sys/types.h>

#include "base/str.h"

struct brama__nginx_deaths {
    off_t at;                    /* of the log: read so far */
    unsigned fresh;              /* that the last look found */
    unsigned count, short_ticks; /* since all that are wanted last served */
    bool final;                  /* one of them has no successor */
    char last[160];              /* what nginx said of the last one, without time and numbers */
};

/* One line of nginx's error log. False: it isn't about the end of a worker, or about one that was
 * killed from outside. what: as in .last. */
bool brama__nginx_death(brama_str line, char *what, size_t size, bool *final);

/* What that master says in the log since the last look, its last 64 KiB at most. fd -1: nothing. */
void brama__nginx_deaths_read(struct brama__nginx_deaths *d, int fd, pid_t master);
/* serving of wanted workers do. True: the others can't, and nothing is to be hoped for: eight ends
 * in that second, or fewer than wanted for three and not by one death alone. */
bool brama__nginx_deaths_judge(struct brama__nginx_deaths *d, unsigned serving, unsigned wanted);
/* Another master is started: what the log says from here is about that one. */
void brama__nginx_deaths_forget(struct brama__nginx_deaths *d, off_t at);

/* The error log in that state directory: how long it is, and the last of what was said since. */
off_t brama__nginx_log_size(int state_fd);
void brama__nginx_log_tail(int state_fd, off_t since, char *out, size_t size);

#endif
