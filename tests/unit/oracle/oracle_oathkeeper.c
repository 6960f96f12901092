/* Oathkeeper: exactly one Rule, its authenticators in order. oathkeeper.md sections 1.3 and 2. */
#include <string.h>

#include "evaluate.h"

enum outcome { NOT_RESPONSIBLE, YES, NO };

/* "<http|https>://HOST<REGEX>" over "https://HOST/path" */
static bool url_fits(const struct oracle *o, brama_str url, const struct oracle_request *r)
{
    static const brama_str scheme = BRAMA_LIT("<http|https>://");
    brama_str rest = brama_str_from(url, scheme.n);
    size_t open = brama_str_find(rest, '<');
    brama_str host = brama_str_head(rest, open);
    brama_str regex = brama_str_head(brama_str_from(rest, open + 1), rest.n - open - 2);

    (void)o;
    return brama_str_eq(host, brama_str_c(r->host)) && oracle_re2(regex, brama_str_c(r->decoded));
}

static bool wildcard_grants(brama_str granted, brama_str required)
{
    brama_str g, r;
    bool star = false;
    while (brama_str_next(&granted, '.', &g)) {
        if (!brama_str_next(&required, '.', &r))
            return false;
        star = brama_str_eq(g, BRAMA_STR("*"));
        if (star ? r.n == 0 : !brama_str_eq(g, r))
            return false;
    }
    return star || !brama_str_next(&required, '.', &r);
}

static bool grants(brama_str strategy, brama_str granted, brama_str required)
{
    if (brama_str_eq(strategy, BRAMA_STR("exact")))
        return brama_str_eq(granted, required);
    if (brama_str_eq(strategy, BRAMA_STR("hierarchic")))
        return brama_str_eq(granted, required) ||
               (brama_str_starts(required, granted) && required.p[granted.n] == '.');
    return brama_str_eq(strategy, BRAMA_STR("wildcard")) && wildcard_grants(granted, required);
}

/* The first present of scp, scope, scopes. */
static const struct brama_node *scope_claim(const struct brama_node *claims)
{
    static const char *const names[] = {"scp", "scope", "scopes"};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (oracle_at(claims, names[i]) != NULL)
            return oracle_at(claims, names[i]);
    return NULL;
}

static bool is_granted(const struct brama_node *claims, brama_str strategy, brama_str required)
{
    const struct brama_node *c = scope_claim(claims);
    brama_str rest = c != NULL && c->kind == BRAMA_NODE_STR ? c->text : BRAMA_NIL, piece;
    while (rest.n != 0 && brama_str_next(&rest, ' ', &piece))
        if (grants(strategy, piece, required))
            return true;
    for (const struct brama_node *n = c != NULL && c->kind == BRAMA_NODE_LIST ? c->first : NULL;
         n != NULL; n = n->next)
        if (n->kind == BRAMA_NODE_STR && grants(strategy, n->text, required))
            return true;
    return false;
}

static bool names_audience(const struct brama_node *claims, brama_str audience)
{
    const struct brama_node *aud = oracle_at(claims, "aud");
    if (aud != NULL && aud->kind == BRAMA_NODE_STR)
        return brama_str_eq(aud->text, audience);
    return oracle_has_text(aud, audience);
}

static brama_str token_of(const struct oracle_request *r, const struct brama_node *config)
{
    brama_str header = oracle_text(config, "token_from.header");
    brama_str param = oracle_text(config, "token_from.query_parameter");
    bool has = r->header != NULL;

    if (param.n != 0)
        return r->param != NULL && brama_str_eq(brama_str_c(r->param), param) ? r->param_value
                                                                              : BRAMA_NIL;
    if (header.n != 0)
        return has && brama_str_eq_nocase(brama_str_c(r->header), header) ? r->value : BRAMA_NIL;
    if (!has || !brama_str_eq_nocase(brama_str_c(r->header), BRAMA_STR("Authorization")) ||
        brama_str_find(r->value, ' ') != 6 ||
        !brama_str_eq_nocase(brama_str_head(r->value, 6), BRAMA_STR("bearer")))
        return BRAMA_NIL;
    return brama_str_from(r->value, 7);
}

