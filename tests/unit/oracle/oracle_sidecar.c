/* Envoy beside the workload: jwt_authn by RequestAuthentications, RBAC by AuthorizationPolicies.
 * istio-jwt.md sections 1 and 3. */
#include <stdio.h>
#include <stdlib.h>

#include "evaluate.h"

#define INGRESS "cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"
#define RULES_MAX 64

enum status { MISSED, OK, BAD };

static bool selects(const struct brama_node *object, brama_str ns, const struct brama_node *labels)
{
    const struct brama_node *wanted = oracle_at(object, "spec.selector.matchLabels");
    if (!brama_str_eq(oracle_text(object, "metadata.namespace"), ns))
        return false;
    for (const struct brama_node *l = wanted->first; l != NULL; l = l->next)
        if (!brama_str_eq(brama_node_get_str(labels, l->key), l->text))
            return false;
    return true;
}

/* 2.3 to 2.8 in short: issuer, time, signature. */
static enum status verify(const struct oracle *o, const struct brama_node *rule, brama_str text,
                          const struct brama_node **claims)
{
    const struct oracle_token *token = oracle_find_token(o, text);
    if (token == NULL)
        return BAD;
    const struct brama_node *c = oracle_claims(o, token);
    double now = (double)o->now_s, skew = 60;
    if (!brama_str_eq(oracle_text(c, "iss"), oracle_text(rule, "issuer")) ||
        token->jwks_uri == NULL ||
        !brama_str_eq(brama_str_c(token->jwks_uri), oracle_text(rule, "jwksUri")) ||
        now > oracle_number(c, "exp", now) + skew || now < oracle_number(c, "nbf", now) - skew)
        return BAD;
    *claims = c;
    return OK;
}

/* A token at one place of the rule, or {NULL, 0}. */
static brama_str in_header(const struct oracle_request *r, brama_str name, brama_str prefix)
{
    if (r->header == NULL || !brama_str_eq_nocase(brama_str_c(r->header), name) ||
        !brama_str_starts(r->value, prefix))
        return BRAMA_NIL;
    return brama_str_from(r->value, prefix.n);
}

static brama_str in_param(const struct oracle_request *r, brama_str name)
{
    bool there = r->param != NULL && brama_str_eq(brama_str_c(r->param), name);
    return there ? r->param_value : BRAMA_NIL;
}

static size_t extract(const struct oracle_request *r, const struct brama_node *rule,
                      brama_str out[4])
{
    const struct brama_node *headers = oracle_at(rule, "fromHeaders");
    const struct brama_node *params = oracle_at(rule, "fromParams");
    size_t n = 0;

    if (headers == NULL && params == NULL) {
        out[n++] = in_header(r, BRAMA_STR("authorization"), BRAMA_STR("Bearer "));
        out[n++] = in_param(r, BRAMA_STR("access_token"));
    }
    if (headers != NULL)
        out[n++] = in_header(r, oracle_text(headers->first, "name"),
                             oracle_text(headers->first, "prefix"));
    if (params != NULL)
        out[n++] = in_param(r, params->first->text);
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        if (out[i].n != 0)
            out[found++] = out[i];
    return found;
}

/* 1.4: a rule verifies every token of its own places. */
static enum status judge_rule(const struct oracle *o, const struct oracle_request *r,
                              const struct brama_node *rule, const struct brama_node **claims)
{
    brama_str tokens[4];
    size_t n = extract(r, rule, tokens);
    enum status status = n == 0 ? MISSED : OK;
    while (n-- != 0 && status == OK)
        status = verify(o, rule, tokens[n], claims);
    return status;
}

static int by_issuer(const void *a, const void *b)
{
    const struct brama_node *const *x = a, *const *y = b;
    return brama_str_cmp(oracle_text(*x, "issuer"), oracle_text(*y, "issuer"));
}

