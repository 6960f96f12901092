#include "cli/verbs.h"

int brama_cmd_token(struct brama_cli *cli, int argc, char **argv)
{
    static const struct brama_verb verbs[] = {
        {"mint", "make a signed token", brama_cmd_token_mint},
        {"show", "show what is in a token, without verifying it", brama_cmd_token_show},
    };

    return brama_dispatch(cli, "brama token", verbs, BRAMA_ARRAY_LEN(verbs), argc, argv);
}
