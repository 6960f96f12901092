#include "agent/say.h"

#include "base/map.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 4096
#define SAID_BYTES ((size_t)1 << 26)

/* Texts of files and of other people's servers are among it: they don't steer a terminal, and a
 * line stays a line. */
void brama__say(const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    for (char *p = line; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    }
    fprintf(stderr, "brama: %s\n", line);
}

void brama__say_diag(const struct brama_diag *diag)
{
    if (diag->where.file.n != 0)
        brama__say("%.*s: %s", BRAMA_FMT(diag->where.file), diag->what);
    else
        brama__say("%s", diag->what);
}

void brama__say_trouble(struct brama__trouble *trouble, const char *fmt, ...)
{
    struct brama__trouble now;
    va_list args;
    va_start(args, fmt);
    vsnprintf(now.said, sizeof(now.said), fmt, args);
    va_end(args);
    if (strcmp(trouble->said, now.said) == 0)
        return;
    *trouble = now;
    brama__say("%s", now.said);
}

void brama__say_over(struct brama__trouble *trouble, const char *what)
{
    if (trouble->said[0] == '\0')
        return;
    trouble->said[0] = '\0';
    brama__say("%s", what);
}

void brama__say_lines(brama_str text)
{
    brama_str line;
    while (brama_str_next(&text, '\n', &line)) {
        if (line.n != 0)
            brama__say("  %.*s", BRAMA_FMT(line));
    }
}

void brama__say_serving(const struct brama_agent_options *o, pid_t adopted)
{
    if (adopted != 0)
        brama__say("taken over from an earlier run, process %ld", (long)adopted);
    if (o->listen.n != 0)
        brama__say("listening on http://%.*s", BRAMA_FMT(o->listen));
    if (o->tls_listen.n != 0)
        brama__say("listening on https://%.*s", BRAMA_FMT(o->tls_listen));
    if (o->admin.n != 0)
        brama__say("admin on http://%.*s", BRAMA_FMT(o->admin));
}

void brama__say_what_changed(const struct brama__round *before, const struct brama__round *now)
{
    struct brama_arena arena;
    struct brama_map said = {.arena = &arena};
    brama_arena_init(&arena, NULL, SAID_BYTES);
    for (size_t i = 0; before != NULL && i < before->complaints.n; i++)
        brama_map_put(&said, before->complaints.p[i], 0);
    for (size_t i = 0; i < now->complaints.n; i++) {
        if (brama_map_get(&said, now->complaints.p[i]) == NULL)
            brama__say("%.*s", BRAMA_FMT(now->complaints.p[i]));
    }
    brama_arena_deinit(&arena);
    uint32_t count = brama_pack_count(&now->policy.pack, BRAMA_T_APIRULE);
    if (before != NULL && before->errors == now->errors &&
        brama_pack_count(&before->policy.pack, BRAMA_T_APIRULE) == count)
        return;
    brama__say("%u APIRule%s, %zu with errors", count, count == 1 ? "" : "s", now->errors);
}
