/* From judged APIRules to a policy file. Pure: the same input gives the same bytes.
 *
 * What is in force of an APIRule is its current form where that is valid, else its last good form,
 * else nothing (design section 2, "the last good form").
 */
#ifndef BRAMA_POLICY_COMPILE_H
#define BRAMA_POLICY_COMPILE_H

#include "policy/policy.h"
#include "rule/world.h"

/* What was accepted before and may stand in. */
struct brama_last_good {
    const struct brama_apirule *rule; /* judged valid under its own handler */
};

struct brama_compile_in {
    const struct brama_world *world;    /* judged */
    const struct brama_last_good *good; /* at most one a (namespace, name) */
    size_t good_count;
    brama_str domain;
    enum brama_responses responses;
    uint16_t tls_port;               /* 0: 443 */
    const struct brama_policy *like; /* about as large as what will come out; NULL: not known */
    /* Sources that are there but can't be read now: the APIRules named here have no object in the
     * world, and stay in force in their last good form with this status. */
    const struct brama_broken_rule {
        brama_str ns, name, description;
        struct brama_where where; /* of the problem; or the file alone */
    } * broken;
    size_t broken_count;
    /* The files that were read, for BRAMA_T_SOURCE. */
    const struct brama_source_file {
        brama_str file;
        uint64_t hash;
    } * sources;
    size_t source_count;
};

/* Some problems show only here (a path that isn't RE2): they are added to rule->judged, which then
 * isn't valid any more, before the forms are chosen. */
BRAMA_MUST_USE enum brama_err brama_compile_check(struct brama_world *world);

BRAMA_MUST_USE enum brama_err brama_policy_compile(struct brama_buf *out, uint64_t number,
                                                   const struct brama_compile_in *in);

#endif
