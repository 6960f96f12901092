/* What a rule asks of a token, and what it doesn't. */
#include "rule/warning.h"

/* Where a jwt config is, as an attribute. */
static brama_str config_path(struct brama_world *world, const struct brama_apirule *rule, size_t i,
                             size_t j)
{
    return brama_api_is_v1(rule->version)
               ? brama_arena_printf(world->arena, ".spec.rules[%zu].accessStrategies[%zu].config",
                                    i, j)
               : brama_arena_printf(world->arena, ".spec.rules[%zu].%.*s", i,
                                    BRAMA_FMT(rule->rules[i].strategies[j].name));
}

static void warn_if_plain(struct brama_world *world, struct brama_where where, brama_str uri,
                          brama_str attribute, const char *text)
{
    if (brama_str_eq_nocase(brama_str_head(uri, 7), BRAMA_STR("http://")))
        brama__warn_at(world, where, BRAMA_CODE_PLAIN_HTTP, attribute, brama_str_c(text));
}

/* The host of an http or https URL; empty if it is none. */
static brama_str host_of(brama_str url)
{
    size_t scheme = brama_str_eq_nocase(brama_str_head(url, 7), BRAMA_STR("http://"))    ? 7
                    : brama_str_eq_nocase(brama_str_head(url, 8), BRAMA_STR("https://")) ? 8
                                                                                         : url.n;
    brama_str host = brama_str_from(url, scheme);

    host = brama_str_head(host, brama_str_find(host, '/'));
    return brama_str_head(host, brama_str_find(host, ':'));
}

/* Its last two labels; an address has four, and all count. */
static brama_str domain_of(brama_str host)
{
    size_t n = host.n, dots = 0;

    if (host.n != 0 && host.p[host.n - 1] >= '0' && host.p[host.n - 1] <= '9')
        return host;
    for (; n != 0; n--)
        if (host.p[n - 1] == '.' && ++dots == 2)
            break;
    return brama_str_from(host, n);
}

static void warn_if_foreign(struct brama_world *world, const struct brama_jwt_auth *auth,
                            brama_str attribute)
{
    brama_str issuer = host_of(auth->issuer), keys = host_of(auth->jwks_uri);

    if (issuer.n != 0 && keys.n != 0 && !brama_str_eq_nocase(domain_of(issuer), domain_of(keys)))
        brama__warn_at(world, auth->where, BRAMA_CODE_FOREIGN_KEYS, attribute,
                       brama_arena_printf(world->arena, BRAMA__TEXT_FOREIGN_KEYS, BRAMA_FMT(keys),
                                          BRAMA_FMT(issuer)));
}

static void warn_istio(struct brama_world *world, const struct brama_strategy *s, brama_str at)
{
    bool audience = s->istio.authz_count != 0;

    for (size_t k = 0; k < s->istio.auth_count; k++) {
        const struct brama_jwt_auth *auth = &s->istio.auths[k];
        brama_str path =
            brama_arena_printf(world->arena, "%.*s.authentications[%zu]", BRAMA_FMT(at), k);
        brama_str keys = brama_arena_printf(world->arena, "%.*s.jwksUri", BRAMA_FMT(path));
        warn_if_plain(world, auth->where, auth->issuer,
                      brama_arena_printf(world->arena, "%.*s.issuer", BRAMA_FMT(path)),
                      BRAMA__TEXT_PLAIN_ISSUER);
        warn_if_plain(world, auth->where, auth->jwks_uri, keys, BRAMA__TEXT_PLAIN_HTTP);
        warn_if_foreign(world, auth, keys);
        if (auth->from_params.n != 0)
            brama__warn_at(world, auth->where, BRAMA_CODE_TOKEN_IN_QUERY,
                           brama_arena_printf(world->arena, "%.*s.fromParams", BRAMA_FMT(path)),
                           BRAMA_STR(BRAMA__TEXT_TOKEN_IN_QUERY));
    }
    /* One authorization is enough to pass, so each of them must name one. */
    for (size_t k = 0; k < s->istio.authz_count; k++)
        audience = audience && s->istio.authz[k].audiences.n != 0;
    if (!audience && s->istio.auth_count != 0)
        brama__warn_at(world, s->where, BRAMA_CODE_NO_AUDIENCE,
                       brama_arena_printf(world->arena, "%.*s.authorizations", BRAMA_FMT(at)),
                       BRAMA_STR(BRAMA__TEXT_NO_AUDIENCE));
}

static void warn_list(struct brama_world *world, struct brama_where where, brama_str at,
                      const char *key, struct brama_str_list uris, const char *text)
{
    for (size_t k = 0; k < uris.n; k++)
        warn_if_plain(world, where, uris.p[k],
                      brama_arena_printf(world->arena, "%.*s.%s[%zu]", BRAMA_FMT(at), key, k),
                      text);
}

static void warn_ory(struct brama_world *world, const struct brama_strategy *s, brama_str at)
{
    const struct brama_jwt_ory *ory = &s->ory;

    warn_list(world, s->where, at, "trusted_issuers", ory->trusted_issuers,
              BRAMA__TEXT_PLAIN_ISSUER);
    warn_list(world, s->where, at, "jwks_urls", ory->jwks_urls, BRAMA__TEXT_PLAIN_HTTP);
    if (ory->token_from.place == BRAMA_TOKEN_PARAM)
        brama__warn_at(world, s->where, BRAMA_CODE_TOKEN_IN_QUERY,
                       brama_arena_printf(world->arena, "%.*s.token_from", BRAMA_FMT(at)),
                       BRAMA_STR(BRAMA__TEXT_TOKEN_IN_QUERY));
    if (ory->jwks_urls.n != 0 && ory->trusted_issuers.n == 0)
        brama__warn_at(world, s->where, BRAMA_CODE_ANY_ISSUER,
                       brama_arena_printf(world->arena, "%.*s.trusted_issuers", BRAMA_FMT(at)),
                       BRAMA_STR(BRAMA__TEXT_ANY_ISSUER));
    if (ory->jwks_urls.n != 0 && ory->target_audience.n == 0)
        brama__warn_at(world, s->where, BRAMA_CODE_NO_AUDIENCE,
                       brama_arena_printf(world->arena, "%.*s.target_audience", BRAMA_FMT(at)),
                       BRAMA_STR(BRAMA__TEXT_NO_AUDIENCE));
}

void brama__warn_jwt(struct brama_world *world, const struct brama_apirule *rule, size_t i,
                     size_t j)
{
    const struct brama_strategy *s = &rule->rules[i].strategies[j];
    brama_str at = config_path(world, rule, i, j);

    warn_istio(world, s, at);
    if (s->kind == BRAMA_STRATEGY_JWT && brama_api_is_v1(rule->version))
        warn_ory(world, s, at);
}
