/* A whole file, or standard input for "-", into memory. */
#ifndef BRAMA_CLI_READ_FILE_H
#define BRAMA_CLI_READ_FILE_H

#include "base/err.h"
#include "cli/cli.h"

#define BRAMA_READ_MAX (16 * 1024 * 1024) /* brama_json_limits_rules */

/* text is cli->arena's. BRAMA_EXIT_OK, or the exit code after saying why not. path ends in a NUL.
 */
int brama_read_file(brama_str *text, struct brama_cli *cli, brama_str path);

/* The same without a word: BRAMA_ERR_IO with errno, BRAMA_ERR_TOO_BIG, BRAMA_ERR_NOMEM. */
BRAMA_MUST_USE enum brama_err brama_read_quietly(brama_str *text, struct brama_arena *arena,
                                                 const char *path);

#endif
