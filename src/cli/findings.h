/* Findings as lines or as JSON: the same for check and apply. */
#ifndef BRAMA_CLI_FINDINGS_H
#define BRAMA_CLI_FINDINGS_H

#include "cli/cli.h"

/* "FILE:LINE:COL: severity: attribute path: message [CODE]", a line each. */
void brama_findings_print(struct brama_cli *cli, FILE *to, const struct brama_findings *findings);
/* A list of {file, line, column, severity, attribute, message, code} on cli->out. The exit code. */
int brama_findings_print_json(struct brama_cli *cli, const struct brama_findings *findings);

/* "1 error", "2 errors". */
brama_str brama_count_text(struct brama_arena *arena, size_t n, const char *one, const char *many);

#endif
