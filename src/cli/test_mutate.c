/* Changes to rules that somebody might make by mistake. Each is made on a copy of the manifest,
 * which is read, judged and compiled as if it stood in the file. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/testing.h"
#include "policy/compile.h"
#include "rule/judge.h"
#include "rule/read.h"

#define MUTANT_BYTES ((size_t)1 << 30)

/* Leave the target out, or put another node in its place. */
struct edit {
    const struct brama_node *target, *with; /* with: NULL: leave out */
};

struct mutant {
    struct brama_test_mutant told;
    const struct brama_apirule *apirule;
    struct edit edit;
};

struct mutating {
    struct brama_arena *arena;
    const struct brama_apirule *apirule;
    size_t rule;
    bool v1;
    struct brama_test_mutant *first, **end;
};

static const struct brama_node *edited(struct brama_arena *arena, const struct brama_node *node,
                                       const struct edit *edit)
{
    struct brama_node *out = brama_arena_alloc(arena, sizeof(*out));
    struct brama_node **end;

    if (out == NULL)
        return NULL;
    *out = *node;
    out->first = NULL;
    out->next = NULL;
    out->count = 0;
    end = &out->first;
    for (const struct brama_node *n = node->first; n != NULL; n = n->next) {
        if (n == edit->target && edit->with == NULL)
            continue;
        struct brama_node *copy = brama_arena_alloc(arena, sizeof(*copy));
        const struct brama_node *from = n == edit->target ? edit->with : edited(arena, n, edit);
        if (copy == NULL || from == NULL)
            return NULL;
        *copy = *from;
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
        out->count++;
    }
    return out;
}

static void add(struct mutating *m, const struct brama_node *target, const struct brama_node *with,
                struct brama_where where, const char *fmt, ...) BRAMA_PRINTF(5, 6);
static void add(struct mutating *m, const struct brama_node *target, const struct brama_node *with,
                struct brama_where where, const char *fmt, ...)
{
    struct mutant *one = brama_arena_alloc(m->arena, sizeof(*one));
    char text[256];
    va_list args;

