/* Rows that several parts of the compiler need, stored once where that is worth it. */
#include "policy/build.h"

bool brama__build_named(struct brama__build *b, unsigned table, brama_str name, uint32_t *row)
{
    const struct brama__symbol symbol = {name, brama_str_table_hash(name), table};
    const uint32_t next = brama_packer_count(b->out, table);
    const uint32_t *at = brama_map_put_hashed(&b->by_name[table], name, symbol.hash, next);

    *row = at != NULL ? *at : 0;
    if (at == NULL || *at != next)
        return false;
    brama__list_extend(b, &b->symbols, &symbol, 1, sizeof(symbol));
    return true;
}

uint32_t brama__build_upstream(struct brama__build *b, struct brama_service_ref service)
{
    const char port[2] = {(char)(service.port >> 8), (char)service.port};
    brama_str name = BRAMA_JOIN(&b->arena, service.ns, BRAMA_STR("/"), service.name, BRAMA_STR(":"),
                                {port, sizeof(port)});
    uint32_t at;

    if (!brama__build_named(b, BRAMA_T_UPSTREAM, name, &at))
        return at;
    struct brama_p_upstream row = {.id = brama_upstream_id(service.ns, service.name, service.port),
                                   .ns = brama_packer_text(b->out, service.ns),
                                   .name = brama_packer_text(b->out, service.name),
                                   .port = service.port};
    return brama_packer_row(b->out, BRAMA_T_UPSTREAM, &row, sizeof(row));
}

uint32_t brama__build_workload(struct brama__build *b, brama_str name,
                               struct brama_service_ref service)
{
    uint32_t at;

    if (!brama__build_named(b, BRAMA_T_WORKLOAD, name, &at))
        return at;
    struct brama_p_workload row = {.ns = brama_packer_text(b->out, service.ns),
                                   .name = brama_packer_text(b->out, service.name)};
    return brama_packer_row(b->out, BRAMA_T_WORKLOAD, &row, sizeof(row));
}

uint32_t brama__build_keyset(struct brama__build *b, brama_str url)
{
    uint32_t at;

    if (!brama__build_named(b, BRAMA_T_KEYSET, url, &at))
        return at;
    struct brama_p_keyset row = {brama_keyset_id(url), brama_packer_text(b->out, url)};
    return brama_packer_row(b->out, BRAMA_T_KEYSET, &row, sizeof(row));
}

struct brama_p_auth brama__build_auth(struct brama__build *b, const struct brama_jwt_auth *auth)
{
    struct brama_p_auth row = {.issuer = brama_packer_text(b->out, auth->issuer),
                               .keyset = brama__build_keyset(b, auth->jwks_uri),
                               .place = BRAMA_TOKEN_DEFAULT};
    if (auth->from_header_count != 0) {
        row.place = BRAMA_TOKEN_HEADER;
        row.name = brama_packer_text(b->out, auth->from_headers[0].name);
        row.prefix = brama_packer_text(b->out, auth->from_headers[0].prefix);
    } else if (auth->from_params.n != 0) {
        row.place = BRAMA_TOKEN_PARAM;
        row.name = brama_packer_text(b->out, auth->from_params.p[0]);
    }
    return row;
}

struct brama_span brama__build_texts(struct brama__build *b, struct brama_str_list list)
{
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_TEXTS), (uint32_t)list.n};
    for (size_t i = 0; i < list.n; i++) {
        struct brama_p_text row = {brama_packer_text(b->out, list.p[i])};
        brama_packer_row(b->out, BRAMA_T_TEXTS, &row, sizeof(row));
    }
    return span;
}

void brama__build_header(struct brama__build *b, struct brama_span *span, brama_str name,
                         brama_str value)
{
    struct brama_p_header row = {.name = brama_packer_text(b->out, name),
                                 .value = brama_packer_text(b->out, value)};
    brama_packer_row(b->out, BRAMA_T_HEADER, &row, sizeof(row));
    span->count++;
}

static void add_part(struct brama__build *b, struct brama_span *span,
                     const struct brama_envoy_part *part)
{
    struct brama_p_part row = {.op = (uint32_t)part->op,
                               .max_bytes = part->max_bytes,
                               .text = brama_packer_text(b->out, part->text),
                               .other = brama_packer_text(b->out, part->other)};
    brama_packer_row(b->out, BRAMA_T_PART, &row, sizeof(row));
    span->count++;
}

/* A value that can't be read was refused when its rule was judged; a last good form of another
 * version may have one all the same. */
void brama__build_envoy_header(struct brama__build *b, struct brama_span *span, brama_str name,
                               brama_str value, bool in_cookies)
{
    static const struct brama_envoy_part unreadable = {.op = BRAMA_ENVOY_NONE};
    struct brama_envoy_value read = {NULL, 0};
    if (brama_str_find(value, '%') == value.n && value.n <= BRAMA_ENVOY_MAX) {
        brama__build_header(b, span, name, value); /* as nearly all are */
        return;
    }
    enum brama_err err = brama_envoy_read(&read, &b->arena, value, NULL);

    if (err == BRAMA_ERR_NOMEM)
        b->err = err;
    else if (err != BRAMA_OK)
        read = (struct brama_envoy_value){&unreadable, 1};
    if (brama_envoy_is_text(&read)) {
        brama__build_header(b, span, name, read.count != 0 ? read.parts[0].text : BRAMA_STR(""));
        return;
    }
    struct brama_p_header row = {.name = brama_packer_text(b->out, name),
                                 .value = brama_packer_text(b->out, value),
                                 .parts = {brama_packer_count(b->out, BRAMA_T_PART), 0},
                                 .in_cookies = in_cookies};
    for (size_t i = 0; i < read.count; i++)
        add_part(b, &row.parts, &read.parts[i]);
    brama_packer_row(b->out, BRAMA_T_HEADER, &row, sizeof(row));
    span->count++;
}

