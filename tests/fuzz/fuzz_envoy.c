/* A value with Envoy's operators, and behind a newline what every header says: a value that is read
 * becomes the same twice and stays on its line; text whose percent signs are doubled is text, and
 * comes out as it was. */
#include "fuzz.h"
#include "template/envoy.h"

#define OUT_MAX 4096

static brama_str value_of(void *ctx, enum brama_envoy_op op, brama_str name)
{
    const brama_str *said = ctx;

    FUZZ_CHECK(op != BRAMA_ENVOY_NONE && op != BRAMA_ENVOY_TEXT && op < BRAMA_ENVOY_OP_COUNT);
    FUZZ_CHECK((op == BRAMA_ENVOY_REQ) == (name.n != 0));
    return op == BRAMA_ENVOY_SERVER_NAME ? BRAMA_NIL : *said;
}

static enum brama_err render(struct brama_buf *out, const struct brama_envoy_value *value,
                             brama_str *said, bool in_cookies)
{
    const struct brama_envoy_source source = {.ctx = said,
                                              .value = value_of,
                                              .start_s = 1800000000,
                                              .start_ms = 7,
                                              .in_cookies = in_cookies};

    brama_buf_init(out, NULL, OUT_MAX);
    return brama_envoy_render(out, value, &source);
}

static size_t count(brama_str text, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == c;
    return n;
}

static void check_value(struct brama_arena *arena, brama_str text, brama_str said, bool in_cookies)
{
    struct brama_envoy_value value;
    struct brama_diag diag = {0};
    struct brama_buf first, second;

    enum brama_err err = brama_envoy_read(&value, arena, text, &diag);
    FUZZ_CHECK(err == BRAMA_OK ||
               (value.count == 0 && (diag.what[0] != 0 || err == BRAMA_ERR_NOMEM)));
    if (err != BRAMA_OK)
        return;
    FUZZ_CHECK(count(text, '%') != 0 || brama_envoy_is_text(&value));
    err = render(&first, &value, &said, in_cookies);
    brama_str out = brama_buf_str(&first);
    FUZZ_CHECK(out.n <= OUT_MAX);
    if (err == BRAMA_OK) {
        FUZZ_CHECK(brama_str_has_control(text) || !brama_str_has_control(out));
        FUZZ_CHECK(!in_cookies || count(out, ';') <= count(text, ';'));
        FUZZ_CHECK(render(&second, &value, &said, in_cookies) == BRAMA_OK);
        FUZZ_CHECK(brama_str_eq(out, brama_buf_str(&second)));
        brama_buf_deinit(&second);
    }
    brama_buf_deinit(&first);
}

static void check_text(struct brama_arena *arena, brama_str text)
{
    struct brama_envoy_value value;
    struct brama_buf doubled, out;

    brama_buf_init(&doubled, NULL, BRAMA_ENVOY_MAX);
    for (size_t i = 0; i < text.n; i++) {
        brama_buf_add_c(&doubled, text.p[i]);
        if (text.p[i] == '%')
            brama_buf_add_c(&doubled, '%');
    }
    if (brama_buf_err(&doubled) == BRAMA_OK &&
        brama_envoy_read(&value, arena, brama_buf_str(&doubled), NULL) != BRAMA_ERR_NOMEM) {
        FUZZ_CHECK(brama_envoy_is_text(&value));
        enum brama_err err = render(&out, &value, NULL, true);
        FUZZ_CHECK(err == BRAMA_OK || text.n > OUT_MAX);
        FUZZ_CHECK(err != BRAMA_OK || brama_str_eq(brama_buf_str(&out), text));
        brama_buf_deinit(&out);
    }
    brama_buf_deinit(&doubled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    brama_str input = {(const char *)data, size};
    brama_str text = brama_str_head(input, brama_str_find(input, '\n'));
    brama_str said = brama_str_from(input, text.n + 1);
    struct brama_arena arena;

    brama_arena_init(&arena, NULL, 1 << 22);
    check_value(&arena, text, said, false);
    check_value(&arena, text, said, true);
    check_text(&arena, input);
    brama_arena_deinit(&arena);
    return 0;
}
