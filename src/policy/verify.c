/* Which key, and does it verify: istio-jwt.md 2.8, oathkeeper.md 2.8 and 2.9, with the stricter
 * answers of attacks.md J2 to J4. */
#include <string.h>

#include "jose/alg.h"
#include "jose/b64url.h"
#include "policy/inner.h"

/* A token without kid is tried under every key that fits, as in Envoy, but not under any number:
 * each trial costs a signature check (attacks.md J30). */
#define TRIALS_MAX 8

void brama__token_read(struct brama__case *c, struct brama__token *out, brama_str token)
{
    struct brama__remembered known;
    *out = (struct brama__token){0};
    if (brama__memory_find(c->engine->memory, token, &known)) {
        out->jwt = known.jwt;
        out->remembered = true;
        out->alg = known.alg;
        memcpy(out->thumbprint, known.thumbprint, sizeof(out->thumbprint));
        return;
    }
    struct brama_jwt *jwt = brama_arena_alloc(c->arena, sizeof(*jwt));
    static const struct brama_jwt no_memory = {.status = BRAMA_JWT_BAD_FORMAT,
                                               .detail = "out of memory"};
    if (jwt != NULL)
        brama_jwt_read(jwt, c->arena, token);
    out->jwt = jwt != NULL ? jwt : &no_memory;
}

struct search {
    struct brama__case *c;
    struct brama__token *token;
    enum brama__dialect dialect;
    size_t matched, trials;
    bool loaded;   /* some set was there */
    bool kid_seen; /* some key has the token's kid, whether it may serve or not */
};

static bool key_has_kid(const struct search *s, const struct brama_f_key *key)
{
    const struct brama_facts *facts = s->c->engine->facts;
    return brama_str_eq(brama_pack_text(&facts->pack, key->kid), s->token->jwt->kid);
}

/* May this key serve the token at all? */
static bool key_may(const struct search *s, const struct brama_f_key *key)
{
    const struct brama_facts *facts = s->c->engine->facts;
    const struct brama_jwt *jwt = s->token->jwt;
    if (key->alg != BRAMA_ALG_INVALID && key->alg != (uint32_t)jwt->alg)
        return false;
    if (s->dialect == BRAMA__ORY)
        return key->has_kid && key_has_kid(s, key) &&
               brama_str_eq(brama_pack_text(&facts->pack, key->use), BRAMA_STR("sig"));
    return !jwt->has_kid || jwt->kid.n == 0 || !key->has_kid || key->kid.n == 0 ||
           key_has_kid(s, key);
}

static bool verifies(struct search *s, const struct brama_f_key *key)
{
    const struct brama_jwt *jwt = s->token->jwt;
    if (s->trials == TRIALS_MAX)
        return false;
    s->trials++; /* a remembered token gets the same answer as a new one */
    if (s->token->remembered)
        return s->token->alg == jwt->alg &&
               memcmp(s->token->thumbprint, key->thumbprint, sizeof(key->thumbprint)) == 0;
    if (s->c->engine->replay)
        return false; /* what verified is remembered */
    struct brama_pkey *pkey = brama__memory_key(s->c->engine->memory, s->c->engine->facts, key);
    struct brama_verified v = {false};
    if (pkey != NULL)
        brama_pkey_verify(&v, pkey, jwt->alg, jwt->signing_input, jwt->signature);
    return v.valid;
}

static brama_str thumbprint_text(struct brama__case *c, const struct brama_f_key *key)
{
    struct brama_buf text;

    brama_buf_init(&text, NULL, 64);
    brama_b64url_encode(&text, (brama_str){(const char *)key->thumbprint, sizeof(key->thumbprint)});
    brama_str out = brama_arena_copy(c->arena, brama_buf_str(&text));
    brama_buf_deinit(&text);
    return out;
}

static void note_key(const struct search *s, const struct brama_f_key *key,
                     const struct brama_f_keyset *set, bool good)
{
    struct brama__case *c = s->c;
    if (c->trace == NULL)
        return;
    const struct brama_pack *pack = &c->engine->facts->pack;
    int64_t age = c->request->now_s - set->fetched_at_s;
    brama_str kid = brama_pack_text(pack, key->kid), url = brama_pack_text(pack, set->url);
    brama_str alg = brama_str_c(brama_alg_name(s->token->jwt->alg));
    brama_str thumbprint = thumbprint_text(c, key);
    brama_trace_add(c->trace, "signature", good ? BRAMA_TRACE_PASS : BRAMA_TRACE_FAIL, BRAMA_NIL,
                    alg, "key \"%.*s\" (%s%.*s) of %.*s, fetched %lld s ago%s", BRAMA_FMT(kid),
                    brama_str_eq(kid, thumbprint) ? "its thumbprint" : "thumbprint ",
                    BRAMA_FMT(brama_str_eq(kid, thumbprint) ? BRAMA_NIL : thumbprint),
                    BRAMA_FMT(url), (long long)(age > 0 ? age : 0),
                    good ? "" : ": not signed by this key");
    if (good)
        return;
    brama_trace_change(c->trace, BRAMA_CHANGE_SIGN, "kid",
                       key->has_kid ? BRAMA_CHANGE_TEXT : BRAMA_CHANGE_DROP, kid);
    brama_trace_change(c->trace, BRAMA_CHANGE_SIGN, "alg", BRAMA_CHANGE_TEXT, alg);
}

