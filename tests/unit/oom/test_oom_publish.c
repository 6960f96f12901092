/* Memory ends at each call between the rule files and the files that workers map: what is told is
 * whole, and what can't be made isn't told. */
#include "expect.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/publish.h"
#include "agent/round.h"
#include "fail.h"

#define RUNS_MAX 100000
#define RULE(name, path)                                                                           \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: " name "}\nspec:\n"   \
    "  hosts: [" name "]\n  gateway: kyma-system/kyma-gateway\n"                                   \
    "  service: {name: app, port: 80}\n"                                                           \
    "  rules:\n  - path: " path "\n    methods: [GET]\n    jwt:\n"                                 \
    "      authentications: [{issuer: i, jwksUri: \"https://i.example/k\"}]\n"

/* The linker's: a thousand runs needn't reach the disk. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return 0;
}

struct publishing {
    char base[32], rules[64], state_dir[64];
    brama_str root;
    struct brama_service_flag service;
    struct brama_inputs inputs;
    struct brama__state state;
    struct brama__publisher publisher;
    uv_loop_t loop;
    struct brama_keysets *keysets;
    struct brama_resolver *resolver;
    size_t whole; /* runs that published both */
};

static void put(const struct publishing *p, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", p->rules, name);
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void set_up(struct publishing *p)
{
    struct brama_diag diag = {0};
    brama_str url = BRAMA_STR("https://i.example/k"), host = BRAMA_STR("127.0.0.1");
    *p = (struct publishing){.base = "/tmp/brama-oom-XXXXXX",
                             .service = {.ns = BRAMA_LIT("default"),
                                         .name = BRAMA_LIT("app"),
                                         .to_host = BRAMA_LIT("127.0.0.1"),
                                         .to_port = 8000},
                             .inputs = {.ns = BRAMA_LIT("default"),
                                        .domain = BRAMA_LIT("localhost"),
                                        .services = &p->service,
                                        .service_count = 1}};
    assert_non_null(mkdtemp(p->base));
    snprintf(p->rules, sizeof(p->rules), "%s/rules", p->base);
    snprintf(p->state_dir, sizeof(p->state_dir), "%s/state", p->base);
    assert_int_equal(mkdir(p->rules, 0700), 0);
    p->root = brama_str_c(p->rules);
    put(p, "a.yaml", RULE("a", "/x"));
    put(p, "b.yaml", RULE("b", "/{**}"));
    uv_loop_init(&p->loop);
    assert_int_equal(
        brama_keysets_new(&p->keysets, &(struct brama_keysets_options){.loop = &p->loop}),
        BRAMA_OK);
    assert_int_equal(brama_resolver_new(&p->resolver, &p->loop, NULL, NULL), BRAMA_OK);
    assert_int_equal(brama_keysets_want(p->keysets, &url, 1), BRAMA_OK);
    assert_int_equal(brama_resolver_want(p->resolver, &host, 1), BRAMA_OK);
    if (brama__state_open(&p->state, brama_str_c(p->state_dir), &diag) != BRAMA_OK ||
        brama__publisher_open(&p->publisher, &p->state, &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
}

static void tear_down(struct publishing *p)
{
    char command[64];
    brama_keysets_free(p->keysets);
    brama_resolver_free(p->resolver);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&p->loop), 0);
    brama__publisher_close(&p->publisher);
    brama__state_close(&p->state);
    snprintf(command, sizeof(command), "rm -r %s", p->base);
    assert_int_equal(system(command), 0);
}

static bool is_memory(enum brama_err err)
{
    return err == BRAMA_OK || err == BRAMA_ERR_NOMEM;
}

static enum brama_err publish_both(struct publishing *p, struct brama__round *r)
{
    struct brama__facts_sources from = {.keysets = p->keysets, .resolver = p->resolver};
    struct brama_diag diag = {0};
    struct brama_buf bytes;
    uint64_t number = brama__publish_next(&p->publisher, BRAMA_PACK_FACTS);
    brama_buf_init(&bytes, NULL, BRAMA__FACTS_BYTES);
    brama__round_ask(&from, r, NULL);
    enum brama_err err = brama__plan_facts(&bytes, number, &from);
    assert_true(is_memory(err));
    if (err == BRAMA_OK)
        err = brama__publish(&p->publisher, BRAMA_PACK_FACTS, number, brama_buf_str(&bytes), &diag);
    brama_buf_deinit(&bytes);
    if (err == BRAMA_OK)
        err = brama__publish(&p->publisher, BRAMA_PACK_POLICY, brama_pack_number(&r->policy.pack),
                             brama_buf_str(&r->bytes), &diag);
    return err;
}

/* Every file that is kept is a whole one: it has its rule. */
static void check_goods(const struct publishing *p)
{
    struct brama__goods goods;
    struct brama_arena arena;
    struct brama_world world;
    brama_str domain = BRAMA_STR("localhost");
    assert_int_equal(brama__goods_open(&goods, &p->state), BRAMA_OK);
    for (size_t i = 0; i < goods.count; i++) {
        brama_arena_init(&arena, NULL, SIZE_MAX);
        brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_STR("default")});
        assert_non_null(brama__good_model(&goods, &goods.good[i], &arena, &world, domain));
        brama_arena_deinit(&arena);
    }
    brama__goods_close(&goods);
}

