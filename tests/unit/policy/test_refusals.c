/* The ring of a worker's refusals: what was written is read, the oldest go, and a reader beside the
 * writer never sees half of one record and half of another. */
#include <pthread.h>

#include "expect.h"

#include "policy/refusals.h"

static struct brama_refusals *new_ring(void)
{
    struct brama_refusals *ring = aligned_alloc(BRAMA_REFUSALS_PAGE_BYTES, sizeof(*ring));

    if (ring == NULL)
        abort();
    memset(ring, 0, sizeof(*ring));
    brama_refusals_claim(ring);
    return ring;
}

static void add(struct brama_refusals *ring, uint64_t n, const char *text)
{
    struct brama_refusal_head head = {.time_ms = (int64_t)n, .reason = (uint32_t)(n % 7)};

    snprintf(head.id, sizeof(head.id), "%020llu", (unsigned long long)n);
    brama_refusals_add(ring, &head, brama_str_c(text), strlen(text) / 2);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct brama_refusals *ring = new_ring();
    struct brama_refusal_head head;
    struct brama_refusal r;

    EXPECT("an empty ring has none", !brama_refusals_read(&r, ring, 0));
    add(ring, 0, "{\"a\":1,\"b\":2}");
    EXPECT("the first", brama_refusals_read(&r, ring, 0));
    EXPECT_STR("its text", ((brama_str){r.text, r.head.text_n}), BRAMA_STR("{\"a\":1,\"b\":2}"));
    EXPECT("its summary", r.head.summary_n == 6);
    EXPECT("its head alone", brama_refusals_head(&head, ring, 0) && head.text_n == 13);
    EXPECT("none behind the end", !brama_refusals_read(&r, ring, 1));
    for (uint64_t n = 1; n <= BRAMA_REFUSALS_MAX; n++)
        add(ring, n, "{}");
    EXPECT("the oldest is gone", !brama_refusals_read(&r, ring, 0));
    EXPECT("the next isn't", brama_refusals_read(&r, ring, 1) && r.head.time_ms == 1);
    EXPECT("the newest is there", brama_refusals_read(&r, ring, BRAMA_REFUSALS_MAX));
    EXPECT("its text is the short one", r.head.text_n == 2);
    free(ring);
}

static void a_later_worker_goes_on_behind_an_earlier_one(void **state)
{
    (void)state;
    struct brama_refusals *ring = new_ring();
    struct brama_refusal r;

    add(ring, 0, "{}");
    brama_refusals_claim(ring);
    EXPECT("what it wrote stays", brama_refusals_read(&r, ring, 0));
    EXPECT("and counts", brama_refusals_end(ring) == 1);
    /* It died while it wrote. */
    atomic_store(&ring->record[1].word[0], 3);
    EXPECT("half a record is none", !brama_refusals_read(&r, ring, 1));
    brama_refusals_claim(ring);
    add(ring, 1, "{}");
    EXPECT("its place is taken", brama_refusals_read(&r, ring, 1));
    ring->format++;
    brama_refusals_claim(ring);
    EXPECT("another format's records go", !brama_refusals_read(&r, ring, 0));
    EXPECT("and its numbers", brama_refusals_end(ring) == 0);
    free(ring);
}

static void what_is_too_long_is_not_written(void **state)
{
    (void)state;
    static char text[BRAMA_REFUSAL_TEXT_BYTES + 1];
    struct brama_refusals *ring = new_ring();
    struct brama_refusal_head head = {0};
    struct brama_refusal r;

    memset(text, 'x', sizeof(text));
    brama_refusals_add(ring, &head, (brama_str){text, sizeof(text)}, 0);
    EXPECT("a byte too many", brama_refusals_end(ring) == 0);
    brama_refusals_add(ring, &head, (brama_str){text, 5}, 6);
    EXPECT("a summary longer than the text", brama_refusals_end(ring) == 0);
    brama_refusals_add(ring, &head, (brama_str){text, sizeof(text) - 1}, 0);
    EXPECT("just as much as fits", brama_refusals_read(&r, ring, 0));
    EXPECT("to its last byte", r.text[BRAMA_REFUSAL_TEXT_BYTES - 1] == 'x');
    free(ring);
}

static void lengths_that_lie_are_not_believed(void **state)
{
    (void)state;
    struct brama_refusals *ring = new_ring();
    struct brama_refusal_head head = {.text_n = UINT16_MAX};
    struct brama_refusal r;
    uint64_t words[sizeof(head) / sizeof(uint64_t)];

    add(ring, 0, "{}");
    memcpy(words, &head, sizeof(head));
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(words); i++)
        atomic_store(&ring->record[0].word[1 + i], words[i]);
    EXPECT("the text", !brama_refusals_read(&r, ring, 0));
    EXPECT("the head", !brama_refusals_head(&head, ring, 0));
    free(ring);
}

#define ROUNDS 60ULL

struct race {
    struct brama_refusals *ring;
    _Atomic bool over;
};

/* Every record is one letter, many times; which letter and how often follows from its number. */
static void *write_all(void *ctx)
{
    struct race *race = ctx;
    static char text[BRAMA_REFUSAL_TEXT_BYTES];

    for (uint64_t n = 0; n < ROUNDS * BRAMA_REFUSALS_MAX; n++) {
        size_t length = 1000 + n % 2900;
        memset(text, 'a' + (int)(n % 26), length);
        struct brama_refusal_head head = {.time_ms = (int64_t)n};
        brama_refusals_add(race->ring, &head, (brama_str){text, length}, 0);
    }
    atomic_store(&race->over, true);
    return NULL;
}

static void check_whole(const struct brama_refusal *r, uint64_t n)
{
    EXPECT("its own number", r->head.time_ms == (int64_t)n);
    EXPECT("its own length", r->head.text_n == 1000 + n % 2900);
    size_t own = 0;
    while (own < r->head.text_n && r->text[own] == 'a' + (char)(n % 26))
        own++;
    EXPECT("its own letters", own == r->head.text_n);
}

static void nobody_sees_a_torn_record(void **state)
{
    (void)state;
    struct race race = {.ring = new_ring()};
    struct brama_refusal r;
    pthread_t writer;
    size_t whole = 0;

    assert_int_equal(pthread_create(&writer, NULL, write_all, &race), 0);
    while (!atomic_load(&race.over)) {
        uint64_t end = brama_refusals_end(race.ring);
        /* Where the writer is about to write, and where it just was. */
        for (uint64_t i = 0; i < 3; i++) {
            uint64_t n = i == 2 ? end - 1 : end - BRAMA_REFUSALS_MAX + i;
            if (n < end && brama_refusals_read(&r, race.ring, n)) {
                check_whole(&r, n);
                whole++;
            }
        }
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    EXPECT("some were read",
           whole != 0 || brama_refusals_read(&r, race.ring, ROUNDS * BRAMA_REFUSALS_MAX - 1));
    free(race.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_later_worker_goes_on_behind_an_earlier_one),
        cmocka_unit_test(what_is_too_long_is_not_written),
        cmocka_unit_test(lengths_that_lie_are_not_believed),
        cmocka_unit_test(nobody_sees_a_torn_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
