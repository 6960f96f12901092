#include <time.h>

#include "base/url.h"
#include "cli/admin.h"
#include "cli/get_objects.h"
#include "cli/pretty.h"
#include "cli/rule_args.h"
#include "cli/verbs.h"
#include "json/read.h"

#define PRINTED_MAX ((size_t)128 << 20) /* of YAML: twice what a gateway may answer */
#define COLUMNS_MAX 12

static const struct brama_usage usage = {
    .synopsis = "brama get KIND [NAME] [FLAGS]",
    .about =
        "List what the running gateway has of a KIND: apirules, keysets or refusals. IN-FORCE\n"
        "tells which form of a rule is enforced: the current one, the last one that was\n"
        "valid, or none. Refusals are the newest first; brama explain --request ID says\n"
        "more about one.\n"
        "Exit code: 0 also when there are none, 1 no such NAME, 69 the gateway isn't\n"
        "reachable.",
    .example = "  brama get apirules -o wide\n"
               "  brama get keysets --admin 127.0.0.1:9901\n"
               "  brama get refusals --reason scope_missing -o wide",
    .max_args = 2,
};

enum format { FORMAT_TABLE, FORMAT_WIDE, FORMAT_JSON, FORMAT_YAML };

/* A column is a member of the object, or what cell makes of it. */
struct column {
    const char *title, *member;
    brama_str (*cell)(struct brama_arena *arena, const struct brama_node *object);
    bool wide_only;
};

struct kind {
    const char *name, *singular;
    struct brama_get_form form;
    const struct column *columns;
    size_t column_count;
    bool filtered; /* by the gateway, which has many of them */
};

static brama_str key_count(struct brama_arena *arena, const struct brama_node *set)
{
    const struct brama_node *keys = brama_node_get(set, BRAMA_STR("keys"));

    return brama_arena_printf(arena, "%zu", keys != NULL ? keys->count : 0);
}

static brama_str key_ids(struct brama_arena *arena, const struct brama_node *set)
{
    const struct brama_node *keys = brama_node_get(set, BRAMA_STR("keys"));
    brama_str text = BRAMA_NIL;

    for (const struct brama_node *k = keys != NULL ? keys->first : NULL; k != NULL; k = k->next)
        text = brama_arena_printf(arena, "%.*s%s%.*s", BRAMA_FMT(text), text.n != 0 ? "," : "",
                                  BRAMA_FMT(brama_node_get_str(k, BRAMA_STR("kid"))));
    return text;
}

/* RFC 3339 in UTC, to how far away that is. */
static brama_str distance_to(struct brama_arena *arena, brama_str at)
{
    struct tm tm = {0};
    char text[32];

    snprintf(text, sizeof(text), "%.*s", BRAMA_FMT(at));
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return end != NULL && *end == '\0' ? brama_distance_text(arena, timegm(&tm), time(NULL)) : at;
}

static brama_str fetched(struct brama_arena *arena, const struct brama_node *set)
{
    brama_str at = brama_node_get_str(set, BRAMA_STR("fetched_at"));

    return at.n != 0 ? distance_to(arena, at) : BRAMA_STR("never");
}

static brama_str next_fetch(struct brama_arena *arena, const struct brama_node *set)
{
    brama_str at = brama_node_get_str(set, BRAMA_STR("next_fetch"));

    return at.n != 0 ? distance_to(arena, at) : BRAMA_NIL;
}

/* FILE:LINE:COLUMN, as far as it is known. */
static brama_str place_of(struct brama_arena *arena, const struct brama_node *object)
{
    const struct brama_node *line = brama_node_get(object, BRAMA_STR("line"));
    const struct brama_node *column = brama_node_get(object, BRAMA_STR("column"));
    brama_str text = brama_node_get_str(object, BRAMA_STR("file"));

    if (text.n != 0 && line != NULL && line->integer != 0)
        text = brama_arena_printf(arena, "%.*s:%lld", BRAMA_FMT(text), (long long)line->integer);
    if (text.n != 0 && column != NULL && column->integer != 0)
        text = brama_arena_printf(arena, "%.*s:%lld", BRAMA_FMT(text), (long long)column->integer);
    return text;
}

