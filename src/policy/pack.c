#include "policy/pack.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

static const char magic[8] = {'B', 'R', 'A', 'M', 'A', 0, 0, 1};

#define ALIGN 8

static bool inside(const struct brama_pack_header *h, const struct brama_pack_table *t)
{
    uint64_t bytes = (uint64_t)t->count * t->row_bytes;
    return t->at % ALIGN == 0 && t->at >= sizeof(*h) && t->at <= h->size &&
           bytes <= h->size - t->at;
}

enum brama_err brama_pack_open(struct brama_pack *out, const void *bytes, size_t size,
                               enum brama_pack_kind kind)
{
    const struct brama_pack_header *h = bytes;

    *out = (struct brama_pack){0};
    if (size < sizeof(*h) || (uintptr_t)bytes % ALIGN != 0)
        return BRAMA_ERR_SYNTAX;
    if (memcmp(h->magic, magic, sizeof(magic)) != 0 || h->format != BRAMA_PACK_FORMAT ||
        h->kind != (uint32_t)kind || h->size != size || !inside(h, &h->text))
        return BRAMA_ERR_SYNTAX;
    for (size_t i = 0; i < BRAMA_PACK_TABLES_MAX; i++)
        if (h->tables[i].count != 0 && !inside(h, &h->tables[i]))
            return BRAMA_ERR_SYNTAX;
    *out = (struct brama_pack){.header = h, .base = bytes, .size = size};
    return BRAMA_OK;
}

/* SHA-256 of the header, in which the digest of everything behind it stands in place of its own. */
static enum brama_err digest(uint8_t out[BRAMA_SHA256_BYTES], const void *bytes, size_t size)
{
    struct brama_pack_header h;
    memcpy(&h, bytes, sizeof(h));
    brama_str rest = {(const char *)bytes + sizeof(h), size - sizeof(h)};
    enum brama_err err = brama_sha256(h.digest, rest);
    if (err != BRAMA_OK)
        return err;
    return brama_sha256(out, (brama_str){(const char *)&h, sizeof(h)});
}

enum brama_err brama_pack_verify(const struct brama_pack *pack)
{
    uint8_t got[BRAMA_SHA256_BYTES];
    enum brama_err err = digest(got, pack->base, pack->size);
    if (err != BRAMA_OK)
        return err;
    return memcmp(got, pack->header->digest, sizeof(got)) == 0 ? BRAMA_OK : BRAMA_ERR_INVALID;
}

bool brama_pack_same(brama_str a, brama_str b)
{
    struct brama_pack_header x, y;
    if (a.n != b.n || a.n < sizeof(x))
        return false;
    memcpy(&x, a.p, sizeof(x));
    memcpy(&y, b.p, sizeof(y));
    y.number = x.number;
    memcpy(y.digest, x.digest, sizeof(y.digest)); /* which is of the number, too */
    return memcmp(&x, &y, sizeof(x)) == 0 &&
           brama_str_eq(brama_str_from(a, sizeof(x)), brama_str_from(b, sizeof(y)));
}

uint64_t brama_pack_number(const struct brama_pack *pack)
{
    return pack->header->number;
}

uint32_t brama_pack_count(const struct brama_pack *pack, unsigned table)
{
    return table < BRAMA_PACK_TABLES_MAX ? pack->header->tables[table].count : 0;
}

const void *brama_pack_row(const struct brama_pack *pack, unsigned table, uint32_t index,
                           size_t row_bytes)
{
    if (table >= BRAMA_PACK_TABLES_MAX)
        return NULL;
    const struct brama_pack_table *t = &pack->header->tables[table];
    if (index >= t->count || t->row_bytes != row_bytes)
        return NULL;
    return pack->base + t->at + (uint64_t)index * row_bytes;
}

bool brama_pack_has_text(const struct brama_pack *pack, struct brama_ref ref)
{
    return brama_pack_within(ref.at, ref.n, pack->header->text.count);
}

bool brama_pack_has_rows(const struct brama_pack *pack, struct brama_span span, unsigned table)
{
    return brama_pack_within(span.first, span.count, brama_pack_count(pack, table));
}

brama_str brama_pack_text(const struct brama_pack *pack, struct brama_ref ref)
{
    if (!brama_pack_has_text(pack, ref))
        return BRAMA_NIL;
    return (brama_str){(const char *)pack->base + pack->header->text.at + ref.at, ref.n};
}

bool brama_pack_same_text(const struct brama_pack *pack, struct brama_ref a, struct brama_ref b)
{
    return a.n == b.n &&
           (a.at == b.at || brama_str_eq(brama_pack_text(pack, a), brama_pack_text(pack, b)));
}

