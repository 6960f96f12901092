#include "cli/options.h"
#include "cli/verbs.h"

int brama_cmd_version(struct brama_cli *cli, int argc, char **argv)
{
    static const struct brama_usage usage = {
        .synopsis = "brama version",
        .about = "Print name and version.",
        .example = "  brama version",
    };
    struct brama_args args;

    brama_args_read(&args, cli, &usage, NULL, 0, argc, argv);
    if (args.stop)
        return args.exit_code;
    fputs("brama " BRAMA_VERSION "\n", cli->out);
    return BRAMA_EXIT_OK;
}
