/* What one edit among many rules costs the agent, without disk sync and nginx: CPU time of reading
 * what changed, of judging and compiling all, of planning facts, and of forgetting the round
 * before; for a rule edited in place, one that is added, and one that comes with its workload; and
 * the time of reading all of them when they are swapped as a mounted ConfigMap is, with one edited.
 * Figures only.
 *
 *     build/bench/bench_round [RULES]...      (10 1000 10000), a file each
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/large_pages.h"
#include "agent/round.h"

#define EDITS 15
#define SWAPS 5

enum stage { READ, COMPILE, FACTS, SETTLE, FREE, STAGES };
enum kind { EDITED, ADDED, WITH_SERVICE, KINDS };

struct place {
    char base[32], rules[48], state_dir[48];
    char written[80]; /* the folder that files are written to */
    struct brama__state state;
    struct brama__goods goods;
    brama_str root;
    struct brama_inputs inputs;
    uv_loop_t loop;
    struct brama_keysets *keysets;
    struct brama_resolver *resolver;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "round: %s failed\n", what);
    exit(1);
}

static void write_file(const struct place *p, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", p->written, name);
    FILE *f = fopen(path, "w");
    must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, path);
}

static const char service[] = "apiVersion: v1\nkind: Service\nmetadata: {name: app-%u, "
                              "namespace: shop}\nspec: {ports: [{port: 80}]}\n---\n";
static const char slice[] =
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: app-%u, namespace: "
    "shop, labels: {kubernetes.io/service-name: app-%u}}\nports: [{port: 8080}]\nendpoints: "
    "[{addresses: [127.1.%u.%u]}]\n---\n";

static void write_rule(const struct place *p, unsigned i, unsigned edit, bool with_service)
{
    static const char head[] = "kind: APIRule\nmetadata: {name: rule-%u, namespace: shop}\nspec:\n";
    static const char jwks[] = "https://idp.example/jwks";
    char name[32], text[2048], *at = text;
    const char *end = text + sizeof(text);

#define ADD(...) at += snprintf(at, (size_t)(end - at), __VA_ARGS__)
    if (with_service) {
        ADD(service, i);
        ADD(slice, i, i, i / 256 % 256, i % 256);
    }
    ADD("apiVersion: gateway.kyma-project.io/%s\n", i % 3 == 2 ? "v1beta1" : "v2");
    ADD(head, i);
    ADD("  gateway: kyma-system/kyma-gateway\n  service: {name: app-%u, port: 80}\n", i);
    ADD(i % 3 == 2 ? "  host: rule-%u\n  rules:\n" : "  hosts: [rule-%u]\n  rules:\n", i);
    if (i % 3 == 0) {
        ADD("  - {path: /x%u, methods: [GET], noAuth: true}\n", edit);
    } else if (i % 3 == 1) {
        ADD("  - path: \"/a/{**}\"\n    methods: [GET]\n    jwt:\n");
        ADD("      authentications: [{issuer: \"https://idp.example\", jwksUri: \"%s\"}]\n", jwks);
        ADD("      authorizations: [{requiredScopes: [read]}]\n");
        ADD("  - {path: /b, methods: [GET, POST], noAuth: true}\n");
    } else {
        ADD("  - path: /.*\n    methods: [GET]\n    accessStrategies:\n    - handler: jwt\n");
        ADD("      config: {jwks_urls: [\"%s\"], trusted_issuers: [\"https://idp.example\"]}\n",
            jwks);
    }
#undef ADD
    snprintf(name, sizeof(name), "r%05u.yaml", i);
    write_file(p, name, text);
}

static void write_services(const struct place *p, unsigned n)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/z-services.yaml", p->rules);
    FILE *f = fopen(path, "w");
    must(f != NULL, path);
    for (unsigned i = 0; i < n; i++) {
        fprintf(f, service, i);
        fprintf(f, slice, i, i, i / 256 % 256, i % 256);
    }
    must(fclose(f) == 0, path);
}