#define TABLE_MAX ((size_t)1 << 30)
#define RECENT 4096 /* a power of two */
#define ROOM 64     /* of what is expected so much more, in parts: an edit adds a little */

struct brama_packer {
    enum brama_pack_kind kind;
    const struct brama_alloc *alloc;
    struct brama_buf text;
    struct {
        struct brama_buf rows;
        uint32_t count, row_bytes;
    } tables[BRAMA_PACK_TABLES_MAX];
    /* By hash, what was stored last. An index of all texts would be larger than a processor's
     * caches, and most texts are one rule's own: it says them a few times, and nobody after it. */
    struct {
        uint64_t hash;
        struct brama_ref ref;
        uint32_t era; /* another than the packer's: it was reset since */
    } recent[RECENT];
    uint32_t era;
    enum brama_err err;
};

enum brama_err brama_packer_new(struct brama_packer **out, const struct brama_alloc *alloc,
                                enum brama_pack_kind kind)
{
    if (alloc == NULL)
        alloc = &brama_alloc_libc;
    struct brama_packer *p = alloc->resize(alloc->ctx, NULL, sizeof(*p));
    *out = p;
    if (p == NULL)
        return BRAMA_ERR_NOMEM;
    *p = (struct brama_packer){.kind = kind, .alloc = alloc};
    brama_buf_init(&p->text, alloc, TABLE_MAX);
    for (size_t i = 0; i < BRAMA_PACK_TABLES_MAX; i++)
        brama_buf_init(&p->tables[i].rows, alloc, TABLE_MAX);
    return BRAMA_OK;
}

void brama_packer_free(struct brama_packer *p)
{
    if (p == NULL)
        return;
    brama_buf_deinit(&p->text);
    for (size_t i = 0; i < BRAMA_PACK_TABLES_MAX; i++)
        brama_buf_deinit(&p->tables[i].rows);
    p->alloc->resize(p->alloc->ctx, p, 0);
}

brama_str brama_packer_stored(const struct brama_packer *p, struct brama_ref ref)
{
    return (brama_str){p->text.p + ref.at, ref.n};
}

struct brama_ref brama_packer_text(struct brama_packer *p, brama_str text)
{
    if (text.n == 0)
        return (struct brama_ref){0, 0};
    uint64_t hash = brama_str_table_hash(text);
    size_t slot = hash % RECENT;
    if (p->recent[slot].hash == hash && p->recent[slot].era == p->era &&
        brama_str_eq(brama_packer_stored(p, p->recent[slot].ref), text))
        return p->recent[slot].ref;
    struct brama_ref ref = {(uint32_t)p->text.n, (uint32_t)text.n};
    brama_buf_add(&p->text, text);
    if (brama_buf_err(&p->text) != BRAMA_OK) /* nothing to be found again; _finish says so */
        return (struct brama_ref){0, 0};
    p->recent[slot].hash = hash;
    p->recent[slot].ref = ref;
    p->recent[slot].era = p->era;
    return ref;
}

bool brama_packer_append_text(struct brama_packer *p, brama_str text, uint32_t *at)
{
    *at = (uint32_t)p->text.n;
    brama_buf_add(&p->text, text);
    return brama_buf_err(&p->text) == BRAMA_OK;
}

bool brama_packer_same_text(const struct brama_packer *p, struct brama_ref a, struct brama_ref b)
{
    return a.n == b.n &&
           (a.at == b.at || brama_str_eq(brama_packer_stored(p, a), brama_packer_stored(p, b)));
}

void *brama_packer_rows(struct brama_packer *p, unsigned table, const void *rows, uint32_t count,
                        size_t row_bytes)
{
    if (table >= BRAMA_PACK_TABLES_MAX ||
        (p->tables[table].count != 0 && p->tables[table].row_bytes != row_bytes)) {
        p->err = BRAMA_ERR_BUG;
        return NULL;
    }
    struct brama_buf *to = &p->tables[table].rows;
    size_t at = to->n;
    p->tables[table].row_bytes = (uint32_t)row_bytes;
    brama_buf_add(to, (brama_str){rows, count * row_bytes});
    if (brama_buf_err(to) != BRAMA_OK)
        return NULL;
    p->tables[table].count += count;
    return to->p + at;
}

uint32_t brama_packer_row(struct brama_packer *p, unsigned table, const void *row, size_t row_bytes)
{
    uint32_t index = brama_packer_count(p, table);
    return brama_packer_rows(p, table, row, 1, row_bytes) != NULL ? index : 0;
}

