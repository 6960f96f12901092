#include "expect.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/objects.h"
#include "cli/rules_dir.h"
#include "cli/secrets.h"
#include "cli/state.h"
#include "cli/verbs.h"
#include "policy/compile.h"
#include "rule/judge.h"

/* A state directory of our own, and a verb that looks at it. */
struct place {
    struct brama_arena arena;
    struct brama_cli cli;
    struct brama_state state;
    char dir[64], *out, *err;
    size_t out_n, err_n;
};

static void place_init(struct place *p)
{
    *p = (struct place){.dir = "/tmp/brama-state-XXXXXX"};
    assert_non_null(mkdtemp(p->dir));
    brama_arena_init(&p->arena, NULL, (size_t)64 << 20);
    p->cli = (struct brama_cli){.arena = &p->arena,
                                .out = open_memstream(&p->out, &p->out_n),
                                .err = open_memstream(&p->err, &p->err_n)};
    brama_state_init(&p->state, &p->cli, brama_str_c(p->dir));
}

static void place_free(struct place *p)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", p->dir);
    assert_int_equal(system(command), 0);
    fclose(p->cli.out);
    fclose(p->cli.err);
    free(p->out);
    free(p->err);
    brama_arena_deinit(&p->arena);
}

/* A file of the place; the descriptor holds its flock if asked to. */
static int put(struct place *p, const char *name, brama_str text, bool hold)
{
    brama_str path = brama_state_path(&p->state, name);
    int fd = open(path.p, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.n), (ssize_t)text.n);
    if (hold)
        assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void a_lock_tells_who_runs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool hold;
        pid_t want;
    } rows[] = {
        {"held, with a pid", BRAMA_LIT("1234\n"), true, 1234},
        {"let go of: the pid is nobody's", BRAMA_LIT("1234\n"), false, 0},
        {"held, without a pid", {NULL, 0}, true, -1},
        {"held, with something else", BRAMA_LIT("12x\n"), true, -1},
        {"held by process 1: not to be ended", BRAMA_LIT("1\n"), true, -1},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct place p;
        place_init(&p);
        int fd = put(&p, BRAMA_STATE_LOCK, rows[i].text, rows[i].hold);
        EXPECT(rows[i].name, brama_state_holder(&p.state, BRAMA_STATE_LOCK) == rows[i].want);
        close(fd);
        place_free(&p);
    }
}

static void the_lock_of_data_planes_is_shared(void **state)
{
    (void)state;
    struct place p;
    place_init(&p);
    int first = put(&p, BRAMA_STATE_NGINX_LOCK, BRAMA_NIL, false);
    int second = put(&p, BRAMA_STATE_NGINX_LOCK, BRAMA_NIL, false);
    EXPECT("nobody's", !brama_state_is_locked(&p.state, BRAMA_STATE_NGINX_LOCK));
    assert_int_equal(flock(first, LOCK_SH | LOCK_NB), 0);
    assert_int_equal(flock(second, LOCK_SH | LOCK_NB), 0);
    EXPECT("two hold it", brama_state_is_locked(&p.state, BRAMA_STATE_NGINX_LOCK));
    close(first);
    EXPECT("one is left", brama_state_is_locked(&p.state, BRAMA_STATE_NGINX_LOCK));
    close(second);
    EXPECT("none", !brama_state_is_locked(&p.state, BRAMA_STATE_NGINX_LOCK));
    place_free(&p);
}

/* One worker's page; policy is what it serves. */
static int put_worker(struct place *p, unsigned slot, uint64_t policy, bool hold)
{
    char name[32], page[BRAMA_PAGE_BYTES] = {0};
    struct brama_worker_page head = {.magic = "BRAMAWRK", .format = BRAMA_PAGES_FORMAT};

    atomic_init(&head.policy, policy);
    memcpy(page, &head, sizeof(head));
    snprintf(name, sizeof(name), "%s/%u", BRAMA_STATE_WORKERS, slot);
    return put(p, name, (brama_str){page, sizeof(page)}, hold);
}

static void in_force_is_what_every_living_worker_serves(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct {
            uint64_t policy;
            bool lives;
        } worker[2];
        bool want;
    } rows[] = {
        {"both serve it", {{7, true}, {7, true}}, true},
        {"one serves a newer one", {{7, true}, {8, true}}, true},
        {"one is behind", {{7, true}, {6, true}}, false},
        {"one that is behind is dead", {{7, true}, {6, false}}, true},
        {"nobody lives", {{7, false}, {7, false}}, false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct place p;
        int fd[2];
        place_init(&p);
        assert_int_equal(mkdir(brama_state_path(&p.state, BRAMA_STATE_WORKERS).p, 0700), 0);
        for (unsigned w = 0; w < 2; w++)
            fd[w] = put_worker(&p, 3 * w, rows[i].worker[w].policy, rows[i].worker[w].lives);
        EXPECT(rows[i].name, brama_state_workers_serve(&p.state, 7) == rows[i].want);
        close(fd[0]);
        close(fd[1]);
        place_free(&p);
    }
}

