#include "rule/pattern.h"

#include <string.h>

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

bool brama__is_namespace(brama_str s)
{
    if (s.n == 0 || !is_lower_alnum(s.p[0]) || !is_lower_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

bool brama__is_label(brama_str s)
{
    return s.n <= 63 && brama__is_namespace(s);
}

bool brama__is_subdomain(brama_str s)
{
    brama_str rest = s, label;

    if (s.n == 0 || s.n > 253)
        return false;
    while (brama_str_next(&rest, '.', &label))
        if (!brama__is_namespace(label))
            return false;
    return true;
}

bool brama__is_short_host(brama_str s)
{
    return brama__is_label(s);
}

/* Labels before a last one of two or more letters and digits. */
static bool is_fqdn(brama_str s)
{
    brama_str rest = s, label, last = BRAMA_NIL;
    size_t labels = 0;

    while (s.n != 0 && brama_str_next(&rest, '.', &label)) {
        if (!brama__is_label(label))
            return false;
        last = label;
        labels++;
    }
    if (labels < 2 || last.n < 2)
        return false;
    return brama_str_find(last, '-') == last.n;
}

bool brama__is_v2_host(brama_str s)
{
    if (s.n > 255)
        return false;
    if (brama_str_starts(s, BRAMA_STR("*.")))
        return is_fqdn(brama_str_from(s, 2));
    return brama__is_short_host(s) || is_fqdn(s);
}

bool brama__is_v2_gateway(brama_str s)
{
    size_t slash = brama_str_find(s, '/');

    return slash < s.n && brama__is_label(brama_str_head(s, slash)) &&
           brama__is_label(brama_str_from(s, slash + 1));
}

/* The last part may hold '[': the pattern says so, and no request can. */
bool brama__is_v1_host(brama_str s)
{
    bool bracket = false;
    size_t last = brama_str_find_last(s, '.');
    brama_str head = brama_str_head(s, last < s.n ? last : 0), label;
    brama_str tail = last < s.n ? brama_str_from(s, last + 1) : s;

    while (last < s.n && brama_str_next(&head, '.', &label)) {
        if (label.n == 0 || !is_alnum(label.p[0]))
            return false;
        for (size_t i = 0; i < label.n; i++)
            if (!is_alnum(label.p[i]) && !is_one_of(label.p[i], "-_"))
                return false;
    }
    if (tail.n == 0 || is_one_of(tail.p[tail.n - 1], "-_"))
        return false;
    for (size_t i = 0; i < tail.n; i++) {
        bracket = bracket || tail.p[i] == '[';
        if (!is_alnum(tail.p[i]) && !is_one_of(tail.p[i], bracket ? "[" : "-_"))
            return false;
    }
    return true;
}

bool brama__is_v1_gateway(brama_str s)
{
    char separator = '\0';
    bool empty = true;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (is_lower_alnum(c) || is_one_of(c, "-_")) {
            empty = false;
            continue;
        }
        /* One slash, or any number of dots, never both. */
        if (empty || !is_one_of(c, "/.") || separator == '/' || (separator == '.' && c == '/'))
            return false;
        separator = c;
        empty = true;
    }
    return !empty;
}

bool brama__is_v1_path(brama_str s)
{
    return s.n != 0 && (is_alnum(s.p[0]) || is_one_of(s.p[0], "./*()?!\\_-"));
}

bool brama__is_v2_path(brama_str s)
{
    brama_str rest = brama_str_from(s, 1), segment;

    if (s.n == 0 || s.p[0] != '/')
        return false;
    if (brama_str_eq(s, BRAMA_STR("/*")) || s.n == 1)
        return true;
    while (brama_str_next(&rest, '/', &segment)) {
        if (brama_str_eq(segment, BRAMA_STR("{*}")) || brama_str_eq(segment, BRAMA_STR("{**}")))
            continue;
        for (size_t i = 0; i < segment.n; i++) {
            if (segment.p[i] == '%') {
                if (i + 2 >= segment.n || !is_hex(segment.p[i + 1]) || !is_hex(segment.p[i + 2]))
                    return false;
                i += 2;
            } else if (!is_alnum(segment.p[i]) && !is_one_of(segment.p[i], "-._~!$&'()+,;=:@")) {
                return false;
            }
        }
    }
    return true;
}
