#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/near.h"

#define LINE_MAX_BYTES 8192 /* of one message; longer ones are cut */

static size_t sequence_length(brama_str text)
{
    for (size_t n = 1; n <= 4 && n <= text.n; n++) {
        if (brama_str_is_utf8(brama_str_head(text, n)))
            return n;
    }
    return 0;
}

void brama_put(FILE *to, brama_str text)
{
    while (text.n != 0) {
        unsigned char c = (unsigned char)text.p[0];
        size_t n = sequence_length(text);
        /* U+0080 to U+009F are controls too; they begin with this byte. */
        bool c1 = c == 0xc2 && text.n > 1 && (unsigned char)text.p[1] < 0xa0;
        if (c == '\n')
            fputs(text.n > 1 ? "; " : "", to);
        else if (n == 0 || c < 0x20 || c == 0x7f || c1)
            fprintf(to, "\\x%02x", c);
        else
            fwrite(text.p, 1, n, to);
        text = brama_str_from(text, n != 0 && !c1 ? n : 1);
    }
}

void brama_say(struct brama_cli *cli, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    fputs("brama: ", cli->err);
    brama_put(cli->err, brama_str_c(line));
    fputc('\n', cli->err);
}

brama_str brama_where_text(struct brama_arena *arena, struct brama_where where)
{
    if (where.line == 0)
        return where.file;
    if (where.column == 0)
        return brama_arena_printf(arena, "%.*s:%u", BRAMA_FMT(where.file), where.line);
    return brama_arena_printf(arena, "%.*s:%u:%u", BRAMA_FMT(where.file), where.line, where.column);
}

void brama_say_diag(struct brama_cli *cli, const struct brama_diag *diag)
{
    brama_str where = brama_where_text(cli->arena, diag->where);

    if (where.n != 0)
        brama_say(cli, "%.*s: %s", BRAMA_FMT(where), diag->what);
    else
        brama_say(cli, "%s", diag->what);
}

int brama_no_memory(struct brama_cli *cli)
{
    brama_say(cli, "%s", brama_err_text(BRAMA_ERR_NOMEM));
    return BRAMA_EXIT_BUG;
}

static void print_table(FILE *to, const struct brama_verbs *verbs)
{
    size_t width = 0;

    for (size_t i = 0; i < verbs->n; i++)
        width = strlen(verbs->p[i].name) > width ? strlen(verbs->p[i].name) : width;
    fprintf(to, "usage: %s VERB [FLAGS]\n\n", verbs->name);
    for (size_t i = 0; i < verbs->n; i++)
        if (verbs->p[i].summary != NULL)
            fprintf(to, "  %-*s  %s\n", (int)width, verbs->p[i].name, verbs->p[i].summary);
    fprintf(to, "\n%s VERB --help tells more about one of them.\n", verbs->name);
}

static int unknown(struct brama_cli *cli, const struct brama_verbs *verbs, const char *word,
                   brama_str near)
{
    if (near.n != 0)
        brama_say(cli, "unknown verb \"%s\"; did you mean \"%s %.*s\"?", word, verbs->name,
                  BRAMA_FMT(near));
    else
        brama_say(cli, "unknown %s \"%s\"; \"%s\" alone lists all verbs",
                  word[0] == '-' ? "flag" : "verb", word, verbs->name);
    return BRAMA_EXIT_USAGE;
}

int brama_dispatch(struct brama_cli *cli, const struct brama_verbs *verbs, int argc, char **argv)
{
    struct brama_near near = {.distance = 0};

    if (argc < 2) {
        print_table(cli->err, verbs);
        return BRAMA_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_table(cli->out, verbs);
        fprintf(cli->out, "\nexample:\n%s\n", verbs->example);
        return BRAMA_EXIT_OK;
    }
    for (size_t i = 0; i < verbs->n; i++) {
        if (strcmp(argv[1], verbs->p[i].name) == 0)
            return verbs->p[i].run(cli, argc - 1, argv + 1);
        if (verbs->p[i].summary != NULL)
            brama_near_try(&near, brama_str_c(argv[1]), brama_str_c(verbs->p[i].name));
    }
    return unknown(cli, verbs, argv[1], near.best);
}
