#include "agent/offline.h"

#include <string.h>

#include "agent/lint_keys.h"
#include "agent/plan.h"
#include "policy/lint.h"
#include "rule/judge.h"

#define WORLD_BYTES ((size_t)2 << 30)
#define DEADLINE_MS 8000 /* two fetches of a discovery document's set, and then some */

enum brama_err brama_offline_read(struct brama_offline *out, const struct brama_inputs *inputs,
                                  struct brama_diag *diag)
{
    struct brama_files *files = &out->files;

    *out = (struct brama_offline){0};
    brama_arena_init(&out->arena, NULL, WORLD_BYTES);
    brama_buf_init(&out->policy_bytes, NULL, BRAMA__POLICY_BYTES);
    brama_buf_init(&out->facts_bytes, NULL, BRAMA__FACTS_BYTES);
    brama_world_init(&out->world, &out->arena, &(struct brama_world_options){.ns = inputs->ns});
    enum brama_err err =
        brama_files_read(files, &out->arena, inputs->paths, inputs->path_count, NULL);
    if (err != BRAMA_OK)
        return err;
    if (files->broken_count != 0) {
        brama_diag_set(diag, (struct brama_where){.file = files->broken[0].name}, "%.*s",
                       BRAMA_FMT(files->broken[0].problem));
        return BRAMA_ERR_NOT_FOUND;
    }
    err = brama__plan_read(&out->world, files);
    if (err != BRAMA_OK)
        return err;
    brama_judge(&out->world, &(struct brama_judge_options){.domain = inputs->domain});
    brama__plan_certs(&out->arena, &out->world, (struct brama__certs){0});
    err = brama_compile_check(&out->world);
    for (size_t i = 0; i < files->count && err == BRAMA_OK; i++) {
        if (files->file[i].problem.n == 0)
            continue;
        brama_diag_set(diag, (struct brama_where){.file = files->file[i].name}, "%.*s",
                       BRAMA_FMT(files->file[i].problem));
        err = BRAMA_ERR_SYNTAX;
    }
    return err;
}

enum brama_err brama_offline_compile(struct brama_offline *offline,
                                     const struct brama_inputs *inputs)
{
    struct brama_compile_in in = {
        .world = &offline->world, .domain = inputs->domain, .responses = inputs->responses};

    brama_buf_reset(&offline->policy_bytes);
    enum brama_err err = brama_policy_compile(&offline->policy_bytes, 1, &in);
    if (err != BRAMA_OK)
        return err;
    brama_str bytes = brama_buf_str(&offline->policy_bytes);
    return brama_policy_open(&offline->policy, bytes.p, bytes.n);
}

/* The loop of a command that waits for its facts. */
struct waiting {
    uv_loop_t loop;
    uv_timer_t deadline;
    struct brama_keysets *keysets;
    struct brama_resolver *resolver;
};

static void stop_if_done(struct waiting *w)
{
    if (brama_keysets_pending(w->keysets) == 0 && brama_resolver_pending(w->resolver) == 0)
        uv_stop(&w->loop);
}

static void on_keyset(void *ctx, const struct brama_keyset *keyset, enum brama_keyset_event event)
{
    (void)keyset;
    if (event != BRAMA_KEYSET_ASKED)
        stop_if_done(ctx);
}

static void on_host(void *ctx, brama_str host)
{
    (void)host;
    stop_if_done(ctx);
}

