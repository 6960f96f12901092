#include "cli/token_text.h"

#include "cli/pretty.h"

static void print_time(struct brama_cli *cli, const char *name, struct brama_numeric_date date,
                       int64_t now_s)
{
    if (!date.present)
        return;
    brama_str when = brama_time_text(cli->arena, date.s);
    brama_str distance = brama_distance_text(cli->arena, date.s, now_s);
    fprintf(cli->out, "  %s  %.*s (%.*s)\n", name, BRAMA_FMT(when), BRAMA_FMT(distance));
}

static void print_times(struct brama_cli *cli, const struct brama_claims *claims, int64_t now_s)
{
    if (!claims->iat.present && !claims->nbf.present && !claims->exp.present)
        return;
    fputs("times\n", cli->out);
    print_time(cli, "iat", claims->iat, now_s);
    print_time(cli, "nbf", claims->nbf, now_s);
    print_time(cli, "exp", claims->exp, now_s);
}

int brama_token_print(struct brama_cli *cli, const struct brama_jwt *jwt, int64_t now_s)
{
    int code = BRAMA_EXIT_OK;

    if (jwt->header != NULL) {
        fputs("header\n", cli->out);
        code = brama_pretty_node(cli, jwt->header, 2);
    }
    if (code == BRAMA_EXIT_OK && jwt->claims.root != NULL) {
        fputs("claims\n", cli->out);
        code = brama_pretty_node(cli, jwt->claims.root, 2);
        print_times(cli, &jwt->claims, now_s);
    }
    return code;
}
