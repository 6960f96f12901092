/* What is valid and does something else than it seems to: told from the compiled routes, policies
 * and Oathkeeper Rules, so from what will decide.
 *
 *     err = brama_policy_compile(&bytes, 1, &(struct brama_compile_in){.world = &world, ...});
 *     ...open policy...
 *     err = brama_policy_lint(&world, &policy);    // more world.findings
 *
 * Nothing is claimed that isn't so. That no request reaches a rule is proved from the patterns; all
 * else is said with a request for an example, which the compiled routes have confirmed. Silence
 * proves nothing: regular expressions are looked at by examples only, and a route is compared with
 * BRAMA_LINT_EARLIER_MAX routes before it.
 */
#ifndef BRAMA_POLICY_LINT_H
#define BRAMA_POLICY_LINT_H

#include "policy/policy.h"
#include "rule/world.h"

#define BRAMA_LINT_EARLIER_MAX 1000 /* pairs of one host grow with the square */

/* Adds warnings to world->findings. policy: compiled from that world, without last good forms.
 * BRAMA_ERR_NOMEM only. */
BRAMA_MUST_USE enum brama_err brama_policy_lint(struct brama_world *world,
                                                const struct brama_policy *policy);

#endif
