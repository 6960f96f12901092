/* What a person is told about an input: where, how bad, what. A list of them is what `brama check`
 * prints; a single one is how a parser says why it returned an error.
 */
#ifndef BRAMA_BASE_DIAG_H
#define BRAMA_BASE_DIAG_H

#include "base/arena.h"

/* line and column count from 1; 0: not known. file may be empty. */
struct brama_where {
    brama_str file;
    uint32_t line, column;
};

/* One problem from a parser; its text fits or is cut. Caller-owned, zeroed before use. */
struct brama_diag {
    struct brama_where where;
    char what[240];
};

/* Write the problem; diag may be NULL (nobody asked). */
void brama_diag_set(struct brama_diag *diag, struct brama_where where, const char *fmt, ...)
    BRAMA_PRINTF(3, 4);

enum brama_severity { BRAMA_SEVERITY_ERROR = 0, BRAMA_SEVERITY_WARNING };

/* attribute: the path Kyma names, as ".spec.rules[0].jwt", may be empty. code: ours, for warnings
 * and for what Kyma doesn't say, as "BRAMA0001"; may be empty. */
struct brama_finding {
    struct brama_finding *next;
    struct brama_where where;
    enum brama_severity severity;
    brama_str attribute, message, code;
};

/* In order of appearance. All memory is the arena's. */
struct brama_findings {
    struct brama_arena *arena;
    struct brama_finding *first, *last;
    size_t errors, warnings;
};

void brama_findings_init(struct brama_findings *f, struct brama_arena *arena);
/* Copies attribute and message; where.file and code must outlive the arena. Nothing is added when
 * the arena has failed, which the arena remembers. */
void brama_findings_add(struct brama_findings *f, enum brama_severity severity,
                        struct brama_where where, const char *code, brama_str attribute,
                        brama_str message);

#endif
