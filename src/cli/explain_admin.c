/* Asking a gateway that runs. */
#include "cli/admin.h"
#include "cli/explain.h"
#include "json/write.h"

static void write_request(struct brama_json_out *json, struct brama_cli *cli,
                          const struct brama_request *r)
{
    brama_json_map(json);
    brama_json_member(json, BRAMA_STR("method"), r->method);
    brama_json_member(json, BRAMA_STR("url"),
                      brama_arena_printf(cli->arena, "%.*s://%.*s%.*s", BRAMA_FMT(r->scheme),
                                         BRAMA_FMT(r->authority), BRAMA_FMT(r->target)));
    brama_json_key(json, BRAMA_STR("headers"));
    brama_json_list(json);
    for (size_t i = 0; i < r->header_count; i++) {
        brama_json_map(json);
        brama_json_member(json, BRAMA_STR("name"), r->headers[i].name);
        brama_json_member(json, BRAMA_STR("value"), r->headers[i].value);
        brama_json_end(json);
    }
    brama_json_end(json);
    brama_json_end(json);
}

int brama_explain_live(brama_str *out, struct brama_cli *cli, brama_str admin,
                       const struct brama_request *request)
{
    struct brama_admin_answer answer;
    struct brama_json_out json;
    struct brama_buf body;
    int code;

    *out = BRAMA_NIL;
    brama_buf_init(&body, NULL, BRAMA_ADMIN_BODY_MAX);
    brama_json_out_init(&json, &body, 0);
    write_request(&json, cli, request);
    if (brama_buf_err(&body) == BRAMA_OK) {
        code = brama_admin_ask(&answer, cli, admin, "/api/v1/explain", brama_buf_str(&body));
        if (code == BRAMA_EXIT_OK && answer.status == 200)
            *out = answer.body;
        else if (code == BRAMA_EXIT_OK)
            code = brama_admin_complain(cli, &answer);
    } else {
        brama_say(cli, "the request is too long to be asked about");
        code = BRAMA_EXIT_INPUT;
    }
    brama_buf_deinit(&body);
    return code;
}

/* It becomes part of a URL. */
static bool is_id(brama_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (brama_hex_value(text.p[i]) < 0 && text.p[i] != '-')
            return false;
    return text.n == 36;
}

int brama_explain_recorded(brama_str *out, struct brama_cli *cli, brama_str admin, brama_str id)
{
    struct brama_admin_answer answer;

    *out = BRAMA_NIL;
    if (!is_id(id)) {
        brama_say(cli, "\"%.*s\" is no x-request-id", BRAMA_FMT(brama_str_head(id, 64)));
        return BRAMA_EXIT_USAGE;
    }
    brama_str path = brama_arena_printf(cli->arena, "/api/v1/refusals/%.*s", BRAMA_FMT(id));
    int code = brama_admin_ask(&answer, cli, admin, path.p, BRAMA_NIL);
    if (code != BRAMA_EXIT_OK)
        return code;
    if (answer.status == 404) {
        brama_say(cli,
                  "no refusal %.*s: the request was let in, or more than 4096 refusals of its "
                  "worker are newer",
                  BRAMA_FMT(id));
        return BRAMA_EXIT_NO;
    }
    if (answer.status != 200)
        return brama_admin_complain(cli, &answer);
    *out = answer.body;
    return BRAMA_EXIT_OK;
}
