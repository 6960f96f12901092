#include "cli/admin.h"

#include "http/http.h"

#define ANSWER_MAX ((size_t)64 << 20) /* 100,000 APIRules with a line of text each */

int brama_admin_ask(struct brama_admin_answer *out, struct brama_cli *cli, brama_str admin,
                    const char *path, brama_str post)
{
    struct brama_http_options options = {
        .max_body = ANSWER_MAX, .total_ms = 30000, .post_json = post};
    struct brama_http_answer answer = {0};

    *out = (struct brama_admin_answer){
        .url = brama_arena_printf(cli->arena, "http://%.*s%s", BRAMA_FMT(admin), path)};
    brama_http_get(&answer, cli->arena, out->url, &options);
    if (answer.status == 0) {
        brama_say(cli, "no gateway at %.*s: %s", BRAMA_FMT(admin), answer.problem);
        return BRAMA_EXIT_UNAVAILABLE;
    }
    out->status = answer.status;
    out->body = answer.body;
    return BRAMA_EXIT_OK;
}

int brama_admin_complain(struct brama_cli *cli, const struct brama_admin_answer *answer)
{
    brama_say(cli, "%.*s answers %u%s%.*s", BRAMA_FMT(answer->url), answer->status,
              answer->body.n != 0 ? ": " : "",
              BRAMA_FMT(brama_str_trim(brama_str_head(answer->body, 200))));
    return BRAMA_EXIT_UNAVAILABLE;
}
