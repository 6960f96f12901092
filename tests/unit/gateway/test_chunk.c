#include "expect.h"

#include "gateway/chunk.h"

enum verdict { BAD, OPEN, WHOLE };

/* RFC 9112 section 7.1: chunk-size [chunk-ext] CRLF chunk-data CRLF, last-chunk, trailers, CRLF. */
static const struct {
    const char *name;
    brama_str body;
    enum verdict want;
} rows[] = {
    {"one chunk", BRAMA_LIT("3\r\nabc\r\n0\r\n\r\n"), WHOLE},
    {"no chunk but the last", BRAMA_LIT("0\r\n\r\n"), WHOLE},
    {"hexadecimal in both cases", BRAMA_LIT("aB\r\n"), OPEN},
    {"data may hold CR and LF", BRAMA_LIT("4\r\n\n\r\n\r\r\n0\r\n\r\n"), WHOLE},
    {"an extension", BRAMA_LIT("3;a=\"b\"\r\nabc\r\n0;z\r\n\r\n"), WHOLE},
    {"a trailer", BRAMA_LIT("0\r\nA: b\r\nC: d\r\n\r\n"), WHOLE},
    {"leading zeros", BRAMA_LIT("0000000000000000000000003\r\nabc\r\n00\r\n\r\n"), WHOLE},
    {"what follows isn't of the body", BRAMA_LIT("0\r\n\r\nGET / HTTP/1.1\n\n"), WHOLE},
    {"nothing yet", BRAMA_LIT(""), OPEN},
    {"cut in the data", BRAMA_LIT("5\r\nab"), OPEN},
    {"cut before the last line end", BRAMA_LIT("0\r\n\r"), OPEN},
    {"a size line ended by LF", BRAMA_LIT("3\nabc\r\n0\r\n\r\n"), BAD},
    {"an extension ended by LF", BRAMA_LIT("3;a\nabc\r\n0\r\n\r\n"), BAD},
    {"an extension with a bare CR", BRAMA_LIT("3;a\rb\r\nabc\r\n0\r\n\r\n"), BAD},
    {"data ended by LF", BRAMA_LIT("3\r\nabc\n0\r\n\r\n"), BAD},
    {"data longer than its size", BRAMA_LIT("3\r\nabcd\r\n0\r\n\r\n"), BAD},
    {"a trailer ended by LF", BRAMA_LIT("0\r\nA: b\n\r\n"), BAD},
    {"the last line ended by LF", BRAMA_LIT("3\r\nabc\r\n0\r\n\n"), BAD},
    {"no size", BRAMA_LIT("\r\nabc"), BAD},
    {"0x", BRAMA_LIT("0x3\r\nabc"), BAD},
    {"a plus", BRAMA_LIT("+3\r\nabc"), BAD},
    {"an underscore", BRAMA_LIT("0_3\r\nabc"), BAD},
    {"a blank before the size", BRAMA_LIT(" 3\r\nabc"), BAD},
    {"17 digits", BRAMA_LIT("10000000000000003\r\nabc"), BAD},
};

static enum verdict verdict_of(const struct brama_chunk *scan, bool ok)
{
    if (!ok)
        return BAD;
    return scan->at == BRAMA_CHUNK_DONE ? WHOLE : OPEN;
}

static void bodies_are_framed_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_chunk scan = {0};
        brama_str body = expect_exact(rows[i].body);
        bool ok = brama_chunk_scan(&scan, body);
        EXPECT(rows[i].name, verdict_of(&scan, ok) == rows[i].want);
        expect_free(body);
    }
}

/* However the bytes come, in two pieces or one by one, the answer is that of the whole. */
static void pieces_are_read_as_the_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        for (size_t cut = 0; cut <= rows[i].body.n; cut++) {
            struct brama_chunk scan = {0};
            bool ok = brama_chunk_scan(&scan, brama_str_head(rows[i].body, cut)) &&
                      brama_chunk_scan(&scan, brama_str_from(rows[i].body, cut));
            EXPECT(rows[i].name, verdict_of(&scan, ok) == rows[i].want);
        }
        struct brama_chunk scan = {0};
        bool ok = true;
        for (size_t at = 0; at < rows[i].body.n && ok; at++)
            ok = brama_chunk_scan(&scan, (brama_str){rows[i].body.p + at, 1});
        EXPECT(rows[i].name, verdict_of(&scan, ok) == rows[i].want);
    }
}

static void a_bad_body_stays_bad(void **state)
{
    (void)state;
    struct brama_chunk scan = {0};

    EXPECT("a bare LF", !brama_chunk_scan(&scan, BRAMA_STR("3\n")));
    EXPECT("and good bytes behind it", !brama_chunk_scan(&scan, BRAMA_STR("0\r\n\r\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_framed_strictly),
        cmocka_unit_test(pieces_are_read_as_the_whole),
        cmocka_unit_test(a_bad_body_stays_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
