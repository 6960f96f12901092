/* Shared by the files of the template evaluator, nobody else. */
#ifndef BRAMA_TEMPLATE_INNER_H
#define BRAMA_TEMPLATE_INNER_H

#include "template/template.h"

/* Kinds of Go's values, as far as a template can come by one. */
enum brama__kind {
    BRAMA__V_NONE = 0, /* nil, or a member that isn't there */
    BRAMA__V_BOOL,
    BRAMA__V_INT,   /* of a literal or a function */
    BRAMA__V_FLOAT, /* every number of JSON */
    BRAMA__V_STR,
    BRAMA__V_STRS, /* []string */
    BRAMA__V_LIST, /* of JSON */
    BRAMA__V_MAP,  /* of JSON */
    BRAMA__V_ROOT, /* the session; the rest are its parts */
    BRAMA__V_MATCH,
    BRAMA__V_URL,
    BRAMA__V_REQUEST_HEADER,
    BRAMA__V_SET_HEADER,
    BRAMA__V_GET /* .Get of one of the two */
};

struct brama__value {
    enum brama__kind kind;
    bool truth;
    int64_t integer;
    double real;
    brama_str text;
    const brama_str *strs; /* STRS */
    size_t count;
    const struct brama_node *node; /* LIST, MAP */
    enum brama__kind of;           /* GET */
};

/* One template being checked or rendered. */
struct brama__run {
    brama_str text;
    size_t at;
    const struct brama_template_data *data;
    struct brama_arena *arena;
    struct brama_buf *out;
    struct brama_diag *diag;
    enum brama_err err; /* sticky */
    unsigned depth;
    bool trim; /* white space that follows goes */
};

/* The first one stays. Always false, so that a step can end with it. */
bool brama__run_fail(struct brama__run *run, const char *fmt, ...) BRAMA_PRINTF(2, 3);

/* What is still to be read; whether it begins with what, which is then read; a name, maybe empty.
 */
brama_str brama__run_rest(const struct brama__run *run);
bool brama__run_take(struct brama__run *run, brama_str what);
brama_str brama__run_name(struct brama__run *run);
bool brama__is_name(char c);

/* literal.c: "text", `text` and a whole number, at their beginning. */
bool brama__quoted(struct brama__run *run, struct brama__value *out);
bool brama__raw(struct brama__run *run, struct brama__value *out);
bool brama__number(struct brama__run *run, struct brama__value *out);

struct brama__value brama__value_str(brama_str text);
struct brama__value brama__value_int(int64_t integer);
struct brama__value brama__value_bool(bool truth);
struct brama__value brama__value_node(const struct brama_node *node); /* NULL: NONE */

/* field.c: base.name. live: the value is one, else only its kind is known, and NONE may be
 * anything. False: there is no such field, or there is none of nothing. */
bool brama__field(struct brama__run *run, const struct brama__value *base, brama_str name,
                  bool live, struct brama__value *out);
/* The values of a header, as Go's map has them. */
bool brama__header_values(struct brama__run *run, enum brama__kind of, brama_str name,
                          struct brama__value *out);

/* format.c */
bool brama__truth(const struct brama__value *v);
/* As %v prints it; "<nil>" for NONE inside a list. False: no memory, or nothing that we print. */
bool brama__format(struct brama__run *run, struct brama_buf *buf, const struct brama__value *v);
/* The same into the arena. */
bool brama__format_text(struct brama__run *run, const struct brama__value *v, brama_str *out);
/* The members of a list of any kind; NONE has none. False: it isn't a list. */
bool brama__list_length(const struct brama__value *v, size_t *length);
struct brama__value brama__list_member(const struct brama__value *v, size_t index);

/* function.c */
#define BRAMA__ARGS_MAX 16

struct brama__function {
    brama_str name;
    size_t min, max; /* arguments, the piped one included */
    bool (*call)(struct brama__run *run, const struct brama__value *args, size_t n,
                 struct brama__value *out);
};
const struct brama__function *brama__function(brama_str name); /* NULL: none */

#endif
