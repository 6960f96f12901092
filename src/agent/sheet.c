#include "agent/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "agent/piece.h"
#include "agent/plan.h"
#include "crypto/digest.h"
#include "json/read.h"

#define SHEETS_BYTES ((size_t)4 << 30) /* of all files together */

static void drop_pieces(struct brama__sheet *s)
{
    for (size_t i = 0; i < s->piece_count; i++)
        brama__piece_drop(s->pieces[i]);
    free(s->pieces);
    s->pieces = NULL;
    s->piece_count = 0;
}

static void drop_sheet(struct brama__sheet *s)
{
    if (s == NULL || --s->refs != 0)
        return;
    drop_pieces(s);
    free((void *)(uintptr_t)s->problem.p);
    free((void *)(uintptr_t)s->name.p);
    free(s);
}

static bool own(brama_str *out, brama_str s)
{
    char *p = brama_str_dup(s);
    if (p != NULL)
        *out = (brama_str){p, s.n};
    return p != NULL;
}

static struct brama__sheet *new_sheet(const struct brama_file *f)
{
    struct brama__sheet *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->refs = 1;
    s->bytes = f->text.n;
    if (own(&s->name, f->name))
        return s;
    drop_sheet(s);
    return NULL;
}

static enum brama_err set_problem(struct brama__sheet *s, brama_str what, struct brama_where where)
{
    where.file = s->name;
    s->where = where;
    return own(&s->problem, what) ? BRAMA_OK : BRAMA_ERR_NOMEM;
}

static brama_str *cut_up(struct brama_arena *arena, brama_str text, size_t *count)
{
    brama_str rest = text, piece;
    size_t n = 0;
    while (brama_yaml_next_piece(&rest, &piece))
        n++;
    brama_str *texts = brama_arena_array(arena, n, sizeof(*texts));
    *count = 0;
    while (texts != NULL && brama_yaml_next_piece(&text, &piece))
        texts[(*count)++] = piece;
    return texts;
}

/* The pieces that a text has in common with an older one, from both ends: an edit is in between. */
struct common {
    const struct brama__sheet *with; /* NULL: none */
    size_t front, back;
};

static struct common compare(const brama_str *texts, size_t n, const struct brama__sheet *old)
{
    struct common c = {.with = old};
    size_t max = old == NULL ? 0 : old->piece_count < n ? old->piece_count : n;
    while (c.front < max && brama_str_eq(texts[c.front], old->pieces[c.front]->text))
        c.front++;
    while (c.front + c.back < max &&
           brama_str_eq(texts[n - 1 - c.back], old->pieces[old->piece_count - 1 - c.back]->text))
        c.back++;
    return c;
}

/* Piece i of n, if it is a common one. */
static struct brama__piece *shared(const struct common *c, size_t i, size_t n)
{
    struct brama__piece *p = i < c->front       ? c->with->pieces[i]
                             : i + c->back >= n ? c->with->pieces[c->with->piece_count - (n - i)]
                                                : NULL;
    if (p != NULL)
        p->refs++;
    return p;
}

static void renumber(struct brama__sheet *s)
{
    uint32_t line = 1;
    for (size_t i = 0; i < s->piece_count; i++) {
        struct brama__piece *p = s->pieces[i];
        if (p->line != line)
            brama_docs_move(&p->docs, (int64_t)line - p->line);
        p->line = line;
        line += p->line_count;
    }
}

static bool has_room_for(struct brama__sheet *s, size_t count)
{
    s->pieces = calloc(count != 0 ? count : 1, sizeof(struct brama__piece *));
    return s->pieces != NULL;
}

static enum brama_err take_pieces(struct brama__sheet *s, const brama_str *texts, size_t n,
                                  const struct common *common)
{
    uint32_t line = 1;
    size_t members = 0;
    if (!has_room_for(s, n))
        return BRAMA_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        struct brama__piece *p = shared(common, i, n);
        enum brama_err err =
            p != NULL ? BRAMA_OK : brama__piece_read(&p, s->name, texts[i], line, NULL);
        if (err != BRAMA_OK)
            return err;
        s->pieces[s->piece_count++] = p;
        line += p->line_count;
        members += p->members;
    }
    if (members > brama_json_limits_rules.max_members)
        return BRAMA_ERR_TOO_BIG;
    renumber(s);
    return BRAMA_OK;
}

/* What is wrong in a piece is said with the file as a whole in view; and some files make sense only
 * so. */
