#include "cli/style.h"

const char *brama_style(const struct brama_cli *cli, const FILE *to, enum brama_style style)
{
    static const char *const sequences[BRAMA_STYLE_COUNT] = {
        [BRAMA_STYLE_END] = "\033[0m",    [BRAMA_STYLE_GOOD] = "\033[32m",
        [BRAMA_STYLE_BAD] = "\033[31m",   [BRAMA_STYLE_WARN] = "\033[33m",
        [BRAMA_STYLE_STRONG] = "\033[1m", [BRAMA_STYLE_FAINT] = "\033[2m"};

    return cli->colour && to == cli->out ? sequences[style] : "";
}
