/* JSON into nodes: jansson parses, we bound what it gets to see and copy the result. */
#include "json/read.h"

#include <jansson.h>

struct reader {
    struct brama_arena *arena;
    const struct brama_json_limits *limits;
    struct brama_diag *diag;
    size_t members;
};

static struct brama_where where_of(brama_str text, size_t at)
{
    struct brama_where where = {.line = 1, .column = 1};
    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n') {
            where.line++;
            where.column = 1;
        } else if (((unsigned char)text.p[i] & 0xC0) != 0x80) {
            where.column++;
        }
    }
    return where;
}

static enum brama_err refuse_form(brama_str text, struct brama_diag *diag)
{
    if (text.n == 0) {
        brama_diag_set(diag, (struct brama_where){0}, "nothing to read: the text is empty");
        return BRAMA_ERR_SYNTAX;
    }
    if (brama_str_starts(text, BRAMA_STR("\xef\xbb\xbf"))) {
        brama_diag_set(diag, where_of(text, 0), "a byte order mark isn't allowed in JSON");
        return BRAMA_ERR_SYNTAX;
    }
    size_t nul = brama_str_find(text, '\0');
    if (nul < text.n) {
        brama_diag_set(diag, where_of(text, nul), "a NUL byte isn't allowed in JSON");
        return BRAMA_ERR_SYNTAX;
    }
    if (!brama_str_is_utf8(text)) {
        brama_diag_set(diag, (struct brama_where){0}, "the text isn't valid UTF-8");
        return BRAMA_ERR_SYNTAX;
    }
    return BRAMA_OK;
}

/* Depth and number of values before jansson recurses and allocates for them. In a valid text there
 * is a value before each comma and one after the last, and one for each bracket opened; so neither
 * count refuses what the limits allow, and jansson makes at most twice max_members. */
static enum brama_err refuse_size(brama_str text, const struct brama_json_limits *limits,
                                  struct brama_diag *diag)
{
    size_t depth = 0, opened = 0, commas = 0;
    bool in_string = false;
    if (text.n > limits->max_bytes) {
        brama_diag_set(diag, (struct brama_where){0}, "the text has more than %zu bytes",
                       limits->max_bytes);
        return BRAMA_ERR_TOO_BIG;
    }
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
            opened++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        } else if (c == ',') {
            commas++;
        }
        if (depth > limits->max_depth) {
            brama_diag_set(diag, where_of(text, i), "nested more than %u levels deep",
                           limits->max_depth);
            return BRAMA_ERR_TOO_BIG;
        }
        if (opened > limits->max_members || commas >= limits->max_members) {
            brama_diag_set(diag, where_of(text, i), "more than %zu values", limits->max_members);
            return BRAMA_ERR_TOO_BIG;
        }
    }
    return BRAMA_OK;
}

/* Our own words: jansson's quote the text, which may be a token's or a key's. */
static enum brama_err explain(const json_error_t *error, struct brama_diag *diag)
{
    struct brama_where where = {0};
    const char *what = "not valid JSON here";
    enum json_error_code code = json_error_code(error);
    if (error->line > 0) {
        where.line = (uint32_t)error->line;
        where.column = error->column > 0 ? (uint32_t)error->column : 1;
    }
    if (code == json_error_out_of_memory)
        return BRAMA_ERR_NOMEM;
    if (code == json_error_stack_overflow) {
        brama_diag_set(diag, where, "nested too deep");
        return BRAMA_ERR_TOO_BIG;
    }
    if (code == json_error_premature_end_of_input)
        what = "the text ends in the middle of a value";
    else if (code == json_error_end_of_input_expected)
        what = "more text after the end of the value";
    else if (code == json_error_null_character || code == json_error_null_byte_in_key)
        what = "\\u0000 isn't allowed in a string";
    else if (code == json_error_duplicate_key)
        what = "a name appears twice in one object";
    else if (code == json_error_numeric_overflow)
        what = "a number is too large";
    brama_diag_set(diag, where, "%s", what);
    return BRAMA_ERR_SYNTAX;
}

