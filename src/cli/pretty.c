#include "cli/pretty.h"

#include <time.h>

#include "json/read.h"

#define PRINTED_MAX ((size_t)256 << 20)

int brama_pretty_buf(struct brama_cli *cli, const struct brama_buf *buf)
{
    if (brama_buf_err(buf) != BRAMA_OK)
        return brama_no_memory(cli);
    fprintf(cli->out, "%.*s\n", BRAMA_FMT(brama_str_trim(brama_buf_str(buf))));
    return BRAMA_EXIT_OK;
}

int brama_pretty_node(struct brama_cli *cli, const struct brama_node *node, unsigned margin)
{
    struct brama_json_out json;
    struct brama_buf buf;
    int code = BRAMA_EXIT_OK;

    brama_buf_init(&buf, NULL, PRINTED_MAX);
    brama_json_out_init(&json, &buf, 2);
    brama_json_node(&json, node);
    if (brama_buf_err(&buf) == BRAMA_OK) {
        brama_str rest = brama_str_trim(brama_buf_str(&buf)), line;
        while (brama_str_next(&rest, '\n', &line)) {
            fprintf(cli->out, "%*s", (int)margin, "");
            brama_put(cli->out, line);
            fputc('\n', cli->out);
        }
    } else {
        code = brama_no_memory(cli);
    }
    brama_buf_deinit(&buf);
    return code;
}

int brama_pretty_json(struct brama_cli *cli, brama_str text)
{
    struct brama_node *node = NULL;
    struct brama_diag diag = {0};

    if (brama_json_parse(&node, cli->arena, text, &brama_json_limits_rules, &diag) != BRAMA_OK) {
        brama_say_diag(cli, &diag);
        return BRAMA_EXIT_BUG;
    }
    return brama_pretty_node(cli, node, 0);
}

brama_str brama_time_text(struct brama_arena *arena, int64_t time_s)
{
    struct tm tm;
    time_t t = (time_t)time_s;

    if (time_s < 0 || gmtime_r(&t, &tm) == NULL || tm.tm_year > 9999 - 1900)
        return brama_arena_printf(arena, "%lld", (long long)time_s);
    return brama_arena_printf(arena, "%04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year + 1900,
                              tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

brama_str brama_distance_text(struct brama_arena *arena, int64_t time_s, int64_t now_s)
{
    static const struct {
        int64_t s;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    int64_t away;

    if (__builtin_sub_overflow(time_s, now_s, &away) || away == INT64_MIN)
        return BRAMA_STR("far away");
    int64_t length = away < 0 ? -away : away;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(units); i++) {
        /* From two of a unit on: "90 min" says more than "1 h". */
        if (length >= 2 * units[i].s || (length != 0 && units[i].s == 1))
            return brama_arena_printf(arena, "%s%lld %s%s", away > 0 ? "in " : "",
                                      (long long)(length / units[i].s), units[i].name,
                                      away < 0 ? " ago" : "");
    }
    return BRAMA_STR("now");
}
