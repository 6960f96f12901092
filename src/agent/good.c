#include "agent/good.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/step.h"
#include "policy/pages.h"
#include "rule/kept.h"
#include "rule/read.h"
#include "json/read.h"
#include "json/write.h"

#define NAMES_BYTES ((size_t)1 << 30)
#define TEXT_BYTES ((size_t)16 << 20) /* as a rule file */
#define SUFFIX ".json"
/* At a first start or a turn of the toggle there may be thousands, and the agent can't wait for as
 * many turns of the disk. What a power cut takes then is a form whose rule is in its file. */
#define DURABLE_MAX 32

static bool path_of(char *path, size_t size, brama_str ns, brama_str name)
{
    int n =
        snprintf(path, size, BRAMA_STATE_GOOD "/%.*s.%.*s" SUFFIX, BRAMA_FMT(ns), BRAMA_FMT(name));
    return n > 0 && (size_t)n < size && (size_t)n - strlen(BRAMA_STATE_GOOD "/") <= NAME_MAX;
}

struct brama__good *brama__goods_find(const struct brama__goods *g, brama_str ns, brama_str name)
{
    char key[512];
    if (ns.n >= sizeof(key) || name.n >= sizeof(key) - ns.n)
        return NULL;
    memcpy(key, ns.n != 0 ? ns.p : "", ns.n);
    key[ns.n] = '/';
    memcpy(key + ns.n + 1, name.n != 0 ? name.p : "", name.n);
    const uint32_t *at = brama_map_get(&g->map, (brama_str){key, ns.n + 1 + name.n});
    return at != NULL && !g->good[*at].gone ? &g->good[*at] : NULL;
}

struct brama__good *brama__goods_of(const struct brama__goods *g, const struct brama_apirule *rule)
{
    struct brama_kept *kept = rule->place != NULL ? *rule->place : NULL;
    if (kept != NULL && kept->good.number != 0) {
        struct brama__good *known = &g->good[kept->good.number - 1];
        return known->gone ? NULL : known;
    }
    struct brama__good *good = brama__goods_find(g, rule->ns, rule->name);
    if (kept != NULL && good != NULL)
        kept->good.number = (size_t)(good - g->good) + 1;
    return good;
}

static bool grow(struct brama__goods *g)
{
    if (g->count < g->size)
        return true;
    size_t size = g->size != 0 ? g->size * 2 : 64;
    struct brama__good *good = brama_arena_array(&g->arena, size, sizeof(*good));
    if (good == NULL)
        return false;
    if (g->count != 0)
        memcpy(good, g->good, g->count * sizeof(*good));
    g->good = good;
    g->size = size;
    return true;
}

/* The entry of that name, made if there is none. */
static struct brama__good *entry_of(struct brama__goods *g, brama_str ns, brama_str name)
{
    brama_str key = brama_arena_printf(&g->arena, "%.*s/%.*s", BRAMA_FMT(ns), BRAMA_FMT(name));
    if (key.p == NULL || !grow(g))
        return NULL;
    uint32_t *at = brama_map_put(&g->map, key, (uint32_t)g->count);
    if (at == NULL)
        return NULL;
    if (*at == g->count) {
        size_t slash = brama_str_find(key, '/');
        g->good[g->count++] = (struct brama__good){
            .ns = brama_str_head(key, slash), .name = brama_str_from(key, slash + 1), .gone = true};
    }
    return &g->good[*at];
}

static bool copy_if_other(struct brama__goods *g, brama_str *to, brama_str text)
{
    if (brama_str_eq(*to, text))
        return true;
    *to = brama_arena_copy(&g->arena, text);
    return to->n == text.n;
}

static bool set(struct brama__goods *g, struct brama__good *good, brama_str host,
                struct brama_where where, uint64_t hash)
{
    if (!copy_if_other(g, &good->host, host) || !copy_if_other(g, &good->file, where.file))
        return false;
    good->line = where.line;
    good->hash = hash;
    good->gone = false;
    return true;
}

