#include "cli/rule_args.h"

#include "base/buf.h"

static brama_str given_or(brama_str given, brama_str otherwise)
{
    return given.n != 0 ? given : otherwise;
}

struct brama_opt brama_opt_paths(struct brama_rule_args *args)
{
    return (struct brama_opt){.letter = 'f',
                              .name = "filename",
                              .value = "PATH",
                              .help =
                                  "rule file or directory, - for standard input; may be repeated",
                              .list = &args->paths};
}

struct brama_opt brama_opt_ns(struct brama_rule_args *args)
{
    return (struct brama_opt){.letter = 'n',
                              .name = "namespace",
                              .value = "NS",
                              .help = "of objects without a namespace: default",
                              .text = &args->ns};
}

struct brama_opt brama_opt_domain(struct brama_rule_args *args)
{
    return (struct brama_opt){.name = "domain",
                              .value = "DOMAIN",
                              .help = "of the built-in gateway: localhost",
                              .text = &args->domain};
}

struct brama_opt brama_opt_services(struct brama_rule_args *args)
{
    return (struct brama_opt){
        .name = "service",
        .value = "MAPPING",
        .help = "NAME[.NS][:PORT]=HOST:PORT: where a workload is; may be repeated",
        .list = &args->services};
}

struct brama_opt brama_opt_ca_file(struct brama_rule_args *args)
{
    return (struct brama_opt){.name = "ca-file",
                              .value = "FILE",
                              .help = "trust these certificates too when fetching keys (PEM)",
                              .text = &args->ca_file};
}

struct brama_opt brama_opt_responses(struct brama_rule_args *args)
{
    return (struct brama_opt){.name = "responses",
                              .value = "STYLE",
                              .help = "how refusals read: kyma, or rfc6750",
                              .text = &args->responses};
}

int brama_rule_inputs(struct brama_inputs *out, struct brama_cli *cli,
                      const struct brama_usage *usage, const struct brama_rule_args *args)
{
    struct brama_service_flag *services =
        brama_arena_array(cli->arena, args->services.n + 1, sizeof(*services));

    if (services == NULL)
        return brama_no_memory(cli);
    *out = (struct brama_inputs){.paths = args->paths.p,
                                 .path_count = args->paths.n,
                                 .ns = given_or(args->ns, BRAMA_STR("default")),
                                 .domain = given_or(args->domain, BRAMA_STR("localhost")),
                                 .services = services,
                                 .service_count = args->services.n,
                                 .ca_file = args->ca_file};
    if (brama_str_eq(args->responses, BRAMA_STR("rfc6750")))
        out->responses = BRAMA_RESPONSES_RFC6750;
    else if (args->responses.n != 0 && !brama_str_eq(args->responses, BRAMA_STR("kyma")))
        return brama_usage_error(cli, usage, "--responses is kyma or rfc6750, not \"%.*s\"",
                                 BRAMA_FMT(args->responses));
    if (args->paths.n == 0)
        return brama_usage_error(cli, usage, "-f PATH is required");
    for (size_t i = 0; i < args->services.n; i++) {
        struct brama_diag diag = {0};
        if (brama_service_flag_read(&services[i], args->services.p[i], out->ns, &diag) != BRAMA_OK)
            return brama_usage_error(cli, usage, "--service: %s", diag.what);
    }
    return BRAMA_EXIT_OK;
}

int brama_format_arg(size_t *out, struct brama_cli *cli, const struct brama_usage *usage,
                     brama_str text, const char *const *names, size_t name_count)
{
    struct brama_buf list;

    *out = 0;
    if (text.n == 0)
        return BRAMA_EXIT_OK;
    brama_buf_init(&list, NULL, 1024);
    for (size_t i = 0; i < name_count; i++) {
        if (brama_str_eq(text, brama_str_c(names[i]))) {
            *out = i;
            brama_buf_deinit(&list);
            return BRAMA_EXIT_OK;
        }
        if (names[i][0] != '\0')
            brama_buf_printf(&list, "%s%s", list.n != 0 ? ", " : "", names[i]);
    }
    int code = brama_usage_error(cli, usage, "-o is one of %.*s, not \"%.*s\"",
                                 BRAMA_FMT(brama_buf_str(&list)), BRAMA_FMT(text));
    brama_buf_deinit(&list);
    return code;
}
