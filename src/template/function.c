/* The functions of Go's templates, of Sprig and of Oathkeeper that rules are documented with.
 * oathkeeper.md 3.4. */
#include "template/inner.h"

#define TEXT_MAX ((size_t)1 << 16)

static bool as_text(struct brama__run *run, const struct brama__value *v, brama_str *out)
{
    *out = v->text;
    return v->kind == BRAMA__V_STR || brama__run_fail(run, "not a string where there must be one");
}

/* Oathkeeper's: nil is nothing. */
static bool print(struct brama__run *run, const struct brama__value *args, size_t n,
                  struct brama__value *out)
{
    brama_str text = BRAMA_STR("");

    (void)n;
    if (args[0].kind != BRAMA__V_NONE && !brama__format_text(run, &args[0], &text))
        return false;
    *out = brama__value_str(text);
    return true;
}

static bool position(const struct brama__value *v, size_t length, size_t *index)
{
    *index = (size_t)v->integer;
    return v->kind == BRAMA__V_INT && v->integer >= 0 && (uint64_t)v->integer < length;
}

/* Oathkeeper's: nothing where there is no such member. */
static bool print_index(struct brama__run *run, const struct brama__value *args, size_t n,
                        struct brama__value *out)
{
    size_t length, index;

    *out = brama__value_str(BRAMA_STR(""));
    if (!brama__list_length(&args[0], &length) || args[1].kind != BRAMA__V_INT)
        return brama__run_fail(run, "printIndex wants a list and a number");
    if (!position(&args[1], length, &index))
        return true;
    struct brama__value member = brama__list_member(&args[0], index);
    return print(run, &member, n, out);
}

static bool index_one(struct brama__run *run, struct brama__value *v,
                      const struct brama__value *key)
{
    size_t length, index;
    brama_str name;

    if (v->kind == BRAMA__V_MAP || v->kind == BRAMA__V_REQUEST_HEADER ||
        v->kind == BRAMA__V_SET_HEADER) {
        if (!as_text(run, key, &name))
            return false;
        if (v->kind != BRAMA__V_MAP)
            return brama__header_values(run, v->kind, name, v);
        *v = brama__value_node(brama_node_get(v->node, name));
        return true;
    }
    if (v->kind == BRAMA__V_NONE || !brama__list_length(v, &length))
        return brama__run_fail(run, "index of what has no members");
    if (!position(key, length, &index))
        return brama__run_fail(run, "index out of range, or no whole number");
    *v = brama__list_member(v, index);
    return true;
}

static bool index_all(struct brama__run *run, const struct brama__value *args, size_t n,
                      struct brama__value *out)
{
    *out = args[0];
    for (size_t i = 1; i < n; i++)
        if (!index_one(run, out, &args[i]))
            return false;
    return true;
}

static bool length(struct brama__run *run, const struct brama__value *args, size_t n,
                   struct brama__value *out)
{
    size_t count = 0;

    (void)n;
    if (args[0].kind == BRAMA__V_STR)
        count = args[0].text.n;
    else if (args[0].kind == BRAMA__V_MAP)
        count = args[0].node != NULL ? args[0].node->count : 0;
    else if (args[0].kind == BRAMA__V_NONE || !brama__list_length(&args[0], &count))
        return brama__run_fail(run, "len of what has none");
    *out = brama__value_int((int64_t)count);
    return true;
}

static bool is_basic(enum brama__kind kind)
{
    return kind == BRAMA__V_BOOL || kind == BRAMA__V_INT || kind == BRAMA__V_FLOAT ||
           kind == BRAMA__V_STR;
}

static bool same(const struct brama__value *a, const struct brama__value *b)
{
    if (a->kind == BRAMA__V_BOOL)
        return a->truth == b->truth;
    if (a->kind == BRAMA__V_INT)
        return a->integer == b->integer;
    if (a->kind == BRAMA__V_FLOAT)
        return a->real >= b->real && a->real <= b->real;
    return a->kind == BRAMA__V_NONE || brama_str_eq(a->text, b->text);
}

/* The first of all the others that it is equal to; nothing equals nothing only. */
static bool equal(struct brama__run *run, const struct brama__value *args, size_t n,
                  struct brama__value *out)
{
    bool any = false;

