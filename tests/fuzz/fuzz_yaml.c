/* What was read is written such that it reads as the same tree: as YAML, and as JSON too. */
#include "json/read.h"
#include "json/write.h"

#include "tree.h"

static const struct brama_json_limits limits = {
    .max_bytes = 1 << 16, .max_members = 1000, .max_string = 4096, .max_depth = 64};

static void check_yaml(const struct brama_node *root)
{
    struct brama_arena arena;
    struct brama_buf buf;
    struct brama_node *again;
    struct brama_diag diag = {0};
    brama_arena_init(&arena, NULL, 1 << 26);
    brama_buf_init(&buf, NULL, 1 << 24);
    brama_yaml_node(&buf, root);
    FUZZ_CHECK(brama_buf_err(&buf) == BRAMA_OK);
    enum brama_err err = brama_yaml_parse(&again, &arena, brama_buf_str(&buf), BRAMA_NIL,
                                          &brama_json_limits_rules, &diag);
    FUZZ_CHECK(err == BRAMA_OK);
    FUZZ_CHECK(again != NULL && again->next == NULL);
    FUZZ_CHECK(tree_equal(root, again));
    brama_buf_deinit(&buf);
    brama_arena_deinit(&arena);
}

static void check_json(const struct brama_node *root)
{
    struct brama_arena arena;
    struct brama_buf buf;
    struct brama_json_out out;
    struct brama_node *again;
    brama_arena_init(&arena, NULL, 1 << 26);
    brama_buf_init(&buf, NULL, 1 << 24);
    brama_json_out_init(&out, &buf, 0);
    brama_json_node(&out, root);
    FUZZ_CHECK(brama_buf_err(&buf) == BRAMA_OK);
    enum brama_err err =
        brama_json_parse(&again, &arena, brama_buf_str(&buf), &brama_json_limits_rules, NULL);
    FUZZ_CHECK(err == BRAMA_OK);
    FUZZ_CHECK(tree_equal(root, again));
    brama_buf_deinit(&buf);
    brama_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_arena arena;
    struct brama_diag diag = {0};
    struct brama_node *first;
    brama_arena_init(&arena, NULL, 1 << 24);
    enum brama_err err = brama_yaml_parse(&first, &arena, (brama_str){(const char *)data, size},
                                          BRAMA_STR("fuzz.yaml"), &limits, &diag);
    FUZZ_CHECK((err == BRAMA_OK) == (diag.what[0] == '\0'));
    for (const struct brama_node *root = first; root != NULL; root = root->next) {
        check_yaml(root);
        check_json(root);
    }
    brama_arena_deinit(&arena);
    return 0;
}
