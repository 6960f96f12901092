#include "source/discovery.h"

#include "json/read.h"

static const brama_str suffix = BRAMA_LIT("/.well-known/openid-configuration");

bool brama__is_discovery(brama_str url)
{
    return brama_str_ends(url, suffix);
}

static bool has_scheme(brama_str url, brama_str scheme)
{
    return url.n > scheme.n && brama_str_eq_nocase(brama_str_head(url, scheme.n), scheme);
}

/* A document that came over TLS can't send us to a place without it, and none from the network to a
 * file. */
static bool may_follow(brama_str from, brama_str to)
{
    if (has_scheme(to, BRAMA_STR("https://")))
        return true;
    if (has_scheme(to, BRAMA_STR("http://")))
        return !has_scheme(from, BRAMA_STR("https://"));
    return has_scheme(from, BRAMA_STR("file://")) && has_scheme(to, BRAMA_STR("file://"));
}

enum brama_err brama__discovery_read(brama_str *jwks_uri, struct brama_arena *arena, brama_str url,
                                     brama_str text, struct brama_diag *diag)
{
    struct brama_where nowhere = {0};
    struct brama_node *doc = NULL;

    *jwks_uri = BRAMA_NIL;
    enum brama_err err = brama_json_parse(&doc, arena, text, &brama_json_limits_jwks, diag);
    if (err != BRAMA_OK)
        return err;
    if (doc->kind != BRAMA_NODE_MAP) {
        brama_diag_set(diag, nowhere, "the discovery document is no JSON object");
        return BRAMA_ERR_SYNTAX;
    }
    brama_str want = brama_str_head(url, url.n - suffix.n);
    brama_str issuer = brama_node_get_str(doc, BRAMA_STR("issuer"));
    brama_str bare = issuer;
    if (brama_str_ends(bare, BRAMA_STR("/")))
        bare.n--;
    if (!brama_str_eq(bare, want)) {
        brama_diag_set(diag, nowhere,
                       "the discovery document's issuer is \"%.*s\", expected \"%.*s\"",
                       (int)(issuer.n < 80 ? issuer.n : 80), issuer.n != 0 ? issuer.p : "",
                       (int)(want.n < 80 ? want.n : 80), want.p);
        return BRAMA_ERR_INVALID;
    }
    brama_str uri = brama_node_get_str(doc, BRAMA_STR("jwks_uri"));
    if (uri.n == 0 || !may_follow(url, uri)) {
        brama_diag_set(diag, nowhere, "the discovery document has no jwks_uri%s",
                       uri.n != 0 ? " that may be followed from there" : "");
        return BRAMA_ERR_INVALID;
    }
    *jwks_uri = uri;
    return BRAMA_OK;
}
