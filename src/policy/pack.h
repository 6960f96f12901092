/* The container of policy and facts: tables of fixed-size rows and one text area, all by offset, so
 * that a file can be mapped and used as it is. One accessor checks every bound.
 *
 *     struct brama_pack pack;
 *     if (brama_pack_open(&pack, bytes, size, BRAMA_PACK_POLICY) == BRAMA_OK) {
 *         const struct row *r = brama_pack_row(&pack, TABLE, index);    // NULL: out of bounds
 *         brama_str text = brama_pack_text(&pack, r->name);             // empty: out of bounds
 *     }
 *
 * Opening looks at the header only (magic, format, kind, size, directory); brama_pack_verify() at
 * the digest. Byte order and widths are the machine's: these files never leave it.
 */
#ifndef BRAMA_POLICY_PACK_H
#define BRAMA_POLICY_PACK_H

#include "base/buf.h"

#define BRAMA_PACK_FORMAT 9 /* of all tables together; another one isn't read */
#define BRAMA_PACK_TABLES_MAX 32

enum brama_pack_kind { BRAMA_PACK_NONE = 0, BRAMA_PACK_POLICY, BRAMA_PACK_FACTS };

struct brama_ref { /* a text */
    uint32_t at, n;
};
struct brama_span { /* rows of another table */
    uint32_t first, count;
};

struct brama_pack_table {
    uint64_t at;
    uint32_t count, row_bytes;
};

struct brama_pack_header {
    char magic[8]; /* "BRAMA\0\0\1" */
    uint32_t format, kind;
    uint64_t number;    /* of the generation: the n of policy.<n> */
    uint64_t size;      /* of the file */
    uint8_t digest[32]; /* SHA-256 over header and all behind it; see pack.c */
    struct brama_pack_table text;
    struct brama_pack_table tables[BRAMA_PACK_TABLES_MAX];
};

struct brama_pack {
    const struct brama_pack_header *header;
    const uint8_t *base;
    size_t size;
};

/* bytes: 8-aligned, must outlive *out. BRAMA_ERR_SYNTAX: not such a file, or cut short. */
BRAMA_MUST_USE enum brama_err brama_pack_open(struct brama_pack *out, const void *bytes,
                                              size_t size, enum brama_pack_kind kind);
/* Is the digest that of the bytes? BRAMA_ERR_INVALID if not. Reads everything. */
BRAMA_MUST_USE enum brama_err brama_pack_verify(const struct brama_pack *pack);

/* Do two whole files say the same, whatever their numbers? */
bool brama_pack_same(brama_str a, brama_str b);

uint64_t brama_pack_number(const struct brama_pack *pack);
uint32_t brama_pack_count(const struct brama_pack *pack, unsigned table);
/* NULL if there is no such row, or its size isn't row_bytes. */
const void *brama_pack_row(const struct brama_pack *pack, unsigned table, uint32_t index,
                           size_t row_bytes);
brama_str brama_pack_text(const struct brama_pack *pack, struct brama_ref ref);

/* Two texts may be equal and lie in two places. */
bool brama_pack_same_text(const struct brama_pack *pack, struct brama_ref a, struct brama_ref b);

/* Do count members from first on lie before end? */
static inline bool brama_pack_within(uint32_t first, uint32_t count, uint32_t end)
{
    return first <= end && count <= end - first;
}
/* Do the text, or all rows of the span, lie inside? For verification, row by row. */
bool brama_pack_has_text(const struct brama_pack *pack, struct brama_ref ref);
bool brama_pack_has_rows(const struct brama_pack *pack, struct brama_span span, unsigned table);

/* The typed form: BRAMA_ROW(pack, BRAMA_T_ROUTE, i, struct brama_p_route). */
#define BRAMA_ROW(pack, table, index, type)                                                        \
    ((const type *)brama_pack_row((pack), (table), (index), sizeof(type)))

/* Writing one. A text that comes again soon is stored once. Errors stick and come out of _finish.
 */
struct brama_packer;
BRAMA_MUST_USE enum brama_err brama_packer_new(struct brama_packer **out,
                                               const struct brama_alloc *alloc,
                                               enum brama_pack_kind kind);
void brama_packer_free(struct brama_packer *packer);
struct brama_ref brama_packer_text(struct brama_packer *packer, brama_str text);
bool brama_packer_same_text(const struct brama_packer *packer, struct brama_ref a,
                            struct brama_ref b);
/* A text that is there, until the next one is added. */
brama_str brama_packer_stored(const struct brama_packer *packer, struct brama_ref ref);
/* Texts as they are, behind those that are there; *at: where. False: no memory. */
bool brama_packer_append_text(struct brama_packer *packer, brama_str text, uint32_t *at);
/* The row's index. */
uint32_t brama_packer_row(struct brama_packer *packer, unsigned table, const void *row,
                          size_t row_bytes);
/* count rows as they are, to be changed in place before the next one is added; NULL: no memory. */
void *brama_packer_rows(struct brama_packer *packer, unsigned table, const void *rows,
                        uint32_t count, size_t row_bytes);
uint32_t brama_packer_count(const struct brama_packer *packer, unsigned table);
/* What was added so far; both until the next addition. row_bytes: 0 if there is no row. */
brama_str brama_packer_all_text(const struct brama_packer *packer);
const void *brama_packer_all_rows(const struct brama_packer *packer, unsigned table,
                                  size_t *row_bytes);
/* A row that is there, and those behind it, to be changed before the next one is added. */
void *brama_packer_at(struct brama_packer *packer, unsigned table, uint32_t index);
/* Of the table the rows order[0..n), in that order, and no others. False: no memory. */
bool brama_packer_choose(struct brama_packer *packer, unsigned table, const uint32_t *order,
                         uint32_t n);
/* Room for as much as there is in the other one. */
void brama_packer_expect(struct brama_packer *packer, const struct brama_pack *like);
/* The first that went wrong, which _finish gives too. */
BRAMA_MUST_USE enum brama_err brama_packer_err(const struct brama_packer *packer);
/* Empty again, for another one of its kind. */
void brama_packer_reset(struct brama_packer *packer);
/* The bytes of the file, into out (empty before). */
BRAMA_MUST_USE enum brama_err brama_packer_finish(struct brama_packer *packer, uint64_t number,
                                                  struct brama_buf *out);

#endif
