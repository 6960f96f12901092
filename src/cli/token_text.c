#include "cli/token_text.h"

#include "cli/pretty.h"

static bool print_time(struct brama_cli *cli, const struct brama_node *claims, const char *name,
                       bool first, int64_t now_s)
{
    const struct brama_node *date = brama_node_get(claims, brama_str_c(name));

    if (date == NULL || (date->kind != BRAMA_NODE_INT && date->kind != BRAMA_NODE_REAL))
        return false;
    /* Beyond int64_t is beyond what brama_time_text() can say, too. */
    int64_t at = date->kind == BRAMA_NODE_INT              ? date->integer
                 : date->real > -1e15 && date->real < 1e15 ? (int64_t)date->real
                                                           : INT64_MAX;
    brama_str when = brama_time_text(cli->arena, at);
    brama_str distance = brama_distance_text(cli->arena, at, now_s);
    fprintf(cli->out, "%s  %s  %.*s (%.*s)\n", first ? "times\n" : "", name, BRAMA_FMT(when),
            BRAMA_FMT(distance));
    return true;
}

int brama_token_print(struct brama_cli *cli, const struct brama_node *header,
                      const struct brama_node *claims, int64_t now_s)
{
    static const char *const dates[] = {"iat", "nbf", "exp"};
    int code = BRAMA_EXIT_OK;
    bool first = true;

    if (header != NULL) {
        fputs("header\n", cli->out);
        code = brama_pretty_node(cli, header, 2);
    }
    if (code != BRAMA_EXIT_OK || claims == NULL)
        return code;
    fputs("claims\n", cli->out);
    code = brama_pretty_node(cli, claims, 2);
    for (size_t i = 0; code == BRAMA_EXIT_OK && i < BRAMA_ARRAY_LEN(dates); i++)
        first = !print_time(cli, claims, dates[i], first, now_s) && first;
    return code;
}
