#include "expect.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/offline.h"
#include "http/server.h"

#define SET_ONE                                                                                    \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"kid\":\"1\","                  \
    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","                                       \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}"

static const char rules[] = "apiVersion: gateway.kyma-project.io/v1beta1\n"
                            "kind: APIRule\n"
                            "metadata: {name: one}\n"
                            "spec:\n"
                            "  host: one.localhost\n"
                            "  gateway: kyma-system/kyma-gateway\n"
                            "  service: {name: app, port: 80}\n"
                            "  rules:\n"
                            "  - path: /.*\n"
                            "    methods: [GET]\n"
                            "    accessStrategies:\n"
                            "    - handler: jwt\n"
                            "      config:\n"
                            "        trusted_issuers: [https://a.example]\n"
                            "        jwks_urls: [\"%s\"]\n";

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

struct folder {
    char path[32], url[64];
    pid_t keys; /* the key server's process */
    brama_str root;
    struct brama_service_flag service;
    struct brama_inputs inputs;
};

static brama_str key_set(void *ctx, brama_str target)
{
    (void)ctx;
    return brama_str_eq(target, BRAMA_STR("/set"))
               ? BRAMA_STR("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" SET_ONE)
               : BRAMA_STR("HTTP/1.1 404 No\r\nConnection: close\r\n\r\nno");
}

/* A build blocks its process, so the server has one of its own. */
static void start_keys(struct folder *f, const char *path)
{
    uint16_t port = 0;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    f->keys = fork();
    if (f->keys == 0) {
        struct server server = {.answer = key_set};
        uv_loop_t loop;
        uv_loop_init(&loop);
        server_start(&server, &loop);
        if (write(pipes[1], &server.port, sizeof(server.port)) == sizeof(server.port))
            uv_run(&loop, UV_RUN_DEFAULT);
        _exit(0);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &port, sizeof(port)), sizeof(port));
    close(pipes[0]);
    snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u%s", port, path);
}

static void set_up(struct folder *f, const char *path)
{
    char text[1024];
    *f = (struct folder){.path = "/tmp/brama-offline-XXXXXX"};
    assert_non_null(mkdtemp(f->path));
    start_keys(f, path);
    snprintf(text, sizeof(text), rules, f->url);
    put(f->path, "one.yaml", text);
    f->root = brama_str_c(f->path);
    f->service = (struct brama_service_flag){BRAMA_LIT("app"), BRAMA_LIT("default"), 0,
                                             BRAMA_LIT("127.0.0.1"), 8000};
    f->inputs = (struct brama_inputs){.paths = &f->root,
                                      .path_count = 1,
                                      .ns = BRAMA_LIT("default"),
                                      .domain = BRAMA_LIT("localhost"),
                                      .services = &f->service,
                                      .service_count = 1};
}

static void tear_down(struct folder *f)
{
    char command[64];
    kill(f->keys, SIGKILL);
    waitpid(f->keys, NULL, 0);
    snprintf(command, sizeof(command), "rm -r %s", f->path);
    assert_int_equal(system(command), 0);
}

static void rules_become_policy_and_facts(void **state)
{
    (void)state;
    struct folder f;
    struct brama_offline offline;
    struct brama_diag diag = {0};
    set_up(&f, "/set");
    put(f.path, "set.json", SET_ONE);
    enum brama_err err = brama_offline_read(&offline, &f.inputs, &diag);
    EXPECT("a key set is no rule file", err == BRAMA_ERR_SYNTAX);
    EXPECT("and is said to be none", offline.world.findings.errors >= 1);
    EXPECT("the rule is judged all the same", offline.world.rule_count == 1);
    EXPECT_STR("as valid", offline.world.rules->judged.description, BRAMA_NIL);
    assert_int_equal(brama_offline_build(&offline, &f.inputs, &diag), BRAMA_OK);
    assert_int_equal(brama_policy_verify(&offline.policy), BRAMA_OK);
    assert_int_equal(brama_facts_verify(&offline.facts), BRAMA_OK);
    const struct brama_f_keyset *k =
        brama_facts_keyset(&offline.facts, brama_keyset_id(brama_str_c(f.url)));
    EXPECT("its key set is there", k != NULL && k->keys.count == 1);
    EXPECT("and fresh", k != NULL && k->state == BRAMA_KEYSET_FRESH);
    const struct brama_f_upstream *u = brama_facts_upstream(
        &offline.facts, brama_upstream_id(BRAMA_STR("default"), BRAMA_STR("app"), 80));
    EXPECT("its workload has an address", u != NULL && u->addresses.count == 1);
    brama_offline_free(&offline);
    tear_down(&f);
}

static void a_set_that_cannot_be_had_is_a_fact_too(void **state)
{
    (void)state;
    struct folder f;
    struct brama_offline offline;
    struct brama_diag diag = {0};
    set_up(&f, "/none");
    assert_int_equal(brama_offline_read(&offline, &f.inputs, &diag), BRAMA_OK);
    assert_int_equal(brama_offline_build(&offline, &f.inputs, &diag), BRAMA_OK);
    const struct brama_f_keyset *k =
        brama_facts_keyset(&offline.facts, brama_keyset_id(brama_str_c(f.url)));
    EXPECT("never loaded", k != NULL && k->state == BRAMA_KEYSET_NEVER && k->keys.count == 0);
    EXPECT("with the problem", k != NULL && k->problem.n != 0);
    brama_offline_free(&offline);
    tear_down(&f);
}

static void a_path_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct folder f;
    struct brama_offline offline;
    struct brama_diag diag = {0};
    const brama_str paths[] = {BRAMA_LIT("/nonexistent/rules")};
    set_up(&f, "/set");
    f.inputs.paths = paths;
    assert_int_equal(brama_offline_read(&offline, &f.inputs, &diag), BRAMA_ERR_NOT_FOUND);
    EXPECT_STR("named", diag.where.file, paths[0]);
    brama_offline_free(&offline);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_become_policy_and_facts),
        cmocka_unit_test(a_set_that_cannot_be_had_is_a_fact_too),
        cmocka_unit_test(a_path_that_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