static void publish(struct publishing *p, size_t n, enum fail_mode mode, bool *failed)
{
    struct brama__goods goods;
    struct brama__round *r = NULL;
    const uint64_t before = atomic_load(&p->publisher.control->policy);
    fail_at(n, mode);
    enum brama_err err = brama__goods_open(&goods, &p->state);
    const struct brama__round_in in = {
        .inputs = &p->inputs, .sheets = {.roots = &p->root, .root_count = 1}, .goods = &goods};
    assert_true(is_memory(err));
    if (err == BRAMA_OK && !brama__round_read(&r, &in))
        err = BRAMA_ERR_NOMEM;
    if (err == BRAMA_OK)
        err = brama__round_compile(r, &in, brama__publish_next(&p->publisher, BRAMA_PACK_POLICY));
    assert_true(is_memory(err));
    if (err == BRAMA_OK)
        err = publish_both(p, r);
    if (err == BRAMA_OK)
        (void)brama__round_settle(r, &goods);
    *failed = fail_end();
    EXPECT("told only when it is there",
           (atomic_load(&p->publisher.control->policy) > before) == (err == BRAMA_OK));
    if (err == BRAMA_OK) {
        EXPECT("with every rule", brama_pack_count(&r->policy.pack, BRAMA_T_APIRULE) == 2 &&
                                      brama_pack_count(&r->policy.pack, BRAMA_T_ROUTE) == 2);
        p->whole++;
    }
    brama__round_free(r);
    brama__goods_close(&goods);
    check_goods(p);
}

static bool has_litter(const struct publishing *p)
{
    bool any = false;
    DIR *dir = opendir(p->state_dir);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        any = any || brama_str_ends(brama_str_c(e->d_name), BRAMA_STR(".tmp"));
    closedir(dir);
    return any;
}

static void what_is_told_is_whole(void **state)
{
    (void)state;
    struct publishing p;
    size_t runs = 0;
    set_up(&p);
    for (int mode = FAIL_ONCE; mode <= FAIL_FROM_THEN; mode++) {
        bool failed = true;
        for (size_t n = 0; failed; n++, runs++) {
            assert_true(n < RUNS_MAX);
            publish(&p, n, (enum fail_mode)mode, &failed);
            brama__publish_collect(&p.publisher);
        }
    }
    assert_true(runs > 500);
    assert_true(p.whole >= 2); /* the last run of each mode */
    EXPECT("nothing is left lying", !has_litter(&p));
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
