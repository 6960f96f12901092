/* A template, and behind a newline the JSON of .Extra: what the check lets pass renders or stops
 * with a value's error, twice alike; what it refuses never renders. */
#include "fuzz.h"
#include "template/template.h"
#include "json/read.h"

static enum brama_err render(struct brama_buf *out, struct brama_arena *arena, brama_str text,
                             const struct brama_node *extra)
{
    static const brama_str captures[] = {BRAMA_LIT("http"), BRAMA_LIT("a/b")};
    static const struct brama_template_pair headers[] = {{BRAMA_LIT("X-A"), BRAMA_LIT("b")}};
    const struct brama_template_data data = {.subject = BRAMA_STR("alice"),
                                             .extra = extra,
                                             .captures = captures,
                                             .capture_count = BRAMA_ARRAY_LEN(captures),
                                             .path = BRAMA_STR("/a/b"),
                                             .headers = headers,
                                             .header_count = BRAMA_ARRAY_LEN(headers)};
    brama_buf_init(out, NULL, 4096);
    return brama_template_render(out, arena, text, &data, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    brama_str input = {(const char *)data, size};
    brama_str text = brama_str_head(input, brama_str_find(input, '\n'));
    brama_str json = brama_str_from(input, text.n + 1);
    struct brama_node *extra = NULL;
    struct brama_arena arena;
    struct brama_buf first, second;

    brama_arena_init(&arena, NULL, 1 << 22);
    if (brama_json_parse(&extra, &arena, json, &brama_json_limits_token, NULL) != BRAMA_OK)
        extra = NULL;
    enum brama_err check = brama_template_check(&arena, text, NULL);
    FUZZ_CHECK(check == BRAMA_OK || check == BRAMA_ERR_INVALID);
    enum brama_err err = render(&first, &arena, text, extra);
    FUZZ_CHECK(check == BRAMA_OK || err != BRAMA_OK);
    FUZZ_CHECK(brama_buf_str(&first).n <= 4096);
    FUZZ_CHECK(err == render(&second, &arena, text, extra) || brama_arena_failed(&arena));
    if (err == BRAMA_OK && !brama_arena_failed(&arena))
        FUZZ_CHECK(brama_str_eq(brama_buf_str(&first), brama_buf_str(&second)));
    brama_buf_deinit(&first);
    brama_buf_deinit(&second);
    brama_arena_deinit(&arena);
    return 0;
}