static const struct column rule_columns[] = {
    {"NAMESPACE", "namespace", NULL, false}, {"NAME", "name", NULL, false},
    {"VERSION", "version", NULL, false},     {"HOST", "host", NULL, false},
    {"STATE", "state", NULL, false},         {"IN-FORCE", "form", NULL, false},
    {"PLACE", NULL, place_of, true},         {"DESCRIPTION", "description", NULL, true},
};
static const struct column set_columns[] = {
    {"URL", "url", NULL, false},       {"STATE", "state", NULL, false},
    {"KEYS", NULL, key_count, false},  {"FETCHED", NULL, fetched, false},
    {"NEXT", NULL, next_fetch, false}, {"PROBLEM", "problem", NULL, false},
    {"KIDS", NULL, key_ids, true},     {"LEFT-OUT", "left_out_reasons", NULL, true},
};
/* The day is today's, nearly always; -o wide and json have all of it. */
static brama_str clock_of(struct brama_arena *arena, const struct brama_node *refusal)
{
    brama_str at = brama_node_get_str(refusal, BRAMA_STR("time"));
    size_t t = brama_str_find(at, 'T'), dot = brama_str_find(at, '.');

    (void)arena;
    return brama_str_from(brama_str_head(at, dot), t + 1);
}

static brama_str number_of(struct brama_arena *arena, const struct brama_node *refusal)
{
    const struct brama_node *status = brama_node_get(refusal, BRAMA_STR("status"));

    return status != NULL && status->kind == BRAMA_NODE_INT
               ? brama_arena_printf(arena, "%lld", (long long)status->integer)
               : BRAMA_NIL;
}

static const struct column refusal_columns[] = {
    {"TIME", NULL, clock_of, false},   {"STATUS", NULL, number_of, false},
    {"REASON", "reason", NULL, false}, {"METHOD", "method", NULL, true},
    {"HOST", "host", NULL, false},     {"PATH", "path", NULL, false},
    {"RULE", "rule", NULL, false},     {"PLACE", NULL, place_of, true},
    {"ID", "request_id", NULL, false}, {"CAUSE", "cause", NULL, false},
};
static const struct kind kinds[] = {
    {"apirules",
     "apirule",
     {"APIRule", "gateway.kyma-project.io", "name"},
     rule_columns,
     BRAMA_ARRAY_LEN(rule_columns),
     false},
    {"keysets",
     "keyset",
     {"KeySet", NULL, "url"},
     set_columns,
     BRAMA_ARRAY_LEN(set_columns),
     false},
    {"refusals",
     "refusal",
     {"Refusal", NULL, "request_id"},
     refusal_columns,
     BRAMA_ARRAY_LEN(refusal_columns),
     true},
};

static brama_str cell_of(struct brama_arena *arena, const struct column *c,
                         const struct brama_node *object)
{
    brama_str text = c->cell != NULL ? c->cell(arena, object)
                                     : brama_node_get_str(object, brama_str_c(c->member));

    return text.n != 0 ? text : BRAMA_STR("-");
}

static void print_row(struct brama_cli *cli, const brama_str *cells, const size_t *widths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        brama_put(cli->out, cells[i]);
        if (i + 1 < n)
            fprintf(cli->out, "%*s", (int)(widths[i] + 3 - cells[i].n), "");
    }
    fputc('\n', cli->out);
}

static void print_table(struct brama_cli *cli, const struct kind *kind,
                        const struct brama_node *list, bool wide)
{
    size_t widths[COLUMNS_MAX] = {0}, n = 0;
    brama_str cells[COLUMNS_MAX];

    for (size_t i = 0; i < kind->column_count; i++) {
        const struct column *c = &kind->columns[i];
        if (c->wide_only && !wide)
            continue;
        cells[n] = brama_str_c(c->title);
        widths[n] = cells[n].n;
        for (const struct brama_node *o = list->first; o != NULL; o = o->next) {
            size_t width = cell_of(cli->arena, c, o).n;
            widths[n] = width > widths[n] ? width : widths[n];
        }
        n++;
    }
    print_row(cli, cells, widths, n);
    for (const struct brama_node *o = list->first; o != NULL; o = o->next) {
        n = 0;
        for (size_t i = 0; i < kind->column_count; i++) {
            if (!kind->columns[i].wide_only || wide)
                cells[n++] = cell_of(cli->arena, &kind->columns[i], o);
        }
        print_row(cli, cells, widths, n);
    }
}