uint32_t brama_packer_count(const struct brama_packer *p, unsigned table)
{
    return table < BRAMA_PACK_TABLES_MAX ? p->tables[table].count : 0;
}

brama_str brama_packer_all_text(const struct brama_packer *p)
{
    return brama_buf_str(&p->text);
}

const void *brama_packer_all_rows(const struct brama_packer *p, unsigned table, size_t *row_bytes)
{
    *row_bytes = brama_packer_count(p, table) != 0 ? p->tables[table].row_bytes : 0;
    return *row_bytes != 0 ? p->tables[table].rows.p : NULL;
}

void *brama_packer_at(struct brama_packer *p, unsigned table, uint32_t index)
{
    return p->tables[table].rows.p + (size_t)index * p->tables[table].row_bytes;
}

bool brama_packer_choose(struct brama_packer *p, unsigned table, const uint32_t *order, uint32_t n)
{
    struct brama_buf *rows = &p->tables[table].rows, chosen;
    const size_t bytes = p->tables[table].row_bytes;

    brama_buf_init(&chosen, p->alloc, TABLE_MAX);
    if (n != 0 && !brama_buf_reserve(&chosen, n * bytes)) {
        p->err = brama_buf_err(&chosen);
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        brama_buf_add(&chosen, (brama_str){rows->p + order[i] * bytes, bytes});
    brama_buf_deinit(rows);
    *rows = chosen;
    p->tables[table].count = n;
    return true;
}

void brama_packer_expect(struct brama_packer *p, const struct brama_pack *like)
{
    const struct brama_pack_header *h = like->header;
    const size_t text = h->text.count;

    (void)brama_buf_reserve(&p->text, text + text / ROOM);
    for (size_t i = 0; i < BRAMA_PACK_TABLES_MAX; i++) {
        size_t bytes = (size_t)h->tables[i].count * h->tables[i].row_bytes;
        (void)brama_buf_reserve(&p->tables[i].rows, bytes + bytes / ROOM);
    }
}

enum brama_err brama_packer_err(const struct brama_packer *p)
{
    enum brama_err err = p->err != BRAMA_OK ? p->err : brama_buf_err(&p->text);
    for (size_t i = 0; i < BRAMA_PACK_TABLES_MAX && err == BRAMA_OK; i++)
        err = brama_buf_err(&p->tables[i].rows);
    return err;
}

void brama_packer_reset(struct brama_packer *p)
{
    brama_buf_reset(&p->text);
    for (size_t i = 0; i < BRAMA_PACK_TABLES_MAX; i++) {
        brama_buf_reset(&p->tables[i].rows);
        p->tables[i].count = 0;
    }
    p->err = BRAMA_OK;
    p->era++;
}

static struct brama_pack_table append(struct brama_buf *out, const struct brama_buf *part,
                                      uint32_t count, uint32_t row_bytes)
{
    if (out->n % ALIGN != 0)
        brama_buf_room(out, ALIGN - out->n % ALIGN);
    struct brama_pack_table t = {out->n, count, row_bytes};
    brama_buf_add(out, brama_buf_str(part));
    return t;
}

enum brama_err brama_packer_finish(struct brama_packer *p, uint64_t number, struct brama_buf *out)
{
    struct brama_pack_header h = {
        .format = BRAMA_PACK_FORMAT, .kind = (uint32_t)p->kind, .number = number};
    enum brama_err err = brama_packer_err(p);
    size_t bytes = sizeof(h) + p->text.n;

    for (size_t i = 0; i < BRAMA_PACK_TABLES_MAX; i++)
        bytes += p->tables[i].rows.n + ALIGN;
    (void)brama_buf_reserve(out, bytes + ALIGN);
    memcpy(h.magic, magic, sizeof(magic));
    brama_buf_room(out, sizeof(h));
    for (size_t i = 0; i < BRAMA_PACK_TABLES_MAX && err == BRAMA_OK; i++)
        h.tables[i] = append(out, &p->tables[i].rows, p->tables[i].count, p->tables[i].row_bytes);
    h.text = append(out, &p->text, (uint32_t)p->text.n, 1);
    if (err == BRAMA_OK)
        err = brama_buf_err(out);
    if (err != BRAMA_OK)
        return err;
    h.size = out->n;
    memcpy(out->p, &h, sizeof(h));
    err = digest(h.digest, out->p, out->n);
    memcpy(out->p, &h, sizeof(h));
    return err;
}
