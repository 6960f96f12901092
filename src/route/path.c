#include "route/path.h"

#include <string.h>

/* What a byte may be in a path, RFC 3986 section 3.3. */
enum { NO = 0, UNRESERVED, PCHAR };

static int path_class(unsigned char c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        return UNRESERVED;
    switch (c) {
    case '-':
    case '.':
    case '_':
    case '~':
        return UNRESERVED;
    case '!':
    case '$':
    case '&':
    case '\'':
    case '(':
    case ')':
    case '*':
    case '+':
    case ',':
    case ';':
    case '=':
    case ':':
    case '@':
    case '/':
        return PCHAR;
    default:
        return NO;
    }
}

/* The octet that the three characters at s.p[i] stand for, or -1. */
static int escaped(brama_str s, size_t i)
{
    if (s.n - i < 3 || s.p[i] != '%' || brama_hex_value(s.p[i + 1]) < 0 ||
        brama_hex_value(s.p[i + 2]) < 0)
        return -1;
    return brama_hex_value(s.p[i + 1]) * 16 + brama_hex_value(s.p[i + 2]);
}

static bool is_control(int c)
{
    return c < 0x20 || c == 0x7f;
}

static enum brama_path_fault check_byte(unsigned char c)
{
    if (c == '\\')
        return BRAMA_PATH_BACKSLASH;
    if (c == '#')
        return BRAMA_PATH_FRAGMENT;
    if (is_control(c))
        return BRAMA_PATH_CONTROL;
    return path_class(c) == NO ? BRAMA_PATH_BYTE : BRAMA_PATH_OK;
}

/* Copy raw into out (room for raw.n) with encoded unreserved characters decoded once; istio-jwt.md
 * 3.7. Everything that may not stand in a path is a fault. */
static enum brama_path_fault decode_unreserved(char *out, size_t *n, brama_str raw)
{
    size_t to = 0;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] != '%') {
            enum brama_path_fault fault = check_byte((unsigned char)raw.p[i]);
            if (fault != BRAMA_PATH_OK)
                return fault;
            out[to++] = raw.p[i];
            continue;
        }
        int c = escaped(raw, i);
        if (c < 0)
            return BRAMA_PATH_PERCENT;
        if (is_control(c))
            return BRAMA_PATH_CONTROL;
        if (path_class((unsigned char)c) == UNRESERVED) {
            out[to++] = (char)c;
        } else {
            memcpy(out + to, raw.p + i, 3);
            to += 3;
        }
        i += 2;
    }
    *n = to;
    return BRAMA_PATH_OK;
}

/* Resolve "." and ".." segments in place. RFC 3986 section 5.2.4, but ".." above the root is a
 * fault. p[0] is "/". */
static enum brama_path_fault resolve_dots(char *p, size_t *n)
{
    size_t end = *n, to = 0;
    for (size_t i = 0; i < end;) {
        size_t next = i + 1;
        while (next < end && p[next] != '/')
            next++;
        brama_str segment = {p + i + 1, next - i - 1};
        bool last = next == end;
        if (brama_str_eq(segment, BRAMA_STR(".."))) {
            if (to == 0)
                return BRAMA_PATH_ABOVE_ROOT;
            while (p[--to] != '/')
                ;
        } else if (!brama_str_eq(segment, BRAMA_STR("."))) {
            memmove(p + to, p + i, next - i);
            to += next - i;
            last = false;
        }
        if (last) /* "/a/.." and "/a/." end in a slash */
            p[to++] = '/';
        i = next;
    }
    *n = to;
    return BRAMA_PATH_OK;
}

/* Has the path another reading: an encoded separator or percent sign, an empty segment, a
 * parameter? */
static bool has_other_reading(brama_str path)
{
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == ';' || (path.p[i] == '/' && i + 1 < path.n && path.p[i + 1] == '/'))
            return true;
        int c = path.p[i] == '%' ? escaped(path, i) : -1;
        if (c == '/' || c == '\\' || c == '%' || c == ';')
            return true;
    }
    return false;
}

/* One more round of decoding of what could change the segments. */
static size_t decode_once_more(char *p, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        int c = p[i] == '%' ? escaped((brama_str){p, n}, i) : -1;
        if (c == '/' || c == '\\' || c == '%' || c == ';' ||
            (c >= 0 && path_class((unsigned char)c) == UNRESERVED)) {
            p[to++] = c == '\\' ? '/' : (char)c;
            i += 2;
        } else {
            p[to++] = p[i];
        }
    }
    return to;
}

/* ";..." cut off every segment, slashes merged: each if asked for. */
static size_t cut_and_merge(char *out, brama_str text, bool cut, bool merge)
{
    size_t to = 0;
    bool cutting = false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '/')
            cutting = false;
        else if (cut && text.p[i] == ';')
            cutting = true;
        if (cutting || (merge && text.p[i] == '/' && to != 0 && out[to - 1] == '/'))
            continue;
        out[to++] = text.p[i];
    }
    return to;
}

static bool has_dot_segment(brama_str path)
{
    brama_str rest = path, segment;
    while (brama_str_next(&rest, '/', &segment))
        if (brama_str_eq(segment, BRAMA_STR(".")) || brama_str_eq(segment, BRAMA_STR("..")))
            return true;
    return false;
}

/* A separator, or the percent sign of one, that is encoded within a parameter: cutting first and
 * decoding first lead to different segments. Or separators encoded in two ways: some decode one of
 * them only. */