static int print_yaml(struct brama_cli *cli, const struct brama_node *doc)
{
    struct brama_buf buf;
    int code = BRAMA_EXIT_OK;

    brama_buf_init(&buf, NULL, PRINTED_MAX);
    brama_yaml_node(&buf, doc);
    if (brama_buf_err(&buf) == BRAMA_OK)
        fwrite(buf.p, 1, buf.n, cli->out);
    else
        code = brama_no_memory(cli);
    brama_buf_deinit(&buf);
    return code;
}

static bool is_wanted(const struct kind *kind, const struct brama_node *object, brama_str ns,
                      brama_str name)
{
    brama_str own_ns = brama_node_get_str(object, BRAMA_STR("namespace"));
    brama_str own_name = brama_node_get_str(object, brama_str_c(kind->form.name_member));
    size_t slash = brama_str_find(name, '/');

    if (ns.n != 0 && !brama_str_eq(own_ns, ns))
        return false;
    if (name.n == 0 || brama_str_eq(own_name, name))
        return true;
    return slash < name.n && brama_str_eq(own_ns, brama_str_head(name, slash)) &&
           brama_str_eq(own_name, brama_str_from(name, slash + 1));
}

/* Unlink from the document's list what wasn't asked for. */
static struct brama_node *filter(const struct kind *kind, struct brama_node *doc, brama_str ns,
                                 brama_str name)
{
    for (struct brama_node *list = doc->first; list != NULL; list = list->next) {
        if (list->kind != BRAMA_NODE_LIST || !brama_str_eq(list->key, brama_str_c(kind->name)))
            continue;
        for (struct brama_node **link = &list->first; *link != NULL;) {
            if (is_wanted(kind, *link, ns, name)) {
                link = &(*link)->next;
            } else {
                *link = (*link)->next;
                list->count--;
            }
        }
        return list;
    }
    return NULL;
}

/* As kubectl: an object that was asked for by name stands alone, else they are a List. */
static int print_objects(struct brama_cli *cli, const struct kind *kind,
                         const struct brama_node *rows, bool one, enum format format)
{
    const struct brama_node *doc = one ? brama_get_object(cli->arena, &kind->form, rows->first)
                                       : brama_get_list(cli->arena, &kind->form, rows);

    if (doc == NULL)
        return brama_no_memory(cli);
    return format == FORMAT_JSON ? brama_pretty_node(cli, doc, 0) : print_yaml(cli, doc);
}

static int fetch(struct brama_node **doc, struct brama_cli *cli, brama_str admin, const char *path)
{
    struct brama_admin_answer answer;
    struct brama_diag diag = {0};
    int code = brama_admin_ask(&answer, cli, admin, path, BRAMA_NIL);

    if (code != BRAMA_EXIT_OK)
        return code;
    if (answer.status != 200)
        return brama_admin_complain(cli, &answer);
    if (brama_json_parse(doc, cli->arena, answer.body, &brama_json_limits_rules, &diag) ==
            BRAMA_OK &&
        (*doc)->kind == BRAMA_NODE_MAP)
        return BRAMA_EXIT_OK;
    brama_say(cli, "%.*s: no answer of a gateway", BRAMA_FMT(answer.url));
    return BRAMA_EXIT_UNAVAILABLE;
}

/* What is asked for; empty: all. */
struct wish {
    brama_str ns, name;
    brama_str apirule, reason; /* of refusals; the gateway filters those */
    uint64_t limit;
};

/* A value of a query: what isn't plain is encoded. */
static brama_str encoded(struct brama_arena *arena, brama_str text)
{
    brama_str out = BRAMA_STR("");

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                     c == '_' || c == '/';
        out = brama_arena_printf(arena, plain ? "%.*s%c" : "%.*s%%%02X", BRAMA_FMT(out), c);
    }
    return out;
}

