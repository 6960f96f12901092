#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"

enum brama_err brama_policy_open(struct brama_policy *out, const void *bytes, size_t size)
{
    return brama_pack_open(&out->pack, bytes, size, BRAMA_PACK_POLICY);
}

/* What a field of a row points to. */
enum points_to {
    TO_TEXT = 0,  /* struct brama_ref */
    TO_PATTERN,   /* struct brama_p_pattern */
    TO_ROW,       /* uint32_t: a row of the table */
    TO_ROW_OR_NO, /* the same, or BRAMA_NO_ROW */
    TO_ROWS,      /* struct brama_span: rows of the table */
    TO_NUMBERS    /* struct brama_span of BRAMA_T_NUMBERS, each a row of the table */
};

struct field {
    size_t at;
    enum points_to to;
    enum brama_policy_table target;
};

#define FIELD(row, member, to, target)                                                             \
    {                                                                                              \
        offsetof(struct row, member), to, BRAMA_T_##target                                         \
    }
#define TEXT(row, member) FIELD(row, member, TO_TEXT, META)

static const struct field of_meta[] = {
    TEXT(brama_p_meta, domain),
};
static const struct field of_host[] = {
    TEXT(brama_p_host, name),
    FIELD(brama_p_host, routes, TO_ROWS, ROUTE),
};
static const struct field of_route[] = {
    FIELD(brama_p_route, path, TO_PATTERN, META),
    FIELD(brama_p_route, rule, TO_ROW, RULE),
    FIELD(brama_p_route, upstream, TO_ROW, UPSTREAM),
    FIELD(brama_p_route, workload, TO_ROW, WORKLOAD),
    FIELD(brama_p_route, auths, TO_ROWS, AUTH),
    FIELD(brama_p_route, authz, TO_ROWS, AUTHZ),
    FIELD(brama_p_route, policies, TO_NUMBERS, AP),
    FIELD(brama_p_route, oathkeeper, TO_NUMBERS, OATHKEEPER),
    FIELD(brama_p_route, headers, TO_ROWS, HEADER),
    FIELD(brama_p_route, cors, TO_ROW_OR_NO, CORS),
};
static const struct field of_apirule[] = {
    TEXT(brama_p_apirule, ns),    TEXT(brama_p_apirule, name),        TEXT(brama_p_apirule, host),
    TEXT(brama_p_apirule, state), TEXT(brama_p_apirule, description), TEXT(brama_p_apirule, file),
};
static const struct field of_rule[] = {
    FIELD(brama_p_rule, apirule, TO_ROW, APIRULE),
    TEXT(brama_p_rule, path),
    TEXT(brama_p_rule, file),
};
static const struct field of_auth[] = {
    TEXT(brama_p_auth, issuer),
    TEXT(brama_p_auth, name),
    TEXT(brama_p_auth, prefix),
    FIELD(brama_p_auth, keyset, TO_ROW, KEYSET),
};
static const struct field of_authz[] = {
    FIELD(brama_p_authz, scopes, TO_ROWS, TEXTS),
    FIELD(brama_p_authz, audiences, TO_ROWS, TEXTS),
};
static const struct field of_ory[] = {
    FIELD(brama_p_ory, keysets, TO_NUMBERS, KEYSET),
    FIELD(brama_p_ory, issuers, TO_ROWS, TEXTS),
    FIELD(brama_p_ory, scopes, TO_ROWS, TEXTS),
    FIELD(brama_p_ory, audiences, TO_ROWS, TEXTS),
    TEXT(brama_p_ory, name),
};
static const struct field of_texts[] = {
    TEXT(brama_p_text, text),
};
static const struct field of_keyset[] = {
    TEXT(brama_p_keyset, url),
};
static const struct field of_upstream[] = {
    TEXT(brama_p_upstream, ns),
    TEXT(brama_p_upstream, name),
};
static const struct field of_workload[] = {
    TEXT(brama_p_workload, ns),
    TEXT(brama_p_workload, name),
    FIELD(brama_p_workload, auths, TO_ROWS, AUTH),
};
static const struct field of_ap[] = {
    TEXT(brama_p_ap, host),
    FIELD(brama_p_ap, path, TO_PATTERN, META),
    FIELD(brama_p_ap, not_paths, TO_ROWS, PATTERN),
    FIELD(brama_p_ap, issuers, TO_ROWS, TEXTS),
    FIELD(brama_p_ap, scopes, TO_ROWS, TEXTS),
    FIELD(brama_p_ap, audiences, TO_ROWS, TEXTS),
    FIELD(brama_p_ap, rule, TO_ROW, RULE),
    FIELD(brama_p_ap, authorizer, TO_ROW_OR_NO, AUTHORIZER),
};
static const struct field of_pattern[] = {
    TEXT(brama_p_pattern, text),
};
static const struct field of_oathkeeper[] = {
    FIELD(brama_p_oathkeeper, path, TO_PATTERN, META),
    FIELD(brama_p_oathkeeper, rule, TO_ROW, RULE),
    FIELD(brama_p_oathkeeper, authenticators, TO_ROWS, AUTHENTICATOR),
    FIELD(brama_p_oathkeeper, upstream, TO_ROW, UPSTREAM),
    TEXT(brama_p_oathkeeper, host_header),
    FIELD(brama_p_oathkeeper, mutators, TO_ROWS, MUTATOR),
};
static const struct field of_header[] = {
    TEXT(brama_p_header, name),
    TEXT(brama_p_header, value),
    FIELD(brama_p_header, parts, TO_ROWS, PART),
};
static const struct field of_cors[] = {
    FIELD(brama_p_cors, origins, TO_ROWS, ORIGIN),
    TEXT(brama_p_cors, methods),
    TEXT(brama_p_cors, headers),
    TEXT(brama_p_cors, expose),
};
static const struct field of_origin[] = {
    FIELD(brama_p_origin, pattern, TO_PATTERN, META),
};
static const struct field of_source[] = {
    TEXT(brama_p_source, file),
};
static const struct field of_neighbour[] = {
    TEXT(brama_p_neighbour, doc),
};
static const struct field of_authorizer[] = {
    TEXT(brama_p_authorizer, name),
    TEXT(brama_p_authorizer, path_prefix),
    FIELD(brama_p_authorizer, check_headers, TO_ROWS, TEXTS),
    FIELD(brama_p_authorizer, fixed_headers, TO_ROWS, HEADER),
    FIELD(brama_p_authorizer, upstream_headers, TO_ROWS, TEXTS),
    FIELD(brama_p_authorizer, allow_headers, TO_ROWS, TEXTS),
    FIELD(brama_p_authorizer, deny_headers, TO_ROWS, TEXTS),
    FIELD(brama_p_authorizer, target, TO_ROW, TARGET),
};
static const struct field of_target[] = {
    TEXT(brama_p_target, host),
};
static const struct field of_oauth2[] = {
    FIELD(brama_p_oauth2, target, TO_ROW, TARGET),
    FIELD(brama_p_oauth2, pre, TO_ROW_OR_NO, OAUTH2),
    TEXT(brama_p_oauth2, authority),
    TEXT(brama_p_oauth2, path),
    FIELD(brama_p_oauth2, scopes, TO_ROWS, TEXTS),
    FIELD(brama_p_oauth2, audiences, TO_ROWS, TEXTS),
    FIELD(brama_p_oauth2, issuers, TO_ROWS, TEXTS),
    FIELD(brama_p_oauth2, headers, TO_ROWS, HEADER),
    TEXT(brama_p_oauth2, name),
    TEXT(brama_p_oauth2, client_id),
    TEXT(brama_p_oauth2, client_secret),
    TEXT(brama_p_oauth2, audience),
};
static const struct field of_mutator[] = {
    FIELD(brama_p_mutator, api, TO_ROW_OR_NO, OAUTH2),
    FIELD(brama_p_mutator, pairs, TO_ROWS, HEADER),
    FIELD(brama_p_mutator, id_token, TO_ROW_OR_NO, ID_TOKEN),
};
static const struct field of_id_token[] = {
    TEXT(brama_p_id_token, issuer),
    TEXT(brama_p_id_token, jwks_url),
    TEXT(brama_p_id_token, claims),
};
static const struct field of_server_name[] = {
    TEXT(brama_p_server_name, name),
};
static const struct field of_part[] = {
    TEXT(brama_p_part, text),
    TEXT(brama_p_part, other),
};
static const struct field of_authenticator[] = {
    FIELD(brama_p_authenticator, ory, TO_ROW_OR_NO, ORY),
    FIELD(brama_p_authenticator, oauth2, TO_ROW_OR_NO, OAUTH2),
};

