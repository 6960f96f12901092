#include "agent/piece.h"

#include <stdlib.h>

#include "json/read.h"

#define PIECE_BYTES ((size_t)1 << 30) /* a million nodes and the text of a file */

void brama__piece_drop(struct brama__piece *piece)
{
    if (piece == NULL || --piece->refs != 0)
        return;
    brama_docs_forget(&piece->docs);
    brama_arena_deinit(&piece->arena);
    free(piece);
}

enum brama_err brama__piece_read(struct brama__piece **out, brama_str file, brama_str text,
                                 uint32_t line, struct brama_diag *diag)
{
    struct brama__piece *p = calloc(1, sizeof(*p));
    *out = NULL;
    if (p == NULL)
        return BRAMA_ERR_NOMEM;
    p->refs = 1;
    brama_arena_init(&p->arena, NULL, PIECE_BYTES);
    p->file = brama_arena_copy(&p->arena, file);
    p->text = brama_arena_copy(&p->arena, text);
    struct brama_node *docs = NULL;
    enum brama_err err = BRAMA_ERR_NOMEM;
    if (!brama_arena_failed(&p->arena))
        err = brama_yaml_parse(&docs, &p->arena, p->text, p->file, &brama_json_limits_rules, diag);
    if (err == BRAMA_OK) {
        brama_node_move(docs, (int64_t)line - 1);
        err = brama_docs_read(&p->docs, &p->arena, docs, diag);
    }
    if (err != BRAMA_OK) {
        brama__piece_drop(p);
        return err;
    }
    p->line = line;
    p->line_count = brama_yaml_lines(text);
    p->members = brama_node_count(docs);
    for (int part = 0; part < BRAMA_WORLD_PARTS; part++)
        p->has[part] = brama_docs_have(&p->docs, (enum brama_world_part)part);
    *out = p;
    return BRAMA_OK;
}
