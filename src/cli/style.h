/* Colours of a terminal, one table: what it means, not which colour.
 *
 *     fprintf(cli->out, "%sFAIL%s", brama_style(cli, cli->out, BRAMA_STYLE_BAD),
 *             brama_style(cli, cli->out, BRAMA_STYLE_END));
 */
#ifndef BRAMA_CLI_STYLE_H
#define BRAMA_CLI_STYLE_H

#include "cli/cli.h"

enum brama_style {
    BRAMA_STYLE_END = 0, /* as it was before */
    BRAMA_STYLE_GOOD,    /* green */
    BRAMA_STYLE_BAD,     /* red */
    BRAMA_STYLE_WARN,    /* yellow */
    BRAMA_STYLE_STRONG,  /* bold */
    BRAMA_STYLE_FAINT,   /* what one needn't read */
    BRAMA_STYLE_COUNT
};

/* The sequence that switches it on; "" where `to` isn't cli->out, that is no terminal, or somebody
 * said NO_COLOR (no-color.org). Static. */
const char *brama_style(const struct brama_cli *cli, const FILE *to, enum brama_style style);

#endif