static bool has_hidden_separator(brama_str path)
{
    bool parameter = false, slash = false, backslash = false;
    for (size_t i = 0; i < path.n; i++) {
        int c = path.p[i] == '%' ? escaped(path, i) : -1;
        if (path.p[i] == '/')
            parameter = false;
        else if (path.p[i] == ';' || c == ';')
            parameter = true;
        slash = slash || c == '/';
        backslash = backslash || c == '\\';
        if (parameter && (c == '/' || c == '\\' || c == '%'))
            return true;
    }
    return slash && backslash;
}

/* One text that some backend sees, in the four ways to read it. */
static enum brama_path_fault add_readings(struct brama_path *out, struct brama_arena *arena,
                                          brama_str text)
{
    for (int way = 0; way < 4; way++) {
        char *p = brama_arena_alloc(arena, text.n + 1);
        if (p == NULL)
            return BRAMA_PATH_NOMEM;
        size_t n = cut_and_merge(p, text, way & 1, way & 2);
        out->twisted = out->twisted || has_dot_segment((brama_str){p, n});
        enum brama_path_fault fault = resolve_dots(p, &n);
        if (fault != BRAMA_PATH_OK)
            return fault;
        out->harsh = (brama_str){p, n};
        brama_str last =
            out->reading_count != 0 ? out->readings[out->reading_count - 1] : out->path;
        if (!brama_str_eq(out->harsh, last) && !brama_str_eq(out->harsh, out->path))
            out->readings[out->reading_count++] = out->harsh;
    }
    return BRAMA_PATH_OK;
}

static enum brama_path_fault read_lenient(struct brama_path *out, struct brama_arena *arena)
{
    char *p = brama_arena_alloc(arena, out->path.n + 1);
    if (p == NULL)
        return BRAMA_PATH_NOMEM;
    memcpy(p, out->path.p, out->path.n);
    size_t n = out->path.n;
    for (int layer = 0;; layer++) {
        if (layer > BRAMA_PATH_LAYERS_MAX) /* a path that still changes is refused */
            return BRAMA_PATH_PERCENT;
        brama_str text = {p, n};
        out->twisted = out->twisted || has_hidden_separator(text);
        enum brama_path_fault fault = add_readings(out, arena, text);
        if (fault != BRAMA_PATH_OK)
            return fault;
        size_t less = decode_once_more(p, n);
        if (less == n)
            break;
        n = less;
    }
    for (size_t i = 0; i < n; i++) {
        int c = p[i] == '%' ? escaped((brama_str){p, n}, i) : ' ';
        if (c < 0)
            return BRAMA_PATH_PERCENT;
        if (is_control(c))
            return BRAMA_PATH_CONTROL;
    }
    return BRAMA_PATH_OK;
}

static enum brama_path_fault read_query(struct brama_path *out, brama_str target)
{
    size_t mark = brama_str_find(target, '?');
    out->has_query = mark != target.n;
    out->query = brama_str_from(target, mark + 1);
    for (size_t i = 0; i < out->query.n; i++) {
        unsigned char c = (unsigned char)out->query.p[i];
        if (c == '#')
            return BRAMA_PATH_FRAGMENT;
        if (is_control(c))
            return BRAMA_PATH_CONTROL;
        if (c == ' ' || c >= 0x80)
            return BRAMA_PATH_BYTE;
    }
    return BRAMA_PATH_OK;
}

enum brama_path_fault brama_path_read(struct brama_path *out, struct brama_arena *arena,
                                      brama_str target)
{
    *out = (struct brama_path){0};
    if (target.n == 0 || target.p[0] != '/')
        return BRAMA_PATH_EMPTY;
    enum brama_path_fault fault = read_query(out, target);
    if (fault != BRAMA_PATH_OK)
        return fault;
    brama_str raw = brama_str_head(target, brama_str_find(target, '?'));
    char *p = brama_arena_alloc(arena, raw.n + 1);
    size_t n = 0;
    if (p == NULL)
        return BRAMA_PATH_NOMEM;
    fault = decode_unreserved(p, &n, raw);
    if (fault == BRAMA_PATH_OK)
        fault = resolve_dots(p, &n);
    if (fault != BRAMA_PATH_OK)
        return fault;
    out->path = out->harsh = (brama_str){p, n};
    out->ambiguous = has_other_reading(out->path);
    return out->ambiguous ? read_lenient(out, arena) : BRAMA_PATH_OK;
}

const char *brama_path_fault_text(enum brama_path_fault fault)
{
    switch (fault) {
    case BRAMA_PATH_OK:
        return "well-formed";
    case BRAMA_PATH_EMPTY:
        return "the target doesn't begin with a slash";
    case BRAMA_PATH_BACKSLASH:
        return "a backslash in the path";
    case BRAMA_PATH_FRAGMENT:
        return "a # in the target";
    case BRAMA_PATH_CONTROL:
        return "a control character in the target";
    case BRAMA_PATH_BYTE:
        return "a byte that may not stand in a target";
    case BRAMA_PATH_PERCENT:
        return "a % that doesn't begin an escape, or too many layers of them";
    case BRAMA_PATH_ABOVE_ROOT:
        return "the path climbs above the root";
    case BRAMA_PATH_NOMEM:
        return "out of memory";
    }
    return "unknown";
}

brama_str brama_path_decoded(struct brama_arena *arena, brama_str path)
{
    char *p = brama_arena_alloc(arena, path.n + 1);
    if (p == NULL)
        return BRAMA_NIL;
    size_t to = 0;
    for (size_t i = 0; i < path.n; i++) {
        int c = path.p[i] == '%' ? escaped(path, i) : -1;
        p[to++] = c >= 0 ? (char)c : path.p[i];
        if (c >= 0)
            i += 2;
    }
    return (brama_str){p, to};
}
