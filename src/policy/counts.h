/* What a worker counts of its requests by rule and outcome, and how long they took: a table in a
 * file that the worker maps and everybody else of its user reads. One writer, no lock; a row never
 * changes its place or its labels once it is there, so that sums over workers never go back.
 *
 *     struct brama_count_labels labels = {.apirule = d.apirule, .reason = d.reason, ...};
 *     brama_counts_add(counts, &labels, duration_ms);      // the worker
 *
 *     for (size_t i = 0; i < BRAMA_COUNT_ROWS; i++)
 *         if (brama_counts_row(&labels, &count, counts, i))
 *             sum(labels, count);                          // anybody
 */
#ifndef BRAMA_POLICY_COUNTS_H
#define BRAMA_POLICY_COUNTS_H

#include <stdatomic.h>

#include "policy/decide.h"

#define BRAMA_STATE_COUNTS ".counts" /* workers/<slot>.counts */
/* Reasons are numbers in the file: another list of them is another format. */
#define BRAMA_COUNTS_FORMAT (1u | (uint32_t)BRAMA_REASON_COUNT << 8)

/* Label sets that a worker tells apart. From the second number on, a new APIRule counts as "other":
 * no edit and no caller makes metrics grow without end. */
#define BRAMA_COUNT_ROWS 2048
#define BRAMA_COUNT_OPEN 1280
#define BRAMA_COUNT_NAME_BYTES 216 /* of namespace/name; a longer one is cut */

/* Upper bounds in ms; one more bucket has no bound. */
#define BRAMA_COUNT_BUCKETS 13
extern const uint32_t brama_count_bounds_ms[BRAMA_COUNT_BUCKETS];
#define BRAMA_COUNT_VERDICTS 3 /* DENY, ALLOW, ANSWER */

struct brama_count_labels {
    brama_str apirule; /* "namespace/name"; empty: no rule matched */
    uint32_t rule;     /* its index in spec.rules */
    uint16_t status;   /* of the response */
    uint8_t method;    /* 1 + the bit of brama_methods; 0: one that no rule can name */
    uint8_t strategy;  /* enum brama_strategy_kind */
    uint8_t verdict;   /* enum brama_verdict */
    uint8_t reason;    /* enum brama_reason */
};

struct brama_count_row {
    _Atomic uint64_t hash; /* 0: free */
    _Atomic uint64_t count;
    uint32_t rule;
    uint16_t status, name_n;
    uint8_t method, strategy, verdict, reason;
    uint32_t unused;
    char name[BRAMA_COUNT_NAME_BYTES];
};

struct brama_counts {
    char magic[8];         /* "BRAMACNT" */
    uint32_t format, used; /* used: rows, the writer's own matter */
    _Atomic uint64_t durations[BRAMA_COUNT_VERDICTS][BRAMA_COUNT_BUCKETS + 1];
    _Atomic uint64_t duration_ms[BRAMA_COUNT_VERDICTS]; /* sums */
    _Atomic uint64_t takes;                             /* files that came into force */
    _Atomic uint64_t taken_at_s;                        /* the last of them, UNIX time */
    struct brama_count_row row[BRAMA_COUNT_ROWS];
};

/* As brama_refusals_claim() and brama_refusals_ok(). */
void brama_counts_claim(struct brama_counts *counts);
bool brama_counts_ok(const struct brama_counts *counts, size_t bytes);

void brama_counts_add(struct brama_counts *counts, const struct brama_count_labels *labels,
                      uint64_t duration_ms);
/* False: that row is free. labels->apirule is the table's. */
BRAMA_MUST_USE bool brama_counts_row(struct brama_count_labels *labels, uint64_t *count,
                                     const struct brama_counts *counts, size_t index);

/* "jwt", "noAuth", ...; "" for none. Static. */
const char *brama_strategy_name(enum brama_strategy_kind kind);

#endif