#define ROWS(row, fields)                                                                          \
    {                                                                                              \
        sizeof(struct row), fields, BRAMA_ARRAY_LEN(fields)                                        \
    }

static const struct rows {
    size_t bytes; /* of one */
    const struct field *fields;
    size_t field_count;
} tables[BRAMA_PACK_TABLES_MAX] = {
    [BRAMA_T_META] = ROWS(brama_p_meta, of_meta),
    [BRAMA_T_HOST] = ROWS(brama_p_host, of_host),
    [BRAMA_T_ROUTE] = ROWS(brama_p_route, of_route),
    [BRAMA_T_APIRULE] = ROWS(brama_p_apirule, of_apirule),
    [BRAMA_T_RULE] = ROWS(brama_p_rule, of_rule),
    [BRAMA_T_AUTH] = ROWS(brama_p_auth, of_auth),
    [BRAMA_T_AUTHZ] = ROWS(brama_p_authz, of_authz),
    [BRAMA_T_ORY] = ROWS(brama_p_ory, of_ory),
    [BRAMA_T_TEXTS] = ROWS(brama_p_text, of_texts),
    [BRAMA_T_NUMBERS] = {sizeof(uint32_t), NULL, 0},
    [BRAMA_T_KEYSET] = ROWS(brama_p_keyset, of_keyset),
    [BRAMA_T_UPSTREAM] = ROWS(brama_p_upstream, of_upstream),
    [BRAMA_T_WORKLOAD] = ROWS(brama_p_workload, of_workload),
    [BRAMA_T_AP] = ROWS(brama_p_ap, of_ap),
    [BRAMA_T_PATTERN] = ROWS(brama_p_pattern, of_pattern),
    [BRAMA_T_OATHKEEPER] = ROWS(brama_p_oathkeeper, of_oathkeeper),
    [BRAMA_T_HEADER] = ROWS(brama_p_header, of_header),
    [BRAMA_T_CORS] = ROWS(brama_p_cors, of_cors),
    [BRAMA_T_ORIGIN] = ROWS(brama_p_origin, of_origin),
    [BRAMA_T_SOURCE] = ROWS(brama_p_source, of_source),
    [BRAMA_T_NEIGHBOUR] = ROWS(brama_p_neighbour, of_neighbour),
    [BRAMA_T_AUTHORIZER] = ROWS(brama_p_authorizer, of_authorizer),
    [BRAMA_T_TARGET] = ROWS(brama_p_target, of_target),
    [BRAMA_T_OAUTH2] = ROWS(brama_p_oauth2, of_oauth2),
    [BRAMA_T_MUTATOR] = ROWS(brama_p_mutator, of_mutator),
    [BRAMA_T_ID_TOKEN] = ROWS(brama_p_id_token, of_id_token),
    [BRAMA_T_SERVER_NAME] = ROWS(brama_p_server_name, of_server_name),
    [BRAMA_T_PART] = ROWS(brama_p_part, of_part),
    [BRAMA_T_AUTHENTICATOR] = ROWS(brama_p_authenticator, of_authenticator),
};

