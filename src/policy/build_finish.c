/* The second half of the compiler: workloads, and what of Kyma's objects can touch which route. */
#include "policy/build.h"

#include <stdlib.h>

static int by_issuer(const void *a, const void *b)
{
    const struct brama__auth_draft *x = a, *y = b;
    if (x->workload != y->workload)
        return x->workload < y->workload ? -1 : 1;
    return brama_str_cmp(x->auth->issuer, y->auth->issuer);
}

static bool same_auth(const struct brama__build *b, const struct brama_p_auth *x,
                      const struct brama_p_auth *y)
{
    return x->keyset == y->keyset && x->place == y->place &&
           brama_packer_same_text(b->out, x->issuer, y->issuer) &&
           brama_packer_same_text(b->out, x->name, y->name) &&
           brama_packer_same_text(b->out, x->prefix, y->prefix);
}

/* Rows of the workload's auths from drafts[*next] on; equal ones once. istio-jwt.md 1.1. */
static struct brama_span workload_auths(struct brama__build *b, uint32_t workload, size_t *next)
{
    const struct brama__auth_draft *drafts = b->auths.p;
    size_t first = *next;
    while (*next < b->auths.n && drafts[*next].workload == workload)
        (*next)++;
    size_t n = *next - first;
    struct brama_p_auth *rows = brama_arena_array(&b->arena, n + 1, sizeof(*rows));
    size_t kept = 0;
    for (size_t i = 0; rows != NULL && i < n; i++) {
        struct brama_p_auth row = brama__build_auth(b, drafts[first + i].auth);
        bool known = false;
        for (size_t k = 0; k < kept && !known; k++)
            known = same_auth(b, &rows[k], &row);
        if (!known)
            rows[kept++] = row;
    }
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_AUTH), (uint32_t)kept};
    for (size_t i = 0; i < kept; i++)
        brama_packer_row(b->out, BRAMA_T_AUTH, &rows[i], sizeof(rows[i]));
    return span;
}

static void add_workloads(struct brama__build *b)
{
    const struct brama__workload *workloads = b->workloads.p;
    size_t next = 0;
    if (b->auths.n != 0)
        qsort(b->auths.p, b->auths.n, sizeof(struct brama__auth_draft), by_issuer);
    for (uint32_t w = 0; w < b->workloads.n; w++) {
        struct brama_p_workload row = {.ns = brama_packer_text(b->out, workloads[w].ns),
                                       .name = brama_packer_text(b->out, workloads[w].name),
                                       .auths = workload_auths(b, w, &next),
                                       .has_policies = workloads[w].has_policies};
        brama_packer_row(b->out, BRAMA_T_WORKLOAD, &row, sizeof(row));
    }
}

static void number(struct brama__build *b, struct brama_span *span, uint32_t n)
{
    uint32_t at = brama_packer_row(b->out, BRAMA_T_NUMBERS, &n, sizeof(n));
    if (span->count++ == 0)
        span->first = at;
}

static bool methods_meet(const struct brama_p_route *route, uint32_t methods)
{
    return route->any_method || (route->methods & methods) != 0;
}

static void fold_policy(struct brama__build *b, struct brama__draft *d, size_t i)
{
    const struct brama__ap_draft *ap = (const struct brama__ap_draft *)b->aps.p + i;
    if (methods_meet(&d->row, ap->row.methods) && brama_patterns_may_meet(&d->path, &ap->path))
        number(b, &d->row.policies, (uint32_t)i);
}

/* The first policy from low on whose host isn't before this one. */
static size_t first_of_host(const struct brama__build *b, size_t low, size_t high, brama_str host)
{
    const struct brama__ap_draft *aps = b->aps.p;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (brama_str_cmp(aps[mid].host, host) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool is_exact(brama_str host)
{
    return host.n != 0 && host.p[0] != '*';
}

/* Policies are sorted by workload, then host: those for any host and for wildcards come first. A
 * route of one host meets these and its own host's; a wildcard route may meet all of the workload.
 */
static void fold_policies(struct brama__build *b, struct brama__draft *d, const size_t *starts)
{
    const struct brama__ap_draft *aps = b->aps.p;
    size_t i = starts[d->row.workload], end = starts[d->row.workload + 1];

    for (; i < end && !(is_exact(d->host) && is_exact(aps[i].host)); i++)
        fold_policy(b, d, i);
    for (i = first_of_host(b, i, end, d->host); i < end && brama_str_eq(aps[i].host, d->host); i++)
        fold_policy(b, d, i);
}

static void fold_oathkeeper(struct brama__build *b, struct brama__draft *d, size_t first,
                            size_t end)
{
    const struct brama__ok_draft *oks = b->oks.p;
    for (size_t i = first; i < end; i++)
        if (methods_meet(&d->row, oks[i].row.methods) &&
            brama_patterns_may_meet(&d->path, &oks[i].path))
            number(b, &d->row.oathkeeper, (uint32_t)i);
}

static int by_workload(const void *a, const void *b)
{
    const struct brama__ap_draft *x = a, *y = b;
    if (x->workload != y->workload)
        return x->workload < y->workload ? -1 : 1;
    int d = brama_str_cmp(x->host, y->host);
    if (d != 0)
        return d;
    return x->row.rule < y->row.rule ? -1 : x->row.rule > y->row.rule;
}

/* starts[w] is the first policy of workload w, starts[w + 1] the end. */
static size_t *add_policy_rows(struct brama__build *b)
{
    size_t *starts = brama_arena_array(&b->arena, b->workloads.n + 1, sizeof(*starts));
    const struct brama__ap_draft *aps = b->aps.p;
    if (b->aps.n != 0)
        qsort(b->aps.p, b->aps.n, sizeof(*aps), by_workload);
    size_t i = 0;
    for (uint32_t w = 0; starts != NULL && w < b->workloads.n; w++) {
        starts[w] = i;
        for (; i < b->aps.n && aps[i].workload == w; i++)
            brama_packer_row(b->out, BRAMA_T_AP, &aps[i].row, sizeof(aps[i].row));
        starts[w + 1] = i;
    }
    return starts;
}

/* Routes and Oathkeeper rules of a host stand together, both in the order of the forms; a form with
 * Oathkeeper rules has routes, and no other has its host. */
static void fold_routes(struct brama__build *b, const size_t *starts)
{
    struct brama__draft *drafts = b->drafts.p;
    const struct brama__ok_draft *oks = b->oks.p;
    size_t first = 0, end = 0; /* of the host's */

    for (size_t i = 0; i < b->oks.n; i++)
        brama_packer_row(b->out, BRAMA_T_OATHKEEPER, &oks[i].row, sizeof(oks[i].row));
    for (size_t i = 0; i < b->drafts.n; i++) {
        brama_str host = drafts[i].host;
        if (i == 0 || !brama_str_eq(drafts[i - 1].host, host))
            for (first = end; end < b->oks.n && brama_str_eq(oks[end].host, host);)
                end++;
        if (drafts[i].row.responder == BRAMA_RESPONDER_SIDECAR)
            fold_policies(b, &drafts[i], starts);
        else
            fold_oathkeeper(b, &drafts[i], first, end);
    }
}

void brama__build_finish(struct brama__build *b)
{
    if (b->err != BRAMA_OK)
        return;
    add_workloads(b);
    size_t *starts = add_policy_rows(b);
    if (starts == NULL) {
        b->err = BRAMA_ERR_NOMEM;
        return;
    }
    fold_routes(b, starts);
    brama__build_hosts(b);
}