#define RULE                                                                                       \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: one}\n"               \
    "spec: {hosts: [one], service: {name: a, port: 80}, gateway: kyma-system/kyma-gateway,\n"      \
    "  rules: [{path: /a, methods: [GET], noAuth: true}]}\n"

/* What -f FILE gives. */
static int read_objects(struct place *p, struct brama_objects *objects, brama_str text)
{
    brama_str path = brama_state_path(&p->state, "in.yaml");

    close(put(p, "in.yaml", text, false));
    return brama_objects_read(
        objects, &p->cli,
        &(struct brama_inputs){.paths = &path, .path_count = 1, .ns = BRAMA_STR("shop")});
}

static void files_come_apart_into_objects(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        int code;
        size_t count;
        brama_str file, type;
    } rows[] = {
        {"a rule takes the namespace of -n", BRAMA_LIT(RULE), BRAMA_EXIT_OK, 1,
         BRAMA_LIT("apirule.shop.one.yaml"), BRAMA_LIT("apirule.gateway.kyma-project.io")},
        {"the toggle keeps its own",
         BRAMA_LIT("apiVersion: v1\nkind: ConfigMap\n"
                   "metadata: {name: api-gateway-config, namespace: kyma-system}\n"
                   "data: {api-gateway-config: 'jwtHandler: istio'}\n"),
         BRAMA_EXIT_OK, 1, BRAMA_LIT("configmap.kyma-system.api-gateway-config.yaml"),
         BRAMA_LIT("configmap")},
        {"a List is unpacked",
         BRAMA_LIT("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n"
                   "  metadata: {name: a}\n- apiVersion: v1\n  kind: Service\n"
                   "  metadata: {name: b}\n"),
         BRAMA_EXIT_OK, 2, BRAMA_LIT("service.shop.a.yaml"), BRAMA_LIT("service")},
        {"one name is one object", BRAMA_LIT(RULE "---\n" RULE), BRAMA_EXIT_OK, 1,
         BRAMA_LIT("apirule.shop.one.yaml"), BRAMA_LIT("apirule.gateway.kyma-project.io")},
        {"a Deployment is no concern of ours",
         BRAMA_LIT("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"),
         BRAMA_EXIT_OK,
         0,
         {NULL, 0},
         {NULL, 0}},
        {"a name that leads elsewhere",
         BRAMA_LIT("apiVersion: v1\nkind: Service\nmetadata: {name: ../../x}\n"),
         BRAMA_EXIT_INPUT,
         0,
         {NULL, 0},
         {NULL, 0}},
        {"no YAML", BRAMA_LIT("a: [b"), BRAMA_EXIT_INPUT, 0, {NULL, 0}, {NULL, 0}},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct place p;
        struct brama_objects objects;
        place_init(&p);
        EXPECT(rows[i].name, read_objects(&p, &objects, rows[i].text) == rows[i].code);
        EXPECT(rows[i].name, objects.count == rows[i].count);
        if (objects.count != 0) {
            EXPECT_STR(rows[i].name, objects.first->file, rows[i].file);
            EXPECT_STR(rows[i].name, objects.first->type, rows[i].type);
            brama_str ns =
                brama_arena_printf(&p.arena, "namespace: %.*s\n", BRAMA_FMT(objects.first->ns));
            EXPECT(rows[i].name,
                   brama_str_find_str(objects.first->text, ns) < objects.first->text.n);
        }
        fflush(p.cli.err);
        EXPECT(rows[i].name, (p.err_n != 0) == (rows[i].code != BRAMA_EXIT_OK));
        place_free(&p);
    }
}

