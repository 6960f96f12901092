/* The part of Go's text/template that Oathkeeper's mutators are documented with: what a header or a
 * cookie is to hold, made of the caller's session and of the request. oathkeeper.md 3.4.
 *
 *     if (brama_template_check(&arena, text, &diag) != BRAMA_OK)
 *         complain(diag.what);                                       // when a rule is judged
 *     brama_buf_init(&out, NULL, 8192);
 *     err = brama_template_render(&out, &arena, text, &data, &diag); // at a request
 *
 * Known: text and trim markers; if, else, with and end; literals, pipelines and parentheses;
 * .Subject, .Extra.NAME..., .Header, .MatchContext.RegexpCaptureGroups, .Method, .URL (Scheme,
 * Host, Path, RawQuery) and .Header (.Get "NAME"); and the functions of function.c. Unknown are
 * variables, range, templates in templates and the rest of Sprig: whoever needs them is told so at
 * the check. There is no loop, so the work grows with the text and what it names, not with anything
 * in it.
 */
#ifndef BRAMA_TEMPLATE_TEMPLATE_H
#define BRAMA_TEMPLATE_TEMPLATE_H

#include "base/buf.h"
#include "json/node.h"

#define BRAMA_TEMPLATE_MAX 16384 /* bytes of one template */

struct brama_template_pair {
    brama_str name, value; /* a name in any case; repeated ones repeatedly */
};

struct brama_template_data {
    brama_str subject;
    const struct brama_node *extra; /* a MAP, or NULL: none */
    const brama_str *captures;      /* RegexpCaptureGroups */
    size_t capture_count;
    brama_str scheme, host, path, raw_query, method;
    const struct brama_template_pair *headers; /* of the request */
    size_t header_count;
    const struct brama_template_pair *set; /* .Header: what earlier mutators set */
    size_t set_count;
};

/* BRAMA_ERR_INVALID: not a template, or nothing that we can render; diag says what, and at which
 * byte of it. Also where memory ran out: then the arena has failed. */
BRAMA_MUST_USE enum brama_err brama_template_check(struct brama_arena *arena, brama_str text,
                                                   struct brama_diag *diag);

/* Appends to out, whose ceiling bounds the result. Where Go would stop with an error (an index out
 * of range, a field of nothing) it is BRAMA_ERR_INVALID: nobody may use what is in out then. */
BRAMA_MUST_USE enum brama_err brama_template_render(struct brama_buf *out,
                                                    struct brama_arena *arena, brama_str text,
                                                    const struct brama_template_data *data,
                                                    struct brama_diag *diag);

#endif
