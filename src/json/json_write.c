#include "json/write.h"

#include <inttypes.h>

#include "json/number.h"
#include "json/utf8.h"

void brama_json_out_init(struct brama_json_out *out, struct brama_buf *buf, unsigned indent)
{
    *out = (struct brama_json_out){.buf = buf, .indent = indent};
}

static void fail(struct brama_json_out *out, enum brama_err err)
{
    if (out->buf->err == BRAMA_OK)
        out->buf->err = err;
}

static void new_line(struct brama_json_out *out)
{
    if (out->indent == 0)
        return;
    brama_buf_add_c(out->buf, '\n');
    for (size_t i = 0; i < (size_t)out->indent * out->depth; i++)
        brama_buf_add_c(out->buf, ' ');
}

/* The comma and line break that stand before a member. */
static void separate(struct brama_json_out *out)
{
    if (!out->level[out->depth - 1].empty)
        brama_buf_add_c(out->buf, ',');
    out->level[out->depth - 1].empty = false;
    new_line(out);
}

static void before_value(struct brama_json_out *out)
{
    if (out->after_key)
        out->after_key = false;
    else if (out->depth > 0 && out->level[out->depth - 1].map)
        fail(out, BRAMA_ERR_BUG); /* a member without its name */
    else if (out->depth > 0)
        separate(out);
}

static void open_level(struct brama_json_out *out, bool map)
{
    before_value(out);
    if (out->depth == BRAMA_JSON_OUT_DEPTH)
        fail(out, BRAMA_ERR_TOO_BIG);
    if (out->buf->err != BRAMA_OK)
        return;
    brama_buf_add_c(out->buf, map ? '{' : '[');
    out->level[out->depth].map = map;
    out->level[out->depth].empty = true;
    out->depth++;
}

void brama_json_map(struct brama_json_out *out)
{
    open_level(out, true);
}

void brama_json_list(struct brama_json_out *out)
{
    open_level(out, false);
}

void brama_json_end(struct brama_json_out *out)
{
    if (out->depth == 0 || out->after_key)
        fail(out, BRAMA_ERR_BUG); /* nothing open, or a name without its value */
    if (out->buf->err != BRAMA_OK)
        return;
    out->depth--;
    if (!out->level[out->depth].empty)
        new_line(out);
    brama_buf_add_c(out->buf, out->level[out->depth].map ? '}' : ']');
}

static void add_escape(struct brama_buf *buf, uint32_t point)
{
    static const char shorts[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof(shorts); i += 2) {
        if (point == (unsigned char)shorts[i]) {
            brama_buf_add_c(buf, '\\');
            brama_buf_add_c(buf, shorts[i + 1]);
            return;
        }
    }
    brama_buf_printf(buf, "\\u%04" PRIx32, point);
}

/* How much of the text's beginning stands in JSON as it is: printable ASCII, most of what is
 * written. */
static size_t plain_run(brama_str text)
{
    size_t n = 0;

    while (n < text.n && text.p[n] >= 0x20 && text.p[n] < 0x7F && text.p[n] != '"' &&
           text.p[n] != '\\')
        n++;
    return n;
}

static void add_quoted(struct brama_buf *buf, brama_str text)
{
    brama_buf_add_c(buf, '"');
    while (text.n > 0) {
        size_t plain = plain_run(text);
        if (plain != 0) {
            brama_buf_add(buf, brama_str_head(text, plain));
            text = brama_str_from(text, plain);
            continue;
        }
        uint32_t point = 0;
        size_t n = brama__utf8_next(text, &point);
        if (n == 0)
            brama_buf_add(buf, BRAMA_STR("\xef\xbf\xbd"));
        else if (point < 0x20 || point == '"' || point == '\\' || point == 0x7F)
            add_escape(buf, point);
        else
            brama_buf_add(buf, brama_str_head(text, n));
        text = brama_str_from(text, n != 0 ? n : 1);
    }
    brama_buf_add_c(buf, '"');
}

void brama_json_key(struct brama_json_out *out, brama_str key)
{
    if (out->depth == 0 || !out->level[out->depth - 1].map || out->after_key) {
        fail(out, BRAMA_ERR_BUG); /* a name where a value belongs */
        return;
    }
    separate(out);
    add_quoted(out->buf, key);
    brama_buf_add_c(out->buf, ':');
    if (out->indent != 0)
        brama_buf_add_c(out->buf, ' ');
    out->after_key = true;
}

void brama_json_str(struct brama_json_out *out, brama_str value)
{
    before_value(out);
    add_quoted(out->buf, value);
}

void brama_json_int(struct brama_json_out *out, int64_t value)
{
    char digits[20]; /* of -2^63 */
    size_t at = sizeof(digits);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    before_value(out);
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (value < 0)
        digits[--at] = '-';
    brama_buf_add(out->buf, (brama_str){digits + at, sizeof(digits) - at});
}

void brama_json_bool(struct brama_json_out *out, bool value)
{
    before_value(out);
    brama_buf_add(out->buf, value ? BRAMA_STR("true") : BRAMA_STR("false"));
}

void brama_json_null(struct brama_json_out *out)
{
    before_value(out);
    brama_buf_add(out->buf, BRAMA_STR("null"));
}

void brama_json_member(struct brama_json_out *out, brama_str key, brama_str value)
{
    brama_json_key(out, key);
    brama_json_str(out, value);
}

static void add_members(struct brama_json_out *out, const struct brama_node *node)
{
    bool map = node->kind == BRAMA_NODE_MAP;
    open_level(out, map);
    for (const struct brama_node *member = node->first; member != NULL && out->buf->err == BRAMA_OK;
         member = member->next) {
        if (map)
            brama_json_key(out, member->key);
        brama_json_node(out, member);
    }
    brama_json_end(out);
}

void brama_json_node(struct brama_json_out *out, const struct brama_node *node)
{
    switch (node->kind) {
    case BRAMA_NODE_NULL:
        brama_json_null(out);
        break;
    case BRAMA_NODE_BOOL:
        brama_json_bool(out, node->truth);
        break;
    case BRAMA_NODE_INT:
        brama_json_int(out, node->integer);
        break;
    case BRAMA_NODE_REAL:
        before_value(out);
        brama__real_add(out->buf, node->real);
        break;
    case BRAMA_NODE_STR:
        brama_json_str(out, node->text);
        break;
    case BRAMA_NODE_LIST:
    case BRAMA_NODE_MAP:
        add_members(out, node);
        break;
    case BRAMA_NODE_NONE:
        fail(out, BRAMA_ERR_BUG);
        break;
    }
}
