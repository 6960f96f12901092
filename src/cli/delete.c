#include <errno.h>
#include <string.h>

#include "cli/rules_dir.h"
#include "cli/verbs.h"

static const struct brama_usage usage = {
    .synopsis = "brama delete -f PATH.. [FLAGS]",
    .about = "Take the objects that these files name out of the running gateway and wait until\n"
             "it serves without them. What the gateway reads by its own -f stays.\n"
             "Exit code: 0 gone, 1 one of them wasn't there, 2 a file that can't be read, 69\n"
             "no gateway, or still in force after 10 seconds.",
    .example = "  brama delete -f rules/istio-jwt.yaml --state /tmp/brama",
};

static int take_out(const struct brama_state *state, const struct brama_objects *objects)
{
    struct brama_cli *cli = state->cli;
    uint64_t number;
    int missing = BRAMA_EXIT_OK;

    for (const struct brama_object *o = objects->first; o != NULL; o = o->next) {
        if (brama_rules_remove(state, o)) {
            fprintf(cli->out, "%.*s \"%.*s\" deleted\n", BRAMA_FMT(o->type), BRAMA_FMT(o->name));
        } else if (errno == ENOENT) {
            brama_say(cli, "%.*s \"%.*s\" not found in namespace %.*s", BRAMA_FMT(o->type),
                      BRAMA_FMT(o->name), BRAMA_FMT(o->ns));
            missing = BRAMA_EXIT_NO;
        } else {
            brama_say(cli, "%.*s: %s", BRAMA_FMT(o->file), strerror(errno));
            return BRAMA_EXIT_BUG;
        }
    }
    fflush(cli->out);
    if (!brama_rules_sync(state) && errno != ENOENT) {
        brama_say(cli, "%.*s: %s", BRAMA_FMT(state->dir), strerror(errno));
        return BRAMA_EXIT_BUG;
    }
    int code = brama_rules_wait(state, objects, false, &number);
    return code == BRAMA_EXIT_OK ? missing : code;
}

int brama_cmd_delete(struct brama_cli *cli, int argc, char **argv)
{
    struct brama_objects objects;
    struct brama_state state;
    int code;

    if (!brama_rules_begin(&state, &objects, cli, &usage, argc, argv, &code))
        return code;
    if (objects.count == 0) {
        brama_say(cli, "nothing to do");
        return BRAMA_EXIT_OK;
    }
    return take_out(&state, &objects);
}
