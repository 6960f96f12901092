#include "issuer/signing_set.h"

#include <stdlib.h>
#include <string.h>

#include "issuer/mint.h"
#include "jose/b64url.h"
#include "json/read.h"
#include "json/write.h"

#define ARENA_MAX ((size_t)8 << 20) /* 256 KiB of text as nodes, and each key once more */
#define KID_BYTES 64

static const brama_str private_members[] = {BRAMA_LIT("d"),   BRAMA_LIT("p"),  BRAMA_LIT("q"),
                                            BRAMA_LIT("dp"),  BRAMA_LIT("dq"), BRAMA_LIT("qi"),
                                            BRAMA_LIT("oth"), BRAMA_LIT("k")};

static bool is_private_member(brama_str name)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(private_members); i++)
        if (brama_str_eq(private_members[i], name))
            return true;
    return false;
}

/* The JWK as a set of its own and without what is private, so that it is judged as every public
 * key is. key_ops of a private key says "sign", which is for us to see and for nobody else. */
static enum brama_err public_half(struct brama_jwks **out, const struct brama_node *jwk,
                                  bool is_private, struct brama_diag *diag)
{
    struct brama_buf text;
    struct brama_json_out json;

    brama_buf_init(&text, NULL, BRAMA_JWKS_MAX_BYTES);
    brama_json_out_init(&json, &text, 0);
    brama_json_map(&json);
    brama_json_key(&json, BRAMA_STR("keys"));
    brama_json_list(&json);
    brama_json_map(&json);
    for (const struct brama_node *n = jwk->first; n != NULL; n = n->next) {
        if (is_private_member(n->key) || (is_private && brama_str_eq(n->key, BRAMA_STR("key_ops"))))
            continue;
        brama_json_key(&json, n->key);
        brama_json_node(&json, n);
    }
    brama_json_end(&json);
    brama_json_end(&json);
    brama_json_end(&json);
    enum brama_err err = brama_buf_err(&text);
    if (err == BRAMA_OK)
        err = brama_jwks_load(out, brama_buf_str(&text), diag);
    brama_buf_deinit(&text);
    return err;
}

static bool may_sign(const struct brama_node *jwk)
{
    const struct brama_node *ops = brama_node_get(jwk, BRAMA_STR("key_ops"));

    for (const struct brama_node *n = ops != NULL ? ops->first : NULL; n != NULL; n = n->next)
        if (n->kind == BRAMA_NODE_STR && brama_str_eq(n->text, BRAMA_STR("sign")))
            return true;
    return ops == NULL;
}

/* Strict base64url; a member that isn't there or is no text stays empty. */
static bool octets(brama_str *out, struct brama_arena *arena, const struct brama_node *jwk,
                   const char *name)
{
    const struct brama_node *n = brama_node_get(jwk, brama_str_c(name));

    return n == NULL ||
           (n->kind == BRAMA_NODE_STR && brama_b64url_decode(out, arena, n->text) == BRAMA_OK);
}

static enum brama_err private_half(struct brama_pkey **out, const struct brama_pkey *public_key,
                                   struct brama_arena *arena, const struct brama_node *jwk,
                                   struct brama_diag *diag)
{
    struct brama_pkey_parts parts;
    struct brama_pkey_secret s = {.d = BRAMA_NIL};

    enum brama_err err = brama_pkey_parts(&parts, arena, public_key);
    if (err != BRAMA_OK)
        return err;
    if (octets(&s.d, arena, jwk, "d") && octets(&s.p, arena, jwk, "p") &&
        octets(&s.q, arena, jwk, "q") && octets(&s.dp, arena, jwk, "dp") &&
        octets(&s.dq, arena, jwk, "dq") && octets(&s.qi, arena, jwk, "qi"))
        return brama_pkey_from_secret(out, &parts, &s, diag);
    if (brama_arena_failed(arena))
        return BRAMA_ERR_NOMEM;
    brama_diag_set(diag, (struct brama_where){0}, "a private member isn't strict base64url");
    return BRAMA_ERR_INVALID;
}

/* What a private key without alg or kid is called. */
static enum brama_err name_private(struct brama_signing_key *k, struct brama_arena *arena)
{
    struct brama_buf kid;