struct brama_p_pattern brama__build_pattern(struct brama__build *b,
                                            const struct brama_pattern *pattern)
{
    return (struct brama_p_pattern){.kind = (uint32_t)pattern->kind,
                                    .text = brama_packer_text(b->out, pattern->text)};
}

struct brama_pattern brama__stored_pattern(const struct brama__build *b,
                                           const struct brama_p_pattern *path)
{
    return (struct brama_pattern){(enum brama_pattern_kind)path->kind,
                                  brama_packer_stored(b->out, path->text)};
}

void brama__build_number(struct brama__build *b, struct brama_span *list, uint32_t number)
{
    uint32_t at = brama_packer_row(b->out, BRAMA_T_NUMBERS, &number, sizeof(number));
    if (list->count++ == 0)
        list->first = at;
}

bool brama__methods_meet(const struct brama_p_route *route, uint32_t methods)
{
    return route->any_method || (route->methods & methods) != 0;
}

static struct brama_ref joined(struct brama__build *b, const brama_str *list, size_t n)
{
    brama_str out = BRAMA_STR("");
    for (size_t i = 0; i < n; i++)
        out = BRAMA_JOIN(&b->arena, out, i != 0 ? BRAMA_STR(",") : BRAMA_NIL, list[i]);
    return brama_packer_text(b->out, out);
}

static bool has_star(struct brama_str_list list)
{
    for (size_t i = 0; i < list.n; i++)
        if (brama_str_eq(list.p[i], BRAMA_STR("*")))
            return true;
    return false;
}

/* What Kyma writes for a v1beta1 rule without a corsPolicy; apirule.md section 4.3. */
static const brama_str default_methods[] = {BRAMA_LIT("GET"), BRAMA_LIT("POST"), BRAMA_LIT("PUT"),
                                            BRAMA_LIT("DELETE"), BRAMA_LIT("PATCH")};
static const brama_str default_headers[] = {BRAMA_LIT("Authorization"), BRAMA_LIT("Content-Type"),
                                            BRAMA_LIT("*")};
static const struct brama_origin default_origin = {BRAMA_ORIGIN_REGEX, BRAMA_LIT(".*")};
static const struct brama_cors default_cors = {
    .origins = &default_origin,
    .origin_count = 1,
    .methods = {default_methods, BRAMA_ARRAY_LEN(default_methods)},
    .headers = {default_headers, BRAMA_ARRAY_LEN(default_headers)}};

static struct brama_pattern origin_pattern(const struct brama_origin *origin)
{
    struct brama_pattern out = {.kind = BRAMA_PATTERN_NEVER};
    switch (origin->kind) {
    case BRAMA_ORIGIN_EXACT:
        return (struct brama_pattern){BRAMA_PATTERN_EXACT, origin->value};
    case BRAMA_ORIGIN_PREFIX:
        return (struct brama_pattern){BRAMA_PATTERN_PREFIX, origin->value};
    case BRAMA_ORIGIN_REGEX:
        if (brama_pattern_of_regex(&out, origin->value, NULL) != BRAMA_OK)
            out.kind = BRAMA_PATTERN_NEVER;
        return out;
    }
    return out;
}

uint32_t brama__build_cors(struct brama__build *b, const struct brama_apirule *form)
{
    bool v2 = form->version == BRAMA_API_V2 || form->version == BRAMA_API_V2ALPHA1;
    const struct brama_cors *cors = form->cors.given || v2 ? &form->cors : &default_cors;

    if (cors->origin_count == 0)
        return BRAMA_NO_ROW;
    struct brama_p_cors row = {
        .origins = {brama_packer_count(b->out, BRAMA_T_ORIGIN), (uint32_t)cors->origin_count},
        .methods = joined(b, cors->methods.p, cors->methods.n),
        .headers = joined(b, cors->headers.p, cors->headers.n),
        .expose = joined(b, cors->expose.p, cors->expose.n),
        .methods_any = cors->methods.n == 1 && has_star(cors->methods),
        .headers_any = cors->headers.n == 1 && has_star(cors->headers),
        .credentials = cors->credentials_given && cors->credentials,
        .max_age_given = cors->max_age_given,
        .max_age_s = cors->max_age_s};
    for (size_t i = 0; i < cors->origin_count; i++) {
        struct brama_pattern pattern = origin_pattern(&cors->origins[i]);
        struct brama_p_origin origin = {brama__build_pattern(b, &pattern)};
        brama_packer_row(b->out, BRAMA_T_ORIGIN, &origin, sizeof(origin));
    }
    return brama_packer_row(b->out, BRAMA_T_CORS, &row, sizeof(row));
}
