#include "cli/verbs.h"

int brama_cmd_keys(struct brama_cli *cli, int argc, char **argv)
{
    static const struct brama_verb verbs[] = {
        {"new", "make a private key", brama_cmd_keys_new},
        {"jwks", "print the public key set of one or more keys", brama_cmd_keys_jwks},
        {"cert", "make a self-signed certificate for a key", brama_cmd_keys_cert},
    };
    static const struct brama_verbs table = {
        .name = "brama keys",
        .p = verbs,
        .n = BRAMA_ARRAY_LEN(verbs),
        .example = "  brama keys new --alg RS256 --out key.pem\n"
                   "  brama keys jwks key.pem >jwks.json",
    };

    return brama_dispatch(cli, &table, argc, argv);
}
