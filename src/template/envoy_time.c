/* The formats of START_TIME: strftime's letters, and what Envoy adds to them, %s and %f (digits of
 * the second), and absl::FormatTime's %E3S. Always in UTC, in English. */
#include "template/envoy_inner.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DIGITS 9 /* of a fraction: nanoseconds */

/* One specifier behind its percent sign: its length in bytes, 0: not known. digits: of "%3f" and
 * "%E3S", 0 where none is given. */
static size_t read_one(brama_str s, char *letter, unsigned *digits)
{
    static const char known[] = "YmdHMSyjeaAbBhpITDFRuwZzsf%";

    *digits = 0;
    if (s.n == 0)
        return 0;
    *letter = s.p[0];
    if (s.n > 2 && s.p[0] == 'E' && s.p[1] >= '1' && s.p[1] <= '9' && s.p[2] == 'S') {
        *digits = (unsigned)(s.p[1] - '0');
        return 3;
    }
    if (s.n > 1 && s.p[0] >= '1' && s.p[0] <= '9' && s.p[1] == 'f') {
        *digits = (unsigned)(s.p[0] - '0');
        *letter = 'f';
        return 2;
    }
    return memchr(known, s.p[0], sizeof(known) - 1) != NULL ? 1 : 0;
}

bool brama__time_check(brama_str format, brama_str *bad)
{
    for (;;) {
        char letter;
        unsigned digits;
        format = brama_str_from(format, brama_str_find(format, '%'));
        if (format.n == 0)
            return true;
        size_t n = read_one(brama_str_from(format, 1), &letter, &digits);
        if (n == 0) {
            *bad = brama_str_head(format, 2);
            return false;
        }
        format = brama_str_from(format, 1 + n);
    }
}

static void add_fraction(struct brama_buf *out, uint32_t time_ms, unsigned digits)
{
    char text[DIGITS + 1];

    snprintf(text, sizeof(text), "%03u000000", time_ms % 1000);
    brama_buf_add(out, (brama_str){text, digits != 0 ? digits : DIGITS});
}

/* What strftime has a letter for; none of these depends on the zone. */
static void add_field(struct brama_buf *out, char letter, const struct tm *tm)
{
    const char format[] = {'%', letter, '\0'};
    char text[64];

    brama_buf_add(out, (brama_str){text, strftime(text, sizeof(text), format, tm)});
}

void brama__time_add(struct brama_buf *out, brama_str format, int64_t time_s, uint32_t time_ms)
{
    time_t seconds = (time_t)time_s;
    struct tm tm = {0};

    if (gmtime_r(&seconds, &tm) == NULL)
        return;
    if (format.n == 0)
        format = BRAMA_STR("%Y-%m-%dT%H:%M:%E3SZ");
    while (format.n != 0) {
        size_t percent = brama_str_find(format, '%');
        char letter = '%';
        unsigned digits;
        brama_buf_add(out, brama_str_head(format, percent));
        format = brama_str_from(format, percent);
        if (format.n == 0)
            return;
        format = brama_str_from(format, 1 + read_one(brama_str_from(format, 1), &letter, &digits));
        if (letter == '%')
            brama_buf_add_c(out, '%');
        else if (letter == 's')
            brama_buf_printf(out, "%lld", (long long)time_s);
        else if (letter == 'Z')
            brama_buf_add(out, BRAMA_STR("UTC"));
        else if (letter == 'z')
            brama_buf_add(out, BRAMA_STR("+0000"));
        else if (letter != 'f')
            add_field(out, letter == 'E' ? 'S' : letter, &tm);
        if (letter == 'E')
            brama_buf_add_c(out, '.');
        if (letter == 'f' || letter == 'E')
            add_fraction(out, time_ms, digits);
    }
}
