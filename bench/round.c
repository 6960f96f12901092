/* What one edit among many rules costs the agent, without disk sync and nginx: CPU time of reading
 * what changed, of judging and compiling all, and of forgetting the round before. Figures only.
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

enum stage { READ, COMPILE, SETTLE, FREE, STAGES };

struct place {
    char base[32], rules[48], state_dir[48];
    struct brama__state state;
    struct brama__goods goods;
    brama_str root;
    struct brama_inputs inputs;
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
    char path[96];
    snprintf(path, sizeof(path), "%s/%s", p->rules, name);
    FILE *f = fopen(path, "w");
    must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, path);
}

static void write_rule(const struct place *p, unsigned i, unsigned edit)
{
    static const char head[] = "kind: APIRule\nmetadata: {name: rule-%u, namespace: shop}\nspec:\n";
    static const char jwks[] = "https://idp.example/jwks";
    char name[32], text[2048], *at = text;
    const char *end = text + sizeof(text);

#define ADD(...) at += snprintf(at, (size_t)(end - at), __VA_ARGS__)
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
    static const char service[] = "apiVersion: v1\nkind: Service\nmetadata: {name: app-%u, "
                                  "namespace: shop}\nspec: {ports: [{port: 80}]}\n---\n";
    static const char slice[] =
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: app-%u, namespace: "
        "shop, labels: {kubernetes.io/service-name: app-%u}}\nports: [{port: 8080}]\nendpoints: "
        "[{addresses: [127.0.0.1]}]\n---\n";
    char path[96];
    snprintf(path, sizeof(path), "%s/z-services.yaml", p->rules);
    FILE *f = fopen(path, "w");
    must(f != NULL, path);
    for (unsigned i = 0; i < n; i++) {
        fprintf(f, service, i);
        fprintf(f, slice, i, i);
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
    must(mkdir(p->rules, 0700) == 0, p->rules);
    for (unsigned i = 0; i < n; i++)
        write_rule(p, i, 0);
    write_services(p, n);
    p->root = brama_str_c(p->rules);
    must(brama__state_open(&p->state, brama_str_c(p->state_dir), &diag) == BRAMA_OK, diag.what);
    must(brama__goods_open(&p->goods, &p->state) == BRAMA_OK, "last good forms");
}

static void tear_down(struct place *p)
{
    char command[64];
    brama__goods_close(&p->goods);
    brama__state_close(&p->state);
    snprintf(command, sizeof(command), "rm -r %s", p->base);
    must(system(command) == 0, command); /* a test's own folder, not on any path of the product */
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void measure(unsigned n)
{
    static const struct brama_touched edited = {0, BRAMA_LIT("r00000.yaml")};
    struct place p;
    struct brama__round *last = NULL;
    double ms[STAGES][EDITS + 1], start;

    set_up(&p, n);
    for (unsigned edit = 0; edit <= EDITS; edit++) {
        struct brama__round *r;
        struct brama__round_in in = {.inputs = &p.inputs,
                                     .sheets = {.roots = &p.root, .root_count = 1},
                                     .goods = &p.goods,
                                     .before = last};
        in.sheets.touched = last != NULL ? &edited : NULL;
        in.sheets.touched_count = 1;
        write_rule(&p, 0, edit);
        start = cpu_ms();
        must(brama__round_read(&r, &in), "reading");
        ms[READ][edit] = cpu_ms() - start;
        start = cpu_ms();
        must(brama__round_compile(r, &in, edit + 1) == BRAMA_OK, "compiling");
        must(r->errors == 0, "a rule");
        ms[COMPILE][edit] = cpu_ms() - start;
        start = cpu_ms();
        must(brama__round_settle(r, &p.goods) == 0, "keeping");
        ms[SETTLE][edit] = cpu_ms() - start;
        start = cpu_ms();
        brama__round_free(last);
        ms[FREE][edit] = cpu_ms() - start;
        last = r;
    }
    brama__round_free(last);
    for (int s = 0; s < STAGES; s++)
        qsort(ms[s] + 1, EDITS, sizeof(double), by_size); /* without the first reading */
    printf("%6u rules, CPU ms an edit:  read %6.2f  compile %6.2f  keep %6.2f  forget %6.2f\n", n,
           ms[READ][1 + EDITS / 2], ms[COMPILE][1 + EDITS / 2], ms[SETTLE][1 + EDITS / 2],
           ms[FREE][1 + EDITS / 2]);
    tear_down(&p);
}

int main(int argc, char **argv)
{
    brama__large_pages();
    if (argc > 1)
        for (int i = 1; i < argc; i++)
            measure((unsigned)atoi(argv[i]));
    else
        for (unsigned n = 10; n <= 10000; n = n == 10 ? 1000 : n * 10)
            measure(n);
    return 0;
}
