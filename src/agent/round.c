#include "agent/round.h"

#include <stdlib.h>

#define ROUND_BYTES ((size_t)4 << 30)

enum brama_err brama__round_check_roots(const brama_str *roots, size_t count,
                                        const brama_str *stdin_text, struct brama_diag *diag)
{
    struct brama_arena arena;
    struct brama_files files;
    brama_arena_init(&arena, NULL, ROUND_BYTES);
    enum brama_err err = brama_files_read(&files, &arena, roots, count,
                                          &(struct brama_files_options){.stdin_text = stdin_text});
    if (err != BRAMA_OK) {
        brama_diag_set(diag, (struct brama_where){0}, "%s", brama_err_text(err));
    } else if (files.broken_count != 0) {
        err = BRAMA_ERR_INVALID;
        /* The name is the caller's. */
        brama_diag_set(diag, (struct brama_where){.file = files.broken[0].name}, "%.*s",
                       BRAMA_FMT(files.broken[0].problem));
    }
    brama_arena_deinit(&arena);
    return err;
}

bool brama__round_read(struct brama__round **out, const struct brama__round_in *in)
{
    struct brama__round *r = calloc(1, sizeof(*r));
    *out = r;
    if (r == NULL)
        return false;
    brama_arena_init(&r->arena, NULL, ROUND_BYTES);
    brama_buf_init(&r->bytes, NULL, BRAMA__POLICY_BYTES);
    struct brama__sheets_in sheets = in->sheets;
    sheets.before = in->before != NULL ? &in->before->sheets : NULL;
    if (brama__sheets_read(&r->sheets, &r->arena, &sheets) != BRAMA_OK) {
        brama__round_free(r);
        *out = NULL;
        return false;
    }
    return true;
}

static void drop_beside(struct brama__beside *b)
{
    if (b == NULL || --b->refs != 0)
        return;
    brama_arena_deinit(&b->arena);
    free(b);
}

static void drop_needed(struct brama__needed *n)
{
    if (n == NULL || --n->refs != 0)
        return;
    brama_arena_deinit(&n->arena);
    free(n);
}

void brama__round_free(struct brama__round *r)
{
    if (r == NULL)
        return;
    brama_buf_deinit(&r->bytes);
    brama_world_release(&r->world);
    drop_needed(r->needed);
    drop_beside(r->beside);
    brama__sheets_free(&r->sheets);
    brama_arena_deinit(&r->arena);
    free(r);
}

static brama_str folder_of(brama_str file)
{
    return brama_str_head(file, brama_str_find_last(file, '/'));
}

/* Why a file can't be used, and where in it; what empty: it was read, or it is gone. */
struct problem {
    brama_str what;
    struct brama_where where;
};

static struct problem of_sheet(const struct brama__sheet *sheet)
{
    return (struct problem){sheet->problem, sheet->where};
}

/* Files that can't be used and that no APIRule is known to come from: each may be one that is gone,
 * under another name. False: no memory. */
static bool find_strangers(struct brama__round *r, const struct brama__goods *goods)
{
    struct brama_arena scratch; /* rounds that can't be settled come here once a second */
    struct brama_map known = {.arena = &scratch};
    r->stranger_count = 0;
    if (r->sheets.problems == 0)
        return true;
    if (r->strangers == NULL)
        r->strangers = brama_arena_array(&r->arena, r->sheets.problems, sizeof(r->strangers[0]));
    brama_arena_init(&scratch, NULL, ROUND_BYTES);
    for (size_t i = 0; i < goods->count; i++)
        if (!goods->good[i].gone)
            (void)brama_map_put(&known, goods->good[i].file, 0);
    bool done = r->strangers != NULL && !brama_arena_failed(&scratch);
    for (size_t i = 0; done && i < r->sheets.n; i++) {
        const struct brama__sheet *s = r->sheets.p[i];
        if (s->problem.n != 0 && brama_map_get(&known, s->name) == NULL)
            r->strangers[r->stranger_count++] = s;
    }
    brama_arena_deinit(&scratch);
    return done;
}

static struct problem problem_beside(const struct brama__round *r, brama_str file)
{
    for (size_t i = 0; i < r->stranger_count; i++)
        if (brama_str_eq(folder_of(r->strangers[i]->name), folder_of(file)))
            return of_sheet(r->strangers[i]);
    return (struct problem){0};
}

