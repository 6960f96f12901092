/* What every verb has: where to write, where memory comes from, and what an exit code means. */
#ifndef BRAMA_CLI_CLI_H
#define BRAMA_CLI_CLI_H

#include <stdio.h>

#include "base/arena.h"
#include "base/diag.h"

/* docs: exit codes; the last three are those of sysexits.h. */
enum brama_exit {
    BRAMA_EXIT_OK = 0,
    BRAMA_EXIT_NO = 1,           /* a negative answer: refused, invalid, not found */
    BRAMA_EXIT_INPUT = 2,        /* a file or value that can't be used */
    BRAMA_EXIT_USAGE = 64,       /* the command line is wrong */
    BRAMA_EXIT_UNAVAILABLE = 69, /* something that is needed isn't reachable */
    BRAMA_EXIT_BUG = 70          /* ours, or the machine's: no memory, no room on the disk */
};

struct brama_cli {
    struct brama_arena *arena; /* of all that a verb makes; freed after it */
    FILE *out, *err;
    bool colour; /* out is a terminal and nobody said NO_COLOR */
};

/* A verb: argv[0] is its own name. The exit code comes back. */
struct brama_verb {
    const char *name, *summary; /* summary NULL: in no list, as nobody is to call it */
    int (*run)(struct brama_cli *cli, int argc, char **argv);
};

/* A table of them. */
struct brama_verbs {
    const char *name; /* what stands before a verb: "brama keys" */
    const struct brama_verb *p;
    size_t n;
    const char *example; /* commands, a line each */
};

/* Find argv[1] in the table and run it. Without a verb: the table on cli->err and BRAMA_EXIT_USAGE;
 * with --help: table and example on cli->out. */
int brama_dispatch(struct brama_cli *cli, const struct brama_verbs *verbs, int argc, char **argv);

/* One line on cli->err, "brama: ...", with controls escaped. */
void brama_say(struct brama_cli *cli, const char *fmt, ...) BRAMA_PRINTF(2, 3);
/* The same for a problem with a place: "brama: FILE:LINE:COL: what". */
void brama_say_diag(struct brama_cli *cli, const struct brama_diag *diag);
/* "brama: out of memory"; BRAMA_EXIT_BUG. */
int brama_no_memory(struct brama_cli *cli);

/* Write text so that it can't steer a terminal: controls, DEL and what isn't UTF-8 as \xNN; a
 * newline becomes "; " since every text of ours has one line. */
void brama_put(FILE *to, brama_str text);

/* "FILE:LINE:COL", "FILE:LINE", "FILE" or "", as far as it is known. */
brama_str brama_where_text(struct brama_arena *arena, struct brama_where where);

#endif