    for (size_t i = 0; i < n; i++)
        if (args[i].kind != BRAMA__V_NONE && !is_basic(args[i].kind))
            return brama__run_fail(run, "only texts, numbers and truths can be compared");
    for (size_t i = 1; i < n && !any; i++) {
        bool none = args[0].kind == BRAMA__V_NONE || args[i].kind == BRAMA__V_NONE;
        if (args[0].kind != args[i].kind && !none)
            return brama__run_fail(run, "a comparison of two different types");
        any = args[0].kind == args[i].kind && same(&args[0], &args[i]);
    }
    *out = brama__value_bool(any);
    return true;
}

static bool not_equal(struct brama__run *run, const struct brama__value *args, size_t n,
                      struct brama__value *out)
{
    if (!equal(run, args, n, out))
        return false;
    out->truth = !out->truth;
    return true;
}

static bool all(struct brama__run *run, const struct brama__value *args, size_t n,
                struct brama__value *out)
{
    (void)run;
    for (size_t i = 0; i < n; i++) {
        *out = args[i];
        if (!brama__truth(out))
            break;
    }
    return true;
}

static bool any(struct brama__run *run, const struct brama__value *args, size_t n,
                struct brama__value *out)
{
    (void)run;
    for (size_t i = 0; i < n; i++) {
        *out = args[i];
        if (brama__truth(out))
            break;
    }
    return true;
}

static bool negate(struct brama__run *run, const struct brama__value *args, size_t n,
                   struct brama__value *out)
{
    (void)run;
    (void)n;
    *out = brama__value_bool(!brama__truth(&args[0]));
    return true;
}

static bool or_default(struct brama__run *run, const struct brama__value *args, size_t n,
                       struct brama__value *out)
{
    (void)run;
    *out = n > 1 && brama__truth(&args[1]) ? args[1] : args[0];
    return true;
}

static bool choose(struct brama__run *run, const struct brama__value *args, size_t n,
                   struct brama__value *out)
{
    (void)n;
    if (args[2].kind != BRAMA__V_BOOL)
        return brama__run_fail(run, "ternary wants a truth at its end");
    *out = args[2].truth ? args[0] : args[1];
    return true;
}

static bool keep(struct brama__run *run, struct brama_buf *buf, struct brama__value *out)
{
    bool whole = brama_buf_err(buf) == BRAMA_OK;

    if (whole)
        *out = brama__value_str(brama_arena_copy(run->arena, brama_buf_str(buf)));
    brama_buf_deinit(buf);
    return (whole && out->text.p != NULL) || brama__run_fail(run, "too long a text");
}

/* Members that are nothing are left out. */
static bool join(struct brama__run *run, const struct brama__value *args, size_t n,
                 struct brama__value *out)
{
    brama_str separator, text;
    struct brama_buf buf;
    size_t count = 0;
    bool first = true, fine = true;

    (void)n;
    if (!as_text(run, &args[0], &separator))
        return false;
    bool list = brama__list_length(&args[1], &count);
    brama_buf_init(&buf, NULL, TEXT_MAX);
    for (size_t i = 0; fine && i < (list ? count : 1); i++) {
        struct brama__value v = list ? brama__list_member(&args[1], i) : args[1];
        if (v.kind == BRAMA__V_NONE)
            continue;
        if (!first)
            brama_buf_add(&buf, separator);
        first = false;
        fine = brama__format_text(run, &v, &text);
        brama_buf_add(&buf, text);
    }
    if (fine)
        return keep(run, &buf, out);
    brama_buf_deinit(&buf);
    return false;
}

/* Go's %q of a text in ASCII: whatever else stands in it can't be told apart by a reader. */
static bool quote(struct brama__run *run, const struct brama__value *args, size_t n,
                  struct brama__value *out)
{
    struct brama_buf buf;
    brama_str text;

    *out = brama__value_str(BRAMA_STR(""));
    if (n == 0 || args[0].kind == BRAMA__V_NONE)
        return true;
    if (!brama__format_text(run, &args[0], &text))
        return false;
    brama_buf_init(&buf, NULL, TEXT_MAX);
    brama_buf_add_c(&buf, '"');
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f) {
            brama_buf_deinit(&buf);
            return brama__run_fail(run, "quote of a text with controls");
        }
        if (text.p[i] == '"' || text.p[i] == '\\')
            brama_buf_add_c(&buf, '\\');
        brama_buf_add_c(&buf, text.p[i]);
    }
    brama_buf_add_c(&buf, '"');
    return keep(run, &buf, out);
}

