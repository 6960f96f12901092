#include "policy/refusals.h"

#include <string.h>

#define MAGIC "BRAMAREF"
#define WORDS(bytes) (((bytes) + sizeof(uint64_t) - 1) / sizeof(uint64_t))

_Static_assert(sizeof(struct brama_refusal_head) % sizeof(uint64_t) == 0, "whole words");
_Static_assert(sizeof(struct brama_refusal) + sizeof(uint64_t) == BRAMA_REFUSAL_BYTES, "a record");
_Static_assert(BRAMA_REFUSAL_BYTES <= UINT16_MAX, "lengths fit their members");

void brama_refusals_claim(struct brama_refusals *ring)
{
    if (brama_refusals_ok(ring, sizeof(*ring)))
        return;
    /* Zeroed records have no number, so that nobody takes them for records. Those of a file just
     * made are a hole, which in tmpfs even a look fills, or crashes where there is no room. */
    static const char none[sizeof(ring->magic)];
    bool made = memcmp(ring->magic, none, sizeof(none)) == 0;
    for (size_t i = 0; !made && i < BRAMA_REFUSALS_MAX; i++)
        if (atomic_load_explicit(&ring->record[i].word[0], memory_order_relaxed) != 0)
            atomic_store_explicit(&ring->record[i].word[0], 0, memory_order_relaxed);
    atomic_store_explicit(&ring->end, 0, memory_order_relaxed);
    ring->format = BRAMA_REFUSALS_FORMAT;
    memcpy(ring->magic, MAGIC, sizeof(ring->magic));
}

bool brama_refusals_ok(const struct brama_refusals *ring, size_t bytes)
{
    return bytes >= sizeof(*ring) && memcmp(ring->magic, MAGIC, sizeof(ring->magic)) == 0 &&
           ring->format == BRAMA_REFUSALS_FORMAT;
}

uint64_t brama_refusals_end(const struct brama_refusals *ring)
{
    return atomic_load_explicit(&ring->end, memory_order_acquire);
}

void brama_refusals_add(struct brama_refusals *ring, const struct brama_refusal_head *head,
                        brama_str text, size_t summary_n)
{
    uint64_t words[BRAMA_REFUSAL_BYTES / sizeof(uint64_t)] = {0};
    struct brama_refusal_head own = *head;
    uint64_t n = atomic_load_explicit(&ring->end, memory_order_relaxed);
    struct brama_refusal_record *record = &ring->record[n % BRAMA_REFUSALS_MAX];

    if (text.n > BRAMA_REFUSAL_TEXT_BYTES || summary_n > text.n)
        return;
    own.summary_n = (uint16_t)summary_n;
    own.text_n = (uint16_t)text.n;
    memcpy(words, &own, sizeof(own));
    if (text.n != 0)
        memcpy((char *)words + sizeof(own), text.p, text.n);
    atomic_store_explicit(&record->word[0], 2 * n + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < WORDS(sizeof(own) + text.n); i++)
        atomic_store_explicit(&record->word[1 + i], words[i], memory_order_relaxed);
    atomic_store_explicit(&record->word[0], 2 * n + 2, memory_order_release);
    atomic_store_explicit(&ring->end, n + 1, memory_order_release);
}

/* words of record number, from the first behind its own number. */
static bool copy(uint64_t *out, size_t words, const struct brama_refusals *ring, uint64_t number)
{
    const struct brama_refusal_record *record = &ring->record[number % BRAMA_REFUSALS_MAX];

    if (atomic_load_explicit(&record->word[0], memory_order_acquire) != 2 * number + 2)
        return false;
    for (size_t i = 0; i < words; i++)
        out[i] = atomic_load_explicit(&record->word[1 + i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&record->word[0], memory_order_relaxed) == 2 * number + 2;
}

bool brama_refusals_head(struct brama_refusal_head *out, const struct brama_refusals *ring,
                         uint64_t number)
{
    uint64_t words[WORDS(sizeof(*out))];

    if (!copy(words, BRAMA_ARRAY_LEN(words), ring, number))
        return false;
    memcpy(out, words, sizeof(*out));
    return out->text_n <= BRAMA_REFUSAL_TEXT_BYTES && out->summary_n <= out->text_n;
}

bool brama_refusals_read(struct brama_refusal *out, const struct brama_refusals *ring,
                         uint64_t number)
{
    uint64_t words[WORDS(sizeof(*out))];

    if (!copy(words, BRAMA_ARRAY_LEN(words), ring, number))
        return false;
    memcpy(out, words, sizeof(*out));
    return out->head.text_n <= BRAMA_REFUSAL_TEXT_BYTES && out->head.summary_n <= out->head.text_n;
}
