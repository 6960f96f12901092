#include "issuer/id_token.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "issuer/mint.h"
#include "jose/jwt.h"
#include "json/read.h"
#include "json/write.h"

#define KEY_MAX ((size_t)256 * 1024)
#define RULES_ARENA_MAX ((size_t)256 << 20) /* rule files have 16 MiB; as nodes */
#define CLAIMS_MAX 1024

static enum brama_err complain(struct brama_diag *diag, const char *what)
{
    brama_diag_set(diag, (struct brama_where){0}, "%s", what);
    return BRAMA_ERR_SYNTAX;
}

/* The three members that name a key and what it may sign. */
static bool read_name(struct brama_id_token_ask *out, const struct brama_node *map)
{
    const struct brama_node *issuer = brama_node_get(map, BRAMA_STR("issuer"));
    const struct brama_node *keys = brama_node_get(map, BRAMA_STR("jwks_url"));
    const struct brama_node *ttl = brama_node_get(map, BRAMA_STR("ttl_ms"));

    if (issuer == NULL || issuer->kind != BRAMA_NODE_STR || keys == NULL ||
        keys->kind != BRAMA_NODE_STR || ttl == NULL || ttl->kind != BRAMA_NODE_INT ||
        ttl->integer < 0 || ttl->integer > UINT32_MAX)
        return false;
    *out = (struct brama_id_token_ask){
        .issuer = issuer->text, .jwks_url = keys->text, .ttl_ms = (uint64_t)ttl->integer};
    return true;
}

enum brama_err brama_id_token_ask_read(struct brama_id_token_ask *out, struct brama_arena *arena,
                                       brama_str text, struct brama_diag *diag)
{
    struct brama_node *root = NULL;

    enum brama_err err = brama_json_parse(&root, arena, text, &brama_json_limits_answer, diag);
    if (err != BRAMA_OK)
        return err;
    if (!read_name(out, root))
        return complain(diag, "issuer, jwks_url and ttl_ms have to be there");
    const struct brama_node *subject = brama_node_get(root, BRAMA_STR("subject"));
    out->claims = brama_node_get(root, BRAMA_STR("claims"));
    if (subject == NULL || subject->kind != BRAMA_NODE_STR)
        return complain(diag, "subject isn't a text");
    if (out->claims != NULL && out->claims->kind != BRAMA_NODE_MAP)
        return complain(diag, "claims is no object");
    if (root->count != (out->claims != NULL ? 5u : 4u))
        return complain(diag, "an unknown member");
    out->subject = subject->text;
    return BRAMA_OK;
}

struct brama_id_rules {
    struct brama_arena arena;
    struct brama_id_token_ask *p; /* subject and claims stay empty */
    size_t count;
};

static enum brama_err take_rules(struct brama_id_rules *rules, brama_str text,
                                 struct brama_diag *diag)
{
    struct brama_node *root = NULL;

    enum brama_err err =
        brama_json_parse(&root, &rules->arena, text, &brama_json_limits_rules, diag);
    if (err != BRAMA_OK)
        return err;
    const struct brama_node *list = brama_node_get(root, BRAMA_STR("tokens"));
    if (list == NULL || list->kind != BRAMA_NODE_LIST)
        return complain(diag, "not an object with a list \"tokens\"");
    rules->p = brama_arena_array(&rules->arena, list->count + 1, sizeof(*rules->p));
    if (rules->p == NULL)
        return BRAMA_ERR_NOMEM;
    for (const struct brama_node *n = list->first; n != NULL; n = n->next)
        if (!read_name(&rules->p[rules->count++], n))
            return complain(diag, "a token without issuer, jwks_url or ttl_ms");
    return BRAMA_OK;
}

enum brama_err brama_id_rules_load(struct brama_id_rules **out, brama_str text,
                                   struct brama_diag *diag)
{
    struct brama_id_rules *rules = calloc(1, sizeof(*rules));

    *out = NULL;
    if (rules == NULL)
        return BRAMA_ERR_NOMEM;
    brama_arena_init(&rules->arena, NULL, RULES_ARENA_MAX);
    enum brama_err err = take_rules(rules, text, diag);
    if (err == BRAMA_OK)
        *out = rules;
    else
        brama_id_rules_free(rules);
    return err;
}

void brama_id_rules_free(struct brama_id_rules *rules)
{
    if (rules == NULL)
        return;
    brama_arena_deinit(&rules->arena);
    free(rules);
}

bool brama_id_rules_name(const struct brama_id_rules *rules, const struct brama_id_token_ask *ask)
{
    for (size_t i = 0; rules != NULL && i < rules->count; i++)
        if (rules->p[i].ttl_ms == ask->ttl_ms && brama_str_eq(rules->p[i].issuer, ask->issuer) &&
            brama_str_eq(rules->p[i].jwks_url, ask->jwks_url))
            return true;
    return false;
}

bool brama_id_rules_keys(const struct brama_id_rules *rules, size_t index, brama_str *jwks_url)
{
    size_t found = 0;

    for (size_t i = 0; rules != NULL && i < rules->count; i++) {
        size_t before = 0;
        while (before < i && !brama_str_eq(rules->p[before].jwks_url, rules->p[i].jwks_url))
            before++;
        if (before != i || found++ != index)
            continue;
        *jwks_url = rules->p[i].jwks_url;
        return true;
    }
    return false;
}

/* A token under the digest of all it depends on. */
struct kept {
    uint8_t digest[BRAMA_SHA256_BYTES];
    struct brama_buf text;
    int64_t made_ms, ttl_ms; /* ttl_ms 0: nothing is kept here */
};

struct brama_id_tokens {
    struct kept *p;
    size_t max;
};

