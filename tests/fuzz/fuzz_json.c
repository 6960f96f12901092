/* What was read is written such that it reads as the same tree, and writes as the same text. */
#include "json/read.h"
#include "json/write.h"

#include "tree.h"

static void write_as(struct brama_buf *buf, const struct brama_node *root, unsigned indent)
{
    struct brama_json_out out;
    brama_json_out_init(&out, buf, indent);
    brama_json_node(&out, root);
    FUZZ_CHECK(brama_buf_err(buf) == BRAMA_OK);
}

static void check_form(const struct brama_node *root, unsigned indent)
{
    struct brama_arena arena;
    struct brama_buf first, second;
    struct brama_node *again;
    brama_arena_init(&arena, NULL, 1 << 26);
    brama_buf_init(&first, NULL, 1 << 24);
    brama_buf_init(&second, NULL, 1 << 24);
    write_as(&first, root, indent);
    enum brama_err err =
        brama_json_parse(&again, &arena, brama_buf_str(&first), &brama_json_limits_rules, NULL);
    FUZZ_CHECK(err == BRAMA_OK);
    FUZZ_CHECK(tree_equal(root, again));
    write_as(&second, again, indent);
    FUZZ_CHECK(brama_str_eq(brama_buf_str(&first), brama_buf_str(&second)));
    brama_buf_deinit(&second);
    brama_buf_deinit(&first);
    brama_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_arena arena;
    struct brama_diag diag = {0};
    struct brama_node *root;
    brama_arena_init(&arena, NULL, 1 << 22);
    enum brama_err err = brama_json_parse(&root, &arena, (brama_str){(const char *)data, size},
                                          &brama_json_limits_token, &diag);
    FUZZ_CHECK((err == BRAMA_OK) == (root != NULL));
    FUZZ_CHECK((err == BRAMA_OK) == (diag.what[0] == '\0'));
    if (root != NULL) {
        check_form(root, 0);
        check_form(root, 2);
    }
    brama_arena_deinit(&arena);
    return 0;
}