/* The problem of the file, or of the root it lay under. */
static struct problem problem_of(const struct brama__round *r, brama_str file)
{
    const struct brama_files *files = &r->sheets.files;
    const struct brama__sheet *sheet = brama__sheets_find(&r->sheets, file);
    if (sheet != NULL)
        return of_sheet(sheet);
    for (size_t i = 0; i < files->broken_count; i++) {
        brama_str root = files->broken[i].name;
        if (brama_str_starts(file, root) &&
            (file.n == root.n || file.p[root.n] == '/' || brama_str_ends(root, BRAMA_STR("/"))))
            return (struct problem){files->broken[i].problem, {.file = file}};
    }
    return problem_beside(r, file);
}

static void mark_seen(const struct brama_world *world, const struct brama__goods *goods)
{
    for (size_t i = 0; i < goods->count; i++)
        goods->good[i].seen = false;
    for (const struct brama_apirule *rule = world->rules; rule != NULL; rule = rule->next) {
        struct brama__good *good = brama__goods_of(goods, rule);
        if (good != NULL)
            good->seen = true;
    }
}

struct stand_ins {
    struct brama_last_good *good;
    size_t good_count;
    struct brama_broken_rule *broken;
    size_t broken_count;
};

static void add_good(struct stand_ins *s, const struct brama__goods *goods,
                     const struct brama__good *good, struct brama__round *r, brama_str domain)
{
    const struct brama_apirule *model =
        brama__good_model(goods, good, &r->arena, &r->world, domain);
    if (model != NULL)
        s->good[s->good_count++] = (struct brama_last_good){model};
}

/* Goods are marked. Forms that may be needed: of rules that aren't valid now, and of those in files
 * that can't be read. */
static bool find_stand_ins(struct stand_ins *s, struct brama__round *r,
                           const struct brama__goods *goods, brama_str domain)
{
    *s = (struct stand_ins){0};
    s->good = brama_arena_array(&r->arena, goods->count, sizeof(*s->good));
    s->broken = brama_arena_array(&r->arena, goods->count, sizeof(*s->broken));
    if (goods->count != 0 && (s->good == NULL || s->broken == NULL))
        return false;
    for (const struct brama_apirule *rule = r->world.rules; rule != NULL; rule = rule->next) {
        const struct brama__good *good =
            rule->judged.valid ? NULL : brama__goods_find(goods, rule->ns, rule->name);
        if (good != NULL)
            add_good(s, goods, good, r, domain);
    }
    for (size_t i = 0; i < goods->count; i++) {
        const struct brama__good *good = &goods->good[i];
        struct problem problem = {0};
        if (!good->gone && !good->seen)
            problem = problem_of(r, good->file);
        if (problem.what.n == 0)
            continue;
        add_good(s, goods, good, r, domain);
        s->broken[s->broken_count++] =
            (struct brama_broken_rule){good->ns, good->name, problem.what, problem.where};
    }
    return !brama_arena_failed(&r->arena);
}

static void complain(struct brama__round *r, brama_str line)
{
    if (line.p != NULL)
        r->complaints.p[r->complaints.n++] = line;
}

/* FILE:LINE:COLUMN: what, as compilers say it. */
static brama_str at(struct brama__round *r, struct brama_where where, brama_str what)
{
    if (where.line == 0)
        return brama_arena_printf(&r->arena, "%.*s: %.*s", BRAMA_FMT(where.file), BRAMA_FMT(what));
    return brama_arena_printf(&r->arena, "%.*s:%u:%u: %.*s", BRAMA_FMT(where.file), where.line,
                              where.column, BRAMA_FMT(what));
}

static bool write_complaints(struct brama__round *r)
{
    size_t max = r->world.findings.errors + r->world.rule_count;
    r->complaints.p = brama_arena_array(&r->arena, max, sizeof(*r->complaints.p));
    if (r->complaints.p == NULL)
        return max == 0;
    for (const struct brama_finding *f = r->world.findings.first; f != NULL; f = f->next) {
        if (f->severity == BRAMA_SEVERITY_ERROR && r->complaints.n < max)
            complain(r, at(r, f->where, f->message));
    }
    for (const struct brama_apirule *rule = r->world.rules; rule != NULL; rule = rule->next) {
        if (rule->judged.valid || r->complaints.n == max)
            continue;
        r->errors++;
        complain(
            r, at(r, brama_apirule_place(rule),
                  brama_arena_printf(&r->arena, "%.*s/%.*s: %.*s", BRAMA_FMT(rule->ns),
                                     BRAMA_FMT(rule->name), BRAMA_FMT(rule->judged.description))));
    }
    return true;
}

