#include "expect.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/sort.h"

static void slices_are_cut_at_separators(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        size_t pieces;
        brama_str last;
    } rows[] = {
        {"nothing gives nothing", {NULL, 0}, 0, {NULL, 0}},
        {"an empty text is one empty piece", BRAMA_LIT(""), 1, BRAMA_LIT("")},
        {"two pieces", BRAMA_LIT("a,b"), 2, BRAMA_LIT("b")},
        {"a separator at the end opens an empty piece", BRAMA_LIT("a,"), 2, BRAMA_LIT("")},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str rest = rows[i].text, piece, last = BRAMA_NIL;
        size_t pieces = 0;
        while (brama_str_next(&rest, ',', &piece)) {
            last = piece;
            pieces++;
        }
        EXPECT(rows[i].name, pieces == rows[i].pieces);
        EXPECT_STR(rows[i].name, last, rows[i].last);
    }
}

static void numbers_are_decimal_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"zero", BRAMA_LIT("0"), true, 0},
        {"nineteen digits", BRAMA_LIT("9999999999999999999"), true, UINT64_C(9999999999999999999)},
        {"twenty digits are too many", BRAMA_LIT("00000000000000000001"), false, 0},
        {"hexadecimal isn't decimal", BRAMA_LIT("8a0"), false, 0},
        {"a sign is no digit", BRAMA_LIT("+1"), false, 0},
        {"nothing is no number", BRAMA_LIT(""), false, 0},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str text = expect_exact(rows[i].text);
        uint64_t value = 0;
        EXPECT(rows[i].name, brama_str_u64(text, &value) == rows[i].ok);
        EXPECT(rows[i].name, value == rows[i].value);
        expect_free(text);
    }
}

static void numbers_are_written_in_decimal(void **state)
{
    (void)state;
    char digits[20];
    EXPECT_STR("nothing", brama_str_of_u64(digits, 0), BRAMA_STR("0"));
    EXPECT_STR("some digits", brama_str_of_u64(digits, 1050), BRAMA_STR("1050"));
    EXPECT_STR("as many as there are", brama_str_of_u64(digits, UINT64_MAX),
               BRAMA_STR("18446744073709551615"));
}

static void a_hash_of_parts_is_that_of_the_whole(void **state)
{
    (void)state;
    uint64_t hash = brama_str_hash_on(brama_str_hash(BRAMA_STR("shop/")), BRAMA_STR("app:80"));
    EXPECT("in two parts", hash == brama_str_hash(BRAMA_STR("shop/app:80")));
    EXPECT("as published: FNV-1a of \"a\"",
           brama_str_hash(BRAMA_STR("a")) == UINT64_C(0xaf63dc4c8601ec8c));
}

static void utf8_is_told_from_what_only_looks_like_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool ok;
    } rows[] = {
        {"ASCII", BRAMA_LIT("abc"), true},
        {"an accent", BRAMA_LIT("\xc3\x8ele"), true},
        {"an overlong slash", BRAMA_LIT("\xc0\xaf"), false},
        {"a surrogate", BRAMA_LIT("\xed\xa0\x80"), false},
        {"cut short", BRAMA_LIT("\xe2\x82"), false},
        {"beyond U+10FFFF", BRAMA_LIT("\xf4\x90\x80\x80"), false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str text = expect_exact(rows[i].text);
        EXPECT(rows[i].name, brama_str_is_utf8(text) == rows[i].ok);
        expect_free(text);
    }
}

static void comparisons_mean_what_they_say(void **state)
{
    (void)state;
    EXPECT("case counts", !brama_str_eq(BRAMA_STR("a"), BRAMA_STR("A")));
    EXPECT("case doesn't count", brama_str_eq_nocase(BRAMA_STR("HoSt"), BRAMA_STR("hOsT")));
    EXPECT("only ASCII folds", !brama_str_eq_nocase(BRAMA_STR("["), BRAMA_STR("{")));
    EXPECT("a prefix isn't equal", !brama_str_eq_ct(BRAMA_STR("ab"), BRAMA_STR("abc")));
    EXPECT("secrets differ in one bit", !brama_str_eq_ct(BRAMA_STR("abc"), BRAMA_STR("abb")));
    EXPECT("shorter first", brama_str_cmp(BRAMA_STR("ab"), BRAMA_STR("abc")) < 0);
    EXPECT("bytes are unsigned", brama_str_cmp(BRAMA_STR("\x80"), BRAMA_STR("a")) > 0);
    EXPECT("not found is the length", brama_str_find(BRAMA_STR("abc"), 'x') == 3);
    EXPECT("the last of two", brama_str_find_last(BRAMA_STR("a/b/c"), '/') == 3);
}