    if (one == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    brama_str rule = brama_test_rule_name(m->arena, m->apirule, m->rule);
    *one = (struct mutant){
        .told = {.where = where,
                 .what = brama_arena_printf(m->arena, "%.*s: %s", BRAMA_FMT(rule), text)},
        .apirule = m->apirule,
        .edit = {target, with}};
    *m->end = &one->told;
    m->end = &one->told.next;
}

static struct brama_node *make(struct mutating *m, brama_str key, enum brama_node_kind kind,
                               brama_str text)
{
    struct brama_node *node = brama_arena_alloc(m->arena, sizeof(*node));

    if (node != NULL)
        *node = (struct brama_node){.kind = kind, .key = key, .text = text, .truth = true};
    return node;
}

/* Each item of a list of texts; the last one takes the list with it, since Kyma refuses empty ones.
 */
static void drop_each(struct mutating *m, const struct brama_node *map, const char *key,
                      const char *what)
{
    const struct brama_node *list = brama_node_get(map, brama_str_c(key));

    for (const struct brama_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next)
        if (n->kind == BRAMA_NODE_STR)
            add(m, list->count > 1 ? n : list, NULL, n->where, "drop the %s \"%.*s\"", what,
                BRAMA_FMT(n->text));
}

static void mutate_jwt(struct mutating *m, const struct brama_node *config)
{
    const struct brama_node *authn = brama_node_get(config, BRAMA_STR("authentications"));
    const struct brama_node *authz = brama_node_get(config, BRAMA_STR("authorizations"));
    size_t i = 0;

    for (const struct brama_node *n = authn != NULL ? authn->first : NULL; n != NULL;
         n = n->next, i++)
        if (authn->count > 1)
            add(m, n, NULL, n->where, "drop authentications[%zu]", i);
    i = 0;
    for (const struct brama_node *n = authz != NULL ? authz->first : NULL; n != NULL;
         n = n->next, i++) {
        add(m, authz->count > 1 ? n : authz, NULL, n->where, "drop authorizations[%zu]", i);
        if (n->count == 1 && n->first->count == 1)
            continue; /* the same, told once */
        drop_each(m, n, "requiredScopes", "scope");
        drop_each(m, n, "audiences", "audience");
    }
    drop_each(m, config, "required_scope", "scope");
    drop_each(m, config, "target_audience", "audience");
    drop_each(m, config, "trusted_issuers", "issuer");
}

static void mutate_strategy(struct mutating *m, const struct brama_node *rule)
{
    const struct brama_node *jwt = brama_node_get(rule, BRAMA_STR("jwt"));
    const struct brama_node *ext = brama_node_get(rule, BRAMA_STR("extAuth"));
    const struct brama_node *list = brama_node_get(rule, BRAMA_STR("accessStrategies"));
    const struct brama_node *closed = jwt != NULL ? jwt : ext;

    if (!m->v1 && closed != NULL)
        add(m, closed, make(m, BRAMA_STR("noAuth"), BRAMA_NODE_BOOL, BRAMA_STR("true")),
            closed->key_where, "ask for no token");
    if (jwt != NULL)
        mutate_jwt(m, jwt);
    if (ext != NULL)
        mutate_jwt(m, brama_node_get(ext, BRAMA_STR("restrictions")));
    for (const struct brama_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) {
        brama_str handler = brama_node_get_str(n, BRAMA_STR("handler"));
        if (!brama_str_eq(handler, BRAMA_STR("jwt")))
            continue;
        struct brama_node *open = make(m, BRAMA_NIL, BRAMA_NODE_MAP, BRAMA_NIL);
        if (open != NULL) {
            open->first = make(m, BRAMA_STR("handler"), BRAMA_NODE_STR, BRAMA_STR("no_auth"));
            open->count = 1;
            add(m, n, open, n->where, "ask for no token");
        }
        mutate_jwt(m, brama_node_get(n, BRAMA_STR("config")));
    }
}

static void mutate_methods(struct mutating *m, const struct brama_node *rule)
{
    const struct brama_node *list = brama_node_get(rule, BRAMA_STR("methods"));
    struct brama_node *all = make(m, BRAMA_STR("methods"), BRAMA_NODE_LIST, BRAMA_NIL), **end;

    if (list == NULL || all == NULL)
        return;
    for (const struct brama_node *n = list->first; list->count > 1 && n != NULL; n = n->next)
        add(m, n, NULL, n->where, "drop the method %.*s", BRAMA_FMT(n->text));
    end = &all->first;
    for (brama_methods one = 1; one <= BRAMA_METHOD_ALL; one = (brama_methods)(one << 1)) {
        *end = make(m, BRAMA_NIL, BRAMA_NODE_STR, brama_str_c(brama_method_name(one)));
        if (*end == NULL)
            return;
        end = &(*end)->next;
        all->count++;
    }
    if (list->count < all->count)
        add(m, list, all, list->where, "take every method");
}

static void widen(struct mutating *m, const struct brama_node *path, brama_str wide)
{
    if (!brama_str_eq(path->text, wide))
        add(m, path, make(m, path->key, BRAMA_NODE_STR, wide), path->where,
            "widen the path to %.*s", BRAMA_FMT(wide));
}

/* To everything, and to everything below where it stands. */
static void mutate_path(struct mutating *m, const struct brama_node *rule)
{
    const struct brama_node *path = brama_node_get(rule, BRAMA_STR("path"));

    if (path == NULL || path->kind != BRAMA_NODE_STR || path->text.n == 0)
        return;
    bool is_all = brama_str_eq(path->text, BRAMA_STR("/*")) ||
                  brama_str_eq(path->text, BRAMA_STR("/{**}")) ||
                  brama_str_eq(path->text, BRAMA_STR("/.*"));
    if (is_all)
        return;
    widen(m, path, m->v1 ? BRAMA_STR("/.*") : BRAMA_STR("/*"));
    size_t slash = brama_str_find_last(path->text, '/');
    if (slash != 0 && slash < path->text.n)
        widen(m, path,
              brama_arena_printf(m->arena, "%.*s/%s", BRAMA_FMT(brama_str_head(path->text, slash)),
                                 m->v1 ? ".*" : "{**}"));
}

static void mutate_request(struct mutating *m, const struct brama_node *rule)
{
    const struct brama_node *request = brama_node_get(rule, BRAMA_STR("request"));
    const struct brama_node *headers = brama_node_get(request, BRAMA_STR("headers"));

    for (const struct brama_node *n = headers != NULL ? headers->first : NULL; n != NULL;
         n = n->next)
        add(m, n, NULL, n->key_where, "drop the header %.*s", BRAMA_FMT(n->key));
}

static void mutate_apirule(struct mutating *m)
{
    const struct brama_node *rules =
        brama_node_get(brama_node_get(m->apirule->doc, BRAMA_STR("spec")), BRAMA_STR("rules"));

    m->rule = 0;
    for (const struct brama_node *n = rules != NULL ? rules->first : NULL; n != NULL;
         n = n->next, m->rule++) {
        if (rules->count > 1)
            add(m, n, NULL, n->where, "drop the rule");
        mutate_path(m, n);
        mutate_methods(m, n);
        mutate_strategy(m, n);
        mutate_request(m, n);
    }
}

/* The world with one manifest changed. Everything but the APIRules is shared. */
static enum brama_err rebuild(struct brama_world *out, struct brama_arena *arena,
                              const struct brama_world *world, const struct mutant *mutant,
                              brama_str domain, bool *valid)
{
    *out = *world;
    out->arena = arena;
    out->rules = out->last_rule = NULL;
    brama_findings_init(&out->findings, arena);
    *valid = true;
    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next) {
        const struct brama_node *doc =
            r == mutant->apirule ? edited(arena, r->doc, &mutant->edit) : r->doc;
        struct brama_apirule *rule = NULL;
        if (doc == NULL || brama_apirule_read(&rule, arena, doc, world->default_ns) != BRAMA_OK)
            return BRAMA_ERR_NOMEM;
        if (out->last_rule != NULL)
            out->last_rule->next = rule;
        else
            out->rules = rule;
        out->last_rule = rule;
    }
    brama_judge(out, &(struct brama_judge_options){.domain = domain});
    enum brama_err err = brama_compile_check(out);
    const struct brama_apirule *new = out->rules;
    for (const struct brama_apirule *r = world->rules; err == BRAMA_OK && r != NULL;
         r = r->next, new = new->next)
        *valid = *valid && (new->judged.valid || !r->judged.valid);
    return err;
}

