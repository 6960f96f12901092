#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

void brama_diag_set(struct brama_diag *diag, struct brama_where where, const char *fmt, ...)
{
    if (diag == NULL)
        return;
    va_list args;
    va_start(args, fmt);
    diag->where = where;
    vsnprintf(diag->what, sizeof(diag->what), fmt, args);
    va_end(args);
}

void brama_findings_init(struct brama_findings *f, struct brama_arena *arena)
{
    *f = (struct brama_findings){.arena = arena};
}

void brama_findings_add(struct brama_findings *f, enum brama_severity severity,
                        struct brama_where where, const char *code, brama_str attribute,
                        brama_str message)
{
    struct brama_finding *one = brama_arena_alloc(f->arena, sizeof(*one));
    if (one == NULL)
        return;
    *one = (struct brama_finding){.where = where,
                                  .severity = severity,
                                  .attribute = brama_arena_copy(f->arena, attribute),
                                  .message = brama_arena_copy(f->arena, message),
                                  .code = brama_str_c(code)};
    if (f->last != NULL)
        f->last->next = one;
    else
        f->first = one;
    f->last = one;
    if (severity == BRAMA_SEVERITY_ERROR)
        f->errors++;
    else
        f->warnings++;
}
