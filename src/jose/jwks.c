#include "jose/jwks.h"

#include <stdlib.h>
#include <string.h>

#include "jose/jwk.h"
#include "json/read.h"

/* A set of the largest size takes about eight times its bytes as nodes and texts. */
#define ARENA_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* The set and its arena in one block, so that one free ends both. */
struct holder {
    struct brama_jwks set;
    struct brama_arena arena;
};

void brama_jwks_free(struct brama_jwks *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        brama_pkey_free(set->keys[i].pkey);
    brama_arena_deinit(set->arena);
    free(set); /* the holder's first member */
}

static struct brama_jwks *new_set(void)
{
    struct holder *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return NULL;
    brama_arena_init(&h->arena, NULL, ARENA_MAX_BYTES);
    h->set.arena = &h->arena;
    return &h->set;
}

static enum brama_err complain(struct brama_diag *diag, enum brama_err err, const char *name,
                               const char *what)
{
    brama_diag_set(diag, (struct brama_where){0}, "%s: %s", name, what);
    return err;
}

static enum brama_err parse(const struct brama_node **keys, struct brama_jwks *set, brama_str text,
                            struct brama_diag *diag)
{
    struct brama_node *root;
    struct brama_diag why = {0};
    if (text.n > BRAMA_JWKS_MAX_BYTES)
        return complain(diag, BRAMA_ERR_TOO_BIG, "JwksParseError", "more than 256 KiB");
    enum brama_err err = brama_json_parse(&root, set->arena, text, &brama_json_limits_jwks, &why);
    if (err != BRAMA_OK)
        return complain(diag, err, "JwksParseError", why.what);
    if (root->kind != BRAMA_NODE_MAP)
        return complain(diag, BRAMA_ERR_SYNTAX, "JwksParseError", "not a JSON object");
    *keys = brama_node_get(root, BRAMA_STR("keys"));
    if (*keys == NULL)
        return complain(diag, BRAMA_ERR_SYNTAX, "JwksNoKeys", "no member \"keys\"");
    if ((*keys)->kind != BRAMA_NODE_LIST)
        return complain(diag, BRAMA_ERR_SYNTAX, "JwksBadKeys", "\"keys\" isn't a list");
    if ((*keys)->count > BRAMA_JWKS_MAX_KEYS)
        return complain(diag, BRAMA_ERR_TOO_BIG, "JwksBadKeys", "more than 100 keys");
    return BRAMA_OK;
}

static void reject(struct brama_jwks *set, size_t index, brama_str kid,
                   const struct brama__jwk_fault *fault)
{
    set->rejects[set->reject_count++] = (struct brama_jwk_reject){
        .index = index, .kid = kid, .name = fault->name, .what = fault->what};
}

/* indexes[i] is where keys[i] stood in the document. */
static enum brama_err take_keys(struct brama_jwks *set, const struct brama_node *keys,
                                size_t *indexes)
{
    size_t index = 0;
    for (const struct brama_node *one = keys->first; one != NULL; one = one->next, index++) {
        struct brama__jwk_fault fault;
        struct brama_jwk *key = &set->keys[set->count];
        enum brama_err err = brama__jwk_read(key, &fault, set->arena, one);
        if (err == BRAMA_ERR_INVALID)
            reject(set, index, key->kid, &fault);
        else if (err != BRAMA_OK)
            return err;
        else
            indexes[set->count++] = index;
    }
    return BRAMA_OK;
}

/* Is there an algorithm that both would be tried for? */
static bool share_an_alg(const struct brama_jwk *a, const struct brama_jwk *b)
{
    for (enum brama_alg alg = BRAMA_ALG_RS256; alg < BRAMA_ALG_COUNT; alg++)
        if ((a->alg == BRAMA_ALG_INVALID || a->alg == alg) &&
            (b->alg == BRAMA_ALG_INVALID || b->alg == alg) && brama_pkey_fits(a->pkey, alg) &&
            brama_pkey_fits(b->pkey, alg))
            return true;
    return false;
}

/* Which of two keys of one name is meant can't be known, so neither is used (attacks.md J23). */
static void drop_ambiguous(struct brama_jwks *set, const size_t *indexes)
{
    static const struct brama__jwk_fault fault = {
        "JwkDuplicateKid", "another key has this kid and could serve the same alg"};
    bool drop[BRAMA_JWKS_MAX_KEYS] = {false};
    for (size_t i = 0; i < set->count; i++)
        for (size_t k = i + 1; k < set->count; k++) {
            const struct brama_jwk *a = &set->keys[i], *b = &set->keys[k];
            if (a->has_kid && b->has_kid && brama_str_eq(a->kid, b->kid) && share_an_alg(a, b))
                drop[i] = drop[k] = true;
        }
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (drop[i]) {
            reject(set, indexes[i], set->keys[i].kid, &fault);
            brama_pkey_free(set->keys[i].pkey);
            continue;
        }
        set->keys[kept++] = set->keys[i];
    }
    set->count = kept;
}

static enum brama_err fill(struct brama_jwks *set, brama_str text, struct brama_diag *diag)
{
    const struct brama_node *keys = NULL;
    size_t indexes[BRAMA_JWKS_MAX_KEYS];
    enum brama_err err = parse(&keys, set, text, diag);
    if (err != BRAMA_OK)
        return err;
    set->keys = brama_arena_array(set->arena, keys->count, sizeof(*set->keys));
    set->rejects = brama_arena_array(set->arena, keys->count, sizeof(*set->rejects));
    if (set->keys == NULL || set->rejects == NULL)
        return BRAMA_ERR_NOMEM;
    err = take_keys(set, keys, indexes);
    if (err != BRAMA_OK)
        return err;
    drop_ambiguous(set, indexes);
    if (set->count != 0)
        return BRAMA_OK;
    if (set->reject_count == 0)
        return complain(diag, BRAMA_ERR_INVALID, "JwksNoValidKeys", "the list is empty");
    return complain(diag, BRAMA_ERR_INVALID, set->rejects[0].name, set->rejects[0].what);
}

enum brama_err brama_jwks_load(struct brama_jwks **out, brama_str text, struct brama_diag *diag)
{
    *out = NULL;
    struct brama_jwks *set = new_set();
    if (set == NULL)
        return BRAMA_ERR_NOMEM;
    enum brama_err err = fill(set, text, diag);
    if (err != BRAMA_OK) {
        brama_jwks_free(set);
        return err;
    }
    *out = set;
    return BRAMA_OK;
}
