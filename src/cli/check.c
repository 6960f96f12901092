#include "agent/offline.h"
#include "cli/findings.h"
#include "cli/rule_args.h"
#include "cli/verbs.h"
#include "rule/judge.h"

static const struct brama_usage usage = {
    .synopsis = "brama check -f PATH.. [FLAGS]",
    .about = "Say what Kyma would say about APIRules, and what it wouldn't. The files are\n"
             "judged alone, without what a gateway may be serving now.\n"
             "Exit code: 0 fine, 1 errors (--strict: warnings too), 2 a file that can't be\n"
             "read.",
    .example = "  brama check -f rules/\n"
               "  cat rule.yaml | brama check -f - -o json",
};

static void summary(struct brama_cli *cli, const struct brama_findings *findings, size_t rules,
                    size_t skipped)
{
    if (rules == 0 && findings->errors == 0)
        brama_say(cli, "nothing to do: no APIRule found%s",
                  skipped != 0 ? ", only objects of other kinds" : "");
    else
        brama_say(
            cli, "%.*s, %.*s, %.*s",
            BRAMA_FMT(brama_count_text(cli->arena, rules, "APIRule", "APIRules")),
            BRAMA_FMT(brama_count_text(cli->arena, findings->errors, "error", "errors")),
            BRAMA_FMT(brama_count_text(cli->arena, findings->warnings, "warning", "warnings")));
}

static int report(struct brama_cli *cli, const struct brama_offline *offline, bool as_json,
                  bool strict)
{
    struct brama_findings findings;
    int code = BRAMA_EXIT_OK;

    brama_findings_init(&findings, cli->arena);
    brama_world_report(&findings, &offline->world);
    if (as_json)
        code = brama_findings_print_json(cli, &findings);
    else
        brama_findings_print(cli, cli->out, &findings);
    summary(cli, &findings, offline->world.rule_count, offline->world.skipped);
    if (code == BRAMA_EXIT_OK && (findings.errors != 0 || (strict && findings.warnings != 0)))
        code = BRAMA_EXIT_NO;
    return code;
}

static int check(struct brama_cli *cli, const struct brama_inputs *inputs, bool as_json,
                 bool strict)
{
    struct brama_offline offline = {0};
    struct brama_diag diag = {0};
    int code;

    enum brama_err err = brama_offline_read(&offline, inputs, &diag);
    if (err == BRAMA_OK || err == BRAMA_ERR_SYNTAX) {
        code = report(cli, &offline, as_json, strict);
        if (err == BRAMA_ERR_SYNTAX && code != BRAMA_EXIT_BUG)
            code = BRAMA_EXIT_INPUT;
    } else if (err == BRAMA_ERR_NOMEM) {
        code = brama_no_memory(cli);
    } else {
        brama_say_diag(cli, &diag);
        code = BRAMA_EXIT_INPUT;
    }
    brama_offline_free(&offline);
    return code;
}

int brama_cmd_check(struct brama_cli *cli, int argc, char **argv)
{
    static const char *const formats[] = {"", "json"};
    struct brama_rule_args rules = {0};
    brama_str format_name = BRAMA_NIL;
    bool strict = false;
    const struct brama_opt opts[] = {
        brama_opt_paths(&rules),
        brama_opt_ns(&rules),
        {.letter = 'o',
         .name = "output",
         .value = "json",
         .help = "findings as a JSON list",
         .text = &format_name},
        {.name = "strict", .help = "warnings count as errors", .flag = &strict},
        brama_opt_domain(&rules),
    };
    struct brama_args args;
    struct brama_inputs inputs;
    size_t format;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    int code =
        brama_format_arg(&format, cli, &usage, format_name, formats, BRAMA_ARRAY_LEN(formats));
    if (code == BRAMA_EXIT_OK)
        code = brama_rule_inputs(&inputs, cli, &usage, &rules);
    return code == BRAMA_EXIT_OK ? check(cli, &inputs, format == 1, strict) : code;
}