struct brama_id_tokens *brama_id_tokens_new(size_t max)
{
    struct brama_id_tokens *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->p = calloc(max, sizeof(*t->p));
    if (t->p == NULL) {
        free(t);
        return NULL;
    }
    t->max = max;
    for (size_t i = 0; i < max; i++)
        brama_buf_init(&t->p[i].text, NULL, BRAMA_JWT_MAX);
    return t;
}

void brama_id_tokens_free(struct brama_id_tokens *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->max; i++)
        brama_buf_deinit(&t->p[i].text);
    free(t->p);
    free(t);
}

/* With its length, so that no two asks have one key. */
static void add_part(struct brama_buf *key, brama_str part)
{
    brama_buf_printf(key, "%zu:", part.n);
    brama_buf_add(key, part);
}

static enum brama_err digest_of(uint8_t out[BRAMA_SHA256_BYTES],
                                const struct brama_id_token_wish *wish)
{
    const struct brama_signing_key *k = wish->signer;
    struct brama_json_out json;
    struct brama_buf key;

    brama_buf_init(&key, NULL, KEY_MAX);
    add_part(&key, wish->ask->issuer);
    add_part(&key, wish->ask->jwks_url);
    add_part(&key, wish->ask->subject);
    brama_buf_printf(&key, "%llu:%d:", (unsigned long long)wish->ask->ttl_ms, (int)k->alg);
    add_part(&key, (brama_str){(const char *)k->thumbprint, sizeof(k->thumbprint)});
    add_part(&key, k->kid);
    if (wish->ask->claims != NULL) {
        brama_json_out_init(&json, &key, 0);
        brama_json_node(&json, wish->ask->claims);
    }
    enum brama_err err = brama_buf_err(&key);
    if (err == BRAMA_OK)
        err = brama_sha256(out, brama_buf_str(&key));
    brama_buf_deinit(&key);
    return err;
}

/* How long it may be handed out; negative: no more, as behind a clock that went back. */
static int64_t fresh_ms(const struct kept *k, int64_t now_ms)
{
    int64_t age_ms = now_ms - k->made_ms;

    return age_ms < 0 ? -1 : k->ttl_ms - k->ttl_ms / 10 - age_ms;
}

static struct brama_node int_node(brama_str key, int64_t value)
{
    return (struct brama_node){
        .key = key, .kind = BRAMA_NODE_INT, .integer = value, .real = (double)value};
}

static struct brama_node text_node(brama_str key, brama_str value)
{
    return (struct brama_node){.key = key, .kind = BRAMA_NODE_STR, .text = value};
}

/* Ours; jti and iat are the mint's. */
static bool is_ours(brama_str name)
{
    static const brama_str names[] = {BRAMA_LIT("exp"), BRAMA_LIT("jti"), BRAMA_LIT("iat"),
                                      BRAMA_LIT("nbf"), BRAMA_LIT("iss"), BRAMA_LIT("sub")};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_str_eq(names[i], name))
            return true;
    return false;
}

static enum brama_err sign(struct brama_buf *out, const struct brama_id_token_wish *wish,
                           struct brama_diag *diag)
{
    const struct brama_id_token_ask *ask = wish->ask;
    int64_t now_s = wish->now_ms / 1000;
    int64_t exp_s = (wish->now_ms + (int64_t)ask->ttl_ms) / 1000;
    const struct brama_node ours[] = {
        text_node(BRAMA_STR("iss"), ask->issuer), text_node(BRAMA_STR("sub"), ask->subject),
        int_node(BRAMA_STR("nbf"), now_s), int_node(BRAMA_STR("exp"), exp_s)};
    struct brama_mint_claim claims[CLAIMS_MAX];
    struct brama_mint_wish mint = {.key = wish->signer->key,
                                   .alg = wish->signer->alg,
                                   .kid = wish->signer->kid,
                                   .claims = claims,
                                   .now_s = now_s};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(ours); i++)
        claims[mint.claim_count++] = (struct brama_mint_claim){ours[i].key, &ours[i]};
    for (const struct brama_node *n = ask->claims != NULL ? ask->claims->first : NULL; n != NULL;
         n = n->next) {
        if (is_ours(n->key))
            continue;
        if (mint.claim_count == CLAIMS_MAX)
            return BRAMA_ERR_TOO_BIG;
        claims[mint.claim_count++] = (struct brama_mint_claim){n->key, n};
    }
    memcpy(mint.jti, wish->jti, sizeof(mint.jti));
    return brama_mint(out, &mint, diag);
}

enum brama_err brama_id_tokens_get(struct brama_id_tokens *t, brama_str *token, int64_t *fresh,
                                   const struct brama_id_token_wish *wish, struct brama_diag *diag)
{
    uint8_t digest[BRAMA_SHA256_BYTES];
    uint64_t at;

    *token = BRAMA_NIL;
    *fresh = 0;
    enum brama_err err = digest_of(digest, wish);
    if (err != BRAMA_OK)
        return err;
    memcpy(&at, digest, sizeof(at));
    struct kept *k = &t->p[at % t->max];
    bool same = k->ttl_ms != 0 && memcmp(k->digest, digest, sizeof(digest)) == 0;
    if (!same || fresh_ms(k, wish->now_ms) < 0) {
        k->ttl_ms = 0;
        brama_buf_reset(&k->text);
        err = sign(&k->text, wish, diag);
        if (err != BRAMA_OK)
            return err;
        memcpy(k->digest, digest, sizeof(digest));
        k->made_ms = wish->now_ms;
        k->ttl_ms = (int64_t)wish->ask->ttl_ms;
    }
    *token = brama_buf_str(&k->text);
    *fresh = fresh_ms(k, wish->now_ms);
    if (*fresh < 0)
        *fresh = 0;
    return BRAMA_OK;
}
