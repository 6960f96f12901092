#include "json/yaml_scalar.h"

#include <math.h>
#include <stdlib.h>

/* The largest double has 309 digits; what is longer is text, not a number. */
#define NUMBER_TEXT_MAX 400

/* NONE: a number that isn't one for us. */
static const struct {
    brama_str text;
    enum brama_node_kind kind;
    bool truth;
} words[] = {
    {BRAMA_LIT(""), BRAMA_NODE_NULL, false},      {BRAMA_LIT("~"), BRAMA_NODE_NULL, false},
    {BRAMA_LIT("null"), BRAMA_NODE_NULL, false},  {BRAMA_LIT("Null"), BRAMA_NODE_NULL, false},
    {BRAMA_LIT("NULL"), BRAMA_NODE_NULL, false},  {BRAMA_LIT("y"), BRAMA_NODE_BOOL, true},
    {BRAMA_LIT("Y"), BRAMA_NODE_BOOL, true},      {BRAMA_LIT("yes"), BRAMA_NODE_BOOL, true},
    {BRAMA_LIT("Yes"), BRAMA_NODE_BOOL, true},    {BRAMA_LIT("YES"), BRAMA_NODE_BOOL, true},
    {BRAMA_LIT("true"), BRAMA_NODE_BOOL, true},   {BRAMA_LIT("True"), BRAMA_NODE_BOOL, true},
    {BRAMA_LIT("TRUE"), BRAMA_NODE_BOOL, true},   {BRAMA_LIT("on"), BRAMA_NODE_BOOL, true},
    {BRAMA_LIT("On"), BRAMA_NODE_BOOL, true},     {BRAMA_LIT("ON"), BRAMA_NODE_BOOL, true},
    {BRAMA_LIT("n"), BRAMA_NODE_BOOL, false},     {BRAMA_LIT("N"), BRAMA_NODE_BOOL, false},
    {BRAMA_LIT("no"), BRAMA_NODE_BOOL, false},    {BRAMA_LIT("No"), BRAMA_NODE_BOOL, false},
    {BRAMA_LIT("NO"), BRAMA_NODE_BOOL, false},    {BRAMA_LIT("false"), BRAMA_NODE_BOOL, false},
    {BRAMA_LIT("False"), BRAMA_NODE_BOOL, false}, {BRAMA_LIT("FALSE"), BRAMA_NODE_BOOL, false},
    {BRAMA_LIT("off"), BRAMA_NODE_BOOL, false},   {BRAMA_LIT("Off"), BRAMA_NODE_BOOL, false},
    {BRAMA_LIT("OFF"), BRAMA_NODE_BOOL, false},   {BRAMA_LIT(".inf"), BRAMA_NODE_NONE, false},
    {BRAMA_LIT(".Inf"), BRAMA_NODE_NONE, false},  {BRAMA_LIT(".INF"), BRAMA_NODE_NONE, false},
    {BRAMA_LIT("+.inf"), BRAMA_NODE_NONE, false}, {BRAMA_LIT("+.Inf"), BRAMA_NODE_NONE, false},
    {BRAMA_LIT("+.INF"), BRAMA_NODE_NONE, false}, {BRAMA_LIT("-.inf"), BRAMA_NODE_NONE, false},
    {BRAMA_LIT("-.Inf"), BRAMA_NODE_NONE, false}, {BRAMA_LIT("-.INF"), BRAMA_NODE_NONE, false},
    {BRAMA_LIT(".nan"), BRAMA_NODE_NONE, false},  {BRAMA_LIT(".NaN"), BRAMA_NODE_NONE, false},
    {BRAMA_LIT(".NAN"), BRAMA_NODE_NONE, false},
};

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

/* Cut the prefix that names a base off *digits. */
static unsigned take_base(const char **digits)
{
    const char *p = *digits;
    if (p[0] != '0' || p[1] == '\0')
        return 10;
    *digits = p + 2;
    if (p[1] == 'x' || p[1] == 'X')
        return 16;
    if (p[1] == 'b' || p[1] == 'B')
        return 2;
    if (p[1] == 'o' || p[1] == 'O')
        return 8;
    *digits = p + 1;
    return 8;
}

static bool take_integer(const char *text, struct brama_node *out)
{
    bool negative = text[0] == '-', sign = negative || text[0] == '+';
    const char *digits = text + (sign ? 1 : 0);
    unsigned base = take_base(&digits);
    uint64_t value = 0;
    if (digits[0] == '\0')
        return false;
    for (; digits[0] != '\0'; digits++) {
        unsigned digit = digit_value(digits[0]);
        if (digit >= base || value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    uint64_t max = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (value > max && sign)
        return false;
    out->kind = value > max ? BRAMA_NODE_REAL : BRAMA_NODE_INT;
    if (value <= max) {
        out->integer = negative && value > 0 ? -(int64_t)(value - 1) - 1 : (int64_t)value;
        out->real = (double)out->integer; /* -0 is 0, as in JSON */
    } else {
        out->real = (double)value;
    }
    return true;
}

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* [-+]? ( .digits | digits [.digits?] ) [ e [-+]? digits ] */
static bool take_real(const char *text, struct brama_node *out)
{
    const char *p = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    const char *whole = p;
    p = skip_digits(p);
    bool any = p > whole;
    if (*p == '.') {
        const char *fraction = p + 1;
        p = skip_digits(fraction);
        any = any || p > fraction;
    }
    if (!any)
        return false;
    if (*p == 'e' || *p == 'E') {
        p += p[1] == '-' || p[1] == '+' ? 2 : 1;
        const char *exponent = p;
        p = skip_digits(p);
        if (p == exponent)
            return false;
    }
    if (*p != '\0')
        return false;
    double real = strtod(text, NULL);
    if (!isfinite(real))
        return false;
    out->kind = BRAMA_NODE_REAL;
    out->real = real;
    return true;
}

static bool may_be_number(brama_str text)
{
    char c = text.p[0];
    return text.n <= NUMBER_TEXT_MAX && (digit_value(c) < 10 || c == '-' || c == '+' || c == '.');
}

bool brama__yaml_resolve(brama_str text, struct brama_node *out)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(words); i++) {
        if (brama_str_eq(words[i].text, text)) {
            out->kind = words[i].kind;
            out->truth = words[i].truth;
            return out->kind != BRAMA_NODE_NONE;
        }
    }
    out->kind = BRAMA_NODE_STR;
    if (!may_be_number(text))
        return true;
    char plain[NUMBER_TEXT_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\0' || (text.p[i] == '_' && text.p[0] == '.'))
            return true; /* underscores are for numbers that begin with a digit or a sign */
        if (text.p[i] != '_')
            plain[n++] = text.p[i];
    }
    plain[n] = '\0';
    if (!take_integer(plain, out))
        (void)take_real(plain, out);
    return true;
}
