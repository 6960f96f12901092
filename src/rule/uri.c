#include "rule/uri.h"

#include <string.h>

#include "base/buf.h"
#include "rule/messages.h"

enum mode { USERINFO, HOST, ZONE, PATH };

/* What is wrong and the bytes to quote with it; format NULL: nothing. */
struct fault {
    const char *before, *after;
    brama_str quoted;
};

static const struct fault fine = {NULL, NULL, {NULL, 0}};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a') + 10;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* May c stand unescaped in a host? RFC 3986 section 3.2.2, plus what Go tolerates. */
static bool is_host_char(char c)
{
    return is_letter(c) || is_digit(c) ||
           (c != '\0' && strchr("-_.~!$&'()*+,;=:[]<>\"", c) != NULL);
}

static struct fault escape_fault(brama_str s, size_t at)
{
    return (struct fault){"invalid URL escape ", "", brama_str_head(brama_str_from(s, at), 3)};
}

static struct fault unescape_fault(brama_str s, enum mode mode)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            if ((mode == HOST || mode == ZONE) && (unsigned char)s.p[i] < 0x80 &&
                !is_host_char(s.p[i]))
                return (struct fault){"invalid character ", " in host name",
                                      brama_str_head(brama_str_from(s, i), 1)};
            continue;
        }
        if (i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
            return escape_fault(s, i);
        bool percent = s.p[i + 1] == '2' && s.p[i + 2] == '5';
        unsigned value = hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]);
        /* A host escapes only what isn't ASCII; a zone also a blank and what needs no escape. */
        if (mode == HOST && value < 0x80 && !percent)
            return escape_fault(s, i);
        if (mode == ZONE && !percent && value != ' ' && !is_host_char((char)value))
            return escape_fault(s, i);
        i += 2;
    }
    return fine;
}

static bool is_optional_port(brama_str s)
{
    if (s.n == 0)
        return true;
    if (s.p[0] != ':')
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return true;
}

static struct fault host_fault(brama_str host)
{
    size_t colon = brama_str_find_last(host, ':');
    brama_str port = brama_str_from(host, colon);

    if (host.n != 0 && host.p[0] == '[') {
        size_t bracket = brama_str_find_last(host, ']');
        if (bracket == host.n)
            return (struct fault){"missing ']' in host", NULL, BRAMA_NIL};
        port = brama_str_from(host, bracket + 1);
        if (!is_optional_port(port))
            return (struct fault){"invalid port ", " after host", port};
        brama_str literal = brama_str_head(host, bracket);
        size_t zone = brama_str_find_str(literal, BRAMA_STR("%25"));
        struct fault fault = unescape_fault(brama_str_head(host, zone), HOST);
        if (fault.before == NULL && zone < literal.n)
            fault = unescape_fault(brama_str_from(literal, zone), ZONE);
        return fault.before != NULL ? fault : unescape_fault(brama_str_from(host, bracket), HOST);
    }
    if (colon < host.n && !is_optional_port(port))
        return (struct fault){"invalid port ", " after host", port};
    return unescape_fault(host, HOST);
}

static struct fault userinfo_fault(brama_str user)
{
    for (size_t i = 0; i < user.n; i++)
        if (!is_letter(user.p[i]) && !is_digit(user.p[i]) &&
            (user.p[i] == '\0' || strchr("-._:~!$&'()*+,;=%@", user.p[i]) == NULL))
            return (struct fault){"net/url: invalid userinfo", NULL, BRAMA_NIL};
    return unescape_fault(user, USERINFO);
}

static struct fault authority_fault(brama_str authority)
{
    size_t at = brama_str_find_last(authority, '@');

    if (at == authority.n)
        return host_fault(authority);
    struct fault fault = host_fault(brama_str_from(authority, at + 1));
    return fault.before != NULL ? fault : userinfo_fault(brama_str_head(authority, at));
}

/* The length of the scheme, 0 if there is none; false for a colon with nothing before it. */
static bool scheme_length(brama_str uri, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < uri.n; i++) {
        char c = uri.p[i];
        if (c == ':') {
            *n = i;
            return i != 0;
        }
        if (is_letter(c) || (i != 0 && (is_digit(c) || strchr("+-.", c) != NULL)))
            continue;
        return true;
    }
    return true;
}

static struct fault uri_fault(brama_str uri)
{
    size_t scheme;

    for (size_t i = 0; i < uri.n; i++)
        if ((unsigned char)uri.p[i] < 0x20 || uri.p[i] == 0x7f)
            return (struct fault){"net/url: invalid control character in URL", NULL, BRAMA_NIL};
    if (brama_str_eq(uri, BRAMA_STR("*")))
        return fine;
    if (!scheme_length(uri, &scheme))
        return (struct fault){"missing protocol scheme", NULL, BRAMA_NIL};
    brama_str rest = scheme != 0 ? brama_str_from(uri, scheme + 1) : uri;
    rest = brama_str_head(rest, brama_str_find(rest, '?'));
    if (!brama_str_starts(rest, BRAMA_STR("/"))) {
        if (scheme != 0)
            return fine; /* opaque, as urn:x:y */
        return (struct fault){"invalid URI for request", NULL, BRAMA_NIL};
    }
    if (scheme != 0 && brama_str_starts(rest, BRAMA_STR("//"))) {
        rest = brama_str_from(rest, 2);
        size_t slash = brama_str_find(rest, '/');
        struct fault fault = authority_fault(brama_str_head(rest, slash));
        if (fault.before != NULL)
            return fault;
        rest = brama_str_from(rest, slash);
    }
    return unescape_fault(rest, PATH);
}

