/* One question to the admin listener of a gateway.
 *
 *     struct brama_admin_answer answer;
 *     int code = brama_admin_ask(&answer, cli, admin, "/api/v1/keysets", BRAMA_NIL);
 *     if (code == BRAMA_EXIT_OK && answer.status == 200)
 *         use(answer.body);
 */
#ifndef BRAMA_CLI_ADMIN_H
#define BRAMA_CLI_ADMIN_H

#include "cli/cli.h"

#define BRAMA_ADMIN_DEFAULT "127.0.0.1:9901"
#define BRAMA_ADMIN_BODY_MAX ((size_t)256 << 10) /* of a question; 60 KiB of headers, escaped */

struct brama_admin_answer {
    uint16_t status;
    brama_str url, body; /* the arena's */
};

/* admin: HOST:PORT, checked. post: JSON, or empty for GET. BRAMA_EXIT_UNAVAILABLE after saying so
 * if nobody answers; any status is an answer. */
int brama_admin_ask(struct brama_admin_answer *out, struct brama_cli *cli, brama_str admin,
                    const char *path, brama_str post);
/* Say that this status is none to go on with; BRAMA_EXIT_UNAVAILABLE. */
int brama_admin_complain(struct brama_cli *cli, const struct brama_admin_answer *answer);

#endif
