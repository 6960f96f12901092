/* A YAML stream into pieces that can be parsed, and kept, one by one. YAML 1.2 section 9.1.2: "---"
 * at the beginning of a line ends whatever was open before. */
#include "json/read.h"

static bool begins_document(brama_str line)
{
    if (!brama_str_starts(line, BRAMA_STR("---")))
        return false;
    return line.n == 3 || line.p[3] == ' ' || line.p[3] == '\t' || line.p[3] == '\r' ||
           line.p[3] == '\n';
}

/* Where the line behind the one of `at` begins; text.n: there is none. */
static size_t next_line(brama_str text, size_t at)
{
    at += brama_str_find(brama_str_from(text, at), '\n');
    return at < text.n ? at + 1 : text.n;
}

bool brama_yaml_next_piece(brama_str *rest, brama_str *piece)
{
    brama_str text = *rest;
    if (text.p == NULL)
        return false;
    size_t end = next_line(text, 0);
    while (end < text.n && !begins_document(brama_str_from(text, end)))
        end = next_line(text, end);
    *piece = brama_str_head(text, end);
    *rest = end < text.n ? brama_str_from(text, end) : BRAMA_NIL;
    return true;
}

/* Line breaks as libyaml counts them: CR LF, CR, LF, NEL, LS and PS. */
uint32_t brama_yaml_lines(brama_str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    uint32_t lines = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool cr = p[i] == '\r' && (i + 1 == text.n || p[i + 1] != '\n');
        bool nel = p[i] == 0xC2 && i + 1 < text.n && p[i + 1] == 0x85;
        bool separator = p[i] == 0xE2 && i + 2 < text.n && p[i + 1] == 0x80 &&
                         (p[i + 2] == 0xA8 || p[i + 2] == 0xA9);
        lines += p[i] == '\n' || cr || nel || separator;
    }
    return lines;
}