/* 1.4, the requirement tree: the first OK wins; without one, all must have missed. */
static bool authenticate(const struct oracle *o, const struct oracle_request *r, brama_str ns,
                         const struct brama_node *labels, const struct brama_node **claims)
{
    const struct brama_node *rules[RULES_MAX];
    size_t n = 0;
    bool bad = false;

    *claims = NULL;
    for (const struct brama_node *ra = o->objects->first; ra != NULL; ra = ra->next) {
        if (!oracle_is_kind(ra, "RequestAuthentication") || !selects(ra, ns, labels))
            continue;
        for (const struct brama_node *j = oracle_at(ra, "spec.jwtRules")->first; j != NULL;
             j = j->next) {
            if (n == RULES_MAX)
                abort();
            rules[n++] = j;
        }
    }
    qsort(rules, n, sizeof(rules[0]), by_issuer);
    for (size_t i = 0; i < n; i++) {
        enum status status = judge_rule(o, r, rules[i], claims);
        if (status == OK)
            return true;
        bad = bad || status == BAD;
    }
    return !bad;
}

/* 3.3 */
static bool string_match(brama_str pattern, brama_str text)
{
    if (brama_str_eq(pattern, BRAMA_STR("*")))
        return text.n != 0;
    if (brama_str_starts(pattern, BRAMA_STR("*")))
        return brama_str_ends(text, brama_str_from(pattern, 1));
    if (brama_str_ends(pattern, BRAMA_STR("*")))
        return brama_str_starts(text, brama_str_head(pattern, pattern.n - 1));
    return brama_str_eq(pattern, text);
}

/* 3.5 */
static bool path_match(brama_str pattern, brama_str path)
{
    char regex[2048];
    size_t n = 0;

    if (brama_str_find_str(pattern, BRAMA_STR("{*}")) == pattern.n &&
        brama_str_find_str(pattern, BRAMA_STR("{**}")) == pattern.n)
        return string_match(pattern, path);
    while (pattern.n != 0) {
        const char *piece = NULL;
        size_t take = 1;
        if (brama_str_starts(pattern, BRAMA_STR("{**}"))) {
            piece = "[A-Za-z0-9\\-._~%!$&'()*+,;:@=/]*";
            take = 4;
        } else if (brama_str_starts(pattern, BRAMA_STR("{*}"))) {
            /* Kyma's own suite needs the star; docs/decisions.md. */
            piece = "[A-Za-z0-9\\-._~%!$&'()*+,;:@=]+";
            take = 3;
        }
        if (piece != NULL)
            n += (size_t)snprintf(regex + n, sizeof(regex) - n, "%s", piece);
        else
            n += (size_t)snprintf(regex + n, sizeof(regex) - n, "\\x%02x",
                                  (unsigned char)pattern.p[0]);
        pattern = brama_str_from(pattern, take);
    }
    return oracle_re2((brama_str){regex, n}, path);
}

static bool any_path(const struct brama_node *list, brama_str path)
{
    for (const struct brama_node *p = list != NULL ? list->first : NULL; p != NULL; p = p->next)
        if (path_match(p->text, path))
            return true;
    return false;
}

static bool host_match(brama_str pattern, brama_str host)
{
    if (brama_str_starts(pattern, BRAMA_STR("*")))
        return brama_str_ends(host, brama_str_from(pattern, 1));
    return brama_str_eq_nocase(pattern, host);
}

static bool operation_fits(const struct brama_node *op, const struct oracle_request *r)
{
    const struct brama_node *hosts = oracle_at(op, "hosts");
    bool host = hosts == NULL;
    for (const struct brama_node *h = host ? NULL : hosts->first; h != NULL; h = h->next)
        host = host || host_match(h->text, brama_str_c(r->host));
    return host && oracle_has_text(oracle_at(op, "methods"), brama_str_c(r->method)) &&
           any_path(oracle_at(op, "paths"), brama_str_c(r->path)) &&
           !any_path(oracle_at(op, "notPaths"), brama_str_c(r->path));
}

/* 3.4; v is ISSUER/star here, as Kyma writes it. */
static bool principal_fits(brama_str v, const struct brama_node *claims)
{
    size_t slash = brama_str_find_last(v, '/');
    return claims != NULL && brama_str_eq(brama_str_head(v, slash), oracle_text(claims, "iss")) &&
           string_match(brama_str_from(v, slash + 1), oracle_text(claims, "sub"));
}

