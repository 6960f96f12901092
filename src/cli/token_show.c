#include <time.h>

#include "cli/options.h"
#include "cli/read_file.h"
#include "cli/token_text.h"
#include "cli/verbs.h"
#include "jose/jwt.h"

static const struct brama_usage usage = {
    .synopsis = "brama token show [TOKEN | -]",
    .about = "Show header and claims of a token; read from standard input without TOKEN, which\n"
             "keeps it out of your shell's history. The signature is neither shown nor\n"
             "verified.",
    .example = "  brama token mint --key key.pem --issuer https://me.example | brama token show",
    .max_args = 1,
};

int brama_cmd_token_show(struct brama_cli *cli, int argc, char **argv)
{
    struct brama_args args;
    struct brama_jwt jwt;
    brama_str token = BRAMA_STR("-");

    brama_args_read(&args, cli, &usage, NULL, 0, argc, argv);
    if (args.stop)
        return args.exit_code;
    if (args.n == 1)
        token = args.p[0];
    if (brama_str_eq(token, BRAMA_STR("-"))) {
        int code = brama_read_file(&token, cli, BRAMA_STR("-"));
        if (code != BRAMA_EXIT_OK)
            return code;
    }
    token = brama_str_trim(token);
    if (brama_str_starts(token, BRAMA_STR("Bearer ")))
        token = brama_str_trim(brama_str_from(token, 7));
    brama_jwt_read(&jwt, cli->arena, token);
    int code = brama_token_print(cli, jwt.header, jwt.claims.root, time(NULL));
    if (code != BRAMA_EXIT_OK)
        return code;
    if (jwt.status != BRAMA_JWT_OK) {
        brama_say(cli, "not a usable token: %s%s%s", brama_jwt_status_text(jwt.status),
                  jwt.detail[0] != '\0' ? ": " : "", jwt.detail);
        return BRAMA_EXIT_INPUT;
    }
    fputs("not verified\n", cli->out);
    return BRAMA_EXIT_OK;
}
