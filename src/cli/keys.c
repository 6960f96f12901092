#include "cli/verbs.h"

int brama_cmd_keys(struct brama_cli *cli, int argc, char **argv)
{
    static const struct brama_verb verbs[] = {
        {"new", "make a private key", brama_cmd_keys_new},
        {"jwks", "print the public key set of one or more keys", brama_cmd_keys_jwks},
        {"cert", "make a self-signed certificate for a key", brama_cmd_keys_cert},
    };

    return brama_dispatch(cli, "brama keys", verbs, BRAMA_ARRAY_LEN(verbs), argc, argv);
}
