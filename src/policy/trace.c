#include "policy/trace.h"

#include <stdarg.h>
#include <stdio.h>

void brama_trace_init(struct brama_trace *trace, struct brama_arena *arena)
{
    *trace = (struct brama_trace){.arena = arena};
}

void brama_trace_add(struct brama_trace *trace, const char *step, enum brama_trace_outcome outcome,
                     brama_str expected, brama_str actual, const char *note, ...)
{
    if (trace == NULL)
        return;
    char text[512];
    va_list args;
    va_start(args, note);
    vsnprintf(text, sizeof(text), note, args);
    va_end(args);
    struct brama_trace_step *s = brama_arena_alloc(trace->arena, sizeof(*s));
    if (s == NULL)
        return;
    *s = (struct brama_trace_step){.step = step,
                                   .outcome = outcome,
                                   .expected = brama_arena_copy(trace->arena, expected),
                                   .actual = brama_arena_copy(trace->arena, actual),
                                   .note = brama_arena_copy(trace->arena, brama_str_c(text))};
    if (trace->last != NULL)
        trace->last->next = s;
    else
        trace->first = s;
    trace->last = s;
}

void brama_trace_at(struct brama_trace *trace, brama_str file, uint32_t line)
{
    if (trace == NULL || trace->last == NULL)
        return;
    trace->last->where.file = brama_arena_copy(trace->arena, file);
    trace->last->where.line = line;
}

bool brama_trace_vain(struct brama_trace *trace)
{
    trace->vain++;
    return trace->vain_max == 0 || trace->vain <= trace->vain_max;
}

void brama_trace_token(struct brama_trace *trace, const struct brama_jwt *jwt, brama_str place)
{
    if (trace == NULL)
        return;
    trace->jwt = jwt;
    trace->jwt_place = brama_arena_copy(trace->arena, place);
}

void brama_trace_change(struct brama_trace *trace, enum brama_change_kind kind, const char *name,
                        enum brama_change_type type, brama_str value)
{
    if (trace == NULL || trace->last == NULL)
        return;
    struct brama_change *c = &trace->last->change;
    if (c->count == BRAMA_CHANGE_MEMBERS_MAX)
        return;
    c->kind = kind;
    c->member[c->count].name = name;
    c->member[c->count].type = type;
    c->member[c->count++].value = brama_arena_copy(trace->arena, value);
}
