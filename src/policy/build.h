/* Shared by the files of the policy compiler, nobody else. */
#ifndef BRAMA_POLICY_BUILD_H
#define BRAMA_POLICY_BUILD_H

#include "base/map.h"
#include "base/sort.h"
#include "policy/compile.h"
#include "rule/uri.h"
#include "template/envoy.h"

/* A route before the form is complete, and the pattern of its row. */
struct brama__draft {
    struct brama_p_route row;
    struct brama_pattern path;
    bool last; /* Istio moves a catch-all behind the others; istio-jwt.md 4.5 */
};

/* Likewise a row of BRAMA_T_OATHKEEPER. */
struct brama__ok_draft {
    struct brama_pattern path;
    uint32_t methods, row;
};

/* A row of BRAMA_T_AP or BRAMA_T_AUTH, and whose it is. */
struct brama__policy_of {
    uint32_t workload, row;
};

/* A row of BRAMA_T_HOST, and the beginning of its name as two numbers that sort as the name does,
 * so that nearly none need be read. */
struct brama__host_key {
    uint64_t head[2];
    uint32_t row;
    bool exact; /* the form has no other host: it goes before a wildcard's share of the same name */
};

/* Routes of a form that is in force. */
struct brama__routes_of {
    struct brama_ref host; /* the form's */
    struct brama_span routes;
};

/* A row that other forms may speak of, too, and what it is about. */
struct brama__symbol {
    brama_str name;
    uint64_t hash; /* of name */
    unsigned table;
};

/* A growing array in the arena; members are copied when it grows. */
struct brama__list {
    void *p;
    size_t n, cap;
};

struct brama__build {
    const struct brama_compile_in *in;
    struct brama_arena arena; /* scratch, of this compilation */
    struct brama_packer *out;
    struct brama__list drafts, oks;       /* of the form on the desk */
    struct brama__list aps, auths;        /* struct brama__policy_of */
    struct brama__list hosts;             /* struct brama__host_key */
    struct brama__list forms;             /* struct brama__routes_of */
    struct brama__list symbols;           /* struct brama__symbol: of all rows by_name, as made */
    struct brama__list authorizers_named; /* brama_str; of a unit */
    struct brama_map by_name[BRAMA_PACK_TABLES_MAX]; /* a symbol's name to its row */
    struct brama_map taken;                          /* hosts, with their number */
    struct brama_map good;                           /* "ns/name" to number in in->good */
    struct brama_buf block;                          /* of the unit on the desk */
    struct brama__build *desk; /* where the next unit is made; NULL: this is one */
    enum brama_err err;
};

/* What one form adds, made without a look at the others: rows that point to each other, to texts of
 * the unit, and to key sets, upstreams, targets, workloads and authorizers that others may have,
 * too. The memory is that of the arena it was made in, and the form's. */
struct brama__unit;
#define BRAMA__UNIT_MAX ((size_t)1 << 30) /* bytes */
/* with_apirule: its row of BRAMA_T_APIRULE, too, as a current form in force. NULL: build->err. */
const struct brama__unit *brama__unit_of(struct brama__build *b, const struct brama_apirule *form,
                                         bool with_apirule, struct brama_arena *arena);
/* Behind what is there. apirule_row: of the form. */
void brama__link(struct brama__build *b, const struct brama__unit *unit, uint32_t apirule_row);
/* brama_str_table_hash() of its form's host. */
uint64_t brama__unit_host_hash(const struct brama__unit *unit);
/* Units lie all over the memory. One that will be linked soon is asked for, and of one that is
 * there what will be looked up. Neither changes anything. */
void brama__unit_soon(const struct brama__unit *unit);
void brama__unit_next(const struct brama__build *b, const struct brama__unit *unit);

/* The new member, zeroed; NULL when memory is gone (then build->err says so). */
void *brama__list_add(struct brama__build *b, struct brama__list *list, size_t size);
/* n of them, copied. */
void brama__list_extend(struct brama__build *b, struct brama__list *list, const void *members,
                        size_t n, size_t size);
/* Room for n members of that size. */
void brama__list_reserve(struct brama__build *b, struct brama__list *list, size_t n, size_t size);

/* "ns/name", in the scratch arena. */
brama_str brama__full_name(struct brama__build *b, brama_str ns, brama_str name);

/* The row that says what became of an APIRule. form: in force, or NULL. */
uint32_t brama__build_apirule(struct brama__build *b, const struct brama_apirule *current,
                              const struct brama_apirule *form);
/* Rows of one form: rules, drafts of routes, policies and Oathkeeper rules; on the desk. */
void brama__build_form(struct brama__build *b, const struct brama_apirule *form);
/* Workloads, folded lists, routes and hosts: when all forms are there. */
void brama__build_finish(struct brama__build *b);

/* Hosts, their routes, and the TLS servers' names. */
void brama__build_hosts(struct brama__build *b);

/* The row about name. True: it is new, to be added now. */
bool brama__build_named(struct brama__build *b, unsigned table, brama_str name, uint32_t *row);

/* Rows that several places need. */
uint32_t brama__build_upstream(struct brama__build *b, struct brama_service_ref service);
/* name: what it is told by; see build_form.c. */
uint32_t brama__build_workload(struct brama__build *b, brama_str name,
                               struct brama_service_ref service);
uint32_t brama__build_keyset(struct brama__build *b, brama_str url);
/* The path of a row that is there. */
struct brama_pattern brama__stored_pattern(const struct brama__build *b,
                                           const struct brama_p_pattern *path);
/* A number more at the end of the list. No others may be added before it is complete. */
void brama__build_number(struct brama__build *b, struct brama_span *list, uint32_t number);
/* Do they share one? */
bool brama__methods_meet(const struct brama_p_route *route, uint32_t methods);
struct brama_p_auth brama__build_auth(struct brama__build *b, const struct brama_jwt_auth *auth);
struct brama_span brama__build_texts(struct brama__build *b, struct brama_str_list list);
struct brama_p_pattern brama__build_pattern(struct brama__build *b,
                                            const struct brama_pattern *pattern);
/* One header more at the end of the span: with this very value; or with one that Envoy reads, of a
 * header or of all cookies together. No other headers may be added before the span is complete. */
void brama__build_header(struct brama__build *b, struct brama_span *span, brama_str name,
                         brama_str value);
void brama__build_envoy_header(struct brama__build *b, struct brama_span *span, brama_str name,
                               brama_str value, bool in_cookies);
uint32_t brama__build_cors(struct brama__build *b, const struct brama_apirule *form);
/* Whom a URL leads to, by its scheme, host and port. */
uint32_t brama__build_target(struct brama__build *b, bool tls, brama_str host, uint16_t port);
/* BRAMA_NO_ROW: there is none that can be asked. */
uint32_t brama__build_authorizer(struct brama__build *b, brama_str name);
/* Does Kyma write an Oathkeeper Rule for it? And its authenticators, in order. */
bool brama__has_authenticators(const struct brama_rule *rule, enum brama_handler handler);
struct brama_span brama__build_authenticators(struct brama__build *b, const struct brama_rule *rule,
                                              enum brama_handler handler);
/* Its mutators, but for those that do nothing. wants_groups: set if a template asks for them. */
struct brama_span brama__build_mutators(struct brama__build *b, const struct brama_rule *rule,
                                        bool *wants_groups);

/* The path of a rule as its VirtualService matches it. */
enum brama_err brama__route_pattern(struct brama_pattern *out, struct brama_arena *arena,
                                    enum brama_api_version version, enum brama_handler handler,
                                    brama_str path, struct brama_diag *diag);

#endif
