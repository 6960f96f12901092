#include "policy/counts.h"

#include <string.h>

#include "rule/model.h"

#define MAGIC "BRAMACNT"

_Static_assert((BRAMA_COUNT_ROWS & (BRAMA_COUNT_ROWS - 1)) == 0, "a power of two");
_Static_assert(BRAMA_REASON_COUNT <= 256, "a reason fits its member");

const uint32_t brama_count_bounds_ms[BRAMA_COUNT_BUCKETS] = {1,   2,   5,    10,   25,   50,   100,
                                                             250, 500, 1000, 2500, 5000, 10000};

void brama_counts_claim(struct brama_counts *counts)
{
    if (brama_counts_ok(counts, sizeof(*counts)))
        return;
    memset(counts, 0, sizeof(*counts));
    counts->format = BRAMA_COUNTS_FORMAT;
    memcpy(counts->magic, MAGIC, sizeof(counts->magic));
}

bool brama_counts_ok(const struct brama_counts *counts, size_t bytes)
{
    return bytes >= sizeof(*counts) && memcmp(counts->magic, MAGIC, sizeof(counts->magic)) == 0 &&
           counts->format == BRAMA_COUNTS_FORMAT;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Never 0: that is a free row's. */
static uint64_t hash_of(const struct brama_count_labels *l)
{
    uint64_t h = brama_str_hash(l->apirule);

    h = mix(h, l->rule);
    h = mix(h, (uint64_t)l->status << 32 | (uint64_t)l->method << 24 | (uint64_t)l->strategy << 16 |
                   (uint64_t)l->verdict << 8 | l->reason);
    return (h ^ h >> 29) | 1;
}

static bool is_row(const struct brama_count_row *r, const struct brama_count_labels *l)
{
    return r->rule == l->rule && r->status == l->status && r->method == l->method &&
           r->strategy == l->strategy && r->verdict == l->verdict && r->reason == l->reason &&
           brama_str_eq((brama_str){r->name, r->name_n}, l->apirule);
}

/* The row of these labels, made if it isn't there and fewer than max are; NULL else. */
static struct brama_count_row *row_of(struct brama_counts *counts,
                                      const struct brama_count_labels *l, uint32_t max)
{
    uint64_t hash = hash_of(l);

    for (size_t i = 0; i < BRAMA_COUNT_ROWS; i++) {
        struct brama_count_row *r = &counts->row[(hash + i) & (BRAMA_COUNT_ROWS - 1)];
        uint64_t own = atomic_load_explicit(&r->hash, memory_order_relaxed);
        if (own == hash && is_row(r, l))
            return r;
        if (own != 0)
            continue;
        if (counts->used >= max)
            return NULL;
        counts->used++;
        r->rule = l->rule;
        r->status = l->status;
        r->method = l->method;
        r->strategy = l->strategy;
        r->verdict = l->verdict;
        r->reason = l->reason;
        r->name_n = (uint16_t)l->apirule.n;
        if (l->apirule.n != 0)
            memcpy(r->name, l->apirule.p, l->apirule.n);
        atomic_store_explicit(&r->hash, hash, memory_order_release);
        return r;
    }
    return NULL;
}

static void count_duration(struct brama_counts *counts, unsigned verdict, uint64_t ms)
{
    size_t bucket = 0;

    while (bucket < BRAMA_COUNT_BUCKETS && ms > brama_count_bounds_ms[bucket])
        bucket++;
    atomic_fetch_add_explicit(&counts->durations[verdict][bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->duration_ms[verdict], ms, memory_order_relaxed);
}

void brama_counts_add(struct brama_counts *counts, const struct brama_count_labels *labels,
                      uint64_t duration_ms)
{
    struct brama_count_labels l = *labels;
    unsigned verdict = l.verdict < BRAMA_COUNT_VERDICTS ? l.verdict : BRAMA_VERDICT_DENY;

    l.apirule = brama_str_head(l.apirule, BRAMA_COUNT_NAME_BYTES);
    struct brama_count_row *row = row_of(counts, &l, BRAMA_COUNT_OPEN);
    if (row == NULL) {
        l.apirule = BRAMA_STR("other");
        l.rule = 0;
        l.status = (uint16_t)(l.status / 100 * 100); /* a workload may say any number */
        row = row_of(counts, &l, BRAMA_COUNT_ROWS - 1);
    }
    if (row != NULL)
        atomic_fetch_add_explicit(&row->count, 1, memory_order_relaxed);
    count_duration(counts, verdict, duration_ms);
}

bool brama_counts_row(struct brama_count_labels *labels, uint64_t *count,
                      const struct brama_counts *counts, size_t index)
{
    const struct brama_count_row *r = &counts->row[index];

    if (atomic_load_explicit(&r->hash, memory_order_acquire) == 0 ||
        r->name_n > BRAMA_COUNT_NAME_BYTES)
        return false;
    *labels = (struct brama_count_labels){.apirule = {r->name, r->name_n},
                                          .rule = r->rule,
                                          .status = r->status,
                                          .method = r->method,
                                          .strategy = r->strategy,
                                          .verdict = r->verdict,
                                          .reason = r->reason};
    *count = atomic_load_explicit(&r->count, memory_order_relaxed);
    return true;
}

const char *brama_strategy_name(enum brama_strategy_kind kind)
{
    static const char *const names[] = {
        [BRAMA_STRATEGY_UNKNOWN] = "",
        [BRAMA_STRATEGY_ALLOW] = "allow",
        [BRAMA_STRATEGY_NO_AUTH] = "noAuth",
        [BRAMA_STRATEGY_NOOP] = "noop",
        [BRAMA_STRATEGY_UNAUTHORIZED] = "unauthorized",
        [BRAMA_STRATEGY_ANONYMOUS] = "anonymous",
        [BRAMA_STRATEGY_COOKIE_SESSION] = "cookie_session",
        [BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS] = "oauth2_client_credentials",
        [BRAMA_STRATEGY_OAUTH2_INTROSPECTION] = "oauth2_introspection",
        [BRAMA_STRATEGY_JWT] = "jwt",
        [BRAMA_STRATEGY_EXT_AUTH] = "extAuth",
    };
    return (unsigned)kind < BRAMA_ARRAY_LEN(names) ? names[kind] : "";
}