static enum brama_err take_whole(struct brama__sheet *s, brama_str text, struct brama_diag *diag)
{
    struct brama__piece *p;
    drop_pieces(s);
    if (!has_room_for(s, 1))
        return BRAMA_ERR_NOMEM;
    enum brama_err err = brama__piece_read(&p, s->name, text, 1, diag);
    if (err == BRAMA_OK)
        s->pieces[s->piece_count++] = p;
    return err;
}

static enum brama_err keep_pieces(struct brama__sheet *s, const struct brama__sheet *old)
{
    drop_pieces(s);
    if (old == NULL || old->piece_count == 0)
        return BRAMA_OK;
    if (!has_room_for(s, old->piece_count))
        return BRAMA_ERR_NOMEM;
    for (; s->piece_count < old->piece_count; s->piece_count++) {
        s->pieces[s->piece_count] = old->pieces[s->piece_count];
        s->pieces[s->piece_count]->refs++;
    }
    return BRAMA_OK;
}

static enum brama_err take_text(struct brama__sheet *s, struct brama_arena *arena, brama_str text,
                                const struct brama__sheet *old)
{
    struct brama_diag diag = {0};
    size_t n;
    const brama_str *texts = cut_up(arena, text, &n);
    if (texts == NULL)
        return BRAMA_ERR_NOMEM;
    struct common common = compare(texts, n, old);
    enum brama_err err = take_pieces(s, texts, n, &common);
    if (err != BRAMA_OK && err != BRAMA_ERR_NOMEM)
        err = take_whole(s, text, &diag);
    if (err == BRAMA_OK || err == BRAMA_ERR_NOMEM)
        return err;
    err = set_problem(s, brama_str_c(diag.what[0] != '\0' ? diag.what : brama_err_text(err)),
                      diag.where);
    return err == BRAMA_OK ? keep_pieces(s, old) : err;
}

static enum brama_err read_sheet(struct brama__sheet **out, struct brama_arena *arena,
                                 const struct brama_file *f, const struct brama__sheet *old)
{
    static const struct brama_where nowhere = {0};
    struct brama__sheet *s = new_sheet(f);
    *out = s;
    if (s == NULL)
        return BRAMA_ERR_NOMEM;
    brama_str problem = brama__plan_problem(f);
    s->hash = f->problem.n == 0 ? brama_str_hash(f->text) : 0;
    if (problem.n == 0)
        return take_text(s, arena, f->text, old);
    enum brama_err err = set_problem(s, problem, nowhere);
    return err == BRAMA_OK ? keep_pieces(s, old) : err;
}

static bool is_same(const struct brama__sheet *a, const struct brama__sheet *b)
{
    bool same = a->hash == b->hash && brama_str_eq(a->problem, b->problem) &&
                a->piece_count == b->piece_count;
    for (size_t i = 0; same && i < a->piece_count; i++)
        same = a->pieces[i] == b->pieces[i];
    return same;
}

static void look_at_pieces(struct brama__sheet *s)
{
    for (size_t i = 0; i < s->piece_count; i++) {
        s->piece_bytes += s->pieces[i]->arena.used_bytes;
        for (int part = 0; part < BRAMA_WORLD_PARTS; part++)
            if (s->pieces[i]->has[part]) {
                s->has[part] = true;
                s->lines[part] = s->lines[part] * 31 + s->pieces[i]->line;
            }
    }
}

/* Without what both begin and end with: what is left is what an edit did. */
void brama__sheets_difference(struct brama__some_sheets *a, struct brama__some_sheets *b)
{
    for (; a->n != 0 && b->n != 0 && a->p[0] == b->p[0]; a->n--, b->n--) {
        a->p++;
        b->p++;
    }
    while (a->n != 0 && b->n != 0 && a->p[a->n - 1] == b->p[b->n - 1]) {
        a->n--;
        b->n--;
    }
}

/* The next sheet that has something of the part; NULL: there is none. */
static const struct brama__sheet *next_sheet(const struct brama__some_sheets *sheets,
                                             enum brama_world_part part, size_t *at)
{
    while (*at < sheets->n)
        if (sheets->p[(*at)++]->has[part])
            return sheets->p[*at - 1];
    return NULL;
}

static const struct brama__piece *next_piece(const struct brama__sheet *s,
                                             enum brama_world_part part, size_t *at)
{
    while (*at < s->piece_count)
        if (s->pieces[(*at)++]->has[part])
            return s->pieces[*at - 1];
    return NULL;
}

