/* /metrics: Prometheus text, sums over all workers, in slices: many rules, key sets and label sets
 * must not hold up a worker. */
#include "base/map.h"
#include "gateway/admin.h"
#include "gateway/pages.h"
#include "gateway/shared.h"
#include "gateway/stream.h"
#include "policy/counts.h"
#include "rule/model.h"

#define SLICE_ROWS 256
#define APIRULES_A_SLICE 4096
#define ARENA_MAX_BYTES (64u << 20) /* 64 workers with tables full of different labels, ample */

/* One series of a family, by its labels as text. */
struct series {
    brama_str labels;
    uint64_t value;
};

struct family {
    struct brama_map map; /* labels -> index */
    struct series *list;
    uint32_t count, room;
};

struct metrics {
    struct brama_gw_stream stream; /* first: it is what the stream's functions are given */
    const struct brama_slot *slot;
    struct brama_arena arena;
    struct brama_taken *policy, *facts; /* pinned */
    struct brama_pages pages;
    struct family requests, decisions;
    uint64_t durations[BRAMA_COUNT_VERDICTS][BRAMA_COUNT_BUCKETS + 1];
    uint64_t duration_ms[BRAMA_COUNT_VERDICTS];
    uint64_t takes, taken_at_s;
    struct {
        brama_str name;
        uint64_t count;
    } states[8];
    size_t state_count;
    unsigned stage;
    uint32_t next; /* of the stage */
};

