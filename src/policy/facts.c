#include "policy/facts.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/policy.h"

#define LEFT_OUT_BYTES 512

enum brama_err brama_facts_open(struct brama_facts *out, const void *bytes, size_t size)
{
    return brama_pack_open(&out->pack, bytes, size, BRAMA_PACK_FACTS);
}

static bool rows_sized(const struct brama_pack *pack)
{
    static const struct {
        enum brama_facts_table table;
        size_t bytes;
    } rows[] = {
        {BRAMA_F_KEYSET, sizeof(struct brama_f_keyset)},
        {BRAMA_F_KEY, sizeof(struct brama_f_key)},
        {BRAMA_F_UPSTREAM, sizeof(struct brama_f_upstream)},
        {BRAMA_F_ADDRESS, sizeof(struct brama_f_address)},
        {BRAMA_F_CERT, sizeof(struct brama_f_cert)},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        if (brama_pack_count(pack, rows[i].table) != 0 &&
            brama_pack_row(pack, rows[i].table, 0, rows[i].bytes) == NULL)
            return false;
    return true;
}

enum brama_err brama_facts_verify_rows(const struct brama_facts *facts)
{
    const struct brama_pack *pack = &facts->pack;
    if (!rows_sized(pack))
        return BRAMA_ERR_INVALID;
    for (uint32_t i = 0; i < brama_pack_count(pack, BRAMA_F_KEYSET); i++) {
        const struct brama_f_keyset *s = BRAMA_ROW(pack, BRAMA_F_KEYSET, i, struct brama_f_keyset);
        if (!brama_pack_has_text(pack, s->url) || !brama_pack_has_text(pack, s->problem) ||
            !brama_pack_has_text(pack, s->left_out) ||
            !brama_pack_has_rows(pack, s->keys, BRAMA_F_KEY))
            return BRAMA_ERR_INVALID;
    }
    for (uint32_t i = 0; i < brama_pack_count(pack, BRAMA_F_KEY); i++) {
        const struct brama_f_key *k = BRAMA_ROW(pack, BRAMA_F_KEY, i, struct brama_f_key);
        if (!brama_pack_has_text(pack, k->kid) || !brama_pack_has_text(pack, k->use) ||
            !brama_pack_has_text(pack, k->spki))
            return BRAMA_ERR_INVALID;
    }
    for (uint32_t i = 0; i < brama_pack_count(pack, BRAMA_F_UPSTREAM); i++) {
        const struct brama_f_upstream *u =
            BRAMA_ROW(pack, BRAMA_F_UPSTREAM, i, struct brama_f_upstream);
        if (!brama_pack_has_rows(pack, u->addresses, BRAMA_F_ADDRESS))
            return BRAMA_ERR_INVALID;
    }
    for (uint32_t i = 0; i < brama_pack_count(pack, BRAMA_F_CERT); i++) {
        const struct brama_f_cert *c = BRAMA_ROW(pack, BRAMA_F_CERT, i, struct brama_f_cert);
        if (!brama_pack_has_text(pack, c->name) || !brama_pack_has_text(pack, c->chain_pem) ||
            !brama_pack_has_text(pack, c->key_pem))
            return BRAMA_ERR_INVALID;
    }
    return BRAMA_OK;
}

enum brama_err brama_facts_verify(const struct brama_facts *facts)
{
    enum brama_err err = brama_pack_verify(&facts->pack);
    return err == BRAMA_OK ? brama_facts_verify_rows(facts) : err;
}

/* Rows of both tables begin with their u64 id and are sorted by it. */
static const void *by_id(const struct brama_pack *pack, unsigned table, size_t row_bytes,
                         uint64_t id)
{
    uint32_t low = 0, high = id != 0 ? brama_pack_count(pack, table) : 0;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const uint64_t *row = brama_pack_row(pack, table, mid, row_bytes);
        if (row == NULL)
            return NULL;
        if (*row == id)
            return row;
        if (*row < id)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct brama_f_keyset *brama_facts_keyset(const struct brama_facts *facts, uint64_t id)
{
    return by_id(&facts->pack, BRAMA_F_KEYSET, sizeof(struct brama_f_keyset), id);
}

const struct brama_f_upstream *brama_facts_upstream(const struct brama_facts *facts, uint64_t id)
{
    return by_id(&facts->pack, BRAMA_F_UPSTREAM, sizeof(struct brama_f_upstream), id);
}

/* How well a certificate's name fits: 0 not at all, else more for the narrower one. The first row
 * is of our own DOMAIN, and serves where nobody else does. */
static size_t fit(brama_str name, brama_str server_name)
{
    if (name.n != 0 && brama_str_eq_nocase(name, server_name))
        return SIZE_MAX;
    if (brama_str_eq(name, BRAMA_STR("*")))
        return 1;
    brama_str suffix = brama_str_from(name, 1);
    bool covers =
        brama_str_starts(name, BRAMA_STR("*.")) && server_name.n > suffix.n &&
        brama_str_eq_nocase(brama_str_from(server_name, server_name.n - suffix.n), suffix);
    return covers ? name.n : 0;
}

const struct brama_f_cert *brama_facts_cert(const struct brama_facts *facts, brama_str server_name)
{
    const struct brama_pack *pack = &facts->pack;
    const struct brama_f_cert *best = BRAMA_ROW(pack, BRAMA_F_CERT, 0, struct brama_f_cert);
    size_t best_fit = 0;

    for (uint32_t i = 1; i < brama_pack_count(pack, BRAMA_F_CERT); i++) {
        const struct brama_f_cert *c = BRAMA_ROW(pack, BRAMA_F_CERT, i, struct brama_f_cert);
        size_t f = c != NULL ? fit(brama_pack_text(pack, c->name), server_name) : 0;
        if (f > best_fit) {
            best = c;
            best_fit = f;
        }
    }
    return best;
}

static struct brama_span pack_keys(struct brama_packer *p, const struct brama_jwks *set,
                                   struct brama_buf *spki)
{
    struct brama_span span = {brama_packer_count(p, BRAMA_F_KEY), 0};
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        const struct brama_jwk *k = &set->keys[i];
        if (brama_buf_err(spki) == BRAMA_ERR_NOMEM)
            break; /* of an earlier key: sticks, so that there's no file without it */
        brama_buf_reset(spki);
        brama_pkey_to_spki(spki, k->pkey);
        if (brama_buf_err(spki) != BRAMA_OK || spki->n == 0)
            continue; /* a key that can't be written can't let anyone in */
        struct brama_f_key row = {.kid = brama_packer_text(p, k->kid),
                                  .use = brama_packer_text(p, k->use),
                                  .spki = brama_packer_text(p, brama_buf_str(spki)),
                                  .has_kid = k->has_kid,
                                  .alg = (uint32_t)k->alg,
                                  .kty = (uint32_t)k->kty,
                                  .crv = (uint32_t)k->crv,
                                  .bits = k->bits};
        for (size_t b = 0; b < sizeof(row.thumbprint); b++)
            row.thumbprint[b] = k->thumbprint[b];
        brama_packer_row(p, BRAMA_F_KEY, &row, sizeof(row));
        span.count++;
    }
    return span;
}

/* The order of rows by id, without copying the rows: indexes sorted by the ids they stand for. */
struct by_id {
    uint64_t id;
    size_t index;
};

static int compare_ids(const void *a, const void *b)
{
    const struct by_id *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* "JwkPrivate (kid "a"), ..." */
static struct brama_ref pack_left_out(struct brama_packer *p, const struct brama_jwks *set)
{
    char text[LEFT_OUT_BYTES];
    size_t n = 0;

    for (size_t i = 0; set != NULL && i < set->reject_count; i++) {
        const struct brama_jwk_reject *r = &set->rejects[i];
        int more = snprintf(text + n, sizeof(text) - n, "%s%s%s%.*s%s", n != 0 ? ", " : "", r->name,
                            r->kid.n != 0 ? " (kid \"" : "", BRAMA_FMT(r->kid),
                            r->kid.n != 0 ? "\")" : "");
        if (more < 0 || (size_t)more >= sizeof(text) - n)
            break; /* whole entries only */
        n += (size_t)more;
    }
    return brama_packer_text(p, (brama_str){text, n});
}

static bool is_loaded(const struct brama_facts_keyset_in *in)
{
    return in->state == BRAMA_KEYSET_FRESH || in->state == BRAMA_KEYSET_STALE;
}

static void pack_keyset(struct brama_packer *p, const struct brama_facts_keyset_in *in, uint64_t id,
                        struct brama_buf *spki)
{
    struct brama_f_keyset row = {
        .id = id,
        .url = brama_packer_text(p, in->url),
        .problem = brama_packer_text(p, in->problem),
        .state = in->set == NULL && is_loaded(in) ? BRAMA_KEYSET_NEVER : (uint32_t)in->state,
        .rejected = in->set != NULL ? (uint32_t)in->set->reject_count : 0,
        .left_out = pack_left_out(p, in->set),
        .fetched_at_s = in->state != BRAMA_KEYSET_NEVER ? in->fetched_at_s : 0,
        .version = in->version,
        .keys = pack_keys(p, in->set, spki)};
    brama_packer_row(p, BRAMA_F_KEYSET, &row, sizeof(row));
}

static enum brama_err pack_keysets(struct brama_packer *p, const struct brama_facts_in *in)
{
    struct brama_arena arena;
    struct brama_buf spki;

    brama_arena_init(&arena, NULL, SIZE_MAX);
    brama_buf_init(&spki, NULL, 64 * 1024);
    struct by_id *order = brama_arena_array(&arena, in->keyset_count + 1, sizeof(*order));
    for (size_t i = 0; order != NULL && i < in->keyset_count; i++)
        order[i] = (struct by_id){brama_keyset_id(in->keysets[i].url), i};
    if (order != NULL)
        qsort(order, in->keyset_count, sizeof(*order), compare_ids);
    for (size_t i = 0; order != NULL && i < in->keyset_count; i++)
        pack_keyset(p, &in->keysets[order[i].index], order[i].id, &spki);
    bool complete = order != NULL && brama_buf_err(&spki) != BRAMA_ERR_NOMEM;
    brama_buf_deinit(&spki);
    brama_arena_deinit(&arena);
    return complete ? BRAMA_OK : BRAMA_ERR_NOMEM;
}

static enum brama_err pack_upstreams(struct brama_packer *p, const struct brama_facts_in *in)
{
    struct brama_arena arena;
    brama_arena_init(&arena, NULL, SIZE_MAX);
    struct by_id *order = brama_arena_array(&arena, in->upstream_count + 1, sizeof(*order));
    for (size_t i = 0; order != NULL && i < in->upstream_count; i++)
        order[i] = (struct by_id){in->upstreams[i].id, i};
    if (order != NULL)
        qsort(order, in->upstream_count, sizeof(*order), compare_ids);
    for (size_t i = 0; order != NULL && i < in->upstream_count; i++) {
        const struct brama_facts_upstream_in *u = &in->upstreams[order[i].index];
        struct brama_f_upstream row = {
            u->id, {brama_packer_count(p, BRAMA_F_ADDRESS), (uint32_t)u->count}};
        if (u->count != 0)
            brama_packer_rows(p, BRAMA_F_ADDRESS, u->addresses, (uint32_t)u->count,
                              sizeof(u->addresses[0]));
        brama_packer_row(p, BRAMA_F_UPSTREAM, &row, sizeof(row));
    }
    brama_arena_deinit(&arena);
    return order != NULL ? BRAMA_OK : BRAMA_ERR_NOMEM;
}

enum brama_err brama_facts_build(struct brama_buf *out, uint64_t number,
                                 const struct brama_facts_in *in)
{
    struct brama_packer *p;
    enum brama_err err = brama_packer_new(&p, NULL, BRAMA_PACK_FACTS);
    if (err != BRAMA_OK)
        return err;
    err = pack_keysets(p, in);
    if (err == BRAMA_OK)
        err = pack_upstreams(p, in);
    for (size_t i = 0; i < in->cert_count; i++) {
        struct brama_f_cert row = {brama_packer_text(p, in->certs[i].name),
                                   brama_packer_text(p, in->certs[i].chain_pem),
                                   brama_packer_text(p, in->certs[i].key_pem)};
        brama_packer_row(p, BRAMA_F_CERT, &row, sizeof(row));
    }
    if (err == BRAMA_OK)
        err = brama_packer_finish(p, number, out);
    brama_packer_free(p);
    return err;
}
