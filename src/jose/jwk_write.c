/* A public key as JSON text, and its name: RFC 7517 section 4, RFC 7638. */
#include "crypto/digest.h"
#include "jose/alg.h"
#include "jose/b64url.h"
#include "jose/jwks.h"
#include "json/write.h"

#define PARTS_MAX_BYTES 8192   /* a modulus of 1 KiB and an exponent, with room */
#define MEMBER_MAX_BYTES 65536 /* a certificate in base64, the largest member there is */

static const char *const kty_names[] = {
    [BRAMA_KTY_NONE] = "", [BRAMA_KTY_RSA] = "RSA", [BRAMA_KTY_EC] = "EC", [BRAMA_KTY_OKP] = "OKP"};
static const char *const crv_names[] = {[BRAMA_CRV_NONE] = "",
                                        [BRAMA_CRV_P256] = "P-256",
                                        [BRAMA_CRV_P384] = "P-384",
                                        [BRAMA_CRV_P521] = "P-521",
                                        [BRAMA_CRV_ED25519] = "Ed25519"};

/* ,"name":"octets" with the comma of all but the first. */
static void hash_octets(struct brama_buf *text, const char *name, brama_str octets)
{
    brama_buf_printf(text, "%s\"%s\":\"", text->n != 0 ? "," : "{", name);
    brama_b64url_encode(text, octets);
    brama_buf_add_c(text, '"');
}

static void hash_text(struct brama_buf *text, const char *name, const char *value)
{
    brama_buf_printf(text, "%s\"%s\":\"%s\"", text->n != 0 ? "," : "{", name, value);
}

enum brama_err brama_thumbprint(uint8_t out[BRAMA_THUMBPRINT_BYTES],
                                const struct brama_pkey_parts *parts)
{
    struct brama_buf text;
    brama_buf_init(&text, NULL, PARTS_MAX_BYTES);
    /* The required members only, by name in the order of their bytes, without blanks. */
    if (parts->kty == BRAMA_KTY_RSA) {
        hash_octets(&text, "e", parts->e);
        hash_text(&text, "kty", kty_names[parts->kty]);
        hash_octets(&text, "n", parts->n);
    } else {
        hash_text(&text, "crv", crv_names[parts->crv]);
        hash_text(&text, "kty", kty_names[parts->kty]);
        hash_octets(&text, "x", parts->x);
        if (parts->kty == BRAMA_KTY_EC)
            hash_octets(&text, "y", parts->y);
    }
    brama_buf_add_c(&text, '}');
    enum brama_err err = brama_buf_err(&text);
    if (err == BRAMA_OK)
        err = brama_sha256(out, brama_buf_str(&text));
    brama_buf_deinit(&text);
    return err;
}

/* A writer with the scratch space that a member's base64 is made in. */
struct writer {
    struct brama_json_out json;
    struct brama_buf scratch;
};

static void write_octets(struct writer *w, brama_str name, brama_str octets)
{
    if (octets.n == 0)
        return;
    brama_buf_reset(&w->scratch);
    brama_b64url_encode(&w->scratch, octets);
    brama_json_member(&w->json, name, brama_buf_str(&w->scratch));
}

static void write_text(struct writer *w, brama_str name, brama_str text)
{
    if (text.n != 0)
        brama_json_member(&w->json, name, text);
}

static enum brama_err write_cert(struct writer *w, brama_str der)
{
    uint8_t sha1[BRAMA_SHA1_BYTES], sha256[BRAMA_SHA256_BYTES];
    if (der.n == 0)
        return BRAMA_OK;
    enum brama_err err = brama_sha1(sha1, der);
    if (err == BRAMA_OK)
        err = brama_sha256(sha256, der);
    if (err != BRAMA_OK)
        return err;
    brama_buf_reset(&w->scratch);
    brama_b64_encode(&w->scratch, der);
    brama_json_key(&w->json, BRAMA_STR("x5c"));
    brama_json_list(&w->json);
    brama_json_str(&w->json, brama_buf_str(&w->scratch));
    brama_json_end(&w->json);
    err = brama_buf_err(&w->scratch);
    write_octets(w, BRAMA_STR("x5t"), (brama_str){(const char *)sha1, sizeof(sha1)});
    write_octets(w, BRAMA_STR("x5t#S256"), (brama_str){(const char *)sha256, sizeof(sha256)});
    return err;
}

static enum brama_err write_members(struct writer *w, const struct brama_pkey_parts *parts,
                                    const struct brama_jwk_wish *wish)
{
    brama_json_map(&w->json);
    brama_json_member(&w->json, BRAMA_STR("kty"), brama_str_c(kty_names[parts->kty]));
    write_text(w, BRAMA_STR("crv"), brama_str_c(crv_names[parts->crv]));
    write_octets(w, BRAMA_STR("n"), parts->n);
    write_octets(w, BRAMA_STR("e"), parts->e);
    write_octets(w, BRAMA_STR("x"), parts->x);
    write_octets(w, BRAMA_STR("y"), parts->y);
    write_text(w, BRAMA_STR("kid"), wish->kid);
    write_text(w, BRAMA_STR("alg"), brama_str_c(brama_alg_name(wish->alg)));
    write_text(w, BRAMA_STR("use"), wish->use);
    enum brama_err err = write_cert(w, wish->cert_der);
    brama_json_end(&w->json);
    return err != BRAMA_OK ? err : brama_buf_err(&w->scratch);
}

enum brama_err brama_jwk_write(struct brama_buf *out, const struct brama_pkey *key,
                               const struct brama_jwk_wish *wish)
{
    struct brama_pkey_parts parts;
    struct brama_arena arena;
    struct writer w;

    brama_arena_init(&arena, NULL, PARTS_MAX_BYTES);
    brama_buf_init(&w.scratch, NULL, MEMBER_MAX_BYTES);
    brama_json_out_init(&w.json, out, 0);
    enum brama_err err = brama_pkey_parts(&parts, &arena, key);
    if (err == BRAMA_OK)
        err = write_members(&w, &parts, wish);
    brama_buf_deinit(&w.scratch);
    brama_arena_deinit(&arena);
    return err != BRAMA_OK ? err : brama_buf_err(out);
}
