/* Nodes as YAML in block style, as kubectl prints it: a list stands under its name, not indented.
 */
#include "json/write.h"

#include <inttypes.h>

#include "json/number.h"
#include "json/utf8.h"
#include "json/yaml_scalar.h"

/* YAML wants a name without "?" on one line and below 1024 characters, escapes included. */
#define SIMPLE_KEY_MAX 128

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/';
}

/* Can text stand without quotes, for every YAML reader? What begins with a digit may be a number, a
 * date or a time to one of them. */
static bool is_plain(brama_str text)
{
    const brama_str marks = BRAMA_LIT("-.+=@()*^$;~");
    struct brama_node node = {0};
    if (text.n == 0 || !is_word(text.p[0]))
        return false;
    for (size_t i = 1; i < text.n; i++) {
        char c = text.p[i];
        bool last = i + 1 == text.n;
        bool inner = (c == ':' || c == ' ') && !last && text.p[i + 1] != ' ';
        bool mark = brama_str_find(marks, c) < marks.n;
        if (!is_word(c) && !(c >= '0' && c <= '9') && !inner && !mark)
            return false;
    }
    return brama__yaml_resolve(text, &node) && node.kind == BRAMA_NODE_STR;
}

/* What libyaml lets stand in a text, less what ends a line. */
static bool is_printable(uint32_t point)
{
    return (point >= 0x20 && point < 0x7F) || (point >= 0xA0 && point < 0x2028) ||
           (point > 0x2029 && point < 0xFEFF) || (point > 0xFEFF && point < 0xFFFE) ||
           point >= 0x10000;
}

static void add_escape(struct brama_buf *buf, uint32_t point)
{
    if (point == '"' || point == '\\')
        brama_buf_printf(buf, "\\%c", (int)point);
    else if (point == '\n')
        brama_buf_add(buf, BRAMA_STR("\\n"));
    else if (point == '\t')
        brama_buf_add(buf, BRAMA_STR("\\t"));
    else if (point <= 0xFF)
        brama_buf_printf(buf, "\\x%02" PRIx32, point);
    else
        brama_buf_printf(buf, "\\u%04" PRIx32, point);
}

static void add_text(struct brama_buf *buf, brama_str text)
{
    if (is_plain(text)) {
        brama_buf_add(buf, text);
        return;
    }
    brama_buf_add_c(buf, '"');
    while (text.n > 0) {
        uint32_t point = 0;
        size_t n = brama__utf8_next(text, &point);
        if (n == 0)
            brama_buf_add(buf, BRAMA_STR("\xef\xbf\xbd"));
        else if (point == '"' || point == '\\' || !is_printable(point))
            add_escape(buf, point);
        else
            brama_buf_add(buf, brama_str_head(text, n));
        text = brama_str_from(text, n != 0 ? n : 1);
    }
    brama_buf_add_c(buf, '"');
}

static void add_scalar(struct brama_buf *buf, const struct brama_node *node)
{
    if (node->kind == BRAMA_NODE_NULL)
        brama_buf_add(buf, BRAMA_STR("null"));
    else if (node->kind == BRAMA_NODE_BOOL)
        brama_buf_add(buf, node->truth ? BRAMA_STR("true") : BRAMA_STR("false"));
    else if (node->kind == BRAMA_NODE_INT)
        brama_buf_printf(buf, "%" PRId64, node->integer);
    else if (node->kind == BRAMA_NODE_REAL)
        brama__real_add(buf, node->real);
    else if (node->kind == BRAMA_NODE_STR)
        add_text(buf, node->text);
    else if (node->kind == BRAMA_NODE_LIST)
        brama_buf_add(buf, BRAMA_STR("[]"));
    else if (node->kind == BRAMA_NODE_MAP)
        brama_buf_add(buf, BRAMA_STR("{}"));
    else if (buf->err == BRAMA_OK)
        buf->err = BRAMA_ERR_BUG;
}

static void new_line(struct brama_buf *buf, size_t indent)
{
    brama_buf_add_c(buf, '\n');
    for (size_t i = 0; i < indent; i++)
        brama_buf_add_c(buf, ' ');
}

static void add_name(struct brama_buf *buf, brama_str key, size_t indent)
{
    bool simple = key.n <= SIMPLE_KEY_MAX;
    if (!simple)
        brama_buf_add(buf, BRAMA_STR("? "));
    add_text(buf, key);
    if (!simple)
        new_line(buf, indent);
    brama_buf_add_c(buf, ':');
}

/* The members, the first of them where the cursor stands, which is at column indent. */
static void add_block(struct brama_buf *buf, const struct brama_node *node, size_t indent,
                      unsigned depth)
{
    bool map = node->kind == BRAMA_NODE_MAP;
    if (depth == 0 && buf->err == BRAMA_OK)
        buf->err = BRAMA_ERR_TOO_BIG;
    for (const struct brama_node *member = node->first; member != NULL && buf->err == BRAMA_OK;
         member = member->next) {
        bool block = member->first != NULL;
        bool under = map && block; /* on the next line; else on this one, after a blank */
        size_t inner = indent + (map && member->kind == BRAMA_NODE_LIST ? 0 : 2);
        if (member != node->first)
            new_line(buf, indent);
        if (map)
            add_name(buf, member->key, indent);
        else
            brama_buf_add_c(buf, '-');
        if (under)
            new_line(buf, inner);
        else
            brama_buf_add_c(buf, ' ');
        if (block)
            add_block(buf, member, inner, depth - 1);
        else
            add_scalar(buf, member);
    }
}

void brama_yaml_node(struct brama_buf *buf, const struct brama_node *node)
{
    if (node->first != NULL)
        add_block(buf, node, 0, BRAMA_JSON_OUT_DEPTH);
    else
        add_scalar(buf, node);
    brama_buf_add_c(buf, '\n');
}