/* Go's %q. */
static void add_quoted(struct brama_buf *out, brama_str s)
{
    static const char names[] = "abtnvfr"; /* of 0x07 to 0x0d */
    bool utf8 = brama_str_is_utf8(s);

    brama_buf_add_c(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            brama_buf_printf(out, "\\%c", c);
        else if (c >= 0x07 && c <= 0x0d)
            brama_buf_printf(out, "\\%c", names[c - 0x07]);
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
            brama_buf_printf(out, "\\x%02x", c);
        else
            brama_buf_add_c(out, (char)c);
    }
    brama_buf_add_c(out, '"');
}

brama_str brama__uri_error(struct brama_arena *arena, brama_str uri)
{
    struct brama_buf out;

    if (uri.n == 0)
        return BRAMA_STR(BRAMA__TEXT_EMPTY);
    struct fault fault = uri_fault(uri);
    if (fault.before == NULL)
        return BRAMA_NIL;
    brama_buf_init(&out, arena->alloc, 5 * uri.n + 256);
    brama_buf_add(&out, BRAMA_STR("parse "));
    add_quoted(&out, uri);
    brama_buf_printf(&out, ": %s", fault.before);
    if (fault.after != NULL) {
        add_quoted(&out, fault.quoted);
        brama_buf_add(&out, brama_str_c(fault.after));
    }
    brama_str text = brama_arena_copy(arena, brama_buf_str(&out));
    brama_buf_deinit(&out);
    /* Even without memory the answer is no. */
    return text.n != 0 ? text : BRAMA_STR("no memory");
}

bool brama__uri_is_fetchable(brama_str uri)
{
    brama_str rest = brama_str_from(uri, brama_str_find(uri, ':'));
    brama_str scheme = brama_str_head(uri, uri.n - rest.n);

    if (brama_str_eq_nocase(scheme, BRAMA_STR("file")))
        return rest.n > 4 && brama_str_starts(rest, BRAMA_STR(":///")) &&
               uri_fault(uri).before == NULL;
    if (!brama_str_eq_nocase(scheme, BRAMA_STR("http")) &&
        !brama_str_eq_nocase(scheme, BRAMA_STR("https")))
        return false;
    if (!brama_str_starts(rest, BRAMA_STR("://")) || uri_fault(uri).before != NULL)
        return false;
    brama_str host = brama_str_from(rest, 3);
    host = brama_str_head(host, brama_str_find(host, '/'));
    host = brama_str_head(host, brama_str_find(host, '?'));
    host = brama_str_head(host, brama_str_find(host, '#'));
    if (brama_str_find(host, '@') < host.n)
        host = brama_str_from(host, brama_str_find_last(host, '@') + 1);
    return host.n != 0 && host.p[0] != ':';
}

/* host[:port] or [address][:port]. */
static bool read_authority(struct brama_url_parts *out, struct brama_arena *arena)
{
    brama_str a = out->authority;
    bool literal = a.n != 0 && a.p[0] == '[';
    size_t end = literal ? brama_str_find(a, ']') : brama_str_find(a, ':');
    brama_str host =
        literal ? brama_str_head(brama_str_from(a, 1), end - 1) : brama_str_head(a, end);
    brama_str port = brama_str_from(a, literal ? end + 1 : end);
    uint64_t number = out->tls ? 443 : 80;

    if ((literal && end == a.n) || host.n == 0)
        return false;
    if (port.n != 0 && (port.p[0] != ':' || !brama_str_u64(brama_str_from(port, 1), &number) ||
                        number == 0 || number > UINT16_MAX))
        return false;
    char *p = brama_arena_alloc(arena, host.n + 1);
    if (p == NULL)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        p[i] = brama_char_lower(c);
        bool known = (p[i] >= 'a' && p[i] <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                     c == '-' || c == '_' || (literal && c == ':');
        if (!known)
            return false;
    }
    out->host = (brama_str){p, host.n};
    out->port = (uint16_t)number;
    return true;
}

bool brama_url_parts_read(struct brama_url_parts *out, struct brama_arena *arena, brama_str url)
{
    size_t at = brama_str_find_str(url, BRAMA_STR("://"));
    brama_str scheme = brama_str_head(url, at), rest = brama_str_from(url, at + 3);
    size_t n = 0;

    *out = (struct brama_url_parts){.tls = brama_str_eq_nocase(scheme, BRAMA_STR("https"))};
    if (at == url.n || (!out->tls && !brama_str_eq_nocase(scheme, BRAMA_STR("http"))))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= 0x20 || (unsigned char)url.p[i] >= 0x7f || url.p[i] == '#' ||
            url.p[i] == '\\')
            return false;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    out->authority = brama_str_head(rest, n);
    out->target = brama_str_from(rest, n);
    if (out->target.n == 0 || out->target.p[0] != '/')
        out->target = brama_arena_printf(arena, "/%.*s", BRAMA_FMT(out->target));
    return out->target.n != 0 && read_authority(out, arena);
}