static bool source_fits(const struct brama_node *source, const struct brama_node *claims)
{
    const struct brama_node *principals = oracle_at(source, "principals");
    const struct brama_node *requests = oracle_at(source, "requestPrincipals");
    bool fits = requests == NULL;

    if (principals != NULL && !oracle_has_text(principals, BRAMA_STR(INGRESS)))
        return false;
    for (const struct brama_node *p = fits ? NULL : requests->first; p != NULL; p = p->next)
        fits = fits || principal_fits(p->text, claims);
    return fits;
}

/* 3.6: scope alone is split at blanks. */
static bool claim_fits(const struct brama_node *claims, brama_str name, brama_str value)
{
    const struct brama_node *c = brama_node_get(claims, name);
    if (c == NULL)
        return false;
    if (c->kind == BRAMA_NODE_STR) {
        brama_str rest = c->text, piece;
        if (!brama_str_eq(name, BRAMA_STR("scope")))
            return string_match(value, c->text);
        while (brama_str_next(&rest, ' ', &piece))
            if (string_match(value, piece))
                return true;
        return false;
    }
    for (const struct brama_node *n = c->kind == BRAMA_NODE_LIST ? c->first : NULL; n != NULL;
         n = n->next)
        if (n->kind == BRAMA_NODE_STR && string_match(value, n->text))
            return true;
    return false;
}

static bool conditions_fit(const struct brama_node *when, const struct brama_node *claims)
{
    for (const struct brama_node *w = when != NULL ? when->first : NULL; w != NULL; w = w->next) {
        brama_str key = oracle_text(w, "key");
        size_t open = brama_str_find(key, '[');
        brama_str name = brama_str_head(brama_str_from(key, open + 1), key.n - open - 2);
        if (!claim_fits(claims, name, oracle_at(w, "values")->first->text))
            return false;
    }
    return true;
}

static bool rule_fits(const struct brama_node *rule, const struct oracle_request *r,
                      const struct brama_node *claims)
{
    const struct brama_node *from = oracle_at(rule, "from");
    if (from != NULL && !source_fits(oracle_at(from->first, "source"), claims))
        return false;
    return operation_fits(oracle_at(oracle_at(rule, "to")->first, "operation"), r) &&
           conditions_fit(oracle_at(rule, "when"), claims);
}

static bool is_custom(const struct brama_node *policy)
{
    return brama_str_eq(oracle_text(policy, "spec.action"), BRAMA_STR("CUSTOM"));
}

static bool policy_fits(const struct brama_node *policy, const struct oracle_request *r,
                        const struct brama_node *claims)
{
    for (const struct brama_node *n = oracle_at(policy, "spec.rules")->first; n != NULL;
         n = n->next)
        if (rule_fits(n, r, claims))
            return true;
    return false;
}

/* 3.2: CUSTOM before tokens are looked at, then ALLOW as a union. */
const char *oracle_ask_sidecar(const struct oracle *o, const struct oracle_request *request,
                               brama_str ns, const struct brama_node *labels)
{
    const struct brama_node *claims;
    bool any = false, yes = false;

    for (const struct brama_node *ap = o->objects->first; ap != NULL; ap = ap->next)
        if (oracle_is_kind(ap, "AuthorizationPolicy") && is_custom(ap) && selects(ap, ns, labels) &&
            policy_fits(ap, request, NULL) && !request->authorizer_allows)
            return "an authorizer says no";
    if (!authenticate(o, request, ns, labels, &claims))
        return "a bad token";
    for (const struct brama_node *ap = o->objects->first; ap != NULL; ap = ap->next) {
        if (!oracle_is_kind(ap, "AuthorizationPolicy") || is_custom(ap) || !selects(ap, ns, labels))
            continue;
        any = true;
        yes = yes || policy_fits(ap, request, claims);
    }
    return any && !yes ? "no policy allows it" : NULL;
}
