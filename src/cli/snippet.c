#include "cli/snippet.h"

#include <string.h>

#include "cli/style.h"

#define TAB_STOP 8
#define BEFORE_CARET 60 /* characters of a long line that are shown before the caret's */

bool brama_lines_find(struct brama_lines *lines, uint32_t number, brama_str *line)
{
    if (lines->line == 0 || number < lines->line) {
        lines->line = 1;
        lines->rest = lines->text;
    }
    while (number != 0 && lines->line < number) {
        if (!brama_str_next(&lines->rest, '\n', line))
            return false;
        lines->line++;
    }
    brama_str rest = lines->rest; /* the next question may be about this line again */
    return number != 0 && brama_str_next(&rest, '\n', line);
}

/* One character as it is shown. */
struct cell {
    size_t bytes;    /* of the text that it takes */
    unsigned width;  /* columns */
    bool is_escaped; /* as \xNN */
};

static uint32_t code_point(brama_str s, size_t n)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)s.p[0] & first[n];

    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
    return c;
}

/* Unicode's East Asian Width W and F, and marks that stand over another character; roughly, since
 * only a caret depends on it. */
static unsigned width_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        unsigned width;
    } ranges[] = {
        {0x0300, 0x036f, 0},   {0x1100, 0x115f, 2},   {0x200b, 0x200f, 0}, {0x2e80, 0x303e, 2},
        {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2}, {0xfe00, 0xfe0f, 0},
        {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2},
        {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
    };

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].width;
    return 1;
}

static struct cell cell_at(brama_str s, unsigned column)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    if (c == '\t')
        return (struct cell){1, TAB_STOP - column % TAB_STOP, false};
    if (n > s.n || !brama_str_is_utf8(brama_str_head(s, n)))
        return (struct cell){1, 4, true};
    uint32_t point = code_point(s, n);
    if (point < 0x20 || (point >= 0x7f && point < 0xa0))
        return (struct cell){n, (unsigned)(4 * n), true};
    return (struct cell){n, width_of(point), false};
}

static void put_cell(FILE *to, brama_str s, const struct cell *cell)
{
    if (s.p[0] == '\t')
        fprintf(to, "%*s", (int)cell->width, "");
    else if (!cell->is_escaped)
        fwrite(s.p, 1, cell->bytes, to);
    else
        for (size_t i = 0; i < cell->bytes; i++)
            fprintf(to, "\\x%02x", (unsigned char)s.p[i]);
}

/* Where the characters to be shown begin: bytes and characters before them. */
static size_t start_of(brama_str line, uint32_t column, uint32_t *skipped)
{
    size_t at = 0;

    *skipped =
        column > BEFORE_CARET + 1 && line.n > BRAMA_SNIPPET_COLUMNS ? column - BEFORE_CARET - 1 : 0;
    for (uint32_t i = 0; i < *skipped && at < line.n; i++)
        at += cell_at(brama_str_from(line, at), 0).bytes;
    return at;
}

void brama_snippet(struct brama_cli *cli, FILE *to, brama_str line, uint32_t number,
                   uint32_t column)
{
    const char *faint = brama_style(cli, to, BRAMA_STYLE_FAINT),
               *end = brama_style(cli, to, BRAMA_STYLE_END);
    unsigned shown = 0, caret = 0;
    uint32_t skipped;

    if (line.n != 0 && line.p[line.n - 1] == '\r')
        line = brama_str_head(line, line.n - 1);
    size_t at = start_of(line, column, &skipped);
    fprintf(to, "%s%5u |%s %s", faint, number, end, skipped != 0 ? "..." : "");
    unsigned margin = skipped != 0 ? 3 : 0;
    for (uint32_t i = skipped + 1; at < line.n; i++) {
        struct cell cell = cell_at(brama_str_from(line, at), shown);
        if (shown + cell.width > BRAMA_SNIPPET_COLUMNS) {
            fputs("...", to);
            break;
        }
        if (i == column)
            caret = shown;
        put_cell(to, brama_str_from(line, at), &cell);
        shown += cell.width;
        at += cell.bytes;
        if (i < column)
            caret = shown;
    }
    fputc('\n', to);
    if (column != 0)
        fprintf(to, "%s      |%s %*s%s^%s\n", faint, end, (int)(margin + caret), "",
                brama_style(cli, to, BRAMA_STYLE_STRONG), end);
}
