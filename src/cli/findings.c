#include "cli/findings.h"

#include "cli/style.h"
#include "json/write.h"

#define JSON_MAX ((size_t)1 << 30)

static const char *severity_name(enum brama_severity severity)
{
    return severity == BRAMA_SEVERITY_ERROR ? "error" : "warning";
}

static enum brama_style severity_style(enum brama_severity severity)
{
    return severity == BRAMA_SEVERITY_ERROR ? BRAMA_STYLE_BAD : BRAMA_STYLE_WARN;
}

void brama_findings_print(struct brama_cli *cli, FILE *to, const struct brama_findings *findings)
{
    for (const struct brama_finding *f = findings->first; f != NULL; f = f->next) {
        brama_str where = brama_where_text(cli->arena, f->where);
        brama_put(to, where);
        fprintf(to, "%s%s%s%s: ", where.n != 0 ? ": " : "",
                brama_style(cli, to, severity_style(f->severity)), severity_name(f->severity),
                brama_style(cli, to, BRAMA_STYLE_END));
        if (f->attribute.n != 0) {
            brama_put(to, f->attribute);
            fputs(": ", to);
        }
        brama_put(to, f->message);
        if (f->code.n != 0)
            fprintf(to, " [%.*s]", BRAMA_FMT(f->code));
        fputc('\n', to);
    }
}

static void write_finding(struct brama_json_out *json, const struct brama_finding *f)
{
    brama_json_map(json);
    brama_json_member(json, BRAMA_STR("file"), f->where.file);
    brama_json_key(json, BRAMA_STR("line"));
    brama_json_int(json, f->where.line);
    brama_json_key(json, BRAMA_STR("column"));
    brama_json_int(json, f->where.column);
    brama_json_member(json, BRAMA_STR("severity"), brama_str_c(severity_name(f->severity)));
    brama_json_member(json, BRAMA_STR("attribute"), f->attribute);
    brama_json_member(json, BRAMA_STR("message"), f->message);
    brama_json_member(json, BRAMA_STR("code"), f->code);
    brama_json_end(json);
}

int brama_findings_print_json(struct brama_cli *cli, const struct brama_findings *findings)
{
    struct brama_json_out json;
    struct brama_buf buf;
    int code = BRAMA_EXIT_OK;

    brama_buf_init(&buf, NULL, JSON_MAX);
    brama_json_out_init(&json, &buf, 2);
    brama_json_list(&json);
    for (const struct brama_finding *f = findings->first; f != NULL; f = f->next)
        write_finding(&json, f);
    brama_json_end(&json);
    if (brama_buf_err(&buf) == BRAMA_OK)
        fprintf(cli->out, "%.*s\n", BRAMA_FMT(brama_str_trim(brama_buf_str(&buf))));
    else
        code = brama_no_memory(cli);
    brama_buf_deinit(&buf);
    return code;
}

brama_str brama_count_text(struct brama_arena *arena, size_t n, const char *one, const char *many)
{
    return brama_arena_printf(arena, "%zu %s", n, n == 1 ? one : many);
}
