#include "cli/rules_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/write_all.h"

#include "cli/read_file.h"
#include "cli/rule_args.h"

#define POLL_MS 20

static brama_str path_of(const struct brama_state *state, brama_str file, bool unfinished)
{
    /* A name with a dot in front is nobody's rule file. */
    return unfinished ? brama_arena_printf(state->cli->arena, "%.*s/%s/.%.*s.%ld.tmp",
                                           BRAMA_FMT(state->dir), BRAMA_STATE_RULES,
                                           BRAMA_FMT(file), (long)getpid())
                      : brama_arena_printf(state->cli->arena, "%.*s/%s/%.*s", BRAMA_FMT(state->dir),
                                           BRAMA_STATE_RULES, BRAMA_FMT(file));
}

static int need_agent(const struct brama_state *state)
{
    if (brama_state_is_locked(state, BRAMA_STATE_LOCK))
        return BRAMA_EXIT_OK;
    brama_say(state->cli, "no gateway is running with this state directory: %.*s",
              BRAMA_FMT(state->dir));
    return BRAMA_EXIT_UNAVAILABLE;
}

bool brama_rules_begin(struct brama_state *state, struct brama_objects *objects,
                       struct brama_cli *cli, const struct brama_usage *usage, int argc,
                       char **argv, int *code)
{
    struct brama_rule_args rules = {0};
    brama_str dir = BRAMA_NIL;
    const struct brama_opt opts[] = {
        brama_opt_paths(&rules),
        brama_opt_ns(&rules),
        {.name = "state", .value = "DIR", .help = BRAMA_HELP_STATE, .text = &dir},
    };
    struct brama_args args;
    struct brama_inputs inputs;

    brama_args_read(&args, cli, usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    *code = args.exit_code;
    if (args.stop)
        return false;
    *code = brama_rule_inputs(&inputs, cli, usage, &rules);
    if (*code != BRAMA_EXIT_OK)
        return false;
    brama_state_init(state, cli, dir);
    *code = need_agent(state);
    if (*code == BRAMA_EXIT_OK)
        *code = brama_objects_read(objects, cli, &inputs);
    return *code == BRAMA_EXIT_OK;
}

enum brama_rules_has brama_rules_look(const struct brama_state *state,
                                      const struct brama_object *object)
{
    brama_str path = path_of(state, object->file, false), text;
    enum brama_err err = brama_read_quietly(&text, state->cli->arena, path.p);

    if (err == BRAMA_ERR_IO && errno == ENOENT)
        return BRAMA_RULES_ABSENT;
    return err == BRAMA_OK && brama_str_eq(text, object->text) ? BRAMA_RULES_SAME
                                                               : BRAMA_RULES_OTHER;
}

/* A Secret may be among them: for the owner of the folder alone, whoever we are. */
static bool write_unfinished(const struct brama_state *state, const struct brama_object *object,
                             const struct stat *folder)
{
    brama_str path = path_of(state, object->file, true);
    int fd = open(path.p, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return false;
    bool done = geteuid() != 0 || fchown(fd, folder->st_uid, folder->st_gid) == 0;
    done = done && brama_write_all_synced(fd, object->text);
    int why = errno;
    close(fd);
    errno = why;
    return done;
}

bool brama_rules_sync(const struct brama_state *state)
{
    brama_str path = brama_state_path(state, BRAMA_STATE_RULES);
    int fd = path.n != 0 ? open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd < 0)
        return false;
    bool done = fsync(fd) == 0;
    close(fd);
    return done;
}

static bool write_set(const struct brama_state *state, const struct brama_objects *objects)
{
    brama_str folder = brama_state_path(state, BRAMA_STATE_RULES);
    struct stat st;

    if (mkdir(folder.p, 0700) != 0 && errno != EEXIST)
        return false;
    if (stat(folder.p, &st) != 0)
        return false;
    for (const struct brama_object *o = objects->first; o != NULL; o = o->next) {
        if (!write_unfinished(state, o, &st))
            return false;
    }
    for (const struct brama_object *o = objects->first; o != NULL; o = o->next) {
        if (rename(path_of(state, o->file, true).p, path_of(state, o->file, false).p) != 0)
            return false;
    }
    return brama_rules_sync(state);
}

int brama_rules_write(const struct brama_state *state, const struct brama_objects *objects)
{
    struct brama_objects changed = {0};

    for (const struct brama_object *o = objects->first; o != NULL; o = o->next) {
        struct brama_object *copy = brama_arena_alloc(state->cli->arena, sizeof(*copy));
        if (copy == NULL)
            return brama_no_memory(state->cli);
        if (brama_rules_look(state, o) == BRAMA_RULES_SAME)
            continue;
        *copy = *o;
        copy->next = changed.first;
        changed.first = copy;
    }
    if (changed.first == NULL || write_set(state, &changed))
        return BRAMA_EXIT_OK;
    brama_say(state->cli, "%.*s: %s", BRAMA_FMT(brama_state_path(state, BRAMA_STATE_RULES)),
              strerror(errno));
    for (const struct brama_object *o = changed.first; o != NULL; o = o->next)
        unlink(path_of(state, o->file, true).p);
    return BRAMA_EXIT_BUG;
}

bool brama_rules_remove(const struct brama_state *state, const struct brama_object *object)
{
    return unlink(path_of(state, object->file, false).p) == 0;
}

/* The row of a file in our folder. The agent names it by its own path to it. */
static const struct brama_p_source *source_of(const struct brama_policy *policy, brama_str file,
                                              struct brama_arena *arena)
{
    brama_str end = brama_arena_printf(arena, "/%s/%.*s", BRAMA_STATE_RULES, BRAMA_FMT(file));
    uint32_t count = brama_pack_count(&policy->pack, BRAMA_T_SOURCE);

    for (uint32_t i = 0; i < count; i++) {
        const struct brama_p_source *row =
            BRAMA_ROW(&policy->pack, BRAMA_T_SOURCE, i, struct brama_p_source);
        if (row != NULL && brama_str_ends(brama_pack_text(&policy->pack, row->file), end))
            return row;
    }
    return NULL;
}

static bool policy_has(const struct brama_state *state, uint64_t number,
                       const struct brama_objects *objects, bool present)
{
    struct brama_state_policy p;
    bool has = true;

    if (!brama_state_policy_open(&p, state, number))
        return false;
    for (const struct brama_object *o = objects->first; o != NULL && has; o = o->next) {
        const struct brama_p_source *row = source_of(&p.policy, o->file, state->cli->arena);
        has = present ? row != NULL && row->hash == brama_str_hash(o->text) : row == NULL;
    }
    brama_state_policy_close(&p);
    return has;
}

int brama_rules_wait(const struct brama_state *state, const struct brama_objects *objects,
                     bool present, uint64_t *number)
{
    uint64_t looked_at = 0;
    bool has = false;

    for (int waited_ms = 0; waited_ms <= BRAMA_IN_FORCE_MS; waited_ms += POLL_MS) {
        *number = brama_state_policy_number(state);
        if (*number != 0 && *number != looked_at) {
            looked_at = *number;
            has = policy_has(state, *number, objects, present);
        }
        if (has && brama_state_workers_serve(state, *number))
            return BRAMA_EXIT_OK;
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    brama_say(state->cli, "written, but not in force after %d s: %s", BRAMA_IN_FORCE_MS / 1000,
              has ? "not every worker has taken it" : "the gateway hasn't read it");
    return BRAMA_EXIT_UNAVAILABLE;
}