/* The good forms are those that are served, now and before a restart. Goods are marked as seen. */
static const struct brama_host_owner *owners_of(struct brama__round *r,
                                                const struct brama__goods *goods, size_t *count)
{
    struct brama_host_owner *out = brama_arena_array(&r->arena, goods->count, sizeof(*out));
    *count = 0;
    for (size_t i = 0; out != NULL && i < goods->count; i++) {
        const struct brama__good *good = &goods->good[i];
        if (good->gone || good->host.n == 0)
            continue;
        bool unread = !good->seen && problem_of(r, good->file).what.n != 0;
        out[(*count)++] =
            (struct brama_host_owner){good->host, good->ns, good->name, unread, i + 1};
    }
    return out;
}

static bool is_beside(const struct brama__round *r, const struct brama__round *before)
{
    uint64_t neighbourhood = r->sheets.neighbourhood;
    return before != NULL && neighbourhood != 0 && neighbourhood == before->sheets.neighbourhood;
}

/* That of the round before, or a new one. */
static enum brama_err find_beside(struct brama__round *r, const struct brama__round_in *in)
{
    if (is_beside(r, in->before)) {
        r->beside = in->before->beside;
        r->beside->refs++;
        return BRAMA_OK;
    }
    struct brama__beside *b = r->beside = calloc(1, sizeof(*b));
    if (b == NULL)
        return BRAMA_ERR_NOMEM;
    b->refs = 1;
    brama_arena_init(&b->arena, NULL, ROUND_BYTES);
    brama_world_init(&b->world, &b->arena,
                     &(struct brama_world_options){.ns = in->inputs->ns,
                                                   .judges = r->sheets.judges,
                                                   .neighbourhood = r->sheets.neighbourhood,
                                                   .changes = &b->changes});
    brama__sheets_changes(&b->changes, &r->sheets, in->before != NULL ? &in->before->sheets : NULL,
                          b->world.default_ns);
    enum brama_err err = brama__sheets_add(&b->world, &r->sheets, BRAMA_WORLD_NEIGHBOURS);
    if (err == BRAMA_OK)
        err = brama_service_table_init(&b->table, &b->arena, in->inputs->services,
                                       in->inputs->service_count, &b->world);
    return err;
}

static enum brama_err judge(struct brama__round *r, const struct brama__round_in *in)
{
    struct brama_judge_options options = {.domain = in->inputs->domain, .quiet = true};
    enum brama_err err = find_beside(r, in);
    if (err != BRAMA_OK)
        return err;
    brama_world_init_beside(&r->world, &r->arena, &r->beside->world);
    err = brama__sheets_add(&r->world, &r->sheets, BRAMA_WORLD_RULES);
    if (err != BRAMA_OK)
        return err;
    mark_seen(&r->world, in->goods);
    if (!find_strangers(r, in->goods))
        return BRAMA_ERR_NOMEM;
    options.owners = owners_of(r, in->goods, &options.owner_count);
    brama_judge(&r->world, &options);
    r->certs =
        brama__plan_certs(&r->arena, &r->world, in->before != NULL ? in->before->certs : in->certs);
    return brama_compile_check(&r->world);
}

/* That of the round before, or a new one: where what a policy names leads to, is a question to the
 * neighbourhood. */
static enum brama_err find_needed(struct brama__round *r, const struct brama__round *before)
{
    uint64_t of = brama__plan_needs(&r->policy);
    bool beside = is_beside(r, before), most = r->beside->changes.since != 0;
    const struct brama__needed *known = beside || most ? before->needed : NULL;
    if (beside && known->of == of) {
        r->needed = before->needed;
        r->needed->refs++;
        return BRAMA_OK;
    }
    struct brama__needed *n = r->needed = calloc(1, sizeof(*n));
    if (n == NULL)
        return BRAMA_ERR_NOMEM;
    n->refs = 1;
    n->of = of;
    brama_arena_init(&n->arena, NULL, ROUND_BYTES);
    n->leads = brama__plan_leads(&n->arena, &r->policy, &r->beside->table,
                                 known != NULL ? &known->leads : NULL,
                                 beside ? NULL : &r->beside->changes);
    n->hosts = brama__plan_hosts(&n->arena, &n->leads, &r->policy, &r->beside->table);
    return brama_arena_failed(&n->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

bool brama__round_needs_the_same(const struct brama__round *a, const struct brama__round *b)
{
    return a->needed == b->needed;
}

void brama__round_ask(struct brama__facts_sources *out, const struct brama__round *newest,
                      const struct brama__round *in_force)
{
    const struct brama__round *rounds[] = {newest, in_force != newest ? in_force : NULL};
    out->policy_count = 0;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rounds) && rounds[i] != NULL; i++) {
        out->policies[i] = &rounds[i]->policy;
        out->leads[i] = &rounds[i]->needed->leads;
        out->policy_count++;
    }
    out->table = &newest->beside->table;
    out->certs = newest->certs;
}

