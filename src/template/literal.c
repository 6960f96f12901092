/* Texts and numbers that stand in a template. */
#include "template/inner.h"

/* Go's escapes, those of a letter. */
static int escaped(char c)
{
    static const char from[] = "nrt\\\"'abfv", to[] = "\n\r\t\\\"'\a\b\f\v";
    for (size_t i = 0; i < sizeof(from) - 1; i++)
        if (from[i] == c)
            return to[i];
    return -1;
}

bool brama__quoted(struct brama__run *run, struct brama__value *out)
{
    char *p = brama_arena_alloc(run->arena, run->text.n - run->at + 1);
    size_t n = 0;

    if (p == NULL)
        return brama__run_fail(run, "no memory");
    for (run->at++; run->at < run->text.n && run->text.p[run->at] != '"'; run->at++) {
        char c = run->text.p[run->at];
        if (c == '\n')
            break;
        if (c == '\\') {
            run->at++;
            int made = run->at < run->text.n ? escaped(run->text.p[run->at]) : -1;
            if (made < 0)
                return brama__run_fail(run, "an escape that isn't supported");
            c = (char)made;
        }
        p[n++] = c;
    }
    *out = brama__value_str((brama_str){p, n});
    return brama__run_take(run, BRAMA_STR("\"")) || brama__run_fail(run, "a text without its end");
}

bool brama__raw(struct brama__run *run, struct brama__value *out)
{
    run->at++;
    brama_str text =
        brama_str_head(brama__run_rest(run), brama_str_find(brama__run_rest(run), '`'));
    run->at += text.n;
    *out = brama__value_str(text);
    return brama__run_take(run, BRAMA_STR("`")) || brama__run_fail(run, "a text without its end");
}

bool brama__number(struct brama__run *run, struct brama__value *out)
{
    bool minus = brama__run_take(run, BRAMA_STR("-"));
    brama_str digits = brama__run_name(run);
    uint64_t n;

    if (!brama_str_u64(digits, &n) || n > INT64_MAX || (digits.n > 1 && digits.p[0] == '0') ||
        brama_str_starts(brama__run_rest(run), BRAMA_STR(".")))
        return brama__run_fail(run, "only whole decimal numbers are supported");
    *out = brama__value_int(minus ? -(int64_t)n : (int64_t)n);
    return true;
}
