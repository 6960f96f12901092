/* Oathkeeper in front of the workload: exactly one of its rules matches, and one of its
 * authenticators is satisfied. oathkeeper.md 1.3, 2.0. */
#include "policy/inner.h"

/* How many rules match this path and the method, and one of them. False: a row is missing. */
static bool count_matches(struct brama__case *c, brama_str path, size_t *count,
                          const struct brama_p_oathkeeper **match)
{
    brama_str decoded = brama_path_decoded(c->arena, path);

    *count = 0;
    *match = NULL;
    for (uint32_t i = 0; i < c->route->oathkeeper.count; i++) {
        const uint32_t *n =
            BRAMA_ROW(c->policy, BRAMA_T_NUMBERS, c->route->oathkeeper.first + i, uint32_t);
        const struct brama_p_oathkeeper *ok =
            n != NULL ? BRAMA_ROW(c->policy, BRAMA_T_OATHKEEPER, *n, struct brama_p_oathkeeper)
                      : NULL;
        if (ok == NULL)
            return false;
        if ((ok->methods & c->method) == 0)
            continue;
        struct brama_pattern p = {(enum brama_pattern_kind)ok->path.kind,
                                  brama_pack_text(c->policy, ok->path.text)};
        if (!brama_pattern_match(&p, decoded, brama__memory_regexes(c->engine->memory)))
            continue;
        *match = ok;
        (*count)++;
    }
    return true;
}

/* None: 404; several: 500; there is no order among them. */
static const struct brama_p_oathkeeper *only_match(struct brama__case *c)
{
    const struct brama_p_oathkeeper *match = NULL, *other = NULL;
    size_t count = 0;

    if (!count_matches(c, c->path.path, &count, &match)) {
        brama__deny(c, BRAMA__ORY, BRAMA_REASON_INTERNAL);
        return NULL;
    }
    if (brama__in_doubt(c))
        return NULL;
    if (count != 1) {
        brama_trace_add(c->trace, "oathkeeper", BRAMA_TRACE_FAIL, BRAMA_STR("exactly one rule"),
                        count == 0 ? BRAMA_STR("none") : BRAMA_STR("several"),
                        "%zu match this method and path", count);
        brama__deny(c, BRAMA__ORY,
                    count == 0 ? BRAMA_REASON_OATHKEEPER_NO_RULE
                               : BRAMA_REASON_OATHKEEPER_MANY_RULES);
        return NULL;
    }
    for (size_t i = 0; i < c->path.reading_count; i++) {
        if (!count_matches(c, c->path.readings[i], &count, &other) || other != match) {
            brama__deny_ambiguous(c, c->path.readings[i]);
            return NULL;
        }
        if (brama__in_doubt(c))
            return NULL;
    }
    return match;
}

static bool refuse(struct brama__case *c, enum brama_reason reason)
{
    brama__deny(c, BRAMA__ORY, reason);
    return false;
}

static enum brama__authn ended(struct brama__case *c, enum brama_reason reason)
{
    brama__deny(c, BRAMA__ORY, reason);
    return BRAMA__AUTHN_ENDED;
}

/* Whoever sends an Authorization header isn't anonymous. oathkeeper.md 2.3. */
static enum brama__authn ask_anonymous(struct brama__case *c)
{
    size_t count = 0;
    const struct brama_header *h = brama__header(c->request, BRAMA_STR("authorization"), &count);

    if (count > 1) {
        static const struct brama__place place = {.name = BRAMA_LIT("Authorization")};
        brama__deny_several(c, BRAMA__ORY, &place);
        return BRAMA__AUTHN_ENDED;
    }
    if (h != NULL && h->value.n != 0) {
        brama_trace_add(c->trace, "token", brama__not_mine_outcome(c),
                        BRAMA_STR("no Authorization header"), BRAMA_NIL,
                        "anonymous isn't responsible for a request that has one");
        brama_trace_change(c->trace, BRAMA_CHANGE_HEADER, "authorization", BRAMA_CHANGE_DROP,
                           BRAMA_NIL);
        return BRAMA__AUTHN_NOT_MINE;
    }
    c->session.subject = BRAMA_STR("anonymous"); /* Kyma lets nobody configure another one */
    c->out->subject = c->session.subject;
    return BRAMA__AUTHN_PASSED;
}

static enum brama__authn ask(struct brama__case *c, const struct brama_p_authenticator *a)
{
    const struct brama_p_ory *ory;
    const struct brama_p_oauth2 *oauth2 =
        BRAMA_ROW(c->policy, BRAMA_T_OAUTH2, a->oauth2, struct brama_p_oauth2);