static void set_up(struct place *p, unsigned n)
{
    struct brama_diag diag = {0};
    *p = (struct place){.base = "/tmp/brama-bench-XXXXXX",
                        .inputs = {.ns = BRAMA_LIT("default"), .domain = BRAMA_LIT("localhost")}};
    must(mkdtemp(p->base) != NULL, p->base);
    snprintf(p->rules, sizeof(p->rules), "%s/rules", p->base);
    snprintf(p->state_dir, sizeof(p->state_dir), "%s/state", p->base);
    snprintf(p->written, sizeof(p->written), "%s", p->rules);
    must(mkdir(p->rules, 0700) == 0, p->rules);
    for (unsigned i = 0; i < n; i++)
        write_rule(p, i, 0, false);
    write_services(p, n + EDITS + 1);
    p->root = brama_str_c(p->rules);
    must(brama__state_open(&p->state, brama_str_c(p->state_dir), &diag) == BRAMA_OK, diag.what);
    must(brama__goods_open(&p->goods, &p->state) == BRAMA_OK, "last good forms");
    must(uv_loop_init(&p->loop) == 0, "a loop");
    struct brama_keysets_options options = {.loop = &p->loop};
    must(brama_keysets_new(&p->keysets, &options) == BRAMA_OK, "key sets");
    must(brama_resolver_new(&p->resolver, &p->loop, NULL, NULL) == BRAMA_OK, "a resolver");
}

static void tear_down(struct place *p)
{
    char command[64];
    brama_keysets_free(p->keysets);
    brama_resolver_free(p->resolver);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&p->loop) == 0, "a loop's end");
    brama__goods_close(&p->goods);
    brama__state_close(&p->state);
    snprintf(command, sizeof(command), "rm -r %s", p->base);
    must(system(command) == 0, command); /* a test's own folder, not on any path of the product */
}

