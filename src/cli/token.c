#include "cli/verbs.h"

int brama_cmd_token(struct brama_cli *cli, int argc, char **argv)
{
    static const struct brama_verb verbs[] = {
        {"mint", "make a signed token", brama_cmd_token_mint},
        {"show", "show what is in a token, without verifying it", brama_cmd_token_show},
    };
    static const struct brama_verbs table = {
        .name = "brama token",
        .p = verbs,
        .n = BRAMA_ARRAY_LEN(verbs),
        .example =
            "  brama token mint --key key.pem --issuer https://me.example | brama token show",
    };

    return brama_dispatch(cli, &table, argc, argv);
}
