/* One JWK: RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2. The names of what can be
 * wrong are Envoy's where it looks at that (istio-jwt.md 2.12); those that begin with "Jwk" but not
 * "Jwks" are ours. */
#include <string.h>

#include "jose/alg.h"
#include "jose/b64url.h"
#include "jose/jwk.h"

struct reader {
    struct brama_jwk *out;
    struct brama__jwk_fault *fault;
    struct brama_arena *arena;
    const struct brama_node *node;
    brama_str alg_name;
    struct brama_diag diag;
};

static enum brama_err fail(struct reader *r, const char *name, const char *what)
{
    r->fault->name = name;
    r->fault->what = what;
    return BRAMA_ERR_INVALID;
}

/* What src/crypto had to say, kept as long as the set is. */
static enum brama_err fail_crypto(struct reader *r, enum brama_err err, const char *name)
{
    if (err != BRAMA_ERR_INVALID)
        return err;
    brama_str what = brama_arena_copy(r->arena, brama_str_c(r->diag.what));
    return what.p != NULL ? fail(r, name, what.p) : BRAMA_ERR_NOMEM;
}

/* A member that must be a string; both faults with Envoy's names. */
static enum brama_err need_text(struct reader *r, brama_str *out, brama_str member,
                                const char *missing, const char *bad)
{
    const struct brama_node *node = brama_node_get(r->node, member);
    if (node == NULL)
        return fail(r, missing, "a member of the key is missing");
    if (node->kind != BRAMA_NODE_STR)
        return fail(r, bad, "a member of the key isn't a string");
    *out = node->text;
    return BRAMA_OK;
}

static enum brama_err decode(struct reader *r, brama_str *octets, brama_str text, const char *name)
{
    enum brama_err err = brama_b64url_decode(octets, r->arena, text);
    return err == BRAMA_ERR_SYNTAX ? fail(r, name, "not strict base64url") : err;
}

static enum brama_err read_kid(struct reader *r)
{
    const struct brama_node *kid = brama_node_get(r->node, BRAMA_STR("kid"));
    if (kid == NULL)
        return BRAMA_OK;
    if (kid->kind != BRAMA_NODE_STR || kid->text.n > BRAMA_KID_MAX)
        return fail(r, "JwkBadKid", "kid isn't a string of at most 256 bytes");
    r->out->has_kid = true;
    r->out->kid = kid->text;
    return BRAMA_OK;
}

static enum brama_err read_alg(struct reader *r)
{
    const struct brama_node *alg = brama_node_get(r->node, BRAMA_STR("alg"));
    if (alg == NULL)
        return BRAMA_OK;
    if (alg->kind != BRAMA_NODE_STR)
        return fail(r, "JwkBadAlg", "alg isn't a string");
    r->alg_name = alg->text;
    r->out->alg = brama_alg_by_name(alg->text);
    return BRAMA_OK;
}

static bool has_member(const struct brama_node *list, brama_str text)
{
    for (const struct brama_node *one = list->first; one != NULL; one = one->next)
        if (one->kind == BRAMA_NODE_STR && brama_str_eq(one->text, text))
            return true;
    return false;
}

/* What the key is for. RFC 7517 sections 4.2 and 4.3. */
static enum brama_err read_use(struct reader *r)
{
    const struct brama_node *use = brama_node_get(r->node, BRAMA_STR("use"));
    const struct brama_node *ops = brama_node_get(r->node, BRAMA_STR("key_ops"));
    if (use != NULL && (use->kind != BRAMA_NODE_STR || !brama_str_eq(use->text, BRAMA_STR("sig"))))
        return fail(r, "JwkUseNotSig", "use says something else than sig");
    if (use != NULL)
        r->out->use = use->text;
    if (ops != NULL && (ops->kind != BRAMA_NODE_LIST || !has_member(ops, BRAMA_STR("verify"))))
        return fail(r, "JwkOpsNotVerify", "key_ops has no verify");
    return BRAMA_OK;
}

static enum brama_err no_private_members(struct reader *r)
{
    static const brama_str names[] = {BRAMA_LIT("d"),   BRAMA_LIT("p"),  BRAMA_LIT("q"),
                                      BRAMA_LIT("dp"),  BRAMA_LIT("dq"), BRAMA_LIT("qi"),
                                      BRAMA_LIT("oth"), BRAMA_LIT("k")};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_node_get(r->node, names[i]) != NULL)
            return fail(r, "JwkPrivate", "private members: whoever reads this set can sign");
    return BRAMA_OK;
}

