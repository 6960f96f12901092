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
    enum brama_policy_table table; /* whose rows have it */
    size_t at;
    enum points_to to;
    enum brama_policy_table target;
};

#define FIELD(t, row, member, to, target)                                                          \
    {                                                                                              \
        BRAMA_T_##t, offsetof(struct row, member), to, target                                      \
    }
#define TEXT(t, row, member) FIELD(t, row, member, TO_TEXT, BRAMA_T_META)

static const struct field fields[] = {
    TEXT(META, brama_p_meta, domain),
    TEXT(HOST, brama_p_host, name),
    FIELD(HOST, brama_p_host, routes, TO_ROWS, BRAMA_T_ROUTE),
    FIELD(ROUTE, brama_p_route, path, TO_PATTERN, BRAMA_T_META),
    FIELD(ROUTE, brama_p_route, rule, TO_ROW, BRAMA_T_RULE),
    FIELD(ROUTE, brama_p_route, upstream, TO_ROW, BRAMA_T_UPSTREAM),
    FIELD(ROUTE, brama_p_route, workload, TO_ROW, BRAMA_T_WORKLOAD),
    FIELD(ROUTE, brama_p_route, auths, TO_ROWS, BRAMA_T_AUTH),
    FIELD(ROUTE, brama_p_route, authz, TO_ROWS, BRAMA_T_AUTHZ),
    FIELD(ROUTE, brama_p_route, policies, TO_NUMBERS, BRAMA_T_AP),
    FIELD(ROUTE, brama_p_route, oathkeeper, TO_NUMBERS, BRAMA_T_OATHKEEPER),
    FIELD(ROUTE, brama_p_route, headers, TO_ROWS, BRAMA_T_HEADER),
    FIELD(ROUTE, brama_p_route, cors, TO_ROW_OR_NO, BRAMA_T_CORS),
    TEXT(APIRULE, brama_p_apirule, ns),
    TEXT(APIRULE, brama_p_apirule, name),
    TEXT(APIRULE, brama_p_apirule, host),
    TEXT(APIRULE, brama_p_apirule, state),
    TEXT(APIRULE, brama_p_apirule, description),
    TEXT(APIRULE, brama_p_apirule, file),
    FIELD(RULE, brama_p_rule, apirule, TO_ROW, BRAMA_T_APIRULE),
    TEXT(RULE, brama_p_rule, path),
    TEXT(RULE, brama_p_rule, file),
    TEXT(AUTH, brama_p_auth, issuer),
    TEXT(AUTH, brama_p_auth, name),
    TEXT(AUTH, brama_p_auth, prefix),
    FIELD(AUTH, brama_p_auth, keyset, TO_ROW, BRAMA_T_KEYSET),
    FIELD(AUTHZ, brama_p_authz, scopes, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(AUTHZ, brama_p_authz, audiences, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(ORY, brama_p_ory, keysets, TO_NUMBERS, BRAMA_T_KEYSET),
    FIELD(ORY, brama_p_ory, issuers, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(ORY, brama_p_ory, scopes, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(ORY, brama_p_ory, audiences, TO_ROWS, BRAMA_T_TEXTS),
    TEXT(ORY, brama_p_ory, name),
    FIELD(TEXTS, brama_p_text, text, TO_TEXT, BRAMA_T_META),
    TEXT(KEYSET, brama_p_keyset, url),
    TEXT(UPSTREAM, brama_p_upstream, ns),
    TEXT(UPSTREAM, brama_p_upstream, name),
    TEXT(WORKLOAD, brama_p_workload, ns),
    TEXT(WORKLOAD, brama_p_workload, name),
    FIELD(WORKLOAD, brama_p_workload, auths, TO_ROWS, BRAMA_T_AUTH),
    TEXT(AP, brama_p_ap, host),
    FIELD(AP, brama_p_ap, path, TO_PATTERN, BRAMA_T_META),
    FIELD(AP, brama_p_ap, not_paths, TO_ROWS, BRAMA_T_PATTERN),
    FIELD(AP, brama_p_ap, issuers, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(AP, brama_p_ap, scopes, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(AP, brama_p_ap, audiences, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(AP, brama_p_ap, rule, TO_ROW, BRAMA_T_RULE),
    FIELD(PATTERN, brama_p_pattern, text, TO_TEXT, BRAMA_T_META),
    FIELD(OATHKEEPER, brama_p_oathkeeper, path, TO_PATTERN, BRAMA_T_META),
    FIELD(OATHKEEPER, brama_p_oathkeeper, rule, TO_ROW, BRAMA_T_RULE),
    FIELD(OATHKEEPER, brama_p_oathkeeper, authenticators, TO_ROWS, BRAMA_T_AUTHENTICATOR),
    FIELD(OATHKEEPER, brama_p_oathkeeper, upstream, TO_ROW, BRAMA_T_UPSTREAM),
    TEXT(OATHKEEPER, brama_p_oathkeeper, host_header),
    FIELD(OATHKEEPER, brama_p_oathkeeper, mutators, TO_ROWS, BRAMA_T_MUTATOR),
    FIELD(MUTATOR, brama_p_mutator, api, TO_ROW_OR_NO, BRAMA_T_OAUTH2),
    FIELD(MUTATOR, brama_p_mutator, pairs, TO_ROWS, BRAMA_T_HEADER),
    FIELD(MUTATOR, brama_p_mutator, id_token, TO_ROW_OR_NO, BRAMA_T_ID_TOKEN),
    TEXT(ID_TOKEN, brama_p_id_token, issuer),
    TEXT(ID_TOKEN, brama_p_id_token, jwks_url),
    TEXT(ID_TOKEN, brama_p_id_token, claims),
    FIELD(AUTHENTICATOR, brama_p_authenticator, ory, TO_ROW_OR_NO, BRAMA_T_ORY),
    FIELD(AUTHENTICATOR, brama_p_authenticator, oauth2, TO_ROW_OR_NO, BRAMA_T_OAUTH2),
    FIELD(AP, brama_p_ap, authorizer, TO_ROW_OR_NO, BRAMA_T_AUTHORIZER),
    TEXT(AUTHORIZER, brama_p_authorizer, name),
    TEXT(AUTHORIZER, brama_p_authorizer, path_prefix),
    FIELD(AUTHORIZER, brama_p_authorizer, check_headers, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(AUTHORIZER, brama_p_authorizer, fixed_headers, TO_ROWS, BRAMA_T_HEADER),
    FIELD(AUTHORIZER, brama_p_authorizer, upstream_headers, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(AUTHORIZER, brama_p_authorizer, allow_headers, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(AUTHORIZER, brama_p_authorizer, deny_headers, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(AUTHORIZER, brama_p_authorizer, target, TO_ROW, BRAMA_T_TARGET),
    TEXT(TARGET, brama_p_target, host),
    FIELD(OAUTH2, brama_p_oauth2, target, TO_ROW, BRAMA_T_TARGET),
    FIELD(OAUTH2, brama_p_oauth2, pre, TO_ROW_OR_NO, BRAMA_T_OAUTH2),
    TEXT(OAUTH2, brama_p_oauth2, authority),
    TEXT(OAUTH2, brama_p_oauth2, path),
    FIELD(OAUTH2, brama_p_oauth2, scopes, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(OAUTH2, brama_p_oauth2, audiences, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(OAUTH2, brama_p_oauth2, issuers, TO_ROWS, BRAMA_T_TEXTS),
    FIELD(OAUTH2, brama_p_oauth2, headers, TO_ROWS, BRAMA_T_HEADER),
    TEXT(OAUTH2, brama_p_oauth2, name),
    TEXT(OAUTH2, brama_p_oauth2, client_id),
    TEXT(OAUTH2, brama_p_oauth2, client_secret),
    TEXT(OAUTH2, brama_p_oauth2, audience),
    TEXT(HEADER, brama_p_header, name),
    TEXT(HEADER, brama_p_header, value),
    FIELD(HEADER, brama_p_header, parts, TO_ROWS, BRAMA_T_PART),
    TEXT(PART, brama_p_part, text),
    TEXT(PART, brama_p_part, other),
    FIELD(CORS, brama_p_cors, origins, TO_ROWS, BRAMA_T_ORIGIN),
    TEXT(CORS, brama_p_cors, methods),
    TEXT(CORS, brama_p_cors, headers),
    TEXT(CORS, brama_p_cors, expose),
    FIELD(ORIGIN, brama_p_origin, pattern, TO_PATTERN, BRAMA_T_META),
    TEXT(SOURCE, brama_p_source, file),
    TEXT(NEIGHBOUR, brama_p_neighbour, doc),
    TEXT(SERVER_NAME, brama_p_server_name, name),
};

static const size_t row_bytes[BRAMA_PACK_TABLES_MAX] = {
    [BRAMA_T_META] = sizeof(struct brama_p_meta),
    [BRAMA_T_HOST] = sizeof(struct brama_p_host),
    [BRAMA_T_ROUTE] = sizeof(struct brama_p_route),
    [BRAMA_T_APIRULE] = sizeof(struct brama_p_apirule),
    [BRAMA_T_RULE] = sizeof(struct brama_p_rule),
    [BRAMA_T_AUTH] = sizeof(struct brama_p_auth),
    [BRAMA_T_AUTHZ] = sizeof(struct brama_p_authz),
    [BRAMA_T_ORY] = sizeof(struct brama_p_ory),
    [BRAMA_T_TEXTS] = sizeof(struct brama_p_text),
    [BRAMA_T_NUMBERS] = sizeof(uint32_t),
    [BRAMA_T_KEYSET] = sizeof(struct brama_p_keyset),
    [BRAMA_T_UPSTREAM] = sizeof(struct brama_p_upstream),
    [BRAMA_T_WORKLOAD] = sizeof(struct brama_p_workload),
    [BRAMA_T_AP] = sizeof(struct brama_p_ap),
    [BRAMA_T_PATTERN] = sizeof(struct brama_p_pattern),
    [BRAMA_T_OATHKEEPER] = sizeof(struct brama_p_oathkeeper),
    [BRAMA_T_HEADER] = sizeof(struct brama_p_header),
    [BRAMA_T_CORS] = sizeof(struct brama_p_cors),
    [BRAMA_T_ORIGIN] = sizeof(struct brama_p_origin),
    [BRAMA_T_SOURCE] = sizeof(struct brama_p_source),
    [BRAMA_T_NEIGHBOUR] = sizeof(struct brama_p_neighbour),
    [BRAMA_T_AUTHORIZER] = sizeof(struct brama_p_authorizer),
    [BRAMA_T_TARGET] = sizeof(struct brama_p_target),
    [BRAMA_T_OAUTH2] = sizeof(struct brama_p_oauth2),
    [BRAMA_T_MUTATOR] = sizeof(struct brama_p_mutator),
    [BRAMA_T_ID_TOKEN] = sizeof(struct brama_p_id_token),
    [BRAMA_T_SERVER_NAME] = sizeof(struct brama_p_server_name),
    [BRAMA_T_PART] = sizeof(struct brama_p_part),
    [BRAMA_T_AUTHENTICATOR] = sizeof(struct brama_p_authenticator),
};

static bool numbers_ok(const struct brama_pack *pack, struct brama_span span, unsigned table)
{
    if (!brama_pack_has_rows(pack, span, BRAMA_T_NUMBERS))
        return false;
    for (uint32_t i = 0; i < span.count; i++) {
        const uint32_t *n = BRAMA_ROW(pack, BRAMA_T_NUMBERS, span.first + i, uint32_t);
        if (n == NULL || *n >= brama_pack_count(pack, table))
            return false;
    }
    return true;
}

static bool field_ok(const struct brama_pack *pack, const struct field *f, const uint8_t *row)
{
    const void *at = row + f->at;
    const uint32_t *number = at;
    const struct brama_ref *ref = at;
    const struct brama_span *span = at;
    const struct brama_p_pattern *pattern = at;

    switch (f->to) {
    case TO_TEXT:
        return brama_pack_has_text(pack, *ref);
    case TO_PATTERN:
        return pattern->kind <= BRAMA_PATTERN_REGEX && brama_pack_has_text(pack, pattern->text);
    case TO_ROW:
        return *number < brama_pack_count(pack, f->target);
    case TO_ROW_OR_NO:
        return *number == BRAMA_NO_ROW || *number < brama_pack_count(pack, f->target);
    case TO_ROWS:
        return brama_pack_has_rows(pack, *span, f->target);
    case TO_NUMBERS:
        return numbers_ok(pack, *span, f->target);
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
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(fields); i++) {
        const struct brama_policy_part *part = &u->parts[fields[i].table];
        for (uint32_t r = 0; r < part->count; r++)
            move_field((uint8_t *)part->rows + r * part->stride + fields[i].at, &fields[i], u);
    }
}

enum brama_err brama_policy_verify(const struct brama_policy *policy)
{
    const struct brama_pack *pack = &policy->pack;
    enum brama_err err = brama_pack_verify(pack);
    if (err != BRAMA_OK)
        return err;
    for (unsigned t = 0; t < BRAMA_PACK_TABLES_MAX; t++)
        if (brama_pack_count(pack, t) != 0 && brama_pack_row(pack, t, 0, row_bytes[t]) == NULL)
            return BRAMA_ERR_INVALID;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[i];
        for (uint32_t r = 0; r < brama_pack_count(pack, f->table); r++) {
            const uint8_t *row = brama_pack_row(pack, f->table, r, row_bytes[f->table]);
            if (row == NULL || !field_ok(pack, f, row))
                return BRAMA_ERR_INVALID;
        }
    }
    return BRAMA_OK;
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
