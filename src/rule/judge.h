/* Kyma's validation: which APIRules are valid, and the status of each, word for word.
 * v1alpha1 and v1beta1 as Kyma 3.1, v2alpha1 and v2 as 3.10. apirule.md section 3.
 */
#ifndef BRAMA_RULE_JUDGE_H
#define BRAMA_RULE_JUDGE_H

#include "rule/world.h"

/* A host that is being served for an APIRule now: it stays that rule's when another one wants it.
 */
struct brama_host_owner {
    brama_str host, ns, name;
    bool unread; /* it is in a file that can't be read now: nobody else gets the host meanwhile */
    size_t good_number; /* of its last good form, as in rule/kept.h; 0: not known */
};

struct brama_judge_options {
    brama_str domain; /* of the built-in Gateway kyma-system/kyma-gateway (*.domain) */
    const struct brama_host_owner *owners;
    size_t owner_count;
    bool quiet; /* no warnings: nobody reads them */
};

/* Fill full_host and judged of every rule of the world under the world's toggle. What Kyma accepts
 * and this version can't enforce yet is a failure with a text that says so. Warnings, with a code
 * (plain http for keys, a Service without an address, ...), go to world->findings. */
void brama_judge(struct brama_world *world, const struct brama_judge_options *options);

/* The same for a single rule under a given handler, among the world's neighbours but without
 * looking at its rules: for a stored last good form. The result is in rule->judged. */
void brama_judge_one(struct brama_apirule *rule, enum brama_handler handler,
                     const struct brama_world *world, brama_str domain, struct brama_arena *arena);

/* ".spec.rules[0]: message" of each failure and finding as one list for `brama check`. */
void brama_world_report(struct brama_findings *out, const struct brama_world *world);

#endif
