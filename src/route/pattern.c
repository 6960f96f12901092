#include "route/pattern.h"

#include "route/regex.h"

/* Characters with a meaning in a regular expression. */
static bool is_meta(char c)
{
    switch (c) {
    case '.':
    case '^':
    case '$':
    case '*':
    case '+':
    case '?':
    case '(':
    case ')':
    case '[':
    case ']':
    case '{':
    case '}':
    case '|':
    case '\\':
        return true;
    default:
        return false;
    }
}

static size_t literal_head(brama_str text)
{
    size_t n = 0;
    while (n < text.n && !is_meta(text.p[n]))
        n++;
    return n;
}

enum brama_err brama_pattern_of_regex(struct brama_pattern *out, brama_str path,
                                      struct brama_diag *diag)
{
    size_t head = literal_head(path);
    brama_str rest = brama_str_from(path, head);

    *out = (struct brama_pattern){.kind = BRAMA_PATTERN_NEVER};
    if (rest.n == 0)
        *out = (struct brama_pattern){BRAMA_PATTERN_EXACT, path};
    else if (brama_str_eq(rest, BRAMA_STR(".*")) || brama_str_eq(rest, BRAMA_STR("(.*)")))
        *out = (struct brama_pattern){BRAMA_PATTERN_PREFIX, brama_str_head(path, head)};
    else {
        enum brama_err err = brama_regex_check(path, diag);
        if (err != BRAMA_OK)
            return err;
        *out = (struct brama_pattern){BRAMA_PATTERN_REGEX, path};
    }
    return BRAMA_OK;
}

static const brama_str any_segment = BRAMA_LIT("{*}");
static const brama_str any_text = BRAMA_LIT("{**}");

/* The regular expression that Kyma writes for a v2 path; apirule.md section 4.5. Its operators take
 * all that a normalised path can hold, so they are written without the alternation that a
 * backtracking engine would need a level of stack a character for. */
static brama_str v2_regex(struct brama_arena *arena, brama_str path)
{
    brama_str out = BRAMA_STR("");
    while (path.n != 0) {
        size_t at = brama_str_find(path, '{');
        brama_str text = brama_str_head(path, at), op = BRAMA_STR("");
        path = brama_str_from(path, at);
        if (brama_str_starts(path, any_text)) {
            op = BRAMA_STR(".*");
            path = brama_str_from(path, any_text.n);
        } else if (brama_str_starts(path, any_segment)) {
            op = BRAMA_STR("[^/]+");
            path = brama_str_from(path, any_segment.n);
        }
        out = brama_arena_printf(arena, "%.*s%.*s%.*s", BRAMA_FMT(out), BRAMA_FMT(text),
                                 BRAMA_FMT(op));
    }
    return out;
}

static bool has_regex_meaning(brama_str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '.' || path.p[i] == '+' || path.p[i] == '$' || path.p[i] == '(' ||
            path.p[i] == ')')
            return true;
    return false;
}

enum brama_err brama_pattern_of_v2(struct brama_pattern *out, struct brama_arena *arena,
                                   brama_str path, struct brama_diag *diag)
{
    *out = (struct brama_pattern){.kind = BRAMA_PATTERN_NEVER};
    if (brama_str_eq(path, BRAMA_STR("/*"))) {
        *out = (struct brama_pattern){BRAMA_PATTERN_PREFIX, BRAMA_STR("/")};
    } else if (has_regex_meaning(path)) {
        brama_str regex = v2_regex(arena, path);
        if (regex.p == NULL)
            return BRAMA_ERR_NOMEM;
        enum brama_err err = brama_regex_check(regex, diag);
        if (err != BRAMA_OK)
            return err;
        *out = (struct brama_pattern){BRAMA_PATTERN_REGEX, regex};
    } else {
        bool plain = brama_str_find(path, '{') == path.n;
        *out = (struct brama_pattern){plain ? BRAMA_PATTERN_EXACT : BRAMA_PATTERN_TEMPLATE, path};
    }
    return BRAMA_OK;
}