static void an_arena_ends_where_it_was_told_to(void **state)
{
    (void)state;
    struct brama_arena a;
    brama_arena_init(&a, NULL, 8192);
    EXPECT("within the ceiling", brama_arena_alloc(&a, 5000) != NULL);
    EXPECT("over the ceiling", brama_arena_alloc(&a, 5000) == NULL);
    EXPECT("failure sticks", brama_arena_alloc(&a, 1) == NULL && brama_arena_failed(&a));
    brama_arena_reset(&a);
    EXPECT("a reset forgets it", brama_arena_alloc(&a, 1) != NULL);
    EXPECT_STR("letters of ASCII alone are lowered",
               brama_arena_lower(&a, BRAMA_STR("Az09[\xc3\x84")), BRAMA_STR("az09[\xc3\x84"));
    EXPECT("an overflow is a failure", brama_arena_array(&a, SIZE_MAX / 2, 4) == NULL);
    brama_arena_deinit(&a);
}

static void parts_are_joined(void **state)
{
    (void)state;
    struct brama_arena a;
    brama_arena_init(&a, NULL, 8192);
    brama_str out = BRAMA_JOIN(&a, BRAMA_STR("ns"), BRAMA_NIL, BRAMA_STR("/"), BRAMA_STR("name"));
    EXPECT_STR("one behind the other", out, BRAMA_STR("ns/name"));
    EXPECT("with a NUL behind", out.p[out.n] == '\0');
    EXPECT("nothing is the empty text", BRAMA_JOIN(&a, BRAMA_NIL).p != NULL);
    EXPECT("more than can be", BRAMA_JOIN(&a, out, (brama_str){out.p, SIZE_MAX}).p == NULL);
    EXPECT("and the arena knows", brama_arena_failed(&a));
    brama_arena_deinit(&a);
}

static void a_buffer_keeps_its_first_error(void **state)
{
    (void)state;
    struct brama_buf b;
    brama_buf_init(&b, NULL, 8);
    brama_buf_add(&b, BRAMA_STR("12345678"));
    EXPECT("full but fine", brama_buf_err(&b) == BRAMA_OK);
    brama_buf_add_c(&b, '9');
    EXPECT("one too many", brama_buf_err(&b) == BRAMA_ERR_TOO_BIG);
    EXPECT_STR("nothing was added", brama_buf_str(&b), BRAMA_STR("12345678"));
    brama_buf_reset(&b);
    brama_buf_printf(&b, "%d-%s", 42, "x");
    EXPECT_STR("printed", brama_buf_str(&b), BRAMA_STR("42-x"));
    brama_buf_deinit(&b);
}

static void findings_are_counted_and_kept_in_order(void **state)
{
    (void)state;
    struct brama_arena a;
    struct brama_findings f;
    brama_arena_init(&a, NULL, 1 << 16);
    brama_findings_init(&f, &a);
    brama_findings_add(&f, BRAMA_SEVERITY_WARNING, (struct brama_where){0}, "B1", BRAMA_NIL,
                       BRAMA_STR("first"));
    brama_findings_add(&f, BRAMA_SEVERITY_ERROR, (struct brama_where){0}, NULL,
                       BRAMA_STR(".spec.host"), BRAMA_STR("second"));
    EXPECT("counts", f.errors == 1 && f.warnings == 1);
    EXPECT_STR("order", f.first->message, BRAMA_STR("first"));
    EXPECT_STR("no code is an empty one", f.last->code, BRAMA_STR(""));
    brama_arena_deinit(&a);
}

