#include "expect.h"

#include "gateway/interim.h"

static const struct {
    const char *name;
    brama_str bytes;
    enum brama_interim_kind want;
    size_t n;
} rows[] = {
    {"103 with a header", BRAMA_LIT("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200"),
     BRAMA_INTERIM, 40},
    {"100 without any", BRAMA_LIT("HTTP/1.1 100 Continue\r\n\r\n"), BRAMA_INTERIM, 25},
    {"no phrase, nor its blank", BRAMA_LIT("HTTP/1.1 199\r\n\r\nx"), BRAMA_INTERIM, 16},
    {"of HTTP/1.0, too", BRAMA_LIT("HTTP/1.0 102 x\r\n\r\n"), BRAMA_INTERIM, 18},
    {"nothing yet", BRAMA_LIT(""), BRAMA_INTERIM_OPEN, 0},
    {"a status that isn't there yet", BRAMA_LIT("HTTP/1.1 1"), BRAMA_INTERIM_OPEN, 0},
    {"a status that may go on", BRAMA_LIT("HTTP/1.1 103"), BRAMA_INTERIM_OPEN, 0},
    {"the last byte is missing", BRAMA_LIT("HTTP/1.1 103 x\r\n\r"), BRAMA_INTERIM_OPEN, 0},
    {"101 is a last word", BRAMA_LIT("HTTP/1.1 101 x\r\n\r\n"), BRAMA_INTERIM_NOT, 0},
    {"200", BRAMA_LIT("HTTP/1.1 200 OK\r\n\r\n"), BRAMA_INTERIM_NOT, 0},
    {"four digits", BRAMA_LIT("HTTP/1.1 1030 x\r\n\r\n"), BRAMA_INTERIM_NOT, 0},
    {"no HTTP", BRAMA_LIT("SSH-2.0"), BRAMA_INTERIM_NOT, 0},
    {"HTTP/2", BRAMA_LIT("HTTP/2 103 x\r\n\r\n"), BRAMA_INTERIM_NOT, 0},
    {"LF alone ends the first line", BRAMA_LIT("HTTP/1.1 103 x\n\nHTTP/1.1 200 OK\r\n\r\n"),
     BRAMA_INTERIM_NOT, 0},
    {"LF alone ends a header", BRAMA_LIT("HTTP/1.1 103 x\r\nA: b\n\r\n"), BRAMA_INTERIM_NOT, 0},
    {"LF alone is the empty line", BRAMA_LIT("HTTP/1.1 103 x\r\n\n"), BRAMA_INTERIM_NOT, 0},
    {"a CR in a header", BRAMA_LIT("HTTP/1.1 103 x\r\nA: \rb\r\n\r\n"), BRAMA_INTERIM_NOT, 0},
};

static void interim_heads_are_told_from_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        size_t n = 99;
        brama_str bytes = expect_exact(rows[i].bytes);
        enum brama_interim_kind kind = brama_interim_scan(bytes, &n);
        EXPECT(rows[i].name, kind == rows[i].want && n == rows[i].n);
        expect_free(bytes);
    }
}

/* What is said of a beginning is never taken back by what follows, but for "more". */
static void a_beginning_is_open_or_what_the_whole_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        for (size_t cut = 0; cut <= rows[i].bytes.n; cut++) {
            size_t n;
            brama_str bytes = expect_exact(brama_str_head(rows[i].bytes, cut));
            enum brama_interim_kind kind = brama_interim_scan(bytes, &n);
            EXPECT(rows[i].name, kind == BRAMA_INTERIM_OPEN || kind == rows[i].want);
            expect_free(bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interim_heads_are_told_from_answers),
        cmocka_unit_test(a_beginning_is_open_or_what_the_whole_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
