/* Shared by the files of the linter, nobody else; and all of its texts. */
#ifndef BRAMA_POLICY_LINTING_H
#define BRAMA_POLICY_LINTING_H

#include "base/map.h"
#include "policy/inner.h"
#include "policy/lint.h"
#include "route/overlap.h"
#include "rule/codes.h"

/* A rule is named "0 (/path)"; a request "GET /path". */
#define BRAMA__LINT_SHADOWED "no request reaches this rule: rule %.*s them all%s"
#define BRAMA__LINT_SHADOWED_PART "%.*s never reaches this rule: rule %.*s it%s"
#define BRAMA__LINT_ONE_TAKES "%.*s takes"
#define BRAMA__LINT_SEVERAL_TAKE "%.*s and others before this one take"
#define BRAMA__LINT_LETS_ALL_IN ", and lets everybody in"
#define BRAMA__LINT_SHARED                                                                         \
    "%s %.*s is answered 403: rule %.*s shares another method with this one, so Kyma takes its "   \
    "path out of this rule for all methods"
#define BRAMA__LINT_NO_ROUTE                                                                       \
    "this rule doesn't serve %.*s: Kyma makes one route for a path, and that is rule %.*s's"
#define BRAMA__LINT_OVERLAP                                                                        \
    "%s %.*s is answered 500: Oathkeeper finds this rule and rule %.*s for it, and takes no first"
#define BRAMA__LINT_UNION                                                                          \
    "in a cluster %s %.*s passes without a token: rule %.*s of %.*s opens it, since Kyma's "       \
    "policies are a union; brama asks for the token all the same"
#define BRAMA__LINT_OPEN_BEFORE                                                                    \
    "%s %.*s passes without a token: it belongs to rule %.*s, which comes first"
#define BRAMA__LINT_WILDCARD "%.*s%.*s has an APIRule of its own: this one doesn't see its requests"
#define BRAMA__LINT_NEVER "no request has such a path"
#define BRAMA__LINT_SLASH_STAR                                                                     \
    "with the ory handler this is a regular expression for slashes only; /.* is every path"
#define BRAMA__LINT_POLICY_PATH                                                                    \
    "%s %.*s is answered 403: an AuthorizationPolicy takes this path as text, not as a regular "   \
    "expression"
#define BRAMA__LINT_FOREIGN                                                                        \
    "%s %.*s is answered 403: the workload has AuthorizationPolicies of other rules, and none "    \
    "for "                                                                                         \
    "this one"
#define BRAMA__LINT_PREFLIGHT                                                                      \
    "browsers can't use this rule: no rule takes the preflight OPTIONS %.*s; add OPTIONS to "      \
    "methods"

struct brama__lint {
    struct brama_world *world;
    const struct brama_pack *policy;
    struct brama_arena scratch; /* of one route */
    struct brama_arena kept;    /* of the whole run */
    struct brama_regexes *regexes;
    const struct brama_apirule **apirules; /* by row of BRAMA_T_APIRULE */
    bool *served;                          /* by row of BRAMA_T_RULE: there is a route of it */
    bool *asked;                           /* likewise: there is an Oathkeeper Rule of it */
    struct brama_map told;                 /* pairs of rules that there was a word about */
    const struct brama_p_host *host;       /* under way */
    brama_str host_name;                   /* a name under it, where it is a wildcard */
};

struct brama__lint_route {
    const struct brama_p_route *row;
    const struct brama_p_rule *rule;
    struct brama_pattern path;
    uint32_t index; /* among the host's */
};

/* False at the end of the host's routes. */
bool brama__lint_route(const struct brama__lint *l, struct brama__lint_route *out, uint32_t index);
/* The host's route for a request; UINT32_MAX: none. */
uint32_t brama__lint_first(const struct brama__lint *l, brama_methods method, brama_str path);
/* "0 (/path)", in scratch. */
brama_str brama__lint_name(struct brama__lint *l, const struct brama_p_rule *rule);
/* At spec.rules[i] of the rule; member: ".path" or "". */
void brama__lint_warn(struct brama__lint *l, const struct brama_p_rule *rule, enum brama_code code,
                      const char *member, const char *fmt, ...) BRAMA_PRINTF(5, 6);
/* Has nobody asked yet about this rule, another one and this code? */
bool brama__lint_is_new(struct brama__lint *l, enum brama_code code, const struct brama_p_rule *a,
                        const struct brama_p_rule *b);
/* Nobody needs a token for it. */
bool brama__lint_is_open(const struct brama_p_route *route);

/* A request that this route gets and that is among those that both patterns match, with one of
 * these methods and whatever else `also` wants. */
struct brama__example {
    brama_methods method;
    brama_str path;
};
typedef bool brama__lint_also(const struct brama__lint *l, const void *ctx,
                              const struct brama__example *e);
bool brama__lint_example(struct brama__lint *l, struct brama__example *out,
                         const struct brama__lint_route *of, const struct brama_pattern *with,
                         brama_methods methods, brama__lint_also *also, const void *ctx);

/* Does a policy let the request reach an open route, or has the workload none? */
bool brama__lint_passes(const struct brama__lint *l, const void *route,
                        const struct brama__example *e);
/* Of one route, after the others of its host: what Kyma's policies and Oathkeeper make of it. */
void brama__lint_objects(struct brama__lint *l, const struct brama__lint_route *route);

#endif
