#include "agent/lint_keys.h"

#include "rule/codes.h"

/* Where one check costs 3.6 times that of RSA-2048; RSA-8192 costs 50 times as much. */
#define DEAR_RSA_BITS 4096

#define TEXT_UNREACHABLE "no keys from %.*s: %.*s"
#define TEXT_WEAK "key %.*s of %.*s is weak and isn't used: %s"
#define TEXT_EXPONENT "key %.*s of %.*s has the RSA exponent %.*s: 65537 is what everybody expects"
#define TEXT_DEAR                                                                                  \
    "key %.*s of %.*s is RSA-%u: each new token costs %s of RSA-2048; ES256 is the cheap way to "  \
    "be safer"
#define TEXT_LEFT_OUT "key %.*s of %.*s isn't used: %s"

/* The first rule that names the set. */
struct user {
    struct brama_where where;
    brama_str attribute;
};

static bool find_in_strategy(struct user *out, struct brama_arena *arena,
                             const struct brama_apirule *rule, size_t i, size_t j, brama_str url)
{
    const struct brama_strategy *s = &rule->rules[i].strategies[j];
    bool v1 = s->config != NULL;
    brama_str at =
        v1 ? brama_arena_printf(arena, ".spec.rules[%zu].accessStrategies[%zu].config", i, j)
           : brama_arena_printf(arena, ".spec.rules[%zu].%.*s", i, BRAMA_FMT(s->name));

    for (size_t k = 0; k < s->istio.auth_count; k++) {
        if (!brama_str_eq(s->istio.auths[k].jwks_uri, url))
            continue;
        out->where = s->istio.auths[k].where;
        out->attribute =
            brama_arena_printf(arena, "%.*s.authentications[%zu].jwksUri", BRAMA_FMT(at), k);
        return true;
    }
    for (size_t k = 0; k < s->ory.jwks_urls.n; k++) {
        if (!brama_str_eq(s->ory.jwks_urls.p[k], url))
            continue;
        out->where = s->where;
        out->attribute = brama_arena_printf(arena, "%.*s.jwks_urls[%zu]", BRAMA_FMT(at), k);
        return true;
    }
    return false;
}

static struct user find_user(struct brama_world *world, brama_str url)
{
    struct user user = {{BRAMA_NIL, 0, 0}, BRAMA_NIL};

    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next)
        for (size_t i = 0; r->judged.valid && i < r->rule_count; i++)
            for (size_t j = 0; j < r->rules[i].strategy_count; j++)
                if (find_in_strategy(&user, world->arena, r, i, j, url))
                    return user;
    return user;
}

static void tell(struct brama_world *world, const struct user *user, enum brama_severity severity,
                 enum brama_code code, brama_str message)
{
    brama_findings_add(&world->findings, severity, user->where, brama_code_name(code),
                       user->attribute, message);
}

static brama_str name_of(struct brama_arena *arena, brama_str kid, size_t index)
{
    return kid.n != 0 ? brama_arena_printf(arena, "\"%.*s\"", BRAMA_FMT(kid))
                      : brama_arena_printf(arena, "%zu (without kid)", index);
}

/* Names of rejects that say that somebody could make the signatures himself. */
static bool is_weak(const struct brama_jwk_reject *reject)
{
    brama_str name = brama_str_c(reject->name);

    return brama_str_eq(name, BRAMA_STR("JwksRsaParseError")) ||
           brama_str_eq(name, BRAMA_STR("JwkWeakEd25519"));
}

static void look_at_key(struct brama_world *world, const struct user *user, brama_str url,
                        const struct brama_jwk *key, size_t index)
{
    struct brama_arena *arena = world->arena;
    brama_str name = name_of(arena, key->kid, index);
    struct brama_pkey_parts parts;

    if (key->kty != BRAMA_KTY_RSA)
        return;
    if (key->bits >= DEAR_RSA_BITS)
        tell(world, user, BRAMA_SEVERITY_WARNING, BRAMA_CODE_DEAR_KEY,
             brama_arena_printf(arena, TEXT_DEAR, BRAMA_FMT(name), BRAMA_FMT(url), key->bits,
                                key->bits >= 2 * DEAR_RSA_BITS ? "more than ten times that"
                                                               : "about four times that"));
    if (brama_pkey_parts(&parts, arena, key->pkey) != BRAMA_OK || parts.e.n != 1)
        return;
    brama_str e = brama_arena_printf(arena, "%u", (unsigned char)parts.e.p[0]);
    tell(world, user, BRAMA_SEVERITY_WARNING, BRAMA_CODE_WEAK_KEY,
         brama_arena_printf(arena, TEXT_EXPONENT, BRAMA_FMT(name), BRAMA_FMT(url), BRAMA_FMT(e)));
}

static void look_at_set(struct brama_world *world, const struct brama_keyset *k)
{
    struct user user = find_user(world, k->url);
    struct brama_arena *arena = world->arena;

    if (k->set == NULL) {
        brama_str problem = k->problem.n != 0 ? k->problem : BRAMA_STR("no answer in time");
        tell(world, &user, BRAMA_SEVERITY_ERROR, BRAMA_CODE_KEYS_UNREACHABLE,
             brama_arena_printf(arena, TEXT_UNREACHABLE, BRAMA_FMT(k->url), BRAMA_FMT(problem)));
        return;
    }
    for (size_t i = 0; i < k->set->count; i++)
        look_at_key(world, &user, k->url, &k->set->keys[i], i);
    for (size_t i = 0; i < k->set->reject_count; i++) {
        const struct brama_jwk_reject *reject = &k->set->rejects[i];
        brama_str name = name_of(arena, reject->kid, reject->index);
        bool weak = is_weak(reject);
        tell(world, &user, BRAMA_SEVERITY_WARNING,
             weak ? BRAMA_CODE_WEAK_KEY : BRAMA_CODE_KEY_LEFT_OUT,
             weak ? brama_arena_printf(arena, TEXT_WEAK, BRAMA_FMT(name), BRAMA_FMT(k->url),
                                       reject->what)
                  : brama_arena_printf(arena, TEXT_LEFT_OUT, BRAMA_FMT(name), BRAMA_FMT(k->url),
                                       reject->what));
    }
}

void brama__lint_keys(struct brama_world *world, const struct brama_keysets *sets)
{
    for (size_t i = 0; i < brama_keysets_count(sets); i++)
        look_at_set(world, brama_keysets_at(sets, i));
}
