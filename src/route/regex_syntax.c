#include "route/regex_syntax.h"

#include <string.h>

#define DEPTH_MAX 100     /* nested groups */
#define REPEAT_MAX 1000   /* RE2's: of one repetition, and of nested ones multiplied */
#define NAME_MAX_BYTES 32 /* PCRE2's, of a group */

struct reader {
    brama_str s;
    size_t at;
    unsigned depth;
    uint32_t repeats[DEPTH_MAX + 1]; /* by depth: the most that something inside is repeated */
    uint32_t last;                   /* the same of what was read last */
    bool repeatable;                 /* and may a repetition follow it? */
};

static bool starts(const struct reader *r, const char *what)
{
    return brama_str_starts(brama_str_from(r->s, r->at), brama_str_c(what));
}

static char peek(const struct reader *r, size_t ahead)
{
    return r->at + ahead < r->s.n ? r->s.p[r->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char not_visible[] = "a byte outside ASCII's visible characters";

static bool is_visible(char c)
{
    return c >= ' ' && c <= '~';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* One thing was read that may be repeated; repeats: how often something inside it already is. */
static void note(struct reader *r, uint32_t repeats)
{
    r->last = repeats;
    r->repeatable = true;
    if (repeats > r->repeats[r->depth])
        r->repeats[r->depth] = repeats;
}

/* What PCRE2 has behind "(" and RE2 hasn't, or not with the same meaning. */
static const char *foreign_group(const struct reader *r)
{
    static const struct {
        const char *text, *what;
    } rows[] = {
        {"(?=", "a look-ahead"},      {"(?!", "a look-ahead"},        {"(?<=", "a look-behind"},
        {"(?<!", "a look-behind"},    {"(?>", "an atomic group"},     {"(?|", "a branch reset"},
        {"(?#", "a comment"},         {"(?(", "a condition"},         {"(?R", "a recursion"},
        {"(?&", "a recursion"},       {"(?P>", "a recursion"},        {"(?+", "a recursion"},
        {"(?P=", "a back-reference"}, {"(?'", "a quoted group name"}, {"(?C", "a callout"},
        {"(*", "a control verb"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        if (starts(r, rows[i].text))
            return rows[i].what;
    return is_digit(peek(r, 2)) ? "a recursion" : "a group of an unknown kind";
}

/* "P<name>" behind "(?" */
static const char *take_name(struct reader *r)
{
    size_t n = 0;
    r->at += 2;
    while (is_word(peek(r, n)))
        n++;
    if (n == 0 || n > NAME_MAX_BYTES || is_digit(peek(r, 0)) || peek(r, n) != '>')
        return "a group name of an unknown form";
    r->at += n + 1;
    return NULL;
}

/* "i", "s", "-i" and such; then ":" opens a group, ")" doesn't. */
static const char *take_flags(struct reader *r, bool *opens)
{
    size_t from = r->at;
    while (peek(r, 0) == 'i' || peek(r, 0) == 's')
        r->at++;
    if (peek(r, 0) == '-') {
        size_t minus = r->at++;
        while (peek(r, 0) == 'i' || peek(r, 0) == 's')
            r->at++;
        if (r->at == minus + 1)
            return "flags of an unknown form";
    }
    *opens = peek(r, 0) == ':';
    if (!*opens && (peek(r, 0) != ')' || r->at == from))
        return "flags of an unknown form";
    r->at++;
    return NULL;
}

static const char *take_open(struct reader *r)
{
    const char *what = NULL;
    bool opens = true;

    if (starts(r, "(?P<")) {
        r->at += 2;
        what = take_name(r);
    } else if (starts(r, "(?") && memchr("is-:", peek(r, 2), 4) != NULL && peek(r, 2) != '\0') {
        r->at += 2;
        what = take_flags(r, &opens);
    } else if (starts(r, "(?") || starts(r, "(*")) {
        return foreign_group(r);
    } else {
        r->at++;
    }
    r->repeatable = false;
    if (what != NULL || !opens)
        return what;
    if (r->depth == DEPTH_MAX)
        return "more than 100 nested groups";
    r->repeats[++r->depth] = 1;
    return NULL;
}

static const char *take_close(struct reader *r)
{
    if (r->depth == 0)
        return "a closing parenthesis too many";
    uint32_t inside = r->repeats[r->depth--];
    r->at++;
    note(r, inside);
    return NULL;
}

/* "\x41" or "\x{41}", of ASCII */
static const char *take_hex(struct reader *r)
{
    static const char what[] = "an escape that isn't a character of ASCII";
    unsigned value = 0;
    bool braces = peek(r, 2) == '{';
    size_t at = braces ? 3 : 2, digits = 0;

    for (int v; (v = brama_hex_value(peek(r, at))) >= 0 && digits < (braces ? 8 : 2);
         at++, digits++)
        value = value * 16 + (unsigned)v;
    if (value > 127 || (braces ? digits == 0 || peek(r, at) != '}' : digits != 2))
        return what;
    r->at += at + (braces ? 1 : 0);
    return NULL;
}

/* A backslash and what belongs to it. */
static const char *take_escape(struct reader *r, bool in_class, bool *is_set)
{
    char c = peek(r, 1);

    *is_set = c != '\0' && strchr("dDwWsS", c) != NULL;
    if (r->at + 1 == r->s.n)
        return "a backslash at the end";
    if (c == 'x')
        return take_hex(r);
    if (c >= '0' && c <= '9')
        return "a back-reference";
    bool punctuation = c > ' ' && c < 127 && !is_word(c);
    bool known = *is_set || strchr("aftnr", c) != NULL || (!in_class && strchr("bBAz", c) != NULL);
    if (!punctuation && !known)
        return "an escape that RE2 hasn't, or reads in another way";
    r->at += 2;
    return NULL;
}

static const char *take_posix(struct reader *r)
{
    static const char *const names[] = {"alnum", "alpha", "ascii", "blank", "cntrl",
                                        "digit", "graph", "lower", "print", "punct",
                                        "space", "upper", "word",  "xdigit"};
    size_t skip = peek(r, 2) == '^' ? 3 : 2;
    brama_str rest = brama_str_from(r->s, r->at + skip);

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++) {
        brama_str name = brama_str_c(names[i]);
        if (brama_str_starts(rest, name) &&
            brama_str_starts(brama_str_from(rest, name.n), BRAMA_STR(":]"))) {
            r->at += skip + name.n + 2;
            return NULL;
        }
    }
    return "a class name that RE2 hasn't";
}

/* One member of a class, or one end of a range. */
static const char *take_member(struct reader *r, bool *is_set)
{
    char c = peek(r, 0);

    *is_set = false;
    if (!is_visible(c))
        return not_visible;
    if (c == '[' && peek(r, 1) == ':') {
        *is_set = true;
        return take_posix(r);
    }
    if (c == '[' && (peek(r, 1) == '.' || peek(r, 1) == '='))
        return "a collating element";
    if (c == '\\')
        return take_escape(r, true, is_set);
    r->at++;
    return NULL;
}

static const char *take_class(struct reader *r)
{
    static const char hyphen[] = "a hyphen in a class that can be read in two ways";
    bool first = true;

    r->at += peek(r, 1) == '^' ? 2 : 1;
    for (; r->at < r->s.n && (first || peek(r, 0) != ']'); first = false) {
        bool set, end_set;
        if (starts(r, "--"))
            return hyphen;
        const char *what = take_member(r, &set);
        if (what != NULL)
            return what;
        if (peek(r, 0) != '-' || peek(r, 1) == ']' || peek(r, 1) == '\0')
            continue;
        if (set)
            return hyphen;
        r->at++;
        if (peek(r, 0) == '-' || peek(r, 0) == '[')
            return hyphen;
        what = take_member(r, &end_set);
        if (what != NULL || end_set)
            return what != NULL ? what : hyphen;
        /* Behind a range a hyphen is one of itself for both; a second one isn't. */
        if (starts(r, "--"))
            return hyphen;
        if (peek(r, 0) == '-' && peek(r, 1) != ']')
            r->at++;
    }
    if (r->at == r->s.n)
        return "a class that doesn't end";
    r->at++;
    note(r, 1);
    return NULL;
}

/* Without leading zeros, which RE2 doesn't take for a number. */
static bool take_number(struct reader *r, size_t *at, uint32_t *out)
{
    bool zero = peek(r, *at) == '0' && is_digit(peek(r, *at + 1));
    size_t digits = 0;
    *out = 0;
    for (; is_digit(peek(r, *at)) && digits < 5; (*at)++, digits++)
        *out = *out * 10 + (uint32_t)(peek(r, *at) - '0');
    return digits != 0 && !zero && !is_digit(peek(r, *at));
}

/* {n}, {n,} and {n,m}; 0: these braces are no repetition. */
static size_t braces(struct reader *r, uint32_t *min, uint32_t *max)
{
    size_t at = 1;
    if (!take_number(r, &at, min))
        return 0;
    *max = *min;
    if (peek(r, at) == ',') {
        at++;
        if (peek(r, at) == '}')
            *max = *min != 0 ? *min : 1;
        else if (!take_number(r, &at, max))
            return 0;
    }
    return peek(r, at) == '}' ? at + 1 : 0;
}

static const char *take_repeat(struct reader *r)
{
    uint32_t min = 1, max = 1;
    size_t n = peek(r, 0) == '{' ? braces(r, &min, &max) : 1;

    if (n == 0) { /* a brace as itself */
        if (peek(r, 1) == ',' || is_digit(peek(r, 1)))
            return "braces that can be read in two ways";
        r->at++;
        note(r, 1);
        return NULL;
    }
    if (!r->repeatable)
        return "a repetition of nothing, or a doubled one";
    if (max < min || max == 0 || max > REPEAT_MAX || (uint64_t)r->last * max > REPEAT_MAX)
        return "a repetition of none or more than 1000";
    r->at += n;
    if (peek(r, 0) == '?')
        r->at++;
    else if (peek(r, 0) == '+')
        return "a possessive quantifier";
    note(r, r->last * max);
    r->repeatable = false;
    return NULL;
}

static const char *take_one(struct reader *r)
{
    char c = peek(r, 0);
    const char *what;
    bool is_set;

    if (!is_visible(c))
        return not_visible;
    switch (c) {
    case '(':
        return take_open(r);
    case ')':
        return take_close(r);
    case '[':
        return take_class(r);
    case '*':
    case '+':
    case '?':
    case '{':
        return take_repeat(r);
    case '^':
    case '$':
    case '|':
        r->at++;
        r->repeatable = false;
        return NULL;
    case '\\':
        c = peek(r, 1);
        what = take_escape(r, false, &is_set);
        note(r, 1);
        r->repeatable = strchr("bBAz", c) == NULL;
        return what;
    default:
        r->at++;
        note(r, 1);
        return NULL;
    }
}

const char *brama__regex_foreign(brama_str regex)
{
    struct reader r = {.s = regex, .repeats = {1}};
    const char *what = NULL;

    while (what == NULL && r.at < regex.n)
        what = take_one(&r);
    return what != NULL || r.depth == 0 ? what : "a group that doesn't end";
}
