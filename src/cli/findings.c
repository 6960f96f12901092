#include "cli/findings.h"

#include <stdlib.h>

#include "cli/pretty.h"
#include "cli/snippet.h"
#include "cli/style.h"
#include "json/write.h"

#define JSON_MAX ((size_t)1 << 30)

static const char *severity_name(enum brama_severity severity)
{
    return severity == BRAMA_SEVERITY_ERROR ? "error" : "warning";
}

/* The texts that findings point into. */
struct sources {
    const struct brama_files *files;
    const struct brama_file *file; /* the last one that was asked for */
    struct brama_lines lines;
};

static bool find_line(struct sources *s, struct brama_where where, brama_str *line)
{
    if (s->files == NULL || where.line == 0)
        return false;
    if (s->file == NULL || !brama_str_eq(s->file->name, where.file)) {
        s->file = NULL;
        for (size_t i = 0; i < s->files->count && s->file == NULL; i++)
            if (brama_str_eq(s->files->file[i].name, where.file))
                s->file = &s->files->file[i];
        s->lines = (struct brama_lines){.text = s->file != NULL ? s->file->text : BRAMA_NIL};
    }
    return s->file != NULL && brama_lines_find(&s->lines, where.line, line);
}

static void print_one(struct brama_cli *cli, FILE *to, const struct brama_finding *f)
{
    enum brama_style style =
        f->severity == BRAMA_SEVERITY_ERROR ? BRAMA_STYLE_BAD : BRAMA_STYLE_WARN;
    brama_str where = brama_where_text(cli->arena, f->where);

    brama_put(to, where);
    fprintf(to, "%s%s%s%s: ", where.n != 0 ? ": " : "", brama_style(cli, to, style),
            severity_name(f->severity), brama_style(cli, to, BRAMA_STYLE_END));
    if (f->attribute.n != 0) {
        brama_put(to, f->attribute);
        fputs(": ", to);
    }
    brama_put(to, f->message);
    if (f->code.n != 0)
        fprintf(to, " %s[%.*s]%s", brama_style(cli, to, BRAMA_STYLE_FAINT), BRAMA_FMT(f->code),
                brama_style(cli, to, BRAMA_STYLE_END));
    fputc('\n', to);
}

void brama_findings_print(struct brama_cli *cli, FILE *to, const struct brama_findings *findings,
                          const struct brama_files *files)
{
    struct sources sources = {.files = files};
    brama_str line;

    for (const struct brama_finding *f = findings->first; f != NULL; f = f->next) {
        print_one(cli, to, f);
        if (find_line(&sources, f->where, &line))
            brama_snippet(cli, to, line, f->where.line, f->where.column);
    }
}

struct placed {
    struct brama_finding *finding;
    size_t order;
};

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    const struct brama_where *p = &x->finding->where, *q = &y->finding->where;
    int d = brama_str_cmp(p->file, q->file);

    if (d == 0)
        d = (p->line > q->line) - (p->line < q->line);
    if (d == 0)
        d = (p->column > q->column) - (p->column < q->column);
    return d != 0 ? d : (x->order > y->order) - (x->order < y->order);
}

void brama_findings_sort(struct brama_findings *findings)
{
    size_t n = findings->errors + findings->warnings, i = 0;
    struct placed *all = n != 0 ? brama_arena_array(findings->arena, n, sizeof(*all)) : NULL;

    if (all == NULL)
        return;
    for (struct brama_finding *f = findings->first; f != NULL; f = f->next, i++)
        all[i] = (struct placed){f, i};
    qsort(all, n, sizeof(*all), by_place);
    for (i = 0; i < n; i++)
        all[i].finding->next = i + 1 < n ? all[i + 1].finding : NULL;
    findings->first = all[0].finding;
    findings->last = all[n - 1].finding;
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

    brama_buf_init(&buf, NULL, JSON_MAX);
    brama_json_out_init(&json, &buf, 2);
    brama_json_list(&json);
    for (const struct brama_finding *f = findings->first; f != NULL; f = f->next)
        write_finding(&json, f);
    brama_json_end(&json);
    int code = brama_pretty_buf(cli, &buf);
    brama_buf_deinit(&buf);
    return code;
}

brama_str brama_count_text(struct brama_arena *arena, size_t n, const char *one, const char *many)
{
    return brama_arena_printf(arena, "%zu %s", n, n == 1 ? one : many);
}
