#include "cli/explain.h"

#include "json/write.h"

#define JSON_MAX ((size_t)16 << 20)

static void member_int(struct brama_json_out *json, brama_str key, int64_t value)
{
    brama_json_key(json, key);
    brama_json_int(json, value);
}

static void member_or_null(struct brama_json_out *json, brama_str key, brama_str value)
{
    brama_json_key(json, key);
    if (value.n != 0)
        brama_json_str(json, value);
    else
        brama_json_null(json);
}

static void write_headers(struct brama_json_out *json, const struct brama_decision *d)
{
    brama_json_key(json, BRAMA_STR("headers"));
    brama_json_list(json);
    for (size_t i = 0; i < d->response_header_count; i++) {
        brama_json_map(json);
        brama_json_member(json, BRAMA_STR("name"), d->response_headers[i].name);
        brama_json_member(json, BRAMA_STR("value"), d->response_headers[i].value);
        brama_json_end(json);
    }
    if (d->verdict != BRAMA_VERDICT_ALLOW && d->content_type.n != 0) {
        brama_json_map(json);
        brama_json_member(json, BRAMA_STR("name"), BRAMA_STR("content-type"));
        brama_json_member(json, BRAMA_STR("value"), d->content_type);
        brama_json_end(json);
    }
    brama_json_end(json);
}

static void write_steps(struct brama_json_out *json, const struct brama_trace *trace)
{
    static const char *const outcomes[] = {
        [BRAMA_TRACE_INFO] = "info", [BRAMA_TRACE_PASS] = "pass", [BRAMA_TRACE_FAIL] = "fail"};

    brama_json_key(json, BRAMA_STR("steps"));
    brama_json_list(json);
    for (const struct brama_trace_step *s = trace->first; s != NULL; s = s->next) {
        brama_json_map(json);
        brama_json_member(json, BRAMA_STR("step"), brama_str_c(s->step));
        brama_json_member(json, BRAMA_STR("outcome"), brama_str_c(outcomes[s->outcome]));
        brama_json_member(json, BRAMA_STR("expected"), s->expected);
        brama_json_member(json, BRAMA_STR("actual"), s->actual);
        brama_json_member(json, BRAMA_STR("note"), s->note);
        brama_json_member(json, BRAMA_STR("file"), s->where.file);
        member_int(json, BRAMA_STR("line"), s->where.line);
        brama_json_end(json);
    }
    brama_json_end(json);
}

static void write(struct brama_json_out *json, const struct brama_explanation *e)
{
    const struct brama_decision *d = e->decision;
    bool allowed = d->verdict == BRAMA_VERDICT_ALLOW, ruled = d->apirule.n != 0;

    brama_json_map(json);
    brama_json_member(json, BRAMA_STR("verdict"), brama_str_c(brama_verdict_name(d->verdict)));
    brama_json_key(json, BRAMA_STR("status"));
    if (allowed)
        brama_json_null(json);
    else
        brama_json_int(json, d->status);
    brama_json_member(json, BRAMA_STR("reason"), brama_str_c(brama_reason_name(d->reason)));
    member_or_null(json, BRAMA_STR("rule"), d->apirule);
    brama_json_key(json, BRAMA_STR("rule_index"));
    if (ruled)
        brama_json_int(json, d->rule_index);
    else
        brama_json_null(json);
    brama_json_member(json, BRAMA_STR("file"), ruled ? d->rule_file : BRAMA_NIL);
    member_int(json, BRAMA_STR("line"), ruled ? d->rule_line : 0);
    brama_json_member(json, BRAMA_STR("body"), d->body);
    write_headers(json, d);
    member_or_null(json, BRAMA_STR("upstream"), allowed ? e->upstream : BRAMA_NIL);
    member_or_null(json, BRAMA_STR("target"), allowed ? d->target : BRAMA_NIL);
    write_steps(json, e->trace);
    member_or_null(json, BRAMA_STR("advice"), e->advice);
    brama_json_end(json);
}

int brama_explain_json(struct brama_cli *cli, const struct brama_explanation *e)
{
    struct brama_json_out json;
    struct brama_buf buf;
    int code = BRAMA_EXIT_OK;

    brama_buf_init(&buf, NULL, JSON_MAX);
    brama_json_out_init(&json, &buf, 2);
    write(&json, e);
    if (brama_buf_err(&buf) == BRAMA_OK)
        fprintf(cli->out, "%.*s\n", BRAMA_FMT(brama_str_trim(brama_buf_str(&buf))));
    else
        code = brama_no_memory(cli);
    brama_buf_deinit(&buf);
    return code;
}