/* Where what a field points to must lie. */
struct bounds {
    uint32_t text, rows;     /* how long, and how many */
    const uint32_t *numbers; /* BRAMA_T_NUMBERS */
    uint32_t number_count;
};

static bool numbers_ok(struct brama_span span, const struct bounds *in)
{
    if (!brama_pack_within(span.first, span.count, in->number_count))
        return false;
    for (uint32_t i = 0; i < span.count; i++)
        if (in->numbers[span.first + i] >= in->rows)
            return false;
    return true;
}

static bool field_ok(const uint8_t *row, const struct field *f, const struct bounds *in)
{
    const void *at = row + f->at;
    const uint32_t *number = at;
    const struct brama_ref *ref = at;
    const struct brama_span *span = at;
    const struct brama_p_pattern *pattern = at;

    switch (f->to) {
    case TO_TEXT:
        return brama_pack_within(ref->at, ref->n, in->text);
    case TO_PATTERN:
        return pattern->kind <= BRAMA_PATTERN_REGEX &&
               brama_pack_within(pattern->text.at, pattern->text.n, in->text);
    case TO_ROW:
        return *number < in->rows;
    case TO_ROW_OR_NO:
        return *number == BRAMA_NO_ROW || *number < in->rows;
    case TO_ROWS:
        return brama_pack_within(span->first, span->count, in->rows);
    case TO_NUMBERS:
        return numbers_ok(*span, in);
    }
    return false;
}

static void move_row(uint32_t *row, const struct brama_policy_part *target)
{
    *row = target->map != NULL ? target->map[*row] : *row + target->by;
}

static void move_span(struct brama_span *span, const struct brama_policy_part *target)
{
    span->first = span->count != 0 ? span->first + target->by : 0;
}

static void move_text(struct brama_ref *ref, uint32_t by)
{
    ref->at = ref->n != 0 ? ref->at + by : 0;
}