static enum brama_err take_text(struct reader *r, brama_str *out, const char *p, size_t n)
{
    if (n > r->limits->max_string) {
        brama_diag_set(r->diag, (struct brama_where){0}, "a string of more than %zu bytes",
                       r->limits->max_string);
        return BRAMA_ERR_TOO_BIG;
    }
    *out = brama_arena_copy(r->arena, (brama_str){p, n});
    return brama_arena_failed(r->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

static enum brama_err take_value(struct reader *r, struct brama_node **out, json_t *value);

static enum brama_err take_list(struct reader *r, struct brama_node *list, json_t *value)
{
    struct brama_node **tail = &list->first;
    enum brama_err err = BRAMA_OK;
    list->kind = BRAMA_NODE_LIST;
    list->count = json_array_size(value);
    for (size_t i = 0; i < list->count && err == BRAMA_OK; i++) {
        err = take_value(r, tail, json_array_get(value, i));
        if (err == BRAMA_OK)
            tail = &(*tail)->next;
    }
    return err;
}

static enum brama_err take_map(struct reader *r, struct brama_node *map, json_t *value)
{
    struct brama_node **tail = &map->first;
    const char *key;
    size_t key_n;
    json_t *member;
    map->kind = BRAMA_NODE_MAP;
    map->count = json_object_size(value);
    json_object_keylen_foreach(value, key, key_n, member)
    {
        enum brama_err err = take_value(r, tail, member);
        if (err == BRAMA_OK)
            err = take_text(r, &(*tail)->key, key, key_n);
        if (err != BRAMA_OK)
            return err;
        tail = &(*tail)->next;
    }
    return BRAMA_OK;
}

/* Recursion ends at limits->max_depth: refuse_size() has counted. */
static enum brama_err take_value(struct reader *r, struct brama_node **out, json_t *value)
{
    if (++r->members > r->limits->max_members) {
        brama_diag_set(r->diag, (struct brama_where){0}, "more than %zu values",
                       r->limits->max_members);
        return BRAMA_ERR_TOO_BIG;
    }
    struct brama_node *node = brama_arena_alloc(r->arena, sizeof(*node));
    *out = node;
    if (node == NULL)
        return BRAMA_ERR_NOMEM;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return take_map(r, node, value);
    case JSON_ARRAY:
        return take_list(r, node, value);
    case JSON_STRING:
        node->kind = BRAMA_NODE_STR;
        return take_text(r, &node->text, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        node->kind = BRAMA_NODE_INT;
        node->integer = json_integer_value(value);
        node->real = (double)node->integer;
        return BRAMA_OK;
    case JSON_REAL:
        node->kind = BRAMA_NODE_REAL;
        node->real = json_real_value(value);
        return BRAMA_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        node->kind = BRAMA_NODE_BOOL;
        node->truth = json_is_true(value);
        return BRAMA_OK;
    case JSON_NULL:
        node->kind = BRAMA_NODE_NULL;
        return BRAMA_OK;
    }
    return BRAMA_ERR_BUG;
}

enum brama_err brama_json_parse(struct brama_node **out, struct brama_arena *arena, brama_str text,
                                const struct brama_json_limits *limits, struct brama_diag *diag)
{
    struct reader r = {.arena = arena, .limits = limits, .diag = diag};
    struct brama_node *root = NULL;
    json_error_t error;

    *out = NULL;
    enum brama_err err = refuse_size(text, limits, diag);
    if (err == BRAMA_OK)
        err = refuse_form(text, diag);
    if (err != BRAMA_OK)
        return err;
    json_t *value = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL)
        return explain(&error, diag);
    err = take_value(&r, &root, value);
    json_decref(value);
    if (err == BRAMA_OK)
        *out = root;
    return err;
}