static struct brama_node *parse(const struct brama__goods *g, const char *path,
                                struct brama_arena *arena, brama_str *text)
{
    struct brama_node *doc = NULL;
    struct brama_diag diag = {0};
    if (!brama__state_read(g->state, arena, path, text) ||
        brama_json_parse(&doc, arena, *text, &brama_json_limits_rules, &diag) != BRAMA_OK ||
        doc->kind != BRAMA_NODE_MAP)
        return NULL;
    return doc;
}

static uint32_t line_of(const struct brama_node *doc)
{
    const struct brama_node *line = brama_node_get(doc, BRAMA_STR("line"));
    bool fits = line != NULL && line->kind == BRAMA_NODE_INT && line->integer > 0 &&
                line->integer <= INT32_MAX;
    return fits ? (uint32_t)line->integer : 0;
}

/* A namespace has no dot: the first one ends it. */
static void load(struct brama__goods *g, const char *file_name, struct brama_arena *arena)
{
    brama_str base = brama_str_c(file_name), text;
    char path[NAME_MAX + 16];
    snprintf(path, sizeof(path), BRAMA_STATE_GOOD "/%s", file_name);
    base.n -= strlen(SUFFIX);
    size_t dot = brama_str_find(base, '.');
    brama_str ns = brama_str_head(base, dot), name = brama_str_from(base, dot + 1);
    struct brama_node *doc = parse(g, path, arena, &text);
    if (ns.n == 0 || name.n == 0 || doc == NULL)
        return;
    struct brama__good *good = entry_of(g, ns, name);
    struct brama_where where = {.file = brama_node_get_str(doc, BRAMA_STR("file")),
                                .line = line_of(doc)};
    if (good != NULL)
        set(g, good, brama_node_get_str(doc, BRAMA_STR("host")), where, brama_str_hash(text));
}

enum brama_err brama__goods_open(struct brama__goods *g, const struct brama__state *state)
{
    struct brama_arena arena;
    *g = (struct brama__goods){.state = state};
    brama_arena_init(&g->arena, NULL, NAMES_BYTES);
    g->map.arena = &g->arena;
    int fd = openat(state->dir_fd, BRAMA_STATE_GOOD, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return BRAMA_OK;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.' || !brama_str_ends(brama_str_c(e->d_name), BRAMA_STR(SUFFIX)))
            continue;
        brama_arena_init(&arena, NULL, 8 * TEXT_BYTES);
        load(g, e->d_name, &arena);
        brama_arena_deinit(&arena);
    }
    closedir(dir);
    return brama_arena_failed(&g->arena) ? BRAMA_ERR_NOMEM : BRAMA_OK;
}

void brama__goods_close(struct brama__goods *g)
{
    if (g->state != NULL)
        brama_arena_deinit(&g->arena);
}

const struct brama_apirule *brama__good_model(const struct brama__goods *g,
                                              const struct brama__good *good,
                                              struct brama_arena *arena,
                                              const struct brama_world *world, brama_str domain)
{
    char path[NAME_MAX + 16];
    struct brama_apirule *rule = NULL;
    brama_str text;
    struct brama_node *doc =
        path_of(path, sizeof(path), good->ns, good->name) ? parse(g, path, arena, &text) : NULL;
    if (doc == NULL)
        return NULL;
    /* The manifest's places were those of its YAML; what is left of them is where the APIRule
     * began.
     */
    brama_node_place(
        doc, (struct brama_where){.file = brama_arena_copy(arena, good->file), .line = good->line});
    const struct brama_node *manifest = brama_node_get(doc, BRAMA_STR("manifest"));
    brama_str handler = brama_node_get_str(doc, BRAMA_STR("handler"));
    brama_str version = brama_node_get_str(manifest, BRAMA_STR("apiVersion"));
    if (brama_api_version_by_name(version) == BRAMA_API_NONE ||
        brama_apirule_read(&rule, arena, manifest, brama_arena_copy(arena, good->ns)) != BRAMA_OK)
        return NULL;
    brama_judge_one(
        rule, brama_str_eq(handler, BRAMA_STR("istio")) ? BRAMA_HANDLER_ISTIO : BRAMA_HANDLER_ORY,
        world, domain, arena);
    bool same = brama_str_eq(rule->ns, good->ns) && brama_str_eq(rule->name, good->name);
    return same && rule->judged.valid ? rule : NULL;
}