static double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cpu_ms(void)
{
    return clock_ms(CLOCK_PROCESS_CPUTIME_ID);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void plan_facts(const struct place *p, struct brama__round *r,
                       const struct brama__round *before, unsigned number)
{
    struct brama__facts_sources from = {.keysets = p->keysets, .resolver = p->resolver};
    struct brama_buf bytes;
    must(brama_resolver_want(p->resolver, r->needed->hosts.p, r->needed->hosts.n) == BRAMA_OK,
         "names");
    if (before != NULL && brama__round_needs_the_same(r, before))
        return;
    brama__round_ask(&from, r, before);
    brama_buf_init(&bytes, NULL, BRAMA__FACTS_BYTES);
    must(brama__plan_facts(&bytes, number, &from) == BRAMA_OK, "facts");
    brama_buf_deinit(&bytes);
}

/* The time of each stage; the round in place of the one before. */
static void make_edit(struct place *p, struct brama__round **round, unsigned number,
                      const struct brama_touched *touched, double ms[STAGES])
{
    struct brama__round *r;
    struct brama__round_in in = {.inputs = &p->inputs,
                                 .sheets = {.roots = &p->root, .root_count = 1},
                                 .goods = &p->goods,
                                 .before = *round};
    in.sheets.touched = *round != NULL ? touched : NULL;
    in.sheets.touched_count = 1;
    double start = cpu_ms();
    must(brama__round_read(&r, &in), "reading");
    ms[READ] = cpu_ms() - start;
    start = cpu_ms();
    must(brama__round_compile(r, &in, number) == BRAMA_OK, "compiling");
    must(r->errors == 0, "a rule");
    ms[COMPILE] = cpu_ms() - start;
    start = cpu_ms();
    plan_facts(p, r, *round, number);
    ms[FACTS] = cpu_ms() - start;
    start = cpu_ms();
    must(brama__round_settle(r, &p->goods) == 0, "keeping");
    ms[SETTLE] = cpu_ms() - start;
    start = cpu_ms();
    brama__round_free(*round);
    ms[FREE] = cpu_ms() - start;
    *round = r;
}

static void measure(unsigned n, enum kind kind)
{
    static const char *const names[] = {"edited", "added", "added with its workload"};
    struct place p;
    struct brama__round *round = NULL;
    double ms[EDITS][STAGES], of_stage[EDITS], medians[STAGES];
    unsigned number = 1, last = kind == WITH_SERVICE ? n + EDITS + 2 : n;

    set_up(&p, n);
    make_edit(&p, &round, number++, NULL, ms[0]);
    for (unsigned edit = 0; edit < EDITS; edit++) {
        char name[32];
        unsigned i = kind == EDITED ? 0 : last + edit;
        struct brama_touched touched = {
            0, {name, (size_t)snprintf(name, sizeof(name), "r%05u.yaml", i)}};
        write_rule(&p, i, edit + 1, kind == WITH_SERVICE);
        make_edit(&p, &round, number++, &touched, ms[edit]);
    }
    brama__round_free(round);
    for (int s = 0; s < STAGES; s++) {
        for (unsigned edit = 0; edit < EDITS; edit++)
            of_stage[edit] = ms[edit][s];
        qsort(of_stage, EDITS, sizeof(double), by_size);
        medians[s] = of_stage[EDITS / 2];
    }
    printf("%6u rules, CPU ms for one %-24s read %6.2f  compile %6.2f  facts %6.2f  keep %6.2f  "
           "forget %6.2f\n",
           n, names[kind], medians[READ], medians[COMPILE], medians[FACTS], medians[SETTLE],
           medians[FREE]);
    tear_down(&p);
}

/* A new folder with all rules, and "..data" leads to it. */
static void swap(struct place *p, unsigned n, unsigned number)
{
    char link[80], next[80];
    snprintf(link, sizeof(link), "%s/..data", p->rules);
    snprintf(next, sizeof(next), "%s/..next", p->rules);
    snprintf(p->written, sizeof(p->written), "%s/..%u", p->rules, number);
    must(mkdir(p->written, 0700) == 0, p->written);
    for (unsigned i = 0; i < n; i++)
        write_rule(p, i, i == 0 ? number : 0, false);
    must(symlink(strrchr(p->written, '/') + 1, next) == 0 && rename(next, link) == 0, link);
}

static void link_all(const struct place *p, unsigned n)
{
    char path[80], to[80];
    for (unsigned i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/r%05u.yaml", p->rules, i);
        snprintf(to, sizeof(to), "..data/r%05u.yaml", i);
        must(unlink(path) == 0 && symlink(to, path) == 0, path);
    }
}

/* By the clock, since two threads read. */
static void measure_swap(unsigned n)
{
    struct place p;
    struct brama__round *last = NULL;
    double ms[SWAPS + 1];
    set_up(&p, n);
    link_all(&p, n);
    for (unsigned i = 0; i <= SWAPS; i++) {
        struct brama__round_in in = {.inputs = &p.inputs,
                                     .sheets = {.roots = &p.root, .root_count = 1},
                                     .goods = &p.goods,
                                     .before = last};
        struct brama__round *r;
        swap(&p, n, i);
        double start = clock_ms(CLOCK_MONOTONIC);
        must(brama__round_read(&r, &in), "reading");
        ms[i] = clock_ms(CLOCK_MONOTONIC) - start;
        brama__round_free(last);
        last = r;
    }
    brama__round_free(last);
    qsort(ms + 1, SWAPS, sizeof(double), by_size); /* without the first reading */
    printf("%6u rules, ms for all of them swapped          read %6.2f\n", n, ms[1 + SWAPS / 2]);
    tear_down(&p);
}

static void measure_all(unsigned n)
{
    for (int kind = 0; kind < KINDS; kind++)
        measure(n, (enum kind)kind);
    measure_swap(n);
}

int main(int argc, char **argv)
{
    brama__large_pages();
    if (argc > 1)
        for (int i = 1; i < argc; i++)
            measure_all((unsigned)atoi(argv[i]));
    else
        for (unsigned n = 10; n <= 10000; n = n == 10 ? 1000 : n * 10)
            measure_all(n);
    return 0;
}