/* Publish policy 1 as if compiled from these sources. */
static void publish(struct place *p, struct brama_world *world,
                    const struct brama_source_file *sources, size_t count)
{
    char page[BRAMA_CONTROL_BYTES] = {0};
    struct brama_control control = {.magic = "BRAMACTL", .format = BRAMA_PAGES_FORMAT};
    struct brama_buf bytes;

    brama_buf_init(&bytes, NULL, (size_t)1 << 20);
    assert_int_equal(brama_policy_compile(&bytes, 1,
                                          &(struct brama_compile_in){.world = world,
                                                                     .domain = BRAMA_STR("x.test"),
                                                                     .sources = sources,
                                                                     .source_count = count}),
                     BRAMA_OK);
    close(put(p, "policy.1", brama_buf_str(&bytes), false));
    brama_buf_deinit(&bytes);
    atomic_init(&control.policy, 1);
    memcpy(page, &control, sizeof(control));
    close(put(p, BRAMA_STATE_CONTROL, (brama_str){page, sizeof(page)}, false));
}

static void objects_are_written_whole_and_waited_for_by_their_text(void **state)
{
    (void)state;
    struct place p;
    struct brama_objects objects;
    struct stat st;
    uint64_t number = 0;

    place_init(&p);
    assert_int_equal(read_objects(&p, &objects, BRAMA_STR(RULE)), BRAMA_EXIT_OK);
    EXPECT("nothing there before", brama_rules_look(&p.state, objects.first) == BRAMA_RULES_ABSENT);
    assert_int_equal(brama_rules_write(&p.state, &objects), BRAMA_EXIT_OK);
    EXPECT("the same after", brama_rules_look(&p.state, objects.first) == BRAMA_RULES_SAME);
    brama_str path = brama_state_path(&p.state, "rules/apirule.shop.one.yaml");
    EXPECT("for its owner alone", stat(path.p, &st) == 0 && (st.st_mode & 0777) == 0600);

    brama_judge(&objects.world, &(struct brama_judge_options){.domain = BRAMA_STR("x.test")});
    assert_int_equal(mkdir(brama_state_path(&p.state, BRAMA_STATE_WORKERS).p, 0700), 0);
    int worker = put_worker(&p, 0, 1, true);
    const struct brama_source_file source = {path, brama_str_hash(objects.first->text)};
    publish(&p, &objects.world, &source, 1);
    EXPECT("in force by its text",
           brama_rules_wait(&p.state, &objects, true, &number) == BRAMA_EXIT_OK && number == 1);

    EXPECT("removed", brama_rules_remove(&p.state, objects.first));
    EXPECT("not removed twice", !brama_rules_remove(&p.state, objects.first));
    publish(&p, &objects.world, NULL, 0);
    EXPECT("gone when it isn't listed",
           brama_rules_wait(&p.state, &objects, false, &number) == BRAMA_EXIT_OK);
    close(worker);
    place_free(&p);
}

/* `brama apply -f FILE --state DIR` for that text. */
static int apply(struct place *p, brama_str text)
{
    static char verb[] = "apply", f[] = "-f", ns[] = "-nshop", flag[] = "--state";
    brama_str path = brama_state_path(&p->state, "in.yaml");
    char *argv[] = {verb, f, (char *)(uintptr_t)path.p, ns, flag, p->dir, NULL};

    close(put(p, "in.yaml", text, false));
    int code = brama_cmd_apply(&p->cli, 6, argv);
    fflush(p->cli.out);
    fflush(p->cli.err);
    return code;
}

#define INVALID                                                                                    \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: bad}\n"               \
    "spec: {hosts: [bad], gateway: kyma-system/kyma-gateway,\n"                                    \
    "  rules: [{path: /a, methods: [GET], noAuth: true}]}\n"
#define SAME_HOST                                                                                  \
    "apiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: two}\n"               \
    "spec: {hosts: [one], service: {name: a, port: 80}, gateway: kyma-system/kyma-gateway,\n"      \
    "  rules: [{path: /a, methods: [GET], noAuth: true}]}\n"