static enum brama_err put_to_the_tests(struct mutant *mutant, struct brama_test_bench *bench,
                                       const struct brama_world *world, brama_str domain,
                                       const struct brama_test_case *const *tests, size_t count)
{
    struct brama_arena arena;
    struct brama_world changed;
    bool valid = false;

    brama_arena_init(&arena, NULL, MUTANT_BYTES);
    enum brama_err err = rebuild(&changed, &arena, world, mutant, domain, &valid);
    mutant->told.invalid = !valid;
    if (err == BRAMA_OK && valid)
        err = brama_test_bench_load(bench, &changed);
    for (size_t i = 0; err == BRAMA_OK && valid && mutant->told.killer == NULL && i < count; i++) {
        struct brama_test_result result;
        struct brama_diag diag = {0};
        err = brama_test_run(&result, bench, tests[i], &arena, &diag);
        if (err == BRAMA_ERR_INVALID)
            err = BRAMA_OK; /* no such token any more: not passed */
        if (err == BRAMA_OK && !result.passed)
            mutant->told.killer = tests[i];
    }
    brama_arena_deinit(&arena);
    return err;
}

enum brama_err brama_test_mutate(struct brama_test_mutant **out, struct brama_arena *arena,
                                 struct brama_test_bench *bench, const struct brama_world *world,
                                 brama_str domain, const struct brama_test_case *const *tests,
                                 size_t test_count)
{
    struct mutating m = {.arena = arena};
    enum brama_err err = BRAMA_OK;

    m.end = &m.first;
    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next) {
        m.apirule = r;
        m.v1 = brama_api_is_v1(r->version);
        if (r->judged.valid)
            mutate_apirule(&m);
    }
    *out = m.first;
    for (struct brama_test_mutant *t = m.first; t != NULL && err == BRAMA_OK; t = t->next)
        err = put_to_the_tests((struct mutant *)t, bench, world, domain, tests, test_count);
    return err == BRAMA_OK ? brama_test_bench_load(bench, world) : err;
}