/* Letters of ASCII; another one would need Unicode's tables, and must not be left as it is. */
static bool change_case(struct brama__run *run, const struct brama__value *arg, bool up,
                        struct brama__value *out)
{
    brama_str text;

    if (!as_text(run, arg, &text))
        return false;
    char *p = brama_arena_alloc(run->arena, text.n + 1);
    if (p == NULL)
        return brama__run_fail(run, "no memory");
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if ((unsigned char)c >= 0x80)
            return brama__run_fail(run, "upper and lower are for ASCII");
        bool turn = up ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
        p[i] = turn ? (char)(c ^ 0x20) : c;
    }
    *out = brama__value_str((brama_str){p, text.n});
    return true;
}

static bool lower(struct brama__run *run, const struct brama__value *args, size_t n,
                  struct brama__value *out)
{
    (void)n;
    return change_case(run, &args[0], false, out);
}

static bool upper(struct brama__run *run, const struct brama__value *args, size_t n,
                  struct brama__value *out)
{
    (void)n;
    return change_case(run, &args[0], true, out);
}

static bool trim(struct brama__run *run, const struct brama__value *args, size_t n,
                 struct brama__value *out)
{
    brama_str text;

    (void)n;
    if (!as_text(run, &args[0], &text))
        return false;
    *out = brama__value_str(brama_str_trim(text));
    return true;
}

static bool replace(struct brama__run *run, const struct brama__value *args, size_t n,
                    struct brama__value *out)
{
    brama_str old, new, text;
    struct brama_buf buf;

    (void)n;
    if (!as_text(run, &args[0], &old) || !as_text(run, &args[1], &new) ||
        !as_text(run, &args[2], &text))
        return false;
    if (old.n == 0)
        return brama__run_fail(run, "replace of an empty text");
    brama_buf_init(&buf, NULL, TEXT_MAX);
    while (text.n != 0) {
        size_t at = brama_str_find_str(text, old);
        brama_buf_add(&buf, brama_str_head(text, at));
        if (at < text.n)
            brama_buf_add(&buf, new);
        text = brama_str_from(text, at < text.n ? at + old.n : at);
    }
    return keep(run, &buf, out);
}

enum part { INSIDE, AT_START, AT_END };

static bool has(struct brama__run *run, const struct brama__value *args, enum part part,
                struct brama__value *out)
{
    brama_str what, text;

    if (!as_text(run, &args[0], &what) || !as_text(run, &args[1], &text))
        return false;
    bool found = part == AT_START ? brama_str_starts(text, what)
                 : part == AT_END ? brama_str_ends(text, what)
                                  : what.n == 0 || brama_str_find_str(text, what) < text.n;
    *out = brama__value_bool(found);
    return true;
}

static bool contains(struct brama__run *run, const struct brama__value *args, size_t n,
                     struct brama__value *out)
{
    (void)n;
    return has(run, args, INSIDE, out);
}

static bool has_prefix(struct brama__run *run, const struct brama__value *args, size_t n,
                       struct brama__value *out)
{
    (void)n;
    return has(run, args, AT_START, out);
}

static bool has_suffix(struct brama__run *run, const struct brama__value *args, size_t n,
                       struct brama__value *out)
{
    (void)n;
    return has(run, args, AT_END, out);
}

static bool split_list(struct brama__run *run, const struct brama__value *args, size_t n,
                       struct brama__value *out)
{
    brama_str separator, text;

    (void)n;
    if (!as_text(run, &args[0], &separator) || !as_text(run, &args[1], &text))
        return false;
    if (separator.n == 0)
        return brama__run_fail(run, "splitList without a separator");
    brama_str *pieces = brama_arena_array(run->arena, text.n / separator.n + 1, sizeof(*pieces));
    if (pieces == NULL)
        return brama__run_fail(run, "no memory");
    *out = (struct brama__value){.kind = BRAMA__V_STRS, .strs = pieces};
    for (bool more = true; more;) {
        size_t at = brama_str_find_str(text, separator);
        pieces[out->count++] = brama_str_head(text, at);
        more = at < text.n;
        text = brama_str_from(text, more ? at + separator.n : at);
    }
    return true;
}

static bool first(struct brama__run *run, const struct brama__value *args, size_t n,
                  struct brama__value *out)
{
    size_t count;

