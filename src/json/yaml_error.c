#include "json/yaml_error.h"

struct brama_where brama__yaml_where(brama_str file, yaml_mark_t mark)
{
    return (struct brama_where){
        .file = file, .line = (uint32_t)mark.line + 1, .column = (uint32_t)mark.column + 1};
}

/* What libyaml says, and what it mostly means. */
static const struct {
    const char *problem, *meaning;
} meanings[] = {
    {"mapping values are not allowed in this context",
     "a ':' isn't expected here: check the indentation, and quote a value that has ': ' in it"},
    {"could not find expected ':'", "a name without ':' after it"},
    {"did not find expected key", "expected a name here: check the indentation and the quotes"},
    {"did not find expected '-' indicator",
     "expected another '- ' here: check the indentation of the list"},
    {"did not find expected ',' or ']'", "expected ',' or ']' in the list"},
    {"did not find expected ',' or '}'", "expected ',' or '}' in the map"},
    {"found unexpected end of stream", "a quote is never closed"},
    {"found a tab character that violates indentation", "a tab can't indent: use spaces"},
    {"found a tab character where an indentation space is expected",
     "a tab can't indent: use spaces"},
    {"block sequence entries are not allowed in this context",
     "a '- ' isn't expected here: a list starts on a line of its own"},
    {"did not find expected <document start>", "more text after the end of the document"},
};

static char char_at(brama_str text, yaml_mark_t mark)
{
    size_t line = 0, column = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (line == mark.line && column == mark.column)
            return text.p[i];
        if (text.p[i] == '\n') {
            line++;
            column = 0;
        } else if (i + 1 < text.n && ((unsigned char)text.p[i + 1] & 0xC0) != 0x80) {
            column++;
        }
    }
    return '\0';
}

static enum brama_err explain_bytes(const yaml_parser_t *parser, brama_str file, brama_str text,
                                    struct brama_diag *diag)
{
    struct brama_where where = {.file = file, .line = 1, .column = 1};
    for (size_t i = 0; i < parser->problem_offset && i < text.n; i++) {
        bool new_line = text.p[i] == '\n';
        where.line += new_line ? 1 : 0;
        bool inner = ((unsigned char)text.p[i] & 0xC0) == 0x80;
        where.column = new_line ? 1 : where.column + (inner ? 0 : 1);
    }
    brama_diag_set(diag, where, "not a text in UTF-8: %s", parser->problem);
    return BRAMA_ERR_SYNTAX;
}

static void explain_start(struct brama_diag *diag, struct brama_where where, char c)
{
    if (c == '\t')
        brama_diag_set(diag, where, "a tab can't indent: use spaces");
    else
        brama_diag_set(diag, where, "a value can't start with '%c': put it in quotes", c);
}

enum brama_err brama__yaml_explain(const yaml_parser_t *parser, brama_str file, brama_str text,
                                   struct brama_diag *diag)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return BRAMA_ERR_NOMEM;
    if (parser->error == YAML_READER_ERROR)
        return explain_bytes(parser, file, text, diag);

    struct brama_where where = brama__yaml_where(file, parser->problem_mark);
    brama_str problem = brama_str_c(parser->problem);
    char c = char_at(text, parser->problem_mark);
    if (brama_str_eq(problem, BRAMA_STR("found character that cannot start any token")) &&
        (c == '\t' || (c > ' ' && c < 0x7F))) {
        explain_start(diag, where, c);
        return BRAMA_ERR_SYNTAX;
    }
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(meanings); i++)
        if (brama_str_eq(problem, brama_str_c(meanings[i].problem)))
            problem = brama_str_c(meanings[i].meaning);
    if (parser->context != NULL && parser->context_mark.line != parser->problem_mark.line)
        brama_diag_set(diag, where, "%.*s (%s that starts in line %zu)", BRAMA_FMT(problem),
                       parser->context, parser->context_mark.line + 1);
    else if (parser->context != NULL)
        brama_diag_set(diag, where, "%.*s (%s)", BRAMA_FMT(problem), parser->context);
    else
        brama_diag_set(diag, where, "%.*s", BRAMA_FMT(problem));
    return BRAMA_ERR_SYNTAX;
}
