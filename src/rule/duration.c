/* Go's time.ParseDuration, without signs. */
#include "rule/reading.h"

static const struct {
    brama_str name;
    uint64_t nanoseconds;
} units[] = {
    {BRAMA_LIT("ns"), 1},
    {BRAMA_LIT("us"), 1000},
    {BRAMA_LIT("\xc2\xb5s"), 1000}, /* the micro sign */
    {BRAMA_LIT("ms"), 1000000},
    {BRAMA_LIT("s"), UINT64_C(1000000000)},
    {BRAMA_LIT("m"), UINT64_C(60000000000)},
    {BRAMA_LIT("h"), UINT64_C(3600000000000)},
};

static size_t digits(brama_str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

static uint64_t unit_of(brama_str *rest)
{
    size_t n = 0;

    while (n < rest->n && rest->p[n] != '.' && (rest->p[n] < '0' || rest->p[n] > '9'))
        n++;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(units); i++) {
        if (brama_str_eq(brama_str_head(*rest, n), units[i].name)) {
            *rest = brama_str_from(*rest, n);
            return units[i].nanoseconds;
        }
    }
    return 0;
}

/* One "1.5h" cut off the front of *rest, added to *sum in nanoseconds. */
static bool add_piece(brama_str *rest, uint64_t *sum)
{
    size_t whole_n = digits(*rest), fraction_n = 0;
    uint64_t whole = 0, fraction = 0;
    brama_str fraction_text = BRAMA_NIL;

    if (whole_n != 0 && !brama_str_u64(brama_str_head(*rest, whole_n), &whole))
        return false;
    *rest = brama_str_from(*rest, whole_n);
    if (rest->n != 0 && rest->p[0] == '.') {
        *rest = brama_str_from(*rest, 1);
        fraction_n = digits(*rest);
        fraction_text = brama_str_head(*rest, fraction_n);
        *rest = brama_str_from(*rest, fraction_n);
    }
    uint64_t unit = unit_of(rest);
    if (whole_n + fraction_n == 0 || unit == 0 || whole > INT64_MAX / unit)
        return false;
    uint64_t scale = unit;
    for (size_t i = 0; i < fraction_text.n && scale >= 10; i++) {
        scale /= 10;
        fraction += (uint64_t)(fraction_text.p[i] - '0') * scale;
    }
    if (whole * unit + fraction > INT64_MAX - *sum)
        return false;
    *sum += whole * unit + fraction;
    return true;
}

bool brama__read_duration(brama_str text, uint64_t *nanoseconds)
{
    uint64_t sum = 0;
    brama_str rest = text;

    if (brama_str_eq(text, BRAMA_STR("0"))) {
        *nanoseconds = 0;
        return true;
    }
    if (text.n == 0)
        return false;
    while (rest.n != 0)
        if (!add_piece(&rest, &sum))
            return false;
    *nanoseconds = sum;
    return true;
}