void brama_pattern_of_istio(struct brama_pattern *out, brama_str path)
{
    if (brama_str_find(path, '{') != path.n)
        *out = (struct brama_pattern){BRAMA_PATTERN_TEMPLATE, path};
    else if (brama_str_eq(path, BRAMA_STR("*")))
        *out = (struct brama_pattern){BRAMA_PATTERN_PREFIX, BRAMA_STR("/")};
    else if (path.n != 0 && path.p[0] == '*')
        *out = (struct brama_pattern){BRAMA_PATTERN_SUFFIX, brama_str_from(path, 1)};
    else if (path.n != 0 && path.p[path.n - 1] == '*')
        *out = (struct brama_pattern){BRAMA_PATTERN_PREFIX, brama_str_head(path, path.n - 1)};
    else
        *out = (struct brama_pattern){BRAMA_PATTERN_EXACT, path};
}

/* An operator takes a whole segment, and at most one {**} stands in a pattern, as the last
 * operator: so a match needs no search. */
static bool match_template(brama_str pattern, brama_str path)
{
    while (pattern.n != 0) {
        if (brama_str_starts(pattern, any_text)) {
            brama_str tail = brama_str_from(pattern, any_text.n);
            return brama_str_ends(path, tail);
        }
        if (brama_str_starts(pattern, any_segment)) {
            size_t segment = brama_str_find(path, '/');
            if (segment == 0)
                return false;
            path = brama_str_from(path, segment);
            pattern = brama_str_from(pattern, any_segment.n);
            continue;
        }
        if (path.n == 0 || path.p[0] != pattern.p[0])
            return false;
        path = brama_str_from(path, 1);
        pattern = brama_str_from(pattern, 1);
    }
    return path.n == 0;
}

bool brama_pattern_match(const struct brama_pattern *pattern, brama_str path,
                         struct brama_regexes *regexes)
{
    switch (pattern->kind) {
    case BRAMA_PATTERN_NEVER:
        return false;
    case BRAMA_PATTERN_EXACT:
        return brama_str_eq(path, pattern->text);
    case BRAMA_PATTERN_PREFIX:
        return brama_str_starts(path, pattern->text);
    case BRAMA_PATTERN_SUFFIX:
        return brama_str_ends(path, pattern->text);
    case BRAMA_PATTERN_TEMPLATE:
        return match_template(pattern->text, path);
    case BRAMA_PATTERN_REGEX:
        return brama_regexes_match(regexes, pattern->text, path);
    }
    return false;
}

brama_str brama_pattern_head(const struct brama_pattern *p)
{
    switch (p->kind) {
    case BRAMA_PATTERN_EXACT:
    case BRAMA_PATTERN_PREFIX:
        return p->text;
    case BRAMA_PATTERN_TEMPLATE:
        return brama_str_head(p->text, brama_str_find(p->text, '{'));
    case BRAMA_PATTERN_REGEX: {
        size_t n = literal_head(p->text);
        if (brama_str_find(p->text, '|') != p->text.n)
            return BRAMA_STR("");
        /* the character before a quantifier needn't be there */
        return brama_str_head(p->text, n != 0 && n < p->text.n ? n - 1 : n);
    }
    case BRAMA_PATTERN_NEVER:
    case BRAMA_PATTERN_SUFFIX:
        break;
    }
    return BRAMA_STR("");
}

bool brama_patterns_may_meet(const struct brama_pattern *a, const struct brama_pattern *b)
{
    if (a->kind == BRAMA_PATTERN_NEVER || b->kind == BRAMA_PATTERN_NEVER)
        return false;
    if (a->kind == BRAMA_PATTERN_EXACT && b->kind != BRAMA_PATTERN_REGEX)
        return brama_pattern_match(b, a->text, NULL);
    if (b->kind == BRAMA_PATTERN_EXACT && a->kind != BRAMA_PATTERN_REGEX)
        return brama_pattern_match(a, b->text, NULL);
    brama_str x = brama_pattern_head(a), y = brama_pattern_head(b);
    return brama_str_starts(x, y) || brama_str_starts(y, x);
}