/* The same pieces in the same order and places. Those of both are there, so one address is one
 * piece. */
static bool same_pieces(const struct brama__sheet *a, const struct brama__sheet *b,
                        enum brama_world_part part)
{
    size_t in_a = 0, in_b = 0;
    const struct brama__piece *piece;
    if ((a->problem.n != 0) != (b->problem.n != 0) || a->lines[part] != b->lines[part])
        return false;
    do {
        piece = next_piece(a, part, &in_a);
        if (piece != next_piece(b, part, &in_b))
            return false;
    } while (piece != NULL);
    return true;
}

static bool is_same_part(const struct brama__some_sheets *a, const struct brama__some_sheets *b,
                         enum brama_world_part part)
{
    size_t in_a = 0, in_b = 0;
    const struct brama__sheet *one, *other;
    do {
        one = next_sheet(a, part, &in_a);
        other = next_sheet(b, part, &in_b);
        if (one != other && (one == NULL || other == NULL || !same_pieces(one, other, part)))
            return false;
    } while (one != NULL);
    return true;
}

/* A number that nothing had before. */
static uint64_t new_number(void)
{
    uint64_t number;
    return brama_random(&number, sizeof(number)) == BRAMA_OK ? number : 0;
}

static bool same_broken(const struct brama_files *a, const struct brama_files *b)
{
    bool same = a->broken_count == b->broken_count;
    for (size_t i = 0; same && i < a->broken_count; i++)
        same = brama_str_eq(a->broken[i].name, b->broken[i].name);
    return same;
}

/* Is it the same for all that is made of it? Then the files' new ids are all that it leaves. */
static bool is_same_reading(const struct brama__sheets *now, const struct brama__sheets *before)
{
    if (!same_broken(&now->files, &before->files))
        return false;
    for (size_t i = 0; i < now->n; i++)
        before->files.file[i].id = now->files.file[i].id;
    return true;
}

static size_t bytes_of(const struct brama__some_sheets *sheets)
{
    size_t bytes = 0;
    for (size_t i = 0; i < sheets->n; i++)
        bytes += sheets->p[i]->piece_bytes;
    return bytes;
}

static void compare_with(struct brama__sheets *now, const struct brama__sheets *before)
{
    static const struct brama__sheets nothing = {0};
    const struct brama__sheets *then = before != NULL ? before : &nothing;
    struct brama__some_sheets a = {now->p, now->n}, b = {then->p, then->n};
    brama__sheets_difference(&a, &b);
    now->bytes = then->bytes + bytes_of(&a) - bytes_of(&b);
    now->same = before != NULL && a.n == 0 && b.n == 0 && is_same_reading(now, before);
    now->neighbourhood = before != NULL && is_same_part(&a, &b, BRAMA_WORLD_NEIGHBOURS)
                             ? before->neighbourhood
                             : new_number();
    now->judges =
        before != NULL && is_same_part(&a, &b, BRAMA_WORLD_JUDGES) ? before->judges : new_number();
}

static int name_cmp(const void *name, const void *file)
{
    return brama_str_cmp(*(const brama_str *)name, ((const struct brama_file *)file)->name);
}

/* Each root's are sorted. */
const struct brama__sheet *brama__sheets_find(const struct brama__sheets *sheets, brama_str name)
{
    const struct brama_files *files = &sheets->files;
    for (size_t root = 0, at = 0; at < sheets->n; at = files->root[root++].end) {
        const struct brama_file *f =
            bsearch(&name, files->file + at, files->root[root].end - at, sizeof(*f), name_cmp);
        if (f != NULL)
            return sheets->p[f - files->file];
    }
    return NULL;
}

/* With a problem it isn't known what of the text the pieces are. */
static bool has_text(void *ctx, size_t number, brama_str text)
{
    const struct brama__sheets *sheets = ctx;
    const struct brama__sheet *s = sheets->p[number];
    bool same = s->problem.n == 0 && s->bytes == text.n;
    for (size_t i = 0; same && i < s->piece_count; i++) {
        brama_str piece = s->pieces[i]->text;
        same = brama_str_eq(piece, brama_str_head(text, piece.n));
        text = brama_str_from(text, piece.n);
    }
    return same;
}

