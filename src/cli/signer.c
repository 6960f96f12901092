/* `brama signer`: not for people. The agent starts it, with the socket that it listens on as its
 * descriptor 3 and the state directory as 4; --state is for whoever looks at a list of processes.
 */
#include "issuer/signer.h"

#include "cli/options.h"
#include "cli/verbs.h"
#include "policy/pages.h"

static const struct brama_usage usage = {
    .synopsis = "brama signer --state DIR --agent PID",
    .about = "Sign the tokens of id_token mutators. `brama run` starts it.",
    .example = "  brama run -f rules/",
};

int brama_cmd_signer(struct brama_cli *cli, int argc, char **argv)
{
    brama_str dir = BRAMA_NIL;
    uint64_t agent = 0, uid = 0, gid = 0;
    const struct brama_opt opts[] = {
        {.name = "state", .value = "DIR", .help = "state directory", .text = &dir},
        {.name = "agent", .value = "PID", .help = "whose child it is", .number = &agent},
        {.name = "uid",
         .value = "N",
         .help = "whom root becomes: the workers' user",
         .number = &uid},
        {.name = "gid", .value = "N", .help = "and group", .number = &gid},
    };
    struct brama_args args;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    if (dir.n == 0 || agent == 0)
        return brama_usage_error(cli, &usage, "--state and --agent have to be given");
    const struct brama_signer_options options = {.dir_fd = BRAMA_SIGNER_DIR_FD,
                                                 .socket = BRAMA_STATE_SIGNER_SOCK,
                                                 .rules = BRAMA_STATE_SIGNER_RULES,
                                                 .own_key = BRAMA_STATE_SIGNING_KEY,
                                                 .jwks = BRAMA_STATE_JWKS,
                                                 .lock = BRAMA_STATE_NGINX_LOCK,
                                                 .listen_fd = BRAMA_SIGNER_FD,
                                                 .uid = (uid_t)uid,
                                                 .gid = (gid_t)gid,
                                                 .agent = (pid_t)agent};
    return brama_signer_run(&options);
}