static enum brama_err read_rsa(struct reader *r)
{
    brama_str n, e;
    if (r->alg_name.n != 0 && !brama_str_starts(r->alg_name, BRAMA_STR("RS")) &&
        !brama_str_starts(r->alg_name, BRAMA_STR("PS")))
        return fail(r, "JwksRSAKeyBadAlg", "alg isn't one for an RSA key");
    enum brama_err err = need_text(r, &n, BRAMA_STR("n"), "JwksRSAKeyMissingN", "JwksRSAKeyBadN");
    if (err == BRAMA_OK)
        err = need_text(r, &e, BRAMA_STR("e"), "JwksRSAKeyMissingE", "JwksRSAKeyBadE");
    if (err == BRAMA_OK)
        err = decode(r, &n, n, "JwksRsaParseError");
    if (err == BRAMA_OK)
        err = decode(r, &e, e, "JwksRsaParseError");
    if (err != BRAMA_OK)
        return err;
    err = brama_pkey_from_rsa(&r->out->pkey, n, e, &r->diag);
    return err == BRAMA_OK ? err : fail_crypto(r, err, "JwksRsaParseError");
}

/* The curve, from crv or alg or both; Envoy takes P-256 if neither is there. */
static enum brama_err ec_curve(struct reader *r, enum brama_crv *out)
{
    static const struct {
        brama_str crv, alg;
        enum brama_crv curve;
    } rows[] = {
        {BRAMA_LIT("P-256"), BRAMA_LIT("ES256"), BRAMA_CRV_P256},
        {BRAMA_LIT("P-384"), BRAMA_LIT("ES384"), BRAMA_CRV_P384},
        {BRAMA_LIT("P-521"), BRAMA_LIT("ES512"), BRAMA_CRV_P521},
    };
    const struct brama_node *crv = brama_node_get(r->node, BRAMA_STR("crv"));
    if (crv != NULL && crv->kind != BRAMA_NODE_STR)
        return fail(r, "JwksECKeyBadCrv", "crv isn't a string");
    brama_str name = crv != NULL ? crv->text : BRAMA_NIL;
    enum brama_crv by_crv = BRAMA_CRV_NONE, by_alg = BRAMA_CRV_NONE;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        if (brama_str_eq(rows[i].crv, name))
            by_crv = rows[i].curve;
        if (brama_str_eq(rows[i].alg, r->alg_name))
            by_alg = rows[i].curve;
    }
    if ((name.n != 0 && by_crv == BRAMA_CRV_NONE) ||
        (r->alg_name.n != 0 && by_alg == BRAMA_CRV_NONE))
        return fail(r, "JwksECKeyAlgOrCrvUnsupported", "an unknown curve or algorithm");
    if (by_crv != BRAMA_CRV_NONE && by_alg != BRAMA_CRV_NONE && by_crv != by_alg)
        return fail(r, "JwksECKeyAlgNotCompatibleWithCrv", "alg is another curve's");
    *out = by_crv != BRAMA_CRV_NONE ? by_crv : by_alg != BRAMA_CRV_NONE ? by_alg : BRAMA_CRV_P256;
    return BRAMA_OK;
}

static enum brama_err read_ec(struct reader *r)
{
    brama_str x, y;
    enum brama_crv crv;
    if (r->alg_name.n != 0 && !brama_str_starts(r->alg_name, BRAMA_STR("ES")))
        return fail(r, "JwksECKeyBadAlg", "alg isn't one for an EC key");
    enum brama_err err = ec_curve(r, &crv);
    if (err == BRAMA_OK)
        err = need_text(r, &x, BRAMA_STR("x"), "JwksECKeyMissingX", "JwksECKeyBadX");
    if (err == BRAMA_OK)
        err = need_text(r, &y, BRAMA_STR("y"), "JwksECKeyMissingY", "JwksECKeyBadY");
    if (err == BRAMA_OK)
        err = decode(r, &x, x, "JwksEcXorYBadBase64");
    if (err == BRAMA_OK)
        err = decode(r, &y, y, "JwksEcXorYBadBase64");
    if (err != BRAMA_OK)
        return err;
    err = brama_pkey_from_ec(&r->out->pkey, crv, x, y, &r->diag);
    return err == BRAMA_OK ? err : fail_crypto(r, err, "JwksEcParseError");
}

static enum brama_err read_okp(struct reader *r)
{
    brama_str crv, x;
    if (r->alg_name.n != 0 && r->out->alg != BRAMA_ALG_EDDSA)
        return fail(r, "JwksOKPKeyBadAlg", "alg isn't EdDSA or Ed25519");
    enum brama_err err =
        need_text(r, &crv, BRAMA_STR("crv"), "JwksOKPKeyMissingCrv", "JwksOKPKeyBadCrv");
    if (err == BRAMA_OK && !brama_str_eq(crv, BRAMA_STR("Ed25519")))
        err = fail(r, "JwksOKPKeyCrvUnsupported", "a curve other than Ed25519");
    if (err == BRAMA_OK)
        err = need_text(r, &x, BRAMA_STR("x"), "JwksOKPKeyMissingX", "JwksOKPKeyBadX");
    if (err == BRAMA_OK)
        err = decode(r, &x, x, "JwksOKPXBadBase64");
    if (err == BRAMA_OK && x.n != 32)
        err = fail(r, "JwksOKPXWrongLength", "an Ed25519 key has 32 bytes");
    if (err != BRAMA_OK)
        return err;
    err = brama_pkey_from_ed25519(&r->out->pkey, x, &r->diag);
    return err == BRAMA_OK ? err : fail_crypto(r, err, "JwkWeakEd25519");
}

