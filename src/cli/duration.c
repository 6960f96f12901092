#include "cli/duration.h"

static bool unit_ms(int64_t *out, brama_str unit)
{
    static const struct {
        brama_str name;
        int64_t ms;
    } units[] = {
        {BRAMA_LIT("ms"), 1},      {BRAMA_LIT("s"), 1000},     {BRAMA_LIT("m"), 60000},
        {BRAMA_LIT("h"), 3600000}, {BRAMA_LIT("d"), 86400000},
    };

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(units); i++) {
        if (brama_str_eq(unit, units[i].name)) {
            *out = units[i].ms;
            return true;
        }
    }
    return false;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Cut the leading bytes that are digits, or that aren't. */
static brama_str cut_while(brama_str *rest, bool digits)
{
    size_t n = 0;

    while (n < rest->n && digit(rest->p[n]) == digits)
        n++;
    brama_str piece = brama_str_head(*rest, n);
    *rest = brama_str_from(*rest, n);
    return piece;
}

bool brama_duration_read(int64_t *out_ms, brama_str text)
{
    int64_t sum = 0, larger = INT64_MAX;
    brama_str rest = text;
    uint64_t count;

    if (brama_str_u64(text, &count) && count <= BRAMA_DURATION_MAX_MS / 1000) {
        *out_ms = (int64_t)count * 1000;
        return true;
    }
    do {
        int64_t ms;
        if (!brama_str_u64(cut_while(&rest, true), &count) ||
            !unit_ms(&ms, cut_while(&rest, false)))
            return false;
        /* "1h30m" but not "30m1h" or "1h1h": those are slips. */
        if (ms >= larger || count > (uint64_t)((BRAMA_DURATION_MAX_MS - sum) / ms))
            return false;
        larger = ms;
        sum += (int64_t)count * ms;
    } while (rest.n != 0);
    *out_ms = sum;
    return true;
}