    if (k->alg == BRAMA_ALG_INVALID)
        k->alg = brama_mint_usual_alg(k->key);
    if (k->kid.n != 0)
        return BRAMA_OK;
    brama_buf_init(&kid, NULL, KID_BYTES);
    enum brama_err err = brama_mint_kid(&kid, k->key);
    if (err == BRAMA_OK)
        k->kid = brama_arena_copy(arena, brama_buf_str(&kid));
    brama_buf_deinit(&kid);
    return err == BRAMA_OK && k->kid.n == 0 ? BRAMA_ERR_NOMEM : err;
}

/* One JWK into *k. BRAMA_ERR_INVALID: it can't be used, and k has nothing to free. */
static enum brama_err read_key(struct brama_signing_key *k, struct brama_arena *arena,
                               const struct brama_node *jwk, struct brama_diag *diag)
{
    struct brama_jwks *one = NULL;
    bool is_private = brama_node_get(jwk, BRAMA_STR("d")) != NULL;

    *k = (struct brama_signing_key){.is_private = is_private};
    if (is_private && !may_sign(jwk)) {
        brama_diag_set(diag, (struct brama_where){0}, "a private key whose key_ops has no sign");
        return BRAMA_ERR_INVALID;
    }
    enum brama_err err = public_half(&one, jwk, is_private, diag);
    if (err != BRAMA_OK)
        return err == BRAMA_ERR_NOMEM ? err : BRAMA_ERR_INVALID;
    struct brama_jwk *public_key = &one->keys[0];
    k->alg = public_key->alg;
    k->kid = brama_arena_copy(arena, public_key->kid);
    memcpy(k->thumbprint, public_key->thumbprint, sizeof(k->thumbprint));
    if (is_private) {
        err = private_half(&k->key, public_key->pkey, arena, jwk, diag);
    } else {
        k->key = public_key->pkey;
        public_key->pkey = NULL; /* handed over */
    }
    brama_jwks_free(one);
    if (err == BRAMA_OK && is_private)
        err = name_private(k, arena);
    if (err != BRAMA_OK) {
        brama_pkey_free(k->key);
        k->key = NULL;
    }
    return err;
}

/* oathkeeper.md 3.3, step 4. */
static const struct brama_signing_key *choose(struct brama_signing_set *set)
{
    struct brama_signing_key *signer = NULL;
    const struct brama_signing_key *shown = NULL;

    for (size_t i = 0; i < set->count && (signer == NULL || shown == NULL); i++) {
        if (set->keys[i].is_private)
            signer = &set->keys[i];
        else
            shown = &set->keys[i];
    }
    /* Oathkeeper would take any public key's kid, and nobody could verify the token by it. */
    if (signer != NULL && shown != NULL && shown->kid.n != 0 &&
        memcmp(shown->thumbprint, signer->thumbprint, sizeof(signer->thumbprint)) == 0)
        signer->kid = shown->kid;
    return signer;
}

static struct brama_signing_set *set_new(size_t keys)
{
    struct brama_arena *arena = malloc(sizeof(*arena));

    if (arena == NULL)
        return NULL;
    brama_arena_init(arena, NULL, ARENA_MAX);
    struct brama_signing_set *set = brama_arena_alloc(arena, sizeof(*set));
    if (set != NULL) {
        set->arena = arena;
        set->keys = brama_arena_array(arena, keys + 1, sizeof(*set->keys));
    }
    if (set != NULL && set->keys != NULL)
        return set;
    brama_arena_deinit(arena);
    free(arena);
    return NULL;
}

void brama_signing_set_free(struct brama_signing_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        brama_pkey_free(set->keys[i].key);
    struct brama_arena *arena = set->arena; /* holds the set itself */
    brama_arena_deinit(arena);
    free(arena);
}

static enum brama_err take_keys(struct brama_signing_set *set, const struct brama_node *keys,
                                struct brama_diag *diag)
{
    struct brama_diag why = {0};

    for (const struct brama_node *n = keys->first; n != NULL; n = n->next) {
        enum brama_err err = read_key(&set->keys[set->count], set->arena, n, &why);
        if (err == BRAMA_OK) {
            set->count++;
            continue;
        }
        if (err != BRAMA_ERR_INVALID)
            return err;
        if (set->left_out++ == 0)
            set->why = brama_arena_copy(set->arena, brama_str_c(why.what)).p;
    }
    if (brama_arena_failed(set->arena))
        return BRAMA_ERR_NOMEM;
    if (set->count != 0)
        return BRAMA_OK;
    brama_diag_set(diag, (struct brama_where){0}, "no usable key%s%s", set->why != NULL ? ": " : "",
                   set->why != NULL ? set->why : "");
    return BRAMA_ERR_INVALID;
}

