/* Findings as lines or as JSON: the same for check and apply. */
#ifndef BRAMA_CLI_FINDINGS_H
#define BRAMA_CLI_FINDINGS_H

#include "cli/cli.h"
#include "source/files.h"

/* "FILE:LINE:COL: severity: attribute path: message [CODE]", a line each; below it the line of the
 * file with a caret, where files has its text. files: NULL for none. */
void brama_findings_print(struct brama_cli *cli, FILE *to, const struct brama_findings *findings,
                          const struct brama_files *files);
/* By file, line and column; those of one place stay in order. Nothing happens without memory. */
void brama_findings_sort(struct brama_findings *findings);
/* A list of {file, line, column, severity, attribute, message, code} on cli->out. The exit code. */
int brama_findings_print_json(struct brama_cli *cli, const struct brama_findings *findings);

/* "1 error", "2 errors". */
brama_str brama_count_text(struct brama_arena *arena, size_t n, const char *one, const char *many);

#endif
