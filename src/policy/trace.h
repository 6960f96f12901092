/* The decision's own account of itself: every step, as it was taken. `brama explain` prints this
 * and nothing else. Without a sink (NULL) recording costs a branch.
 */
#ifndef BRAMA_POLICY_TRACE_H
#define BRAMA_POLICY_TRACE_H

#include "base/diag.h"

/* What would have to be different for a step not to fail, where that is certain: the smallest
 * change, for machines. Whoever adds the failing step adds it, too. */
enum brama_change_kind {
    BRAMA_CHANGE_NONE = 0,
    BRAMA_CHANGE_MINT,   /* "mint": claims of the token */
    BRAMA_CHANGE_SIGN,   /* "sign": members of the token's header, and with them the key */
    BRAMA_CHANGE_TOKEN,  /* "token": a good one, "in" a header, param or cookie, its "name" and,
                            of a header, the "prefix" before it */
    BRAMA_CHANGE_ONCE,   /* "once": the "name" that stands twice "in" header, param or cookie */
    BRAMA_CHANGE_HEADER, /* "header": of the request */
    BRAMA_CHANGE_METHOD, /* "method", "path", "host": of the request; no names */
    BRAMA_CHANGE_PATH,
    BRAMA_CHANGE_HOST,
    BRAMA_CHANGE_KEYSET,  /* "keyset": a URL that the gateway has to reach */
    BRAMA_CHANGE_SERVICE, /* "service": "namespace/name:port" whose address it has to know */
    BRAMA_CHANGE_COUNT
};
enum brama_change_type {
    BRAMA_CHANGE_TEXT = 0,
    BRAMA_CHANGE_NUMBER, /* decimal */
    BRAMA_CHANGE_LIST,   /* texts with a newline between them; one alone is a text */
    BRAMA_CHANGE_DROP    /* leave it out */
};
#define BRAMA_CHANGE_MEMBERS_MAX 3
struct brama_change {
    enum brama_change_kind kind;
    size_t count;
    struct {
        const char *name; /* static; NULL where the kind has no names */
        enum brama_change_type type;
        brama_str value;
    } member[BRAMA_CHANGE_MEMBERS_MAX];
};

enum brama_trace_outcome { BRAMA_TRACE_INFO = 0, BRAMA_TRACE_PASS, BRAMA_TRACE_FAIL };

struct brama_trace_step {
    struct brama_trace_step *next;
    const char *step; /* "host", "path", "route", "token", "key", "exp", "scope", ...: static */
    enum brama_trace_outcome outcome;
    brama_str expected, actual, note; /* may be empty */
    struct brama_where where;         /* of the rule that asked for it; line 0: none */
    struct brama_change change;
};

struct brama_jwt;

struct brama_trace {
    struct brama_arena *arena; /* of all texts; must outlive the policy that was decided on */
    struct brama_trace_step *first, *last;
    /* Of the rules that were tried in vain so many are recorded, 0: all; and so many there were. */
    size_t vain_max, vain;
    /* The token that the answer rests on, NULL: none was found. Valid until the next decision with
     * the same memory. */
    const struct brama_jwt *jwt;
    brama_str jwt_place; /* "header authorization", "query parameter access_token", ... */
};

void brama_trace_init(struct brama_trace *trace, struct brama_arena *arena);

/* Copies expected and actual; note by printf. trace may be NULL. */
void brama_trace_add(struct brama_trace *trace, const char *step, enum brama_trace_outcome outcome,
                     brama_str expected, brama_str actual, const char *note, ...)
    BRAMA_PRINTF(6, 7);
/* Name the place of the step just added. */
void brama_trace_at(struct brama_trace *trace, brama_str file, uint32_t line);
/* One rule more was tried in vain: is it to be recorded? trace isn't NULL. */
bool brama_trace_vain(struct brama_trace *trace);
/* The answer rests on this token, found there. */
void brama_trace_token(struct brama_trace *trace, const struct brama_jwt *jwt, brama_str place);
/* One member more of the change that would have let the step just added pass; all of one kind. */
void brama_trace_change(struct brama_trace *trace, enum brama_change_kind kind, const char *name,
                        enum brama_change_type type, brama_str value);

#endif
