#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "policy/inner.h"

#define WAYS 4                 /* places a token may have */
#define TAIL 32                /* hashed bytes: the end of the signature is as good as random */
#define ENTRY_MAX (256 * 1024) /* a token of 8 KiB and its claims stay far below */

/* "This token's signature verifies under the key with this thumbprint by this algorithm", and its
 * parsed form. Nothing else: every rule judges anew. */
struct token {
    char *text; /* NULL: free */
    size_t n;
    uint64_t used_at; /* decision number */
    enum brama_alg alg;
    uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES];
    struct brama_arena arena;
    struct brama_jwt jwt;
};

struct key {
    uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES];
    struct brama_pkey *pkey;
};

struct brama_memory {
    uint64_t seed[2];
    struct token *tokens;
    size_t token_sets; /* a power of two, or 0 */
    struct key *keys;
    size_t keys_max;
    struct brama_regexes *regexes;
    struct brama__answers *answers;
    uint64_t decision;
    bool counted; /* this decision's hits and misses */
    struct brama_memory_counts counts;
};

enum brama_err brama_memory_new(struct brama_memory **out,
                                const struct brama_memory_options *options)
{
    struct brama_memory *m = calloc(1, sizeof(*m));
    *out = m;
    if (m == NULL)
        return BRAMA_ERR_NOMEM;
    memcpy(m->seed, options->seed, sizeof(m->seed));
    for (m->token_sets = options->tokens_max != 0; m->token_sets * WAYS < options->tokens_max;)
        m->token_sets *= 2;
    m->keys_max = options->keys_max != 0 ? options->keys_max : 1;
    m->tokens = calloc(m->token_sets * WAYS + 1, sizeof(*m->tokens));
    m->keys = calloc(m->keys_max, sizeof(*m->keys));
    m->regexes = brama_regexes_new(options->regexes_max);
    m->answers = brama__answers_new(options->answers_max);
    if (m->tokens == NULL || m->keys == NULL || m->regexes == NULL || m->answers == NULL) {
        brama_memory_free(m);
        *out = NULL;
        return BRAMA_ERR_NOMEM;
    }
    return BRAMA_OK;
}

static void forget(struct token *t)
{
    if (t->text == NULL)
        return;
    brama_arena_deinit(&t->arena);
    brama_cleanse(t->text, t->n);
    free(t->text);
    *t = (struct token){0};
}

void brama_memory_free(struct brama_memory *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; memory->tokens != NULL && i < memory->token_sets * WAYS; i++)
        forget(&memory->tokens[i]);
    for (size_t i = 0; memory->keys != NULL && i < memory->keys_max; i++)
        brama_pkey_free(memory->keys[i].pkey);
    free(memory->tokens);
    free(memory->keys);
    brama_regexes_free(memory->regexes);
    brama__answers_free(memory->answers);
    free(memory);
}

struct brama_memory_counts brama_memory_counts(const struct brama_memory *memory)
{
    return memory->counts;
}

void brama__memory_begin(struct brama_memory *memory, bool counted)
{
    memory->decision++;
    memory->counted = counted;
    brama_regexes_begin(memory->regexes);
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ROTL(v[1], 13) ^ v[0];
    v[0] = ROTL(v[0], 32);
    v[2] += v[3];
    v[3] = ROTL(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTL(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTL(v[1], 17) ^ v[2];
    v[2] = ROTL(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein) over the last bytes: an adversary can't aim for a set. */
static uint64_t hash_of(const struct brama_memory *m, brama_str token)
{
    uint64_t v[4] = {
        m->seed[0] ^ UINT64_C(0x736f6d6570736575), m->seed[1] ^ UINT64_C(0x646f72616e646f6d),
        m->seed[0] ^ UINT64_C(0x6c7967656e657261), m->seed[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t words[TAIL / 8 + 1] = {0};
    size_t n = token.n < TAIL ? token.n : TAIL;
    if (n != 0)
        memcpy(words, token.p + token.n - n, n);
    words[TAIL / 8] = token.n;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(words); i++) {
        v[3] ^= words[i];
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

bool brama__memory_find(struct brama_memory *memory, brama_str token, struct brama__remembered *out)
{
    if (memory->token_sets == 0)
        return false;
    struct token *set = &memory->tokens[(hash_of(memory, token) & (memory->token_sets - 1)) * WAYS];
    for (size_t i = 0; i < WAYS; i++) {
        struct token *t = &set[i];
        if (t->text == NULL || t->n != token.n || memcmp(t->text, token.p, token.n) != 0)
            continue;
        t->used_at = memory->decision;
        memory->counts.token_hits += memory->counted;
        *out = (struct brama__remembered){&t->jwt, t->alg, t->thumbprint};
        return true;
    }
    memory->counts.token_misses += memory->counted;
    return false;
}

void brama__memory_keep(struct brama_memory *memory, brama_str token, enum brama_alg alg,
                        const uint8_t thumbprint[BRAMA_THUMBPRINT_BYTES])
{
    if (memory->token_sets == 0)
        return;
    struct token *set = &memory->tokens[(hash_of(memory, token) & (memory->token_sets - 1)) * WAYS];
    struct token *oldest = &set[0];
    for (size_t i = 1; i < WAYS && oldest->text != NULL; i++)
        if (set[i].text == NULL || set[i].used_at < oldest->used_at)
            oldest = &set[i];
    if (oldest->text != NULL && oldest->used_at == memory->decision)
        return; /* all are in use by this very decision */
    forget(oldest);
    struct token fresh = {
        .text = malloc(token.n), .n = token.n, .used_at = memory->decision, .alg = alg};
    if (fresh.text == NULL)
        return;
    memcpy(fresh.text, token.p, token.n);
    memcpy(fresh.thumbprint, thumbprint, sizeof(fresh.thumbprint));
    *oldest = fresh;
    brama_arena_init(&oldest->arena, NULL, ENTRY_MAX);
    brama_jwt_read(&oldest->jwt, &oldest->arena, (brama_str){oldest->text, oldest->n});
    if (oldest->jwt.status != BRAMA_JWT_OK)
        forget(oldest);
}

struct brama_pkey *brama__memory_key(struct brama_memory *memory, const struct brama_facts *facts,
                                     const struct brama_f_key *key)
{
    uint64_t home;
    memcpy(&home, key->thumbprint, sizeof(home));
    struct key *k = &memory->keys[home % memory->keys_max];
    if (k->pkey != NULL && memcmp(k->thumbprint, key->thumbprint, sizeof(k->thumbprint)) == 0)
        return k->pkey;
    struct brama_pkey *pkey = NULL;
    if (brama_pkey_from_spki(&pkey, brama_pack_text(&facts->pack, key->spki), true, NULL) !=
        BRAMA_OK)
        return NULL;
    brama_pkey_free(k->pkey);
    k->pkey = pkey;
    memcpy(k->thumbprint, key->thumbprint, sizeof(k->thumbprint));
    return pkey;
}

struct brama_regexes *brama__memory_regexes(struct brama_memory *memory)
{
    return memory->regexes;
}

struct brama__answers *brama__memory_answers(struct brama_memory *memory)
{
    return memory->answers;
}

uint64_t brama__memory_hash(const struct brama_memory *memory, brama_str text)
{
    return hash_of(memory, text);
}