static void a_map_keeps_the_first_value_of_a_key(void **state)
{
    (void)state;
    struct brama_arena a;
    brama_arena_init(&a, NULL, 1 << 20);
    struct brama_map map = {.arena = &a};
    EXPECT("nothing is in an empty map", brama_map_get(&map, BRAMA_STR("a")) == NULL);
    for (uint32_t i = 0; i < 1000; i++)
        brama_map_put(&map, brama_arena_printf(&a, "key %u", i), i);
    for (uint32_t i = 0; i < 1000; i++) {
        brama_str key = brama_arena_printf(&a, "key %u", i);
        EXPECT("found after growing", *brama_map_get(&map, key) == i);
        EXPECT("the first value stays", *brama_map_put(&map, key, 7777) == i);
    }
    EXPECT("a thousand and no more", map.count == 1000);
    size_t size = map.size;
    EXPECT("room that is there", brama_map_reserve(&map, map.count) && map.size == size);
    EXPECT("room for more", brama_map_reserve(&map, 5000) && map.size > 10000);
    EXPECT("keeps what was in", *brama_map_get(&map, BRAMA_STR("key 7")) == 7);
    EXPECT("no room", !brama_map_reserve(&map, SIZE_MAX / 2));
    EXPECT("a stranger isn't found", brama_map_get(&map, BRAMA_STR("key 1000")) == NULL);
    brama_arena_deinit(&a);
}

struct member {
    unsigned key, place;
};

static int by_key(const void *a, const void *b, const void *ctx)
{
    const struct member *x = a, *y = b;
    ++*(unsigned *)(uintptr_t)ctx;
    return (x->key > y->key) - (x->key < y->key);
}

/* In order, and equal ones as they stood; each once. */
static bool is_sorted(const struct member *m, unsigned n)
{
    bool seen[64] = {false};
    for (unsigned i = 0; i < n; i++) {
        if (seen[m[i].place] ||
            (i != 0 && (m[i - 1].key > m[i].key ||
                        (m[i - 1].key == m[i].key && m[i - 1].place > m[i].place))))
            return false;
        seen[m[i].place] = true;
    }
    return true;
}

static void a_sort_is_stable_and_takes_what_order_there_is(void **state)
{
    (void)state;
    struct brama_arena a;
    struct member m[64];
    unsigned looks, seed = 1;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned n = round % 65, keys = 1 + round % 7 * round % 50;
        brama_arena_init(&a, NULL, 1 << 20);
        for (unsigned i = 0; i < n; i++) {
            seed = seed * 1103515245u + 12345u;
            m[i] = (struct member){(seed >> 16) % keys, i};
        }
        EXPECT("sorted", brama_sort(m, n, sizeof(m[0]), by_key, &looks, &a) && is_sorted(m, n));
        looks = 0;
        brama_arena_deinit(&a);
        brama_arena_init(&a, NULL, 0);
        EXPECT("what is in order needs no memory",
               brama_sort(m, n, sizeof(m[0]), by_key, &looks, &a));
        EXPECT("and one look at each", looks == (n != 0 ? n - 1 : 0));
        brama_arena_deinit(&a);
    }
    struct member two[] = {{2, 0}, {1, 1}};
    brama_arena_init(&a, NULL, 0);
    EXPECT("no memory", !brama_sort(two, 2, sizeof(two[0]), by_key, &looks, &a));
    EXPECT("and nothing moved", two[0].key == 2 && two[1].key == 1);
    brama_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_cut_at_separators),
        cmocka_unit_test(numbers_are_decimal_and_nothing_else),
        cmocka_unit_test(numbers_are_written_in_decimal),
        cmocka_unit_test(a_hash_of_parts_is_that_of_the_whole),
        cmocka_unit_test(parts_are_joined),
        cmocka_unit_test(utf8_is_told_from_what_only_looks_like_it),
        cmocka_unit_test(comparisons_mean_what_they_say),
        cmocka_unit_test(an_arena_ends_where_it_was_told_to),
        cmocka_unit_test(a_buffer_keeps_its_first_error),
        cmocka_unit_test(a_map_keeps_the_first_value_of_a_key),
        cmocka_unit_test(a_sort_is_stable_and_takes_what_order_there_is),
        cmocka_unit_test(findings_are_counted_and_kept_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