    (void)n;
    if (args[0].kind == BRAMA__V_NONE || !brama__list_length(&args[0], &count))
        return brama__run_fail(run, "first of what isn't a list");
    *out = brama__list_member(&args[0], 0);
    return true;
}

static bool last(struct brama__run *run, const struct brama__value *args, size_t n,
                 struct brama__value *out)
{
    size_t count;

    (void)n;
    if (args[0].kind == BRAMA__V_NONE || !brama__list_length(&args[0], &count))
        return brama__run_fail(run, "last of what isn't a list");
    *out = brama__list_member(&args[0], count != 0 ? count - 1 : 0);
    return true;
}

#define EXACT_MAX 9007199254740992.0 /* above 2^53 a double skips whole numbers */

static bool as_integer(struct brama__run *run, const struct brama__value *v, int64_t *out)
{
    *out = v->kind == BRAMA__V_BOOL ? v->truth : v->integer;
    if (v->kind == BRAMA__V_BOOL || v->kind == BRAMA__V_INT || v->kind == BRAMA__V_NONE)
        return true;
    if (v->kind != BRAMA__V_FLOAT || v->real > EXACT_MAX || v->real < -EXACT_MAX)
        return brama__run_fail(run, "not a number that int takes");
    *out = (int64_t)v->real;
    return true;
}

static bool to_int(struct brama__run *run, const struct brama__value *args, size_t n,
                   struct brama__value *out)
{
    (void)n;
    *out = brama__value_int(0);
    return as_integer(run, &args[0], &out->integer);
}

static bool add(struct brama__run *run, const struct brama__value *args, size_t n,
                struct brama__value *out)
{
    int64_t sum = 0, one;

    for (size_t i = 0; i < n; i++) {
        if (!as_integer(run, &args[i], &one))
            return false;
        if (__builtin_add_overflow(sum, one, &sum))
            return brama__run_fail(run, "a sum that is too large");
    }
    *out = brama__value_int(sum);
    return true;
}

static bool subtract(struct brama__run *run, const struct brama__value *args, size_t n,
                     struct brama__value *out)
{
    int64_t a, b;

    (void)n;
    if (!as_integer(run, &args[0], &a) || !as_integer(run, &args[1], &b))
        return false;
    *out = brama__value_int(0);
    return !__builtin_sub_overflow(a, b, &out->integer) ||
           brama__run_fail(run, "a difference that is too large");
}

#define MANY BRAMA__ARGS_MAX

static const struct brama__function functions[] = {
    {BRAMA_LIT("print"), 1, 1, print},
    {BRAMA_LIT("printIndex"), 2, 2, print_index},
    {BRAMA_LIT("index"), 1, MANY, index_all},
    {BRAMA_LIT("len"), 1, 1, length},
    {BRAMA_LIT("eq"), 2, MANY, equal},
    {BRAMA_LIT("ne"), 2, 2, not_equal},
    {BRAMA_LIT("and"), 1, MANY, all},
    {BRAMA_LIT("or"), 1, MANY, any},
    {BRAMA_LIT("not"), 1, 1, negate},
    {BRAMA_LIT("default"), 1, 2, or_default},
    {BRAMA_LIT("ternary"), 3, 3, choose},
    {BRAMA_LIT("join"), 2, 2, join},
    {BRAMA_LIT("quote"), 1, 1, quote},
    {BRAMA_LIT("lower"), 1, 1, lower},
    {BRAMA_LIT("upper"), 1, 1, upper},
    {BRAMA_LIT("trim"), 1, 1, trim},
    {BRAMA_LIT("replace"), 3, 3, replace},
    {BRAMA_LIT("contains"), 2, 2, contains},
    {BRAMA_LIT("hasPrefix"), 2, 2, has_prefix},
    {BRAMA_LIT("hasSuffix"), 2, 2, has_suffix},
    {BRAMA_LIT("splitList"), 2, 2, split_list},
    {BRAMA_LIT("first"), 1, 1, first},
    {BRAMA_LIT("last"), 1, 1, last},
    {BRAMA_LIT("int"), 1, 1, to_int},
    {BRAMA_LIT("add"), 1, MANY, add},
    {BRAMA_LIT("sub"), 2, 2, subtract},
};

const struct brama__function *brama__function(brama_str name)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(functions); i++)
        if (brama_str_eq(functions[i].name, name))
            return &functions[i];
    return NULL;
}