static void write_form(struct brama_buf *out, const struct brama_apirule *rule)
{
    bool v1 = brama_api_is_v1(rule->version);
    struct brama_json_out json;
    brama_json_out_init(&json, out, 0);
    brama_json_map(&json);
    if (v1) /* else a turn of the toggle would write them all anew */
        brama_json_member(&json, BRAMA_STR("handler"),
                          rule->judged.handler == BRAMA_HANDLER_ISTIO ? BRAMA_STR("istio")
                                                                      : BRAMA_STR("ory"));
    brama_json_member(&json, BRAMA_STR("host"), rule->full_host);
    brama_json_member(&json, BRAMA_STR("file"), rule->where.file);
    brama_json_key(&json, BRAMA_STR("line"));
    brama_json_int(&json, rule->where.line);
    brama_json_key(&json, BRAMA_STR("manifest"));
    brama_json_node(&json, rule->doc);
    brama_json_end(&json);
}

/* Of all that a form's text is made of, without the text. Never 0. */
static uint64_t form_of(const struct brama_apirule *rule)
{
    struct brama_kept *kept = rule->kept;
    if (kept != NULL && kept->good.form != 0)
        return kept->good.form;
    const uint64_t numbers[] = {rule->doc_hash, rule->judged.handler, rule->where.line,
                                rule->full_host.n};
    uint64_t hash = brama_str_hash((brama_str){(const char *)numbers, sizeof(numbers)});
    hash = brama_str_hash_on(brama_str_hash_on(hash, rule->full_host), rule->where.file) | 1;
    if (kept != NULL)
        kept->good.form = hash;
    return hash;
}

static bool keep(struct brama__goods *g, const struct brama_apirule *rule, struct brama_buf *text,
                 size_t *written)
{
    char path[NAME_MAX + 16];
    struct brama__good *known = brama__goods_of(g, rule);
    uint64_t form = form_of(rule);
    if (known != NULL && known->form == form)
        return true;
    brama_buf_reset(text);
    write_form(text, rule);
    if (brama_buf_err(text) != BRAMA_OK)
        return false;
    uint64_t hash = brama_str_hash(brama_buf_str(text));
    if (known != NULL && known->hash == hash) {
        known->form = form;
        return true;
    }
    struct brama__good *good = entry_of(g, rule->ns, rule->name);
    if (good == NULL || !path_of(path, sizeof(path), rule->ns, rule->name))
        return false;
    bool durable = (*written)++ < DURABLE_MAX;
    good->form = 0;
    if (!(durable ? brama__state_write : brama__state_write_soon)(g->state, path,
                                                                  brama_buf_str(text), 0600) ||
        !set(g, good, rule->full_host, rule->where, hash))
        return false;
    good->form = form;
    return true;
}

size_t brama__goods_keep(struct brama__goods *g, const struct brama_world *world)
{
    struct brama_buf text;
    size_t failed = 0, written = 0;
    brama_buf_init(&text, NULL, TEXT_BYTES);
    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next)
        failed += r->judged.valid && !keep(g, r, &text, &written);
    brama_buf_deinit(&text);
    return failed;
}

void brama__goods_forget(struct brama__goods *g)
{
    for (size_t i = 0; i < g->count; i++)
        g->good[i].hash = g->good[i].form = 0;
}

void brama__good_drop(struct brama__goods *g, struct brama__good *good)
{
    char path[NAME_MAX + 16];
    if (path_of(path, sizeof(path), good->ns, good->name))
        unlinkat(g->state->dir_fd, path, 0);
    brama__step();
    good->gone = true;
}
