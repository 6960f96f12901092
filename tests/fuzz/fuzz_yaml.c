/* What was read is written such that it reads as the same tree: as YAML, and as JSON too. And a
 * stream whose pieces can be read says in pieces what it says as a whole. */
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

static void check_places(const struct brama_node *a, const struct brama_node *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        FUZZ_CHECK(a->where.line == b->where.line && a->where.column == b->where.column);
        FUZZ_CHECK(a->key_where.line == b->key_where.line);
        check_places(a->first, b->first);
    }
}

/* whole: what the text as a whole has; NULL and an error if it couldn't be read. */
static void check_pieces(brama_str text, const struct brama_node *whole, enum brama_err whole_err)
{
    struct brama_arena arena;
    brama_str piece;
    uint32_t before = 0;
    brama_arena_init(&arena, NULL, 1 << 26);
    while (brama_yaml_next_piece(&text, &piece)) {
        struct brama_node *docs;
        if (brama_yaml_parse(&docs, &arena, piece, BRAMA_NIL, &limits, NULL) != BRAMA_OK)
            break;
        /* Only the limits hold for the whole. */
        FUZZ_CHECK(whole_err == BRAMA_OK || whole_err == BRAMA_ERR_TOO_BIG || text.p != NULL);
        brama_node_move(docs, before);
        for (; docs != NULL && whole_err == BRAMA_OK; docs = docs->next, whole = whole->next) {
            struct brama_node a = *docs, b = *whole;
            a.next = b.next = NULL;
            FUZZ_CHECK(tree_equal(&a, &b));
            check_places(&a, &b);
        }
        before += brama_yaml_lines(piece);
    }
    FUZZ_CHECK(text.p != NULL || whole == NULL);
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
    check_pieces((brama_str){(const char *)data, size}, first, err);
    for (const struct brama_node *root = first; root != NULL; root = root->next) {
        check_yaml(root);
        check_json(root);
    }
    brama_arena_deinit(&arena);
    return 0;
}