/* The gateway serves RULE; what it will have read of it is published beforehand. */
static void apply_says_what_became_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str text;
        bool agent;
        int code;
        const char *out, *err;
        bool written;
    } rows[] = {
        {"a rule that is in force", BRAMA_LIT(RULE), true, BRAMA_EXIT_OK,
         "apirule.gateway.kyma-project.io/one created\n", "", true},
        {"no gateway", BRAMA_LIT(RULE), false, BRAMA_EXIT_UNAVAILABLE, "",
         "no gateway is running with this state directory", false},
        {"one that is valid and one that isn't", BRAMA_LIT(RULE "---\n" INVALID), true,
         BRAMA_EXIT_NO, "", "1 error; nothing was changed", false},
        {"another one's host", BRAMA_LIT(SAME_HOST), true, BRAMA_EXIT_NO, "",
         "host one.x.test is served for shop/one", false},
        {"no YAML", BRAMA_LIT("a: [b"), true, BRAMA_EXIT_INPUT, "", "in.yaml:", false},
        {"nothing of ours",
         BRAMA_LIT("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: a}\n"), true,
         BRAMA_EXIT_OK, "", "nothing to do", false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct place p;
        struct brama_objects objects;
        struct stat st;
        place_init(&p);
        assert_int_equal(read_objects(&p, &objects, BRAMA_STR(RULE)), BRAMA_EXIT_OK);
        brama_judge(&objects.world, &(struct brama_judge_options){.domain = BRAMA_STR("x.test")});
        brama_str path = brama_state_path(&p.state, "rules/apirule.shop.one.yaml");
        const struct brama_source_file source = {path, brama_str_hash(objects.first->text)};
        publish(&p, &objects.world, &source, 1);
        assert_int_equal(mkdir(brama_state_path(&p.state, BRAMA_STATE_WORKERS).p, 0700), 0);
        int worker = put_worker(&p, 0, 1, true);
        int lock = put(&p, BRAMA_STATE_LOCK, BRAMA_STR("1234\n"), rows[i].agent);
        EXPECT(rows[i].name, apply(&p, rows[i].text) == rows[i].code);
        EXPECT_STR(rows[i].name, ((brama_str){p.out, p.out_n}), brama_str_c(rows[i].out));
        if (strstr(p.err, rows[i].err) == NULL)
            fail_msg("%s: %s", rows[i].name, p.err);
        EXPECT(rows[i].name, (stat(path.p, &st) == 0) == rows[i].written);
        if (rows[i].written) {
            EXPECT(rows[i].name, apply(&p, rows[i].text) == BRAMA_EXIT_OK);
            EXPECT(rows[i].name, strstr(p.out, "/one unchanged\n") != NULL);
        }
        close(lock);
        close(worker);
        place_free(&p);
    }
}

#define TOKEN "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJlLW9mLWl0"

static void a_token_that_came_in_does_not_come_out(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        brama_str place, value, text, want;
        bool token;
    } rows[] = {
        {"in Authorization", BRAMA_LIT("Authorization"), BRAMA_LIT("Bearer " TOKEN),
         BRAMA_LIT("got " TOKEN "."), BRAMA_LIT("got (token)."), true},
        {"its signature alone", BRAMA_LIT("X-Token"), BRAMA_LIT("JwtToken" TOKEN),
         BRAMA_LIT("by c2lnbmF0dXJlLW9mLWl0"), BRAMA_LIT("by (token)"), true},
        {"in a query", BRAMA_LIT("the URL"), BRAMA_LIT("/a?access_token=" TOKEN "&b=c"),
         BRAMA_LIT("/a?access_token=" TOKEN "&b=c"), BRAMA_LIT("/a?access_token=(token)&b=c"),
         true},
        {"a credential that is no JWS", BRAMA_LIT("authorization"), BRAMA_LIT("Basic dXNlcjpwYXNz"),
         BRAMA_LIT("Basic dXNlcjpwYXNz"), BRAMA_LIT("Basic (token)"), false},
        {"a host name is none", BRAMA_LIT("X-Host"), BRAMA_LIT("eyrie-network.example.com"),
         BRAMA_LIT("eyrie-network.example.com"), BRAMA_LIT("eyrie-network.example.com"), false},
        {"nothing", BRAMA_LIT("Authorization"), {NULL, 0}, BRAMA_LIT("a"), BRAMA_LIT("a"), false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        brama_str value = expect_exact(rows[i].value), text = expect_exact(rows[i].text);
        struct brama_secrets secrets = {0};
        char *out = NULL;
        size_t n = 0;
        FILE *to = open_memstream(&out, &n);
        brama_secrets_find(&secrets, rows[i].place, value);
        brama_secrets_print(&secrets, to, text);
        fclose(to);
        EXPECT_STR(rows[i].name, ((brama_str){out, n}), rows[i].want);
        EXPECT(rows[i].name, (secrets.n != 0 && secrets.list[0].is_token) == rows[i].token);
        free(out);
        expect_free(value);
        expect_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_tells_who_runs),
        cmocka_unit_test(the_lock_of_data_planes_is_shared),
        cmocka_unit_test(in_force_is_what_every_living_worker_serves),
        cmocka_unit_test(files_come_apart_into_objects),
        cmocka_unit_test(objects_are_written_whole_and_waited_for_by_their_text),
        cmocka_unit_test(apply_says_what_became_of_it),
        cmocka_unit_test(a_token_that_came_in_does_not_come_out),
    };

    return cmocka_run_group_tests_name("cli_state", tests, NULL, NULL);
}
