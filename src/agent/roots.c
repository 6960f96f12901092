#include "agent/roots.h"

#include "policy/pages.h"
#include "source/files.h"

enum brama_err brama__roots_find(struct brama__sheets_in *out, brama_str *stdin_text,
                                 struct brama_arena *arena, const struct brama_inputs *in,
                                 const char *state_dir, struct brama_diag *diag)
{
    brama_str *roots = brama_arena_array(arena, in->path_count + 1, sizeof(*roots));
    bool stdin_asked = false;

    if (roots == NULL)
        return BRAMA_ERR_NOMEM;
    roots[0] = brama_arena_printf(arena, "%s/" BRAMA_STATE_RULES, state_dir);
    for (size_t i = 0; i < in->path_count; i++) {
        roots[i + 1] = in->paths[i];
        stdin_asked = stdin_asked || brama_str_eq(in->paths[i], BRAMA_STR("-"));
    }
    *out = (struct brama__sheets_in){
        .roots = roots, .root_count = in->path_count + 1, .stdin_text = stdin_text};
    if (!stdin_asked || brama_files_stdin(stdin_text, arena) == BRAMA_OK)
        return BRAMA_OK;
    brama_diag_set(diag, (struct brama_where){0}, "standard input can't be read");
    return BRAMA_ERR_INVALID;
}