enum brama_err brama__round_compile(struct brama__round *r, const struct brama__round_in *in,
                                    uint64_t number)
{
    struct stand_ins s;
    enum brama_err err = judge(r, in);
    if (err != BRAMA_OK)
        return err;
    if (!find_stand_ins(&s, r, in->goods, in->inputs->domain) || !write_complaints(r))
        return BRAMA_ERR_NOMEM;
    struct brama_compile_in compile = {.world = &r->world,
                                       .good = s.good,
                                       .good_count = s.good_count,
                                       .domain = in->inputs->domain,
                                       .responses = in->inputs->responses,
                                       .tls_port = in->inputs->tls_port,
                                       .like = in->before != NULL ? &in->before->policy : NULL,
                                       .broken = s.broken,
                                       .broken_count = s.broken_count};
    compile.sources = brama__sheets_sources(&r->arena, &r->sheets, &compile.source_count);
    err = brama_policy_compile(&r->bytes, number, &compile);
    if (err == BRAMA_OK)
        err = brama_policy_open(&r->policy, r->bytes.p, r->bytes.n);
    if (err != BRAMA_OK)
        return err;
    r->errors += s.broken_count;
    r->urls = brama__plan_keysets(&r->arena, &r->policy);
    err = find_needed(r, in->before);
    return err == BRAMA_OK && brama_arena_failed(&r->arena) ? BRAMA_ERR_NOMEM : err;
}

/* The first list before the second; false: no memory. */
static bool join(struct brama__texts *out, struct brama_arena *arena, struct brama__texts first,
                 struct brama__texts second)
{
    *out =
        (struct brama__texts){.p = brama_arena_array(arena, first.n + second.n, sizeof(*out->p))};
    if (out->p == NULL)
        return first.n + second.n == 0;
    for (size_t i = 0; i < first.n; i++)
        out->p[out->n++] = first.p[i];
    for (size_t i = 0; i < second.n; i++)
        out->p[out->n++] = second.p[i];
    return true;
}

enum brama_err brama__round_want(struct brama__round *r, const struct brama__round *so_far,
                                 struct brama_keysets *keysets, struct brama_resolver *resolver)
{
    static const struct brama__texts none = {0};
    struct brama__texts urls, hosts;
    if (!join(&urls, &r->arena, r->urls, so_far != NULL ? so_far->urls : none) ||
        !join(&hosts, &r->arena, r->needed->hosts, so_far != NULL ? so_far->needed->hosts : none))
        return BRAMA_ERR_NOMEM;
    enum brama_err err = brama_keysets_want(keysets, urls.p, urls.n);
    return err == BRAMA_OK ? brama_resolver_want(resolver, hosts.p, hosts.n) : err;
}

enum brama_err brama__round_settle_needs(struct brama__round *r, struct brama_keysets *keysets,
                                         struct brama_resolver *resolver)
{
    brama_keysets_wait_no_more(keysets);
    brama_resolver_wait_no_more(resolver);
    return brama__round_want(r, NULL, keysets, resolver);
}

size_t brama__round_settle(struct brama__round *r, struct brama__goods *goods)
{
    size_t failed = brama__goods_keep(goods, &r->world);
    mark_seen(&r->world, goods);
    if (!find_strangers(r, goods))
        return failed + 1; /* nothing is dropped for want of memory */
    for (size_t i = 0; i < goods->count; i++) {
        struct brama__good *good = &goods->good[i];
        if (!good->gone && !good->seen && problem_of(r, good->file).what.n == 0)
            brama__good_drop(goods, good);
    }
    return failed;
}
