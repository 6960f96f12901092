/* The second half of the compiler: workloads, and what of Kyma's objects can touch which route. */
#include "policy/build.h"

static const struct brama_p_ap *policy_at(const struct brama__build *b, uint32_t row)
{
    return brama_packer_at(b->out, BRAMA_T_AP, row);
}

static const struct brama_p_auth *auth_at(const struct brama__build *b, uint32_t row)
{
    return brama_packer_at(b->out, BRAMA_T_AUTH, row);
}

static int compare(const struct brama__build *b, struct brama_ref x, struct brama_ref y)
{
    return brama_packer_same_text(b->out, x, y)
               ? 0
               : brama_str_cmp(brama_packer_stored(b->out, x), brama_packer_stored(b->out, y));
}

static int by_number(uint32_t x, uint32_t y)
{
    return (x > y) - (x < y);
}

static int by_issuer(const void *a, const void *b, const void *ctx)
{
    const struct brama__policy_of *x = a, *y = b;
    const struct brama__build *build = ctx;
    if (x->workload != y->workload)
        return by_number(x->workload, y->workload);
    return compare(build, auth_at(build, x->row)->issuer, auth_at(build, y->row)->issuer);
}

static bool same_auth(const struct brama__build *b, const struct brama_p_auth *x,
                      const struct brama_p_auth *y)
{
    return x->keyset == y->keyset && x->place == y->place &&
           brama_packer_same_text(b->out, x->issuer, y->issuer) &&
           brama_packer_same_text(b->out, x->name, y->name) &&
           brama_packer_same_text(b->out, x->prefix, y->prefix);
}

/* Was it among the workload's, of which count rows were added? */
static bool is_known(const struct brama__build *b, struct brama_span added,
                     const struct brama_p_auth *auth)
{
    for (uint32_t i = 0; i < added.count; i++)
        if (same_auth(b, auth_at(b, added.first + i), auth))
            return true;
    return false;
}

/* The auths of all forms of a workload, equal ones once. istio-jwt.md 1.1. */
static void add_auths(struct brama__build *b)
{
    const struct brama__policy_of *auths = b->auths.p;
    size_t n = b->auths.n;

    if (!brama_sort(b->auths.p, n, sizeof(*auths), by_issuer, b, &b->arena))
        b->err = BRAMA_ERR_NOMEM;
    for (size_t i = 0; b->err == BRAMA_OK && i < n;) {
        const uint32_t workload = auths[i].workload;
        struct brama_span span = {brama_packer_count(b->out, BRAMA_T_AUTH), 0};
        for (; i < n && auths[i].workload == workload; i++) {
            struct brama_p_auth row = *auth_at(b, auths[i].row);
            if (is_known(b, span, &row))
                continue;
            brama_packer_row(b->out, BRAMA_T_AUTH, &row, sizeof(row));
            span.count++;
            b->err = brama_packer_err(b->out);
        }
        ((struct brama_p_workload *)brama_packer_at(b->out, BRAMA_T_WORKLOAD, workload))->auths =
            span;
    }
}

static void fold_policy(struct brama__build *b, struct brama_p_route *route, uint32_t row)
{
    const struct brama_p_ap *ap = policy_at(b, row);
    struct brama_pattern x = brama__stored_pattern(b, &route->path),
                         y = brama__stored_pattern(b, &ap->path);
    if (brama__methods_meet(route, ap->methods) && brama_patterns_may_meet(&x, &y))
        brama__build_number(b, &route->policies, row);
}

/* The first policy from low on whose host isn't before this one. */
static uint32_t first_of_host(const struct brama__build *b, uint32_t low, uint32_t high,
                              struct brama_ref host)
{
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (compare(b, policy_at(b, mid)->host, host) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool is_exact(const struct brama__build *b, struct brama_ref host)
{
    return host.n != 0 && brama_packer_stored(b->out, host).p[0] != '*';
}

/* Policies are sorted by workload, then host: those for any host and for wildcards come first. A
 * route of one host meets these and its own host's; a wildcard route may meet all of the workload.
 */
static void fold_policies(struct brama__build *b, struct brama_p_route *route,
                          struct brama_ref host, const uint32_t *starts)
{
    uint32_t i = starts[route->workload], end = starts[route->workload + 1];

    for (; i < end && !(is_exact(b, host) && is_exact(b, policy_at(b, i)->host)); i++)
        fold_policy(b, route, i);
    i = first_of_host(b, i, end, host);
    for (; i < end && brama_packer_same_text(b->out, policy_at(b, i)->host, host); i++)
        fold_policy(b, route, i);
}

static int by_workload(const void *a, const void *b, const void *ctx)
{
    const struct brama__policy_of *x = a, *y = b;
    const struct brama__build *build = ctx;
    if (x->workload != y->workload)
        return by_number(x->workload, y->workload);
    const struct brama_p_ap *p = policy_at(build, x->row), *q = policy_at(build, y->row);
    int d = compare(build, p->host, q->host);
    return d != 0 ? d : by_number(p->rule, q->rule);
}

/* As they were linked they mostly stand well already. */
static bool order_policies(struct brama__build *b)
{
    const struct brama__policy_of *aps = b->aps.p;
    uint32_t *order = brama_arena_array(&b->arena, b->aps.n, sizeof(*order));
    bool moved = false;

    if (order == NULL || !brama_sort(b->aps.p, b->aps.n, sizeof(*aps), by_workload, b, &b->arena))
        return false;
    for (uint32_t i = 0; i < b->aps.n; i++) {
        order[i] = aps[i].row;
        moved = moved || order[i] != i;
    }
    return !moved || brama_packer_choose(b->out, BRAMA_T_AP, order, (uint32_t)b->aps.n);
}

/* [w] is the first policy of workload w, [w + 1] the end. NULL: no memory. */
static const uint32_t *find_starts(struct brama__build *b)
{
    const uint32_t workloads = brama_packer_count(b->out, BRAMA_T_WORKLOAD);
    const struct brama__policy_of *aps = b->aps.p;
    uint32_t *starts = brama_arena_array(&b->arena, (size_t)workloads + 1, sizeof(*starts));
    uint32_t i = 0;

    for (uint32_t w = 0; starts != NULL && w < workloads; w++) {
        starts[w] = i;
        while (i < b->aps.n && aps[i].workload == w)
            i++;
        starts[w + 1] = i;
    }
    return starts;
}

static void fold_routes(struct brama__build *b, const uint32_t *starts)
{
    const struct brama__routes_of *forms = b->forms.p;

    for (size_t i = 0; i < b->forms.n; i++)
        for (uint32_t r = 0; r < forms[i].routes.count; r++) {
            struct brama_p_route *route =
                brama_packer_at(b->out, BRAMA_T_ROUTE, forms[i].routes.first + r);
            if (route->responder == BRAMA_RESPONDER_SIDECAR)
                fold_policies(b, route, forms[i].host, starts);
        }
}

void brama__build_finish(struct brama__build *b)
{
    if (b->err == BRAMA_OK)
        add_auths(b);
    if (b->err != BRAMA_OK)
        return;
    const uint32_t *starts = order_policies(b) ? find_starts(b) : NULL;
    if (starts == NULL) {
        b->err = BRAMA_ERR_NOMEM;
        return;
    }
    fold_routes(b, starts);
    brama__build_hosts(b);
}
