/* Rule files as they were parsed, kept from one round to the next. A file that didn't change isn't
 * read again; of one that did, only the documents that differ are parsed.
 *
 *     brama__sheets_read(&now, &arena, &in);         // in.before = &before
 *     brama__sheets_add(&world, &now, BRAMA_WORLD_ALL);
 *     brama__sheets_free(&before);      // what now has too, stays
 *
 * There is no cache beside the rounds: each owns its sheets, they share what is equal, and what no
 * round has any more is gone.
 */
#ifndef BRAMA_AGENT_SHEET_H
#define BRAMA_AGENT_SHEET_H

#include "policy/compile.h"
#include "rule/world.h"
#include "source/files.h"

struct brama__piece; /* of a file: one document, as a rule */

/* One file. Changes only in its pieces' lines, which are those of the newest reading. */
struct brama__sheet {
    unsigned refs;
    brama_str name;
    size_t bytes, piece_bytes; /* of the text, and what the pieces take */
    uint64_t hash;             /* of the text; 0: it couldn't be read */
    brama_str problem;         /* not empty: its APIRules can't be used */
    struct brama_where where;  /* of the problem */
    struct brama__piece *
        *pieces; /* with a problem: those before it; what isn't an APIRule in them still holds */
    size_t piece_count;
    bool has[BRAMA_WORLD_PARTS];       /* by enum brama_world_part */
    uint64_t lines[BRAMA_WORLD_PARTS]; /* where what it has of it stood when it was read */
};

struct brama__sheets {
    struct brama_files files; /* names, problems and broken roots; texts only of what is new */
    struct brama__sheet **p;  /* one a file, in the order of files */
    size_t n;
    size_t problems; /* sheets that have one */
    size_t bytes;    /* that all pieces take, those that other rounds have too */
    bool same;       /* as in the round before; what it knows of the files is up to date, too */
    /* Stand for BRAMA_WORLD_NEIGHBOURS and BRAMA_WORLD_JUDGES: those of the round before, if it had
     * the same in the same places. 0: not known. */
    uint64_t neighbourhood, judges;
};

/* Sheets one behind the other. */
struct brama__some_sheets {
    struct brama__sheet *const *p;
    size_t n;
};
/* Leaves of both what isn't in the other one, too, at their beginning or end. */
void brama__sheets_difference(struct brama__some_sheets *a, struct brama__some_sheets *b);

struct brama__sheets_in {
    const brama_str *roots;
    size_t root_count;
    const brama_str *stdin_text;        /* of "-" */
    const struct brama__sheets *before; /* of the round before; NULL: none */
    /* All that may have changed since then; NULL: anything may. */
    const struct brama_touched *touched;
    size_t touched_count;
};

/* The lists are the arena's, the sheets are shared. BRAMA_ERR_NOMEM only: then out is to be freed,
 * too. */
BRAMA_MUST_USE enum brama_err brama__sheets_read(struct brama__sheets *out,
                                                 struct brama_arena *arena,
                                                 const struct brama__sheets_in *in);
void brama__sheets_free(struct brama__sheets *sheets);

/* NULL: there is no such file. */
const struct brama__sheet *brama__sheets_find(const struct brama__sheets *sheets, brama_str name);

/* The documents of that part into the world, which must go before the sheets do; with the APIRules,
 * what can't be used, broken roots too, is an error in world->findings. BRAMA_ERR_NOMEM only. */
BRAMA_MUST_USE enum brama_err brama__sheets_add(struct brama_world *world,
                                                const struct brama__sheets *sheets,
                                                enum brama_world_part part);

/* Services that may have changed since the reading before (NULL: none was). default_ns: for objects
 * without one. sheet_changes.c */
void brama__sheets_changes(struct brama_service_changes *out, const struct brama__sheets *now,
                           const struct brama__sheets *before, brama_str default_ns);

/* BRAMA_T_SOURCE's input: the files that could be used. The arena's. */
const struct brama_source_file *
brama__sheets_sources(struct brama_arena *arena, const struct brama__sheets *sheets, size_t *count);
#endif