static void move_field(void *at, const struct field *f, const struct brama_policy_unit *u)
{
    const struct brama_policy_part *target = &u->parts[f->target];
    const struct brama_policy_part *numbers = &u->parts[BRAMA_T_NUMBERS];
    uint32_t *number = at;
    struct brama_span *span = at;
    struct brama_p_pattern *pattern = at;

    switch (f->to) {
    case TO_TEXT:
        move_text(at, u->text_by);
        return;
    case TO_PATTERN:
        move_text(&pattern->text, u->text_by);
        return;
    case TO_ROW:
        move_row(number, target);
        return;
    case TO_ROW_OR_NO:
        if (*number != BRAMA_NO_ROW)
            move_row(number, target);
        return;
    case TO_ROWS:
        move_span(span, target);
        return;
    case TO_NUMBERS:
        for (uint32_t i = 0; i < span->count; i++)
            move_row((uint32_t *)numbers->rows + span->first + i, target);
        move_span(span, numbers);
        return;
    }
}

void brama_policy_move(const struct brama_policy_unit *u)
{
    for (size_t t = 0; t < BRAMA_PACK_TABLES_MAX; t++) {
        const struct brama_policy_part *part = &u->parts[t];
        for (size_t i = 0; part->count != 0 && i < tables[t].field_count; i++)
            for (uint32_t r = 0; r < part->count; r++)
                move_field((uint8_t *)part->rows + r * part->stride + tables[t].fields[i].at,
                           &tables[t].fields[i], u);
    }
}

/* Rows that a processor's first cache holds, while field after field of them is looked at. */
#define SLICE 128

static bool slice_ok(const struct brama_pack *pack, unsigned table, const uint8_t *rows, uint32_t n)
{
    const struct rows *t = &tables[table];
    struct bounds in = {.text = pack->header->text.count,
                        .numbers = brama_pack_row(pack, BRAMA_T_NUMBERS, 0, sizeof(uint32_t)),
                        .number_count = brama_pack_count(pack, BRAMA_T_NUMBERS)};
    for (size_t i = 0; i < t->field_count; i++) {
        in.rows = brama_pack_count(pack, t->fields[i].target);
        for (uint32_t r = 0; r < n; r++)
            if (!field_ok(rows + r * t->bytes, &t->fields[i], &in))
                return false;
    }
    return true;
}

enum brama_err brama_policy_verify_rows(const struct brama_policy *policy)
{
    const struct brama_pack *pack = &policy->pack;
    for (unsigned t = 0; t < BRAMA_PACK_TABLES_MAX; t++)
        if (brama_pack_count(pack, t) != 0 && brama_pack_row(pack, t, 0, tables[t].bytes) == NULL)
            return BRAMA_ERR_INVALID;
    for (unsigned t = 0; t < BRAMA_PACK_TABLES_MAX; t++) {
        uint32_t count = brama_pack_count(pack, t), n;
        for (uint32_t first = 0; first < count; first += n) {
            n = count - first < SLICE ? count - first : SLICE;
            if (!slice_ok(pack, t, brama_pack_row(pack, t, first, tables[t].bytes), n))
                return BRAMA_ERR_INVALID;
        }
    }
    return BRAMA_OK;
}

enum brama_err brama_policy_verify(const struct brama_policy *policy)
{
    enum brama_err err = brama_pack_verify(&policy->pack);
    return err == BRAMA_OK ? brama_policy_verify_rows(policy) : err;
}

/* The beginning of a SHA-256. 0, which nothing is found by, where there is none to be had. */
static uint64_t id_of(brama_str text)
{
    uint8_t digest[BRAMA_SHA256_BYTES];
    uint64_t id = 0;
    if (brama_sha256(digest, text) == BRAMA_OK)
        memcpy(&id, digest, sizeof(id));
    return id;
}

uint64_t brama_keyset_id(brama_str url)
{
    return id_of(url);
}

#define PART_MAX 256 /* bytes; no cluster takes a name that is longer */

/* A part of an id's text; of a long one its digest. */
static bool add_part(char *text, size_t *n, brama_str part)
{
    uint8_t digest[BRAMA_SHA256_BYTES];
    if (part.n > PART_MAX) {
        if (brama_sha256(digest, part) != BRAMA_OK)
            return false;
        part = (brama_str){(const char *)digest, sizeof(digest)};
    }
    if (part.n != 0)
        memcpy(text + *n, part.p, part.n);
    *n += part.n;
    return true;
}

uint64_t brama_upstream_id(brama_str ns, brama_str name, uint16_t port)
{
    char text[3 * PART_MAX], digits[20];
    const brama_str parts[] = {ns, BRAMA_STR("/"), name, BRAMA_STR(":"),
                               brama_str_of_u64(digits, port)};
    size_t n = 0;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(parts); i++)
        if (!add_part(text, &n, parts[i]))
            return 0;
    return id_of((brama_str){text, n});
}

/* No service name has a blank, so no upstream has this id but by chance. */
uint64_t brama_target_id(brama_str host, uint16_t port)
{
    return brama_upstream_id(BRAMA_STR("call "), host, port);
}