static void head(struct brama_buf *out, const char *name, const char *type, const char *help)
{
    brama_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void plain(struct brama_buf *out, const char *name, const char *type, const char *help,
                  uint64_t value)
{
    head(out, name, type, help);
    brama_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

/* As the format asks it of a label's value. */
static brama_str escaped(struct brama_arena *arena, brama_str value)
{
    char *p = brama_arena_alloc(arena, 2 * value.n + 1);
    size_t n = 0;

    for (size_t i = 0; p != NULL && i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\' || value.p[i] == '\n')
            p[n++] = '\\';
        p[n++] = value.p[i] == '\n' ? 'n' : value.p[i];
    }
    return (brama_str){p, n};
}

/* name{labels} value */
static void series(struct brama_buf *out, const char *name, brama_str labels, uint64_t value)
{
    brama_buf_printf(out, "%s{%.*s} %llu\n", name, BRAMA_FMT(labels), (unsigned long long)value);
}

static void add(struct family *f, struct brama_arena *arena, brama_str labels, uint64_t value)
{
    f->map.arena = arena;
    const uint32_t *at = labels.n != 0 ? brama_map_put(&f->map, labels, f->count) : NULL;
    if (at == NULL)
        return;
    if (*at == f->count) {
        if (f->count == f->room) {
            uint32_t room = f->room != 0 ? 2 * f->room : 64;
            struct series *more = brama_arena_array(arena, room, sizeof(*more));
            if (more == NULL)
                return;
            if (f->count != 0)
                memcpy(more, f->list, f->count * sizeof(*more));
            f->list = more;
            f->room = room;
        }
        f->list[f->count++] = (struct series){.labels = labels};
    }
    f->list[*at].value += value;
}

static const char *method_label(uint8_t number)
{
    return number != 0 ? brama_method_name((brama_methods)(1u << (number - 1))) : "other";
}

/* A row becomes part of one series of each family. */
static void add_row(struct metrics *m, const struct brama_count_labels *l, uint64_t count)
{
    static const char *const verdicts[BRAMA_COUNT_VERDICTS] = {"deny", "allow", "answer"};
    brama_str apirule = escaped(&m->arena, l->apirule);
    char rule[16] = "";

    if (l->apirule.n != 0 && !brama_str_eq(l->apirule, BRAMA_STR("other")))
        snprintf(rule, sizeof(rule), "%u", l->rule);
    add(&m->requests, &m->arena,
        brama_arena_printf(&m->arena, "apirule=\"%.*s\",rule=\"%s\",method=\"%s\",code=\"%u\"",
                           BRAMA_FMT(apirule), rule, method_label(l->method), l->status),
        count);
    const char *reason = brama_reason_name((enum brama_reason)l->reason);
    add(&m->decisions, &m->arena,
        brama_arena_printf(&m->arena,
                           "apirule=\"%.*s\",rule=\"%s\",strategy=\"%s\",decision=\"%s\",step=\"%"
                           "s\",reason=\"%s\"",
                           BRAMA_FMT(apirule), rule,
                           brama_strategy_name((enum brama_strategy_kind)l->strategy),
                           verdicts[l->verdict < BRAMA_COUNT_VERDICTS ? l->verdict : 0],
                           brama_reason_step((enum brama_reason)l->reason), reason),
        count);
}

static void add_totals(struct metrics *m, const struct brama_counts *counts)
{
    for (size_t v = 0; v < BRAMA_COUNT_VERDICTS; v++) {
        for (size_t b = 0; b <= BRAMA_COUNT_BUCKETS; b++)
            m->durations[v][b] +=
                atomic_load_explicit(&counts->durations[v][b], memory_order_relaxed);
        m->duration_ms[v] += atomic_load_explicit(&counts->duration_ms[v], memory_order_relaxed);
    }
    uint64_t at = atomic_load_explicit(&counts->taken_at_s, memory_order_relaxed);
    m->takes += atomic_load_explicit(&counts->takes, memory_order_relaxed);
    m->taken_at_s = at > m->taken_at_s ? at : m->taken_at_s;
}

/* Each stage writes or gathers a slice and says whether it is through. This one: a part of one
 * worker's table; next counts parts. */
static bool gather_counts(struct metrics *m, struct brama_buf *out)
{
    const uint32_t parts = BRAMA_COUNT_ROWS / SLICE_ROWS;
    uint32_t part = m->next % parts;
    struct brama_count_labels labels;
    uint64_t count;

    (void)out;
    const struct brama_counts *counts =
        brama_shared_read(m->slot, m->next / parts, BRAMA_STATE_COUNTS, sizeof(*counts));
    if (counts == NULL || !brama_counts_ok(counts, sizeof(*counts))) {
        m->next += parts;
    } else {
        if (part == 0)
            add_totals(m, counts);
        for (size_t i = 0; i < SLICE_ROWS; i++) {
            if (brama_counts_row(&labels, &count, counts, part * SLICE_ROWS + i))
                add_row(m, &labels, count);
        }
        m->next++;
    }
    brama_shared_unmap(counts, sizeof(*counts));
    return m->next >= BRAMA_WORKER_SLOTS * parts;
}

static bool write_plain(struct metrics *m, struct brama_buf *out)
{
    const struct brama_pages *pages = &m->pages;

    head(out, "brama_build_info", "gauge", "Which brama this is.");
    series(out, "brama_build_info", BRAMA_STR("version=\"" BRAMA_VERSION "\""), 1);
    plain(out, "brama_workers", "gauge", "Live workers.", pages->count);
    plain(out, "brama_policy_generation", "gauge", "Number of the policy in force here.",
          m->policy != NULL ? m->policy->number : 0);
    plain(out, "brama_facts_generation", "gauge", "Number of the facts in force here.",
          m->facts != NULL ? m->facts->number : 0);
    head(out, "brama_config_reload_total", "counter",
         "Published files, by whether a worker could take them.");
    series(out, "brama_config_reload_total", BRAMA_STR("result=\"success\""), m->takes);
    series(out, "brama_config_reload_total", BRAMA_STR("result=\"failure\""), pages->problems);
    plain(out, "brama_config_last_reload_success_timestamp_seconds", "gauge",
          "When a worker last took a published file.", m->taken_at_s);
    plain(out, "brama_token_cache_hits_total", "counter", "Tokens whose signature was known.",
          pages->token_hits);
    plain(out, "brama_token_cache_misses_total", "counter", "Tokens whose signature was verified.",
          pages->token_misses);
    return true;
}

static bool write_durations(struct metrics *m, struct brama_buf *out)
{
    static const char name[] = "brama_http_request_duration_seconds";
    static const char *const verdicts[BRAMA_COUNT_VERDICTS] = {"deny", "allow", "answer"};

    head(out, name, "histogram", "From the first byte of a request to the last of its answer.");
    for (size_t v = 0; v < BRAMA_COUNT_VERDICTS; v++) {
        uint64_t sum = 0;
        for (size_t b = 0; b < BRAMA_COUNT_BUCKETS; b++) {
            sum += m->durations[v][b];
            brama_buf_printf(out, "%s_bucket{decision=\"%s\",le=\"%u.%03u\"} %llu\n", name,
                             verdicts[v], brama_count_bounds_ms[b] / 1000,
                             brama_count_bounds_ms[b] % 1000, (unsigned long long)sum);
        }
        sum += m->durations[v][BRAMA_COUNT_BUCKETS];
        brama_buf_printf(out, "%s_bucket{decision=\"%s\",le=\"+Inf\"} %llu\n", name, verdicts[v],
                         (unsigned long long)sum);
        brama_buf_printf(out, "%s_sum{decision=\"%s\"} %llu.%03u\n", name, verdicts[v],
                         (unsigned long long)(m->duration_ms[v] / 1000),
                         (unsigned)(m->duration_ms[v] % 1000));
        brama_buf_printf(out, "%s_count{decision=\"%s\"} %llu\n", name, verdicts[v],
                         (unsigned long long)sum);
    }
    return true;
}

static bool write_family(struct metrics *m, struct brama_buf *out, const struct family *f,
                         const char *name, const char *help)
{
    if (m->next == 0)
        head(out, name, "counter", help);
    for (unsigned i = 0; i < SLICE_ROWS && m->next < f->count; i++, m->next++)
        series(out, name, f->list[m->next].labels, f->list[m->next].value);
    return m->next == f->count;
}

static bool write_requests(struct metrics *m, struct brama_buf *out)
{
    return write_family(m, out, &m->requests, "brama_http_requests_total",
                        "Requests by rule, method and status; an empty apirule: none matched.");
}

static bool write_decisions(struct metrics *m, struct brama_buf *out)
{
    return write_family(m, out, &m->decisions, "brama_auth_decisions_total",
                        "Requests by rule and by what was decided, at which step and why.");
}

static bool write_keyset(struct metrics *m, struct brama_buf *out, const char *name,
                         const char *help, bool age)
{
    const struct brama_pack *pack = m->facts != NULL ? &m->facts->facts.pack : NULL;
    uint32_t count = pack != NULL ? brama_pack_count(pack, BRAMA_F_KEYSET) : 0;

    if (m->next == 0)
        head(out, name, "gauge", help);
    for (unsigned i = 0; i < SLICE_ROWS && m->next < count; i++, m->next++) {
        const struct brama_f_keyset *set =
            BRAMA_ROW(pack, BRAMA_F_KEYSET, m->next, struct brama_f_keyset);
        if (set == NULL || (age && set->fetched_at_s == 0))
            continue; /* never fetched: it has no age */
        int64_t age_s = (int64_t)ngx_time() - set->fetched_at_s;
        brama_str url = escaped(&m->arena, brama_pack_text(pack, set->url));
        series(out, name, brama_arena_printf(&m->arena, "url=\"%.*s\"", BRAMA_FMT(url)),
               !age        ? set->state == BRAMA_KEYSET_FRESH
               : age_s > 0 ? (uint64_t)age_s
                           : 0);
    }
    return m->next == count;
}

static bool write_ages(struct metrics *m, struct brama_buf *out)
{
    return write_keyset(m, out, "brama_jwks_age_seconds", "Age of the key set that is served.",
                        true);
}

static bool write_freshness(struct metrics *m, struct brama_buf *out)
{
    return write_keyset(m, out, "brama_jwks_fresh",
                        "1: the last fetch of the key set went well; 0: it failed, or none was "
                        "ever loaded.",
                        false);
}

/* There are few states (Kyma has Ready, Warning, Error, Processing, Deleting), and many rules. */
static void count_state(struct metrics *m, brama_str state)
{
    size_t k = 0;

    while (k < m->state_count && !brama_str_eq(m->states[k].name, state))
        k++;
    if (k == m->state_count && k < BRAMA_ARRAY_LEN(m->states))
        m->states[m->state_count++].name = state;
    if (k < m->state_count)
        m->states[k].count++;
}

static bool write_apirules(struct metrics *m, struct brama_buf *out)
{
    const struct brama_pack *pack = m->policy != NULL ? &m->policy->policy.pack : NULL;
    uint32_t count = pack != NULL ? brama_pack_count(pack, BRAMA_T_APIRULE) : 0;

    for (unsigned i = 0; i < APIRULES_A_SLICE && m->next < count; i++, m->next++) {
        const struct brama_p_apirule *rule =
            BRAMA_ROW(pack, BRAMA_T_APIRULE, m->next, struct brama_p_apirule);
        if (rule != NULL)
            count_state(m, brama_pack_text(pack, rule->state));
    }
    if (m->next < count)
        return false;
    head(out, "brama_apirules", "gauge", "APIRules by state.");
    for (size_t k = 0; k < m->state_count; k++) {
        brama_str state = escaped(&m->arena, m->states[k].name);
        series(out, "brama_apirules",
               brama_arena_printf(&m->arena, "state=\"%.*s\"", BRAMA_FMT(state)),
               m->states[k].count);
    }
    return true;
}

static bool write_slice(struct brama_gw_stream *stream)
{
    static bool (*const stages[])(struct metrics * m, struct brama_buf * out) = {
        gather_counts,   write_plain, write_requests,  write_decisions,
        write_durations, write_ages,  write_freshness, write_apirules};
    struct metrics *m = (struct metrics *)stream;

    if (stages[m->stage](m, &stream->text)) {
        m->stage++;
        m->next = 0;
    }
    if (brama_arena_failed(&m->arena))
        stream->text.err = BRAMA_ERR_NOMEM; /* half a page is none */
    return m->stage == BRAMA_ARRAY_LEN(stages);
}

static void release(struct brama_gw_stream *stream)
{
    struct metrics *m = (struct metrics *)stream;

    brama_taken_unpin(m->policy);
    brama_taken_unpin(m->facts);
    brama_arena_deinit(&m->arena);
}

ngx_int_t brama_gw_metrics(ngx_http_request_t *r)
{
    struct brama_slot *slot = brama_gw_slot(r);
    struct metrics *m = ngx_pcalloc(r->pool, sizeof(*m));

    if (m == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    m->slot = slot;
    m->policy = brama_taken_pin(slot->policy);
    m->facts = brama_taken_pin(slot->facts);
    brama_arena_init(&m->arena, NULL, ARENA_MAX_BYTES);
    brama_pages_read(&m->pages, slot);
    m->stream.slice = write_slice;
    m->stream.end = release;
    return brama_gw_stream_start(r, &m->stream,
                                 BRAMA_STR("text/plain; version=0.0.4; charset=utf-8"));
}