static enum brama_err read_oct(struct reader *r)
{
    return fail(r, "JwkSymmetric", "kty oct: a shared secret is nobody's public key");
}

static enum brama_err read_by_kty(struct reader *r)
{
    static const struct {
        brama_str kty;
        enum brama_err (*read)(struct reader *r);
    } rows[] = {
        {BRAMA_LIT("RSA"), read_rsa},
        {BRAMA_LIT("EC"), read_ec},
        {BRAMA_LIT("OKP"), read_okp},
        {BRAMA_LIT("oct"), read_oct},
    };
    brama_str kty;
    enum brama_err err = need_text(r, &kty, BRAMA_STR("kty"), "JwksMissingKty", "JwksBadKty");
    if (err != BRAMA_OK)
        return err;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        if (brama_str_eq(rows[i].kty, kty))
            return rows[i].read(r);
    return fail(r, "JwksNotImplementedKty", "an unknown kty");
}

static enum brama_err describe(struct reader *r)
{
    struct brama_pkey_parts parts;
    struct brama_jwk *out = r->out;
    enum brama_err err = brama_pkey_parts(&parts, r->arena, out->pkey);
    if (err != BRAMA_OK)
        return err;
    out->kty = parts.kty;
    out->crv = parts.crv;
    out->bits = parts.bits;
    /* "RSA-OAEP" or "RS1": no token can name it, so the key is for something else. */
    if (r->alg_name.n != 0 && !brama_pkey_fits(out->pkey, out->alg))
        return fail(r, parts.kty == BRAMA_KTY_RSA ? "JwksRSAKeyBadAlg" : "JwkBadAlg",
                    "alg is no signature algorithm for this key");
    return brama_thumbprint(out->thumbprint, &parts);
}

/* The leaf certificate must say the same key. RFC 7517 section 4.7. */
static enum brama_err check_x5c(struct reader *r)
{
    const struct brama_node *x5c = brama_node_get(r->node, BRAMA_STR("x5c"));
    if (x5c == NULL)
        return BRAMA_OK;
    if (x5c->kind != BRAMA_NODE_LIST || x5c->count == 0 || x5c->first->kind != BRAMA_NODE_STR)
        return fail(r, "JwkBadX5c", "x5c isn't a list of certificates");
    brama_str der;
    enum brama_err err = brama_b64_decode(&der, r->arena, x5c->first->text);
    if (err == BRAMA_ERR_SYNTAX)
        return fail(r, "JwkBadX5c", "x5c isn't base64");
    if (err != BRAMA_OK)
        return err;
    struct brama_pkey *leaf;
    struct brama_pkey_parts parts;
    uint8_t print[BRAMA_THUMBPRINT_BYTES];
    err = brama_pkey_from_cert(&leaf, der, &r->diag);
    if (err != BRAMA_OK)
        return fail_crypto(r, err, "JwkBadX5c");
    err = brama_pkey_parts(&parts, r->arena, leaf);
    brama_pkey_free(leaf);
    if (err == BRAMA_OK)
        err = brama_thumbprint(print, &parts);
    if (err == BRAMA_OK && memcmp(print, r->out->thumbprint, sizeof(print)) != 0)
        return fail(r, "JwkX5cMismatch", "x5c's leaf has another key");
    return err;
}

enum brama_err brama__jwk_read(struct brama_jwk *out, struct brama__jwk_fault *fault,
                               struct brama_arena *arena, const struct brama_node *node)
{
    struct reader r = {.out = out, .fault = fault, .arena = arena, .node = node};
    *out = (struct brama_jwk){0};
    *fault = (struct brama__jwk_fault){0};
    if (node->kind != BRAMA_NODE_MAP)
        return fail(&r, "JwkNotAnObject", "a member of keys isn't an object");

    static enum brama_err (*const steps[])(struct reader * r) = {
        read_kid, read_alg, read_by_kty, no_private_members, read_use, describe, check_x5c};
    enum brama_err err = BRAMA_OK;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(steps) && err == BRAMA_OK; i++)
        err = steps[i](&r);
    if (err != BRAMA_OK) {
        brama_pkey_free(out->pkey);
        out->pkey = NULL;
    }
    return err;
}
