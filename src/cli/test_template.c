/* How a token is to be made, as a test file says it. */
#include "cli/duration.h"
#include "cli/testing.h"
#include "jose/alg.h"

#define TOKEN_S INT64_C(3600) /* of a token that doesn't say how long */

/* "5m", or seconds; 0 if it is none. */
static int64_t length_s(struct brama_fields *f, brama_str at, const struct brama_node *node)
{
    int64_t ms = 0;

    if (node->kind == BRAMA_NODE_INT && node->integer > 0 && node->integer < INT32_MAX)
        return node->integer;
    if (node->kind == BRAMA_NODE_STR && brama_duration_read(&ms, node->text) && ms % 1000 == 0)
        return ms / 1000;
    brama_field_complain(f, node->where, brama_field_path(f, at, node->key),
                         "a length of time like 90s, 5m or 1h is wanted here");
    return 0;
}

/* true, or how long ago, or in how long. */
static bool read_time(struct brama_fields *f, brama_str at, const struct brama_node *map,
                      const char *key, int64_t *seconds)
{
    const struct brama_node *node = brama_node_get(map, brama_str_c(key));

    if (node == NULL || (node->kind == BRAMA_NODE_BOOL && !node->truth))
        return false;
    *seconds = node->kind == BRAMA_NODE_BOOL ? TOKEN_S : length_s(f, at, node);
    return true;
}

static void read_place(struct brama_fields *f, brama_str at, const struct brama_node *map,
                       struct brama_test_token *t)
{
    static const char *const names[] = {"header", "prefix", "param", "cookie"};
    static const enum brama_token_place places[] = {BRAMA_TOKEN_HEADER, BRAMA_TOKEN_HEADER,
                                                    BRAMA_TOKEN_PARAM, BRAMA_TOKEN_COOKIE};
    const struct brama_node *in = brama_field(f, at, map, "in", BRAMA_NODE_MAP);
    size_t given = 0;

    if (in == NULL)
        return;
    at = brama_field_path(f, at, in->key);
    BRAMA_FIELDS_ONLY(f, at, in, names);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++) {
        brama_str name = brama_field_text(f, at, in, names[i]);
        if (i == 1 || name.n == 0)
            continue;
        t->place.place = places[i];
        t->place.name = name;
        given++;
    }
    t->place.prefix = brama_field_text(f, at, in, "prefix");
    t->has_place = true;
    if (given != 1)
        brama_field_complain(f, in->where, at, "one of header, param and cookie is wanted here");
}

static void read_key(struct brama_fields *f, brama_str at, const struct brama_node *map,
                     struct brama_test_token *t)
{
    const struct brama_node *key = brama_field(f, at, map, "key", BRAMA_NODE_STR);
    const struct brama_node *alg = brama_field(f, at, map, "alg", BRAMA_NODE_STR);

    t->other_key = key != NULL && brama_str_eq(key->text, BRAMA_STR("wrong"));
    t->other_kid = key != NULL && brama_str_eq(key->text, BRAMA_STR("unknown"));
    if (key != NULL && !t->other_key && !t->other_kid)
        brama_field_complain(
            f, key->where, brama_field_path(f, at, key->key),
            "\"wrong\" (another key under the right kid) or \"unknown\" (under a kid that no "
            "set has) is wanted here");
    if (alg == NULL)
        return;
    t->alg = brama_alg_by_name(alg->text);
    if (t->alg == BRAMA_ALG_INVALID || t->alg > BRAMA_ALG_ES256)
        brama_field_complain(f, alg->where, brama_field_path(f, at, alg->key),
                             "RS256, RS384, RS512, PS256, PS384, PS512 or ES256 is wanted here");
}

static void read_claims(struct brama_fields *f, brama_str at, const struct brama_node *map,
                        struct brama_test_token *t)
{
    const struct brama_node *claims = brama_field(f, at, map, "claims", BRAMA_NODE_MAP);
    struct brama_mint_claim *out =
        claims != NULL ? brama_arena_array(f->arena, claims->count + 1, sizeof(*out)) : NULL;

    for (const struct brama_node *n = out != NULL ? claims->first : NULL; n != NULL; n = n->next)
        out[t->claim_count++] = (struct brama_mint_claim){n->key, n};
    t->claims = out;
}

static brama_str joined(struct brama_arena *arena, struct brama_str_list list)
{
    brama_str out = BRAMA_NIL;

    for (size_t i = 0; i < list.n; i++)
        out = brama_arena_printf(arena, "%.*s%s%.*s", BRAMA_FMT(out), i != 0 ? " " : "",
                                 BRAMA_FMT(list.p[i]));
    return out;
}

const struct brama_test_token *brama_test_token_read(struct brama_fields *f, brama_str at,
                                                     const struct brama_node *node)
{
    static const char *const names[] = {"issuer", "subject", "scopes",  "audiences",
                                        "claims", "expired", "expires", "notBefore",
                                        "key",    "alg",     "raw",     "in"};
    struct brama_test_token *t = brama_arena_alloc(f->arena, sizeof(*t));

    if (t == NULL)
        return NULL;
    BRAMA_FIELDS_ONLY(f, at, node, names);
    *t = (struct brama_test_token){.subject = BRAMA_STR("tester"), .expires_in_s = TOKEN_S};
    const struct brama_node *subject = brama_node_get(node, BRAMA_STR("subject"));
    if (subject != NULL)
        t->subject =
            subject->kind == BRAMA_NODE_NULL ? BRAMA_NIL : brama_field_text(f, at, node, "subject");
    t->has_issuer = brama_node_get(node, BRAMA_STR("issuer")) != NULL;
    t->issuer = brama_field_text(f, at, node, "issuer");
    t->scope = joined(f->arena, brama_field_texts(f, at, node, "scopes"));
    t->audiences = brama_field_texts(f, at, node, "audiences");
    t->has_raw = brama_node_get(node, BRAMA_STR("raw")) != NULL;
    t->raw = brama_field_text(f, at, node, "raw");
    read_claims(f, at, node, t);
    read_time(f, at, node, "expires", &t->expires_in_s);
    if (read_time(f, at, node, "expired", &t->expires_in_s))
        t->expires_in_s = -t->expires_in_s;
    t->has_not_before = read_time(f, at, node, "notBefore", &t->not_before_in_s);
    read_key(f, at, node, t);
    read_place(f, at, node, t);
    return t;
}