    switch ((enum brama_strategy_kind)a->strategy) {
    case BRAMA_STRATEGY_NOOP:
        return BRAMA__AUTHN_PASSED;
    case BRAMA_STRATEGY_UNAUTHORIZED:
        brama_trace_add(c->trace, "authenticator", BRAMA_TRACE_FAIL, BRAMA_NIL,
                        BRAMA_STR("unauthorized"), "this handler lets nobody in");
        return ended(c, BRAMA_REASON_UNAUTHORIZED);
    case BRAMA_STRATEGY_ANONYMOUS:
        return ask_anonymous(c);
    case BRAMA_STRATEGY_COOKIE_SESSION: /* apirule.md 2.1 */
        brama_trace_add(c->trace, "authenticator", BRAMA_TRACE_FAIL, BRAMA_NIL,
                        BRAMA_STR("cookie_session"),
                        "switched off in the Oathkeeper that Kyma installs");
        return ended(c, BRAMA_REASON_HANDLER_DISABLED);
    case BRAMA_STRATEGY_JWT:
        ory = BRAMA_ROW(c->policy, BRAMA_T_ORY, a->ory, struct brama_p_ory);
        return ory != NULL ? brama__ask_ory_jwt(c, ory) : ended(c, BRAMA_REASON_INTERNAL);
    case BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS:
        return oauth2 != NULL ? brama__ask_client_credentials(c, oauth2)
                              : ended(c, BRAMA_REASON_INTERNAL);
    case BRAMA_STRATEGY_OAUTH2_INTROSPECTION:
        return oauth2 != NULL ? brama__ask_introspection(c, oauth2)
                              : ended(c, BRAMA_REASON_INTERNAL);
    case BRAMA_STRATEGY_UNKNOWN:
    case BRAMA_STRATEGY_ALLOW:
    case BRAMA_STRATEGY_NO_AUTH:
    case BRAMA_STRATEGY_EXT_AUTH:
        break;
    }
    return ended(c, BRAMA_REASON_INTERNAL);
}

enum brama_trace_outcome brama__not_mine_outcome(const struct brama__case *c)
{
    return c->last_authenticator ? BRAMA_TRACE_FAIL : BRAMA_TRACE_INFO;
}

enum brama__authn brama__no_ory_token(struct brama__case *c, const struct brama__place *place)
{
    c->token_missed = true;
    brama_trace_add(c->trace, "token", brama__not_mine_outcome(c), BRAMA_STR("a token"), BRAMA_NIL,
                    "none at the place that the rule names: %.*s",
                    BRAMA_FMT(brama__place_text(c, place)));
    brama__change_place(c, place);
    return BRAMA__AUTHN_NOT_MINE;
}

/* In order, until one is responsible: its answer stands. A credential that fails never falls
 * through to the next one. oathkeeper.md 2.0. */
static bool satisfied(struct brama__case *c, const struct brama_p_oathkeeper *rule)
{
    for (uint32_t i = 0; i < rule->authenticators.count; i++) {
        const struct brama_p_authenticator *a =
            BRAMA_ROW(c->policy, BRAMA_T_AUTHENTICATOR, rule->authenticators.first + i,
                      struct brama_p_authenticator);
        if (a == NULL)
            return refuse(c, BRAMA_REASON_INTERNAL);
        c->last_authenticator = i + 1 == rule->authenticators.count;
        enum brama__authn said = ask(c, a);
        if (said != BRAMA__AUTHN_NOT_MINE)
            return said == BRAMA__AUTHN_PASSED;
    }
    return refuse(c, c->token_missed ? BRAMA_REASON_TOKEN_MISSING : BRAMA_REASON_NOT_RESPONSIBLE);
}

bool brama__ask_oathkeeper(struct brama__case *c)
{
    const struct brama_p_oathkeeper *match = only_match(c);
    if (match == NULL)
        return false;
    /* The route's own rule, where it names the method, is the one that has to match. */
    const struct brama_p_rule *own = c->rule;
    if (own != NULL && (own->methods & c->method) != 0 && match->rule != c->route->rule) {
        brama_trace_add(
            c->trace, "oathkeeper", BRAMA_TRACE_FAIL, brama_pack_text(c->policy, own->path),
            c->path.path,
            "the route's rule names this method, but its Oathkeeper Rule doesn't match");
        return refuse(c, BRAMA_REASON_OATHKEEPER_NO_RULE);
    }
    brama__name_rule(c, match->rule);
    c->oathkeeper = match;
    return satisfied(c, match) && brama__mutate(c);
}
