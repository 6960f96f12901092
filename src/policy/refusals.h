/* A worker's last refusals, for whoever asks "why": a ring of fixed records in a file that the
 * worker maps and everybody else of its user reads. One writer, no lock: a record's number is
 * written before and behind its content, so that a reader never takes a torn one for whole.
 *
 *     struct brama_refusal_head head = {.time_ms = now, .reason = d.reason, ...};
 *     brama_refusals_add(ring, &head, text);           // the worker
 *
 *     struct brama_refusal r;
 *     for (uint64_t n = brama_refusals_end(ring); n-- != 0 && brama_refusals_read(&r, ring, n);)
 *         use(&r.head, r.text);                        // anybody, newest first
 *
 * Nothing here allocates, waits or calls the system; the file is the caller's matter.
 */
#ifndef BRAMA_POLICY_REFUSALS_H
#define BRAMA_POLICY_REFUSALS_H

#include <stdatomic.h>

#include "base/str.h"
#include "policy/reason.h"

#define BRAMA_STATE_REFUSALS ".refusals" /* workers/<slot>.refusals */
/* Reasons are numbers in the file: another list of them is another format. */
#define BRAMA_REFUSALS_FORMAT (1u | (uint32_t)BRAMA_REASON_COUNT << 8)
#define BRAMA_REFUSALS_MAX 4096        /* kept by a worker */
#define BRAMA_REFUSAL_BYTES 4096       /* a record: a trace of a dozen steps with a decoded token */
#define BRAMA_REFUSAL_ID_BYTES 36      /* a UUID as text */
#define BRAMA_REFUSALS_PAGE_BYTES 4096 /* what stands before the first record */

struct brama_refusal_head {
    int64_t time_ms;    /* UNIX time */
    uint64_t apirule;   /* brama_str_hash() of "namespace/name"; 0: no rule matched */
    uint32_t reason;    /* enum brama_reason */
    uint16_t summary_n; /* bytes of text that make a row of a list, when a "}" is added */
    uint16_t text_n;    /* a JSON object; policy/explain.h */
    char id[BRAMA_REFUSAL_ID_BYTES]; /* X-Request-ID of the response */
    uint32_t unused;
};

#define BRAMA_REFUSAL_TEXT_BYTES                                                                   \
    (BRAMA_REFUSAL_BYTES - sizeof(uint64_t) - sizeof(struct brama_refusal_head))

/* A reader's copy. */
struct brama_refusal {
    struct brama_refusal_head head;
    char text[BRAMA_REFUSAL_TEXT_BYTES];
};

/* word[0] is 2n + 1 while record n is written, and 2n + 2 when it is whole; then a
 * struct brama_refusal. */
struct brama_refusal_record {
    _Atomic uint64_t word[BRAMA_REFUSAL_BYTES / sizeof(uint64_t)];
};

struct brama_refusals {
    char magic[8]; /* "BRAMAREF" */
    uint32_t format, unused;
    _Atomic uint64_t end; /* the number of the next record; never goes back */
    _Alignas(BRAMA_REFUSALS_PAGE_BYTES) struct brama_refusal_record record[BRAMA_REFUSALS_MAX];
};

/* Make a mapped file a worker's own: what an earlier worker wrote stays, what is of another format
 * goes. */
void brama_refusals_claim(struct brama_refusals *ring);
/* Is that a ring of ours? bytes: all that is mapped. */
bool brama_refusals_ok(const struct brama_refusals *ring, size_t bytes);

/* The record with the number brama_refusals_end() comes into being. text of more than
 * BRAMA_REFUSAL_TEXT_BYTES, or a summary longer than the text: nothing is written. The lengths in
 * head are set here. */
void brama_refusals_add(struct brama_refusals *ring, const struct brama_refusal_head *head,
                        brama_str text, size_t summary_n);

uint64_t brama_refusals_end(const struct brama_refusals *ring);
/* False: not there any more, not there yet, or being overwritten at this moment; *out is of no use
 * then. */
BRAMA_MUST_USE bool brama_refusals_read(struct brama_refusal *out,
                                        const struct brama_refusals *ring, uint64_t number);
/* The same, without the text. */
BRAMA_MUST_USE bool brama_refusals_head(struct brama_refusal_head *out,
                                        const struct brama_refusals *ring, uint64_t number);

#endif