static enum brama_err take_file(struct brama__sheets *out, struct brama_arena *arena,
                                struct brama_file *f, const struct brama__sheets *before)
{
    struct brama__sheet *old = f->was != BRAMA_FILE_NEW ? before->p[f->was] : NULL, *s = NULL;
    bool kept = f->known || f->same || (f->unfinished && old != NULL);
    if (!kept) {
        enum brama_err err = read_sheet(&s, arena, f, old);
        if (err != BRAMA_OK) {
            drop_sheet(s);
            return err;
        }
        look_at_pieces(s);
    }
    if (kept || (old != NULL && is_same(s, old))) {
        drop_sheet(s);
        s = old;
        s->refs++;
    }
    f->name = s->name; /* which lasts as long as the sheet does */
    f->problem = s->problem;
    out->problems += s->problem.n != 0;
    out->p[out->n++] = s;
    return BRAMA_OK;
}

enum brama_err brama__sheets_read(struct brama__sheets *out, struct brama_arena *arena,
                                  const struct brama__sheets_in *in)
{
    struct brama_files_options options = {.stdin_text = in->stdin_text,
                                          .whole_only = true,
                                          .before = in->before != NULL ? &in->before->files : NULL,
                                          .same = has_text,
                                          .ctx = (void *)(uintptr_t)in->before,
                                          .touched = in->touched,
                                          .touched_count = in->touched_count};
    *out = (struct brama__sheets){0};
    enum brama_err err = brama_files_read(&out->files, arena, in->roots, in->root_count, &options);
    if (err != BRAMA_OK)
        return err;
    out->p = brama_arena_array(arena, out->files.count, sizeof(struct brama__sheet *));
    if (out->p == NULL)
        return BRAMA_ERR_NOMEM;
    for (size_t i = 0; i < out->files.count && err == BRAMA_OK; i++)
        err = take_file(out, arena, &out->files.file[i], in->before);
    if (err == BRAMA_OK)
        compare_with(out, in->before);
    return err == BRAMA_OK && out->bytes > SHEETS_BYTES ? BRAMA_ERR_NOMEM : err;
}

void brama__sheets_free(struct brama__sheets *sheets)
{
    for (size_t i = 0; i < sheets->n; i++)
        drop_sheet(sheets->p[i]);
    sheets->n = 0;
}

static enum brama_err add_sheet(struct brama_world *world, const struct brama__sheet *s,
                                enum brama_world_part part)
{
    enum brama_err err = BRAMA_OK;
    for (size_t k = 0; k < s->piece_count && err == BRAMA_OK && s->has[part]; k++)
        err = brama_world_add_docs(world, &s->pieces[k]->docs, part);
    return err;
}

/* What it had before, but for its APIRules. */
static enum brama_err stand_in(struct brama_world *world, const struct brama__sheet *s)
{
    enum brama_err err = BRAMA_OK;
    for (size_t k = 0; k < s->piece_count && err == BRAMA_OK; k++)
        err = brama_world_stand_in(world, &s->pieces[k]->docs);
    return err;
}

/* What can be read comes first: it may have what a broken file had. */
enum brama_err brama__sheets_add(struct brama_world *world, const struct brama__sheets *sheets,
                                 enum brama_world_part part)
{
    enum brama_err err = BRAMA_OK;
    for (size_t i = 0; i < sheets->n && err == BRAMA_OK; i++) {
        const struct brama__sheet *s = sheets->p[i];
        if (s->problem.n == 0)
            err = add_sheet(world, s, part);
        else if (part != BRAMA_WORLD_NEIGHBOURS)
            brama__plan_complain(world, s->where, s->problem);
    }
    for (size_t i = 0; part != BRAMA_WORLD_RULES && i < sheets->n && err == BRAMA_OK; i++)
        if (sheets->p[i]->problem.n != 0)
            err = stand_in(world, sheets->p[i]);
    if (err != BRAMA_OK)
        return err;
    if (part != BRAMA_WORLD_NEIGHBOURS)
        brama__plan_complain_roots(world, &sheets->files);
    return brama_arena_failed(world->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

const struct brama_source_file *
brama__sheets_sources(struct brama_arena *arena, const struct brama__sheets *sheets, size_t *count)
{
    *count = 0;
    struct brama_source_file *out = brama_arena_array(arena, sheets->n, sizeof(*out));
    for (size_t i = 0; out != NULL && i < sheets->n; i++) {
        const struct brama__sheet *s = sheets->p[i];
        if (s->problem.n == 0)
            out[(*count)++] = (struct brama_source_file){s->name, s->hash};
    }
    return out;
}