enum brama_err brama_signing_set_load(struct brama_signing_set **out, brama_str text,
                                      struct brama_diag *diag)
{
    struct brama_arena scratch;
    struct brama_node *root = NULL;
    struct brama_signing_set *set = NULL;

    *out = NULL;
    brama_arena_init(&scratch, NULL, ARENA_MAX);
    enum brama_err err = brama_json_parse(&root, &scratch, text, &brama_json_limits_jwks, diag);
    const struct brama_node *keys =
        err == BRAMA_OK ? brama_node_get(root, BRAMA_STR("keys")) : NULL;
    if (err == BRAMA_OK && (keys == NULL || keys->kind != BRAMA_NODE_LIST)) {
        brama_diag_set(diag, (struct brama_where){0}, "not an object with a list \"keys\"");
        err = BRAMA_ERR_SYNTAX;
    }
    if (err == BRAMA_OK && keys->count > BRAMA_JWKS_MAX_KEYS) {
        brama_diag_set(diag, (struct brama_where){0}, "more than %d keys", BRAMA_JWKS_MAX_KEYS);
        err = BRAMA_ERR_TOO_BIG;
    }
    if (err != BRAMA_OK)
        goto done;
    set = set_new(keys->count);
    err = set != NULL ? take_keys(set, keys, diag) : BRAMA_ERR_NOMEM;
    if (err != BRAMA_OK)
        goto done;
    set->signer = choose(set);
    *out = set;
    set = NULL;
done:
    brama_signing_set_free(set);
    brama_arena_deinit(&scratch);
    return err;
}

enum brama_err brama_signing_set_of(struct brama_signing_set **out, struct brama_pkey *key)
{
    struct brama_signing_set *set = set_new(1);
    struct brama_pkey_parts parts;

    *out = NULL;
    if (set == NULL) {
        brama_pkey_free(key);
        return BRAMA_ERR_NOMEM;
    }
    struct brama_signing_key *k = &set->keys[set->count++];
    *k = (struct brama_signing_key){.key = key, .is_private = true};
    enum brama_err err = brama_pkey_parts(&parts, set->arena, key);
    if (err == BRAMA_OK)
        err = brama_thumbprint(k->thumbprint, &parts);
    if (err == BRAMA_OK)
        err = name_private(k, set->arena);
    if (err != BRAMA_OK) {
        brama_signing_set_free(set);
        return err;
    }
    set->signer = k;
    *out = set;
    return BRAMA_OK;
}

static bool came_before(struct brama_signing_set *const *sets, size_t at, size_t key)
{
    const struct brama_signing_key *k = &sets[at]->keys[key];

    for (size_t s = 0; s <= at; s++)
        for (size_t i = 0; i < (s == at ? key : sets[s]->count); i++)
            if (brama_str_eq(sets[s]->keys[i].kid, k->kid) &&
                memcmp(sets[s]->keys[i].thumbprint, k->thumbprint, sizeof(k->thumbprint)) == 0)
                return true;
    return false;
}

enum brama_err brama_signing_sets_public(struct brama_buf *out,
                                         struct brama_signing_set *const *sets, size_t count)
{
    enum brama_err err = BRAMA_OK;
    const char *comma = "";

    brama_buf_add(out, BRAMA_STR("{\"keys\":["));
    for (size_t s = 0; s < count; s++) {
        for (size_t i = 0; err == BRAMA_OK && i < sets[s]->count; i++) {
            const struct brama_signing_key *k = &sets[s]->keys[i];
            const struct brama_jwk_wish wish = {
                .kid = k->kid, .use = BRAMA_STR("sig"), .alg = k->alg};
            if (came_before(sets, s, i))
                continue;
            brama_buf_printf(out, "%s", comma);
            err = brama_jwk_write(out, k->key, &wish);
            comma = ",";
        }
    }
    brama_buf_add(out, BRAMA_STR("]}\n"));
    return err != BRAMA_OK ? err : brama_buf_err(out);
}
