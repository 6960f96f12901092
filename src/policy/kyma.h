/* Where a cluster with Kyma would answer otherwise than we do, and why we differ:
 * docs/decisions.md.
 *
 *     struct brama_kyma kyma;
 *     if (brama_kyma_differs(&kyma, &question, &arena))
 *         print("Kyma: ", kyma.answer, "; ", kyma.why);
 */
#ifndef BRAMA_POLICY_KYMA_H
#define BRAMA_POLICY_KYMA_H

#include "policy/decide.h"

/* Of a request that was decided. */
struct brama_kyma_question {
    const struct brama_policy *policy; /* in force then; NULL: nothing is known to differ */
    const struct brama_request *request;
    const struct brama_decision *decision;
    const struct brama_jwt *jwt; /* the token that the answer rests on, or NULL */
};

struct brama_kyma {
    brama_str answer; /* "403 RBAC: access denied", or in words; static */
    brama_str why;    /* why ours is another; static */
};

/* False: the same, as far as is known. Differences that need the cluster's state (what runs beside,
 * which keys it has cached) aren't told. */
bool brama_kyma_differs(struct brama_kyma *out, const struct brama_kyma_question *q);

#endif