static const char *path_of(struct brama_cli *cli, const struct kind *kind, const struct wish *wish)
{
    if (!kind->filtered)
        return brama_arena_printf(cli->arena, "/api/v1/%s", kind->name).p;
    return brama_arena_printf(cli->arena, "/api/v1/%s?limit=%llu&apirule=%.*s&reason=%.*s",
                              kind->name, (unsigned long long)wish->limit,
                              BRAMA_FMT(encoded(cli->arena, wish->apirule)),
                              BRAMA_FMT(encoded(cli->arena, wish->reason)))
        .p;
}

static int get(struct brama_cli *cli, const struct kind *kind, brama_str admin,
               const struct wish *wish, enum format format)
{
    struct brama_node *doc = NULL;
    brama_str name = wish->name;
    const char *path = path_of(cli, kind, wish);
    int code = path != NULL ? fetch(&doc, cli, admin, path) : brama_no_memory(cli);

    if (code != BRAMA_EXIT_OK)
        return code;
    const struct brama_node *list = filter(kind, doc, wish->ns, name);
    if (list == NULL) {
        brama_say(cli, "the gateway's answer has no list of %s", kind->name);
        return BRAMA_EXIT_UNAVAILABLE;
    }
    if (name.n != 0 && list->count == 0) {
        brama_say(cli, "%s \"%.*s\" not found", kind->singular, BRAMA_FMT(name));
        return BRAMA_EXIT_NO;
    }
    if (format == FORMAT_JSON || format == FORMAT_YAML)
        return print_objects(cli, kind, list, name.n != 0 && list->count == 1, format);
    if (list->count == 0)
        brama_say(cli, "no %s found", kind->name);
    else
        print_table(cli, kind, list, format == FORMAT_WIDE);
    return BRAMA_EXIT_OK;
}

static const struct kind *kind_by_name(brama_str name)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(kinds); i++) {
        if (brama_str_eq(name, brama_str_c(kinds[i].name)) ||
            brama_str_eq(name, brama_str_c(kinds[i].singular)))
            return &kinds[i];
    }
    return NULL;
}

int brama_cmd_get(struct brama_cli *cli, int argc, char **argv)
{
    static const char *const formats[] = {[FORMAT_TABLE] = "",
                                          [FORMAT_WIDE] = "wide",
                                          [FORMAT_JSON] = "json",
                                          [FORMAT_YAML] = "yaml"};
    brama_str admin = BRAMA_STR(BRAMA_ADMIN_DEFAULT), format_name = BRAMA_NIL;
    struct wish wish = {.limit = 50};
    const struct brama_opt opts[] = {
        {.letter = 'o',
         .name = "output",
         .value = "FORMAT",
         .help = "wide, json or yaml",
         .text = &format_name},
        {.letter = 'n',
         .name = "namespace",
         .value = "NS",
         .help = "APIRules of this one only",
         .text = &wish.ns},
        {.name = "admin",
         .value = "HOST:PORT",
         .help = "admin listener: " BRAMA_ADMIN_DEFAULT,
         .text = &admin},
        {.name = "apirule",
         .value = "NS/NAME",
         .help = "refusals by this one only",
         .text = &wish.apirule},
        {.name = "reason",
         .value = "REASON",
         .help = "refusals for this one only, as scope_missing",
         .text = &wish.reason},
        {.name = "limit", .value = "N", .help = "so many refusals: 50", .number = &wish.limit},
    };
    struct brama_args args;
    size_t format;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    int code =
        brama_format_arg(&format, cli, &usage, format_name, formats, BRAMA_ARRAY_LEN(formats));
    if (code != BRAMA_EXIT_OK)
        return code;
    const struct kind *kind = args.n != 0 ? kind_by_name(args.p[0]) : NULL;
    if (kind == NULL)
        return brama_usage_error(cli, &usage, "get what: apirules, keysets or refusals?");
    if (!brama_is_host_port(admin))
        return brama_usage_error(cli, &usage, "--admin wants HOST:PORT, not \"%.*s\"",
                                 BRAMA_FMT(admin));
    wish.name = args.n > 1 ? args.p[1] : BRAMA_NIL;
    return get(cli, kind, admin, &wish, (enum format)format);
}
