#include "base/url.h"

static enum brama_err refuse(struct brama_diag *diag, const char *what)
{
    brama_diag_set(diag, (struct brama_where){0}, "%s", what);
    return BRAMA_ERR_SYNTAX;
}

enum brama_err brama_url_split(struct brama_url *out, struct brama_arena *arena, brama_str text,
                               struct brama_diag *diag)
{
    static const brama_str schemes[] = {BRAMA_LIT("http"), BRAMA_LIT("https")};
    size_t at = brama_str_find_str(text, BRAMA_STR("://"));
    brama_str scheme = brama_str_head(text, at), rest = brama_str_from(text, at + 3);
    size_t n = 0;

    *out = (struct brama_url){0};
    if (at == text.n)
        return refuse(diag, "the URL must begin with http:// or https://");
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(schemes); i++) {
        if (brama_str_eq_nocase(scheme, schemes[i]))
            out->scheme = schemes[i];
    }
    if (out->scheme.n == 0)
        return refuse(diag, "the URL must begin with http:// or https://");
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?' && rest.p[n] != '#')
        n++;
    out->authority = brama_str_head(rest, n);
    out->target = brama_str_from(rest, n);
    if (out->authority.n == 0)
        return refuse(diag, "the URL names no host");
    if (brama_str_find(out->authority, '@') < out->authority.n)
        return refuse(diag, "the URL has a user name before its host; no client sends that on");
    if (out->target.n == 0 || out->target.p[0] != '/')
        out->target = brama_arena_printf(arena, "/%.*s", BRAMA_FMT(out->target));
    return out->target.n != 0 ? BRAMA_OK : BRAMA_ERR_NOMEM;
}

bool brama_is_host_port(brama_str text)
{
    size_t colon = brama_str_find_last(text, ':');
    brama_str host = brama_str_head(text, colon), port = brama_str_from(text, colon + 1);
    uint64_t number = 0;

    if (colon == text.n || host.n == 0 || port.n > 5 || !brama_str_u64(port, &number))
        return false;
    if (host.p[0] == '[') {
        if (host.n < 4 || host.p[host.n - 1] != ']')
            return false;
    } else if (brama_str_find(host, ':') < host.n) {
        return false;
    }
    for (size_t i = 0; i < host.n; i++) {
        /* It becomes a word of nginx.conf: letters, digits and what addresses are made of. */
        char c = host.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '*' || c == ':' || c == '[' || c == ']'))
            return false;
    }
    return number >= 1 && number <= 65535;
}

uint16_t brama_port_of(brama_str host_port)
{
    uint64_t port = 0;

    if (!brama_is_host_port(host_port))
        return 0;
    (void)brama_str_u64(brama_str_from(host_port, brama_str_find_last(host_port, ':') + 1), &port);
    return (uint16_t)port;
}

bool brama_file_url_path(char *room, size_t size, brama_str url)
{
    brama_str rest = brama_str_from(url, BRAMA_STR("file://").n);
    size_t n = 0;

    if (!brama_str_starts(url, BRAMA_STR("file://")))
        return false;
    if (brama_str_starts(rest, BRAMA_STR("localhost/")))
        rest = brama_str_from(rest, BRAMA_STR("localhost").n);
    if (!brama_str_starts(rest, BRAMA_STR("/")))
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        char c = rest.p[i];
        if (c == '%') {
            int high = i + 2 < rest.n ? brama_hex_value(rest.p[i + 1]) : -1;
            int low = i + 2 < rest.n ? brama_hex_value(rest.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        room[n++] = c;
    }
    room[n] = '\0';
    return true;
}