static void on_deadline(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static enum brama_err start_waiting(struct waiting *w, const struct brama_inputs *inputs,
                                    const struct brama_http_resolver *resolver)
{
    struct brama_keysets_options options = {
        .loop = &w->loop,
        .http = {.ca_file = inputs->ca_file, .resolver = resolver},
        .news = on_keyset,
        .ctx = w};
    enum brama_err err = brama_keysets_new(&w->keysets, &options);
    if (err == BRAMA_OK)
        err = brama_resolver_new(&w->resolver, &w->loop, on_host, w);
    return err;
}

/* What is waited for, and what is made of it; the loop still runs then. */
struct errand {
    struct brama_service_table *table;
    struct brama__texts urls, hosts;
    struct brama__leads leads;
    enum brama_err (*use)(struct brama_offline *offline, const struct waiting *w,
                          const struct errand *errand);
};

static enum brama_err wait_for(struct waiting *w, const struct errand *errand)
{
    enum brama_err err = brama_keysets_want(w->keysets, errand->urls.p, errand->urls.n);

    if (err == BRAMA_OK)
        err = brama_resolver_want(w->resolver, errand->hosts.p, errand->hosts.n);
    if (err != BRAMA_OK)
        return err;
    if (brama_keysets_pending(w->keysets) != 0 || brama_resolver_pending(w->resolver) != 0) {
        uv_timer_start(&w->deadline, on_deadline, DEADLINE_MS, 0);
        uv_run(&w->loop, UV_RUN_DEFAULT);
    }
    return BRAMA_OK;
}

static enum brama_err run(struct brama_offline *offline, const struct brama_inputs *inputs,
                          const struct errand *errand)
{
    struct brama_http_resolver resolver = {brama_service_lookup, errand->table};
    struct waiting w = {0};

    if (brama_arena_failed(&offline->arena) || uv_loop_init(&w.loop) != 0)
        return BRAMA_ERR_NOMEM;
    uv_timer_init(&w.loop, &w.deadline);
    enum brama_err err = start_waiting(&w, inputs, &resolver);
    if (err == BRAMA_OK)
        err = wait_for(&w, errand);
    if (err == BRAMA_OK)
        err = errand->use(offline, &w, errand);
    brama_keysets_free(w.keysets);
    brama_resolver_free(w.resolver);
    uv_close((uv_handle_t *)&w.deadline, NULL);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    uv_loop_close(&w.loop);
    return err;
}

static enum brama_err build_facts(struct brama_offline *offline, const struct waiting *w,
                                  const struct errand *errand)
{
    struct brama__facts_sources from = {.policies = {&offline->policy},
                                        .leads = {&errand->leads},
                                        .policy_count = 1,
                                        .table = errand->table,
                                        .keysets = w->keysets,
                                        .resolver = w->resolver};
    brama_buf_reset(&offline->facts_bytes);
    enum brama_err err = brama__plan_facts(&offline->facts_bytes, 1, &from);
    if (err != BRAMA_OK)
        return err;
    brama_str bytes = brama_buf_str(&offline->facts_bytes);
    return brama_facts_open(&offline->facts, bytes.p, bytes.n);
}

enum brama_err brama_offline_build(struct brama_offline *offline, const struct brama_inputs *inputs,
                                   struct brama_diag *diag)
{
    struct brama_service_table table;
    enum brama_err err = brama_service_table_init(&table, &offline->arena, inputs->services,
                                                  inputs->service_count, &offline->world);
    if (err == BRAMA_OK)
        err = brama_offline_compile(offline, inputs);
    if (err == BRAMA_OK) {
        struct errand errand = {.table = &table, .use = build_facts};
        errand.urls = brama__plan_keysets(&offline->arena, &offline->policy);
        errand.leads = brama__plan_leads(&offline->arena, &offline->policy, &table, NULL, NULL);
        errand.hosts = brama__plan_hosts(&offline->arena, &errand.leads, &offline->policy, &table);
        err = run(offline, inputs, &errand);
    }
    if (err != BRAMA_OK)
        brama_diag_set(diag, (struct brama_where){0}, "%s", brama_err_text(err));
    return err;
}

static enum brama_err look_at_keys(struct brama_offline *offline, const struct waiting *w,
                                   const struct errand *errand)
{
    (void)errand;
    brama__lint_keys(&offline->world, w->keysets);
    return brama_arena_failed(&offline->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

enum brama_err brama_offline_lint(struct brama_offline *offline, const struct brama_inputs *inputs,
                                  bool online)
{
    struct brama_service_table table;
    enum brama_err err = brama_service_table_init(&table, &offline->arena, inputs->services,
                                                  inputs->service_count, &offline->world);
    if (err == BRAMA_OK)
        err = brama_offline_compile(offline, inputs);
    if (err == BRAMA_OK)
        err = brama_policy_lint(&offline->world, &offline->policy);
    if (err != BRAMA_OK)
        return err;
    struct errand errand = {.table = &table,
                            .urls = brama__plan_keysets(&offline->arena, &offline->policy),
                            .use = look_at_keys};
    size_t kept = 0;
    for (size_t i = 0; i < errand.urls.n; i++)
        if (online ||
            brama_str_eq_nocase(brama_str_head(errand.urls.p[i], 7), BRAMA_STR("file://")))
            errand.urls.p[kept++] = errand.urls.p[i];
    errand.urls.n = kept;
    return kept != 0 ? run(offline, inputs, &errand) : BRAMA_OK;
}

void brama_offline_free(struct brama_offline *offline)
{
    brama_buf_deinit(&offline->policy_bytes);
    brama_buf_deinit(&offline->facts_bytes);
    brama_arena_deinit(&offline->arena);
}
