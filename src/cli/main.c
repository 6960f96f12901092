#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/verbs.h"

/* Of one verb; rule files have 16 MiB at most each. */
#define ARENA_MAX ((size_t)4 << 30)

static int cmd_help(struct brama_cli *cli, int argc, char **argv);

static const struct brama_verb verbs[] = {
    {"run", "run the gateway", brama_cmd_run},
    {"stop", "end the gateway of a state directory", brama_cmd_stop},
    {"apply", "put objects into the running gateway and wait until they are in force",
     brama_cmd_apply},
    {"delete", "take objects out of the running gateway", brama_cmd_delete},
    {"check", "say what is wrong with rule files", brama_cmd_check},
    {"test", "put the requests of test files to the rules beside them", brama_cmd_test},
    {"get", "list what the running gateway serves: apirules, keysets", brama_cmd_get},
    {"explain", "say what would become of a request, and why", brama_cmd_explain},
    {"keys", "make keys, key sets and certificates", brama_cmd_keys},
    {"token", "make tokens, show what is in one", brama_cmd_token},
    {"signer", NULL, brama_cmd_signer},
    {"version", "print the version", brama_cmd_version},
    {"help", "tell more about a verb", cmd_help},
};
static const struct brama_verbs table = {
    .name = "brama",
    .p = verbs,
    .n = BRAMA_ARRAY_LEN(verbs),
    .example = "  brama run -f examples/first --service httpbin:8000=127.0.0.1:8000\n"
               "  brama check -f rules/",
};

/* "brama help keys new" is "brama keys new --help". */
static int cmd_help(struct brama_cli *cli, int argc, char **argv)
{
    static char flag[] = "--help";
    char **args = brama_arena_array(cli->arena, (size_t)argc + 2, sizeof(*args));

    if (args == NULL)
        return brama_no_memory(cli);
    for (int i = 0; i < argc; i++)
        args[i] = argv[i];
    args[argc] = flag;
    return brama_dispatch(cli, &table, argc + 1, args);
}

static int run(struct brama_cli *cli, int argc, char **argv)
{
    static char version[] = "version";

    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    return brama_dispatch(cli, &table, argc, argv);
}

int main(int argc, char **argv)
{
    struct brama_arena arena;
    const char *no_colour = getenv("NO_COLOR");
    struct brama_cli cli = {.arena = &arena, .out = stdout, .err = stderr};

    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error to report, not a death */
    cli.colour = isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0');
    brama_arena_init(&arena, NULL, ARENA_MAX);
    int code = run(&cli, argc, argv);
    if (brama_arena_failed(&arena) && code == BRAMA_EXIT_OK)
        code = brama_no_memory(&cli);
    brama_arena_deinit(&arena);
    /* Half an answer must not look like a whole one. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "brama: standard output: %s\n", strerror(errno));
        code = BRAMA_EXIT_BUG;
    }
    return code;
}
