#include <unistd.h>

#include "agent/agent.h"
#include "base/url.h"
#include "cli/rule_args.h"
#include "cli/state.h"
#include "cli/verbs.h"

#define PATH_BYTES 4096

static const struct brama_usage usage = {
    .synopsis = "brama run -f PATH.. [FLAGS]",
    .about = "Run the gateway until SIGTERM or SIGINT. Rule files are watched; a change is in\n"
             "force without a restart. Broken rules keep what was last valid of them.\n"
             "Exit code: 0 ended when asked to, 2 a path that doesn't exist, 69 an address\n"
             "that is taken, or another gateway in the same state directory.",
    .example = "  brama run -f rules/ --service httpbin:8000=127.0.0.1:8000\n"
               "  curl -i http://httpbin.localhost:8080/headers",
};

/* Where this program lies: the module is looked for beside it. */
static brama_str own_path(struct brama_cli *cli)
{
    char path[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

    if (n <= 0 || (size_t)n >= sizeof(path))
        return BRAMA_NIL;
    return brama_arena_copy(cli->arena, (brama_str){path, (size_t)n});
}

static bool is_keep(brama_str text)
{
    return text.n == 0 || brama_str_eq(text, BRAMA_STR("full")) ||
           brama_str_eq(text, BRAMA_STR("brief")) || brama_str_eq(text, BRAMA_STR("off"));
}

static int check_addresses(struct brama_cli *cli, const struct brama_agent_options *o)
{
    const struct {
        const char *name;
        brama_str text;
        bool may_be_empty;
    } addresses[] = {
        {"listen", o->listen, true},
        {"tls-listen", o->tls_listen, true},
        {"admin", o->admin, false},
    };

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(addresses); i++) {
        if (addresses[i].text.n == 0 && addresses[i].may_be_empty)
            continue;
        if (!brama_is_host_port(addresses[i].text))
            return brama_usage_error(cli, &usage, "--%s wants HOST:PORT, not \"%.*s\"",
                                     addresses[i].name, BRAMA_FMT(addresses[i].text));
    }
    if (!is_keep(o->refusals))
        return brama_usage_error(cli, &usage, "--refusals is full, brief or off");
    if (o->listen.n == 0 && o->tls_listen.n == 0)
        return brama_usage_error(cli, &usage,
                                 "neither --listen nor --tls-listen: nothing to serve");
    if ((o->tls_cert.n != 0) != (o->tls_key.n != 0))
        return brama_usage_error(cli, &usage, "--tls-cert and --tls-key go together");
    if (o->tls_cert.n != 0 && o->tls_listen.n == 0)
        return brama_usage_error(cli, &usage, "--tls-cert without --tls-listen");
    return BRAMA_EXIT_OK;
}

static int run(struct brama_cli *cli, struct brama_agent_options *o,
               const struct brama_rule_args *rules, brama_str dir, uint64_t workers,
               int64_t drain_ms, int64_t kid_wait_ms)
{
    struct brama_state state;
    int code = brama_rule_inputs(&o->inputs, cli, &usage, rules);

    if (code == BRAMA_EXIT_OK)
        code = check_addresses(cli, o);
    if (code != BRAMA_EXIT_OK)
        return code;
    if (workers > 64)
        return brama_usage_error(cli, &usage, "--workers is at most 64");
    if (drain_ms < 1000 || drain_ms > 86400000 || drain_ms % 1000 != 0)
        return brama_usage_error(cli, &usage, "--drain is from 1s to 24h in whole seconds");
    if (kid_wait_ms > 60000)
        return brama_usage_error(cli, &usage, "--kid-wait is at most 60s");
    o->inputs.tls_port = brama_port_of(o->tls_listen);
    o->workers = (unsigned)workers;
    o->kid_wait_ms = (unsigned)kid_wait_ms;
    o->drain_s = (unsigned)(drain_ms / 1000);
    o->self = own_path(cli);
    brama_state_init(&state, cli, dir);
    o->state_dir = state.dir;
    if (brama_arena_failed(cli->arena))
        return brama_no_memory(cli);
    return brama_agent_run(o);
}

int brama_cmd_run(struct brama_cli *cli, int argc, char **argv)
{
    struct brama_rule_args rules = {0};
    struct brama_agent_options o = {.listen = BRAMA_STR("127.0.0.1:8080"),
                                    .admin = BRAMA_STR("127.0.0.1:9901")};
    brama_str dir = BRAMA_NIL;
    uint64_t workers = 0;
    int64_t drain_ms = 30000, kid_wait_ms = 2000;
    const struct brama_opt opts[] = {
        brama_opt_paths(&rules),
        brama_opt_ns(&rules),
        {.name = "listen",
         .value = "HOST:PORT",
         .help = "HTTP/1.1: 127.0.0.1:8080; '' for none",
         .text = &o.listen},
        {.name = "tls-listen",
         .value = "HOST:PORT",
         .help = "HTTP/1.1 and 2 over TLS: none",
         .text = &o.tls_listen},
        {.name = "tls-cert",
         .value = "FILE",
         .help = "PEM chain; else self-signed for *.DOMAIN",
         .text = &o.tls_cert},
        {.name = "tls-key", .value = "FILE", .help = "PEM key of --tls-cert", .text = &o.tls_key},
        {.name = "admin",
         .value = "HOST:PORT",
         .help = "admin listener: 127.0.0.1:9901",
         .text = &o.admin},
        brama_opt_domain(&rules),
        brama_opt_services(&rules),
        {.name = "state", .value = "DIR", .help = BRAMA_HELP_STATE, .text = &dir},
        {.name = "workers",
         .value = "N",
         .help = "worker processes: one a CPU",
         .number = &workers},
        brama_opt_ca_file(&rules),
        brama_opt_responses(&rules),
        {.name = "nginx",
         .value = "PATH",
         .help = "the nginx program: the one on PATH",
         .text = &o.nginx},
        {.name = "module",
         .value = "PATH",
         .help = "ngx_http_brama_module.so: beside brama",
         .text = &o.module},
        {.name = "access-log",
         .value = "FILE",
         .help = "a JSON line a request: standard output",
         .text = &o.access_log},
        {.name = "drain",
         .value = "TIME",
         .help = "for requests under way at the end: 30s",
         .duration_ms = &drain_ms},
        {.name = "kid-wait",
         .value = "TIME",
         .help = "for a key that a token names and no set has: 2s",
         .duration_ms = &kid_wait_ms},
        {.name = "refusals",
         .value = "full|brief|off",
         .help = "what explain --request knows: full; brief: nothing of tokens",
         .text = &o.refusals},
    };
    struct brama_args args;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    return run(cli, &o, &rules, dir, workers, drain_ms, kid_wait_ms);
}