/* Does the type of the key fit the token's alg? A key that says its alg was checked at load. */
static bool type_fits(struct search *s, const struct brama_f_key *key)
{
    struct brama_pkey *pkey = brama__memory_key(s->c->engine->memory, s->c->engine->facts, key);
    return pkey != NULL && brama_pkey_fits(pkey, s->token->jwt->alg);
}

static bool search_set(struct search *s, uint64_t id)
{
    const struct brama_facts *facts = s->c->engine->facts;
    const struct brama_f_keyset *set = brama_facts_keyset(facts, id);
    if (set == NULL || (set->state != BRAMA_KEYSET_FRESH && set->state != BRAMA_KEYSET_STALE))
        return false;
    s->loaded = true;
    for (uint32_t i = 0; i < set->keys.count; i++) {
        const struct brama_f_key *key =
            BRAMA_ROW(&facts->pack, BRAMA_F_KEY, set->keys.first + i, struct brama_f_key);
        if (key == NULL)
            break;
        s->kid_seen = s->kid_seen || (key->has_kid && key_has_kid(s, key));
        if (!key_may(s, key) || !type_fits(s, key))
            continue;
        s->matched++;
        bool good = verifies(s, key);
        note_key(s, key, set, good);
        if (good) {
            memcpy(s->token->thumbprint, key->thumbprint, sizeof(key->thumbprint));
            return true;
        }
        if (s->dialect == BRAMA__ORY)
            return false;
    }
    return false;
}

static void note_miss(const struct search *s, const struct brama__key_wish *wish)
{
    struct brama__case *c = s->c;
    if (c->trace == NULL || s->matched != 0)
        return;
    const struct brama_f_keyset *set =
        wish->keyset_count != 0 ? brama_facts_keyset(c->engine->facts, wish->keysets[0]) : NULL;
    brama_str url = set != NULL ? brama_pack_text(&c->engine->facts->pack, set->url) : BRAMA_NIL;
    brama_str problem =
        set != NULL ? brama_pack_text(&c->engine->facts->pack, set->problem) : BRAMA_NIL;
    brama_str kid = s->token->jwt->has_kid ? s->token->jwt->kid : BRAMA_STR("(none)");
    if (!s->loaded) {
        brama_trace_add(c->trace, "key", BRAMA_TRACE_FAIL, url, BRAMA_NIL,
                        "the key set was never loaded%s%.*s", problem.n != 0 ? ": " : "",
                        BRAMA_FMT(problem));
        brama_trace_change(c->trace, BRAMA_CHANGE_KEYSET, NULL, BRAMA_CHANGE_TEXT, url);
    } else {
        brama_trace_add(c->trace, "key", BRAMA_TRACE_FAIL, kid,
                        brama_str_c(brama_alg_name(s->token->jwt->alg)),
                        "no key of %.*s fits kid and alg; fetched %lld s ago", BRAMA_FMT(url),
                        (long long)(set != NULL ? c->request->now_s - set->fetched_at_s : 0));
        brama__change_key(c, wish->keysets, wish->keyset_count, BRAMA__ANY_ALG);
    }
}

/* No key of a set ever serves these: a set has public keys only. */
static bool is_symmetric(enum brama_alg alg)
{
    return alg == BRAMA_ALG_HS256 || alg == BRAMA_ALG_HS384 || alg == BRAMA_ALG_HS512;
}

enum brama_jwt_status brama__token_verify(struct brama__case *c, struct brama__token *token,
                                          const struct brama__key_wish *wish)
{
    struct search s = {.c = c, .token = token, .dialect = wish->dialect};
    const struct brama_jwt *jwt = token->jwt;

    token->kid_unknown = false;
    for (size_t i = 0; i < wish->keyset_count; i++) {
        if (!search_set(&s, wish->keysets[i])) {
            if (s.dialect == BRAMA__ORY && s.matched != 0)
                break; /* the first key of that kid decides, whichever set it is in */
            continue;
        }
        if (!token->remembered) {
            brama__memory_keep(c->engine->memory, jwt->token, jwt->alg, token->thumbprint);
            token->remembered = true;
            token->alg = jwt->alg;
        }
        return BRAMA_JWT_OK;
    }
    note_miss(&s, wish);
    if (!s.loaded)
        return BRAMA_JWKS_FETCH_FAIL;
    if (s.matched == 0) {
        token->kid_unknown =
            jwt->has_kid && jwt->kid.n != 0 && !s.kid_seen && !is_symmetric(jwt->alg);
        return BRAMA_JWKS_KID_ALG_MISMATCH;
    }
    return jwt->alg == BRAMA_ALG_EDDSA && jwt->signature.n != 64
               ? BRAMA_JWT_ED25519_SIGNATURE_LENGTH
               : BRAMA_JWT_VERIFICATION_FAIL;
}