/* All RS256 here, which is what Oathkeeper allows by itself. */
static enum outcome jwt(const struct oracle *o, const struct oracle_request *r,
                        const struct brama_node *config)
{
    brama_str text = token_of(r, config), strategy = oracle_text(config, "scope_strategy");
    if (text.n == 0)
        return NOT_RESPONSIBLE;
    const struct oracle_token *token = oracle_find_token(o, text);
    if (token == NULL || token->jwks_uri == NULL ||
        !oracle_has_text(oracle_at(config, "jwks_urls"), brama_str_c(token->jwks_uri)))
        return NO;
    const struct brama_node *claims = oracle_claims(o, token);
    const struct brama_node *issuers = oracle_at(config, "trusted_issuers");
    double now = (double)o->now_s;
    bool yes = now <= oracle_number(claims, "exp", now) && now >= oracle_number(claims, "nbf", now);
    if (issuers != NULL && issuers->count != 0)
        yes = yes && oracle_has_text(issuers, oracle_text(claims, "iss"));
    if (strategy.n == 0)
        strategy = BRAMA_STR("wildcard"); /* of the configuration that Kyma ships */
    const struct brama_node *n = oracle_at(config, "required_scope");
    for (n = n != NULL ? n->first : NULL; n != NULL; n = n->next)
        yes = yes && is_granted(claims, strategy, n->text);
    n = oracle_at(config, "target_audience");
    for (n = n != NULL ? n->first : NULL; n != NULL; n = n->next)
        yes = yes && names_audience(claims, n->text);
    return yes ? YES : NO;
}

static enum outcome authenticate(const struct oracle *o, const struct oracle_request *r,
                                 const struct brama_node *authenticator)
{
    brama_str handler = oracle_text(authenticator, "handler");
    if (brama_str_eq(handler, BRAMA_STR("noop")))
        return YES;
    if (brama_str_eq(handler, BRAMA_STR("anonymous"))) {
        bool credentials = r->header != NULL && r->value.n != 0 &&
                           brama_str_eq_nocase(brama_str_c(r->header), BRAMA_STR("Authorization"));
        return credentials ? NOT_RESPONSIBLE : YES;
    }
    if (brama_str_eq(handler, BRAMA_STR("jwt")))
        return jwt(o, r, oracle_at(authenticator, "config"));
    if (brama_str_eq(handler, BRAMA_STR("oauth2_introspection"))) {
        if (token_of(r, oracle_at(authenticator, "config")).n == 0)
            return NOT_RESPONSIBLE;
        return r->token_is_active ? YES : NO;
    }
    return NO; /* unauthorized */
}

const char *oracle_ask_oathkeeper(const struct oracle *o, const struct oracle_request *request,
                                  brama_str *upstream)
{
    static const brama_str http = BRAMA_LIT("http://");
    const struct brama_node *rule = NULL;
    size_t count = 0;

    for (const struct brama_node *n = o->objects->first; n != NULL; n = n->next)
        if (oracle_is_kind(n, "Rule") &&
            oracle_has_text(oracle_at(n, "spec.match.methods"), brama_str_c(request->method)) &&
            url_fits(o, oracle_text(n, "spec.match.url"), request)) {
            rule = n;
            count++;
        }
    if (count != 1)
        return count == 0 ? "no Oathkeeper Rule" : "several Oathkeeper Rules";
    *upstream = brama_str_from(oracle_text(rule, "spec.upstream.url"), http.n);
    for (const struct brama_node *a = oracle_at(rule, "spec.authenticators")->first; a != NULL;
         a = a->next) {
        enum outcome outcome = authenticate(o, request, a);
        if (outcome != NOT_RESPONSIBLE)
            return outcome == YES ? NULL : "an authenticator says no";
    }
    return "no authenticator is responsible";
}
