#include "agent/offline.h"
#include "cli/check_pages.h"
#include "cli/findings.h"
#include "cli/rule_args.h"
#include "cli/verbs.h"
#include "rule/judge.h"

static const struct brama_usage usage = {
    .synopsis = "brama check -f PATH.. [FLAGS]",
    .about = "Say what Kyma would say about APIRules, and what it wouldn't. The files are\n"
             "judged alone, without what a gateway may be serving now. Each warning has a\n"
             "code; --explain CODE says what it means and how to get rid of it.\n"
             "Exit code: 0 fine, 1 errors (--strict: warnings too), 2 a file that can't be\n"
             "read.",
    .example = "  brama check -f rules/\n"
               "  brama check -f rules/ --online --strict\n"
               "  brama check --explain BRAMA1201\n"
               "  cat rule.yaml | brama check -f - -o json",
};

struct wish {
    struct brama_inputs inputs;
    struct brama_opt_list ignored; /* codes */
    bool as_json, strict, online;
};

static const struct brama_check_page *page_of(brama_str code)
{
    for (size_t i = 0; i < brama_check_page_count; i++)
        if (brama_str_eq_nocase(code, brama_str_c(brama_check_pages[i].code)))
            return &brama_check_pages[i];
    return NULL;
}

/* "list": the title of each page, which is its first line behind "# ". */
static int explain(struct brama_cli *cli, brama_str code)
{
    const struct brama_check_page *page = page_of(code);

    if (page != NULL) {
        fputs(page->text, cli->out);
        return BRAMA_EXIT_OK;
    }
    if (!brama_str_eq(code, BRAMA_STR("list")))
        return brama_usage_error(cli, &usage, "--explain takes a code, or \"list\", not \"%.*s\"",
                                 BRAMA_FMT(code));
    for (size_t i = 0; i < brama_check_page_count; i++) {
        brama_str text = brama_str_from(brama_str_c(brama_check_pages[i].text), 2);
        fprintf(cli->out, "%.*s\n", BRAMA_FMT(brama_str_head(text, brama_str_find(text, '\n'))));
    }
    return BRAMA_EXIT_OK;
}

static void summary(struct brama_cli *cli, const struct brama_findings *findings, size_t rules,
                    size_t skipped)
{
    const struct brama_finding *f = findings->first;

    if (rules == 0 && findings->errors == 0 && findings->warnings == 0) {
        brama_say(cli, "nothing to do: no APIRule found%s",
                  skipped != 0 ? ", only objects of other kinds" : "");
        return;
    }
    brama_say(cli, "%.*s, %.*s, %.*s",
              BRAMA_FMT(brama_count_text(cli->arena, rules, "APIRule", "APIRules")),
              BRAMA_FMT(brama_count_text(cli->arena, findings->errors, "error", "errors")),
              BRAMA_FMT(brama_count_text(cli->arena, findings->warnings, "warning", "warnings")));
    while (f != NULL && f->code.n == 0)
        f = f->next;
    if (f != NULL)
        brama_say(cli, "brama check --explain %.*s tells more, and so for each code",
                  BRAMA_FMT(f->code));
}

static bool is_ignored(const struct wish *wish, const struct brama_finding *f)
{
    for (size_t i = 0; f->severity == BRAMA_SEVERITY_WARNING && i < wish->ignored.n; i++)
        if (brama_str_eq_nocase(wish->ignored.p[i], f->code))
            return true;
    return false;
}

/* In the order of the files, without what is ignored. */
static void collect(struct brama_findings *out, struct brama_cli *cli, const struct wish *wish,
                    const struct brama_world *world)
{
    struct brama_findings all;

    brama_findings_init(&all, cli->arena);
    brama_findings_init(out, cli->arena);
    brama_world_report(&all, world);
    for (const struct brama_finding *f = all.first; f != NULL; f = f->next)
        if (!is_ignored(wish, f))
            brama_findings_add(out, f->severity, f->where, f->code.p, f->attribute, f->message);
    brama_findings_sort(out);
}

static int report(struct brama_cli *cli, const struct brama_offline *offline,
                  const struct wish *wish)
{
    struct brama_findings findings;
    int code = BRAMA_EXIT_OK;

    collect(&findings, cli, wish, &offline->world);
    if (brama_arena_failed(cli->arena))
        return brama_no_memory(cli);
    if (wish->as_json)
        code = brama_findings_print_json(cli, &findings);
    else
        brama_findings_print(cli, cli->out, &findings, &offline->files);
    fflush(cli->out); /* before the summary, where both go to one place */
    summary(cli, &findings, offline->world.rule_count, offline->world.skipped);
    if (code == BRAMA_EXIT_OK && (findings.errors != 0 || (wish->strict && findings.warnings != 0)))
        code = BRAMA_EXIT_NO;
    return code;
}

static int check(struct brama_cli *cli, const struct wish *wish)
{
    struct brama_offline offline = {0};
    struct brama_diag diag = {0};
    int code;

    enum brama_err err = brama_offline_read(&offline, &wish->inputs, &diag);
    if (err == BRAMA_OK || err == BRAMA_ERR_SYNTAX) {
        enum brama_err linted = brama_offline_lint(&offline, &wish->inputs, wish->online);
        code = linted == BRAMA_OK ? report(cli, &offline, wish) : brama_no_memory(cli);
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

static int check_ignored(struct brama_cli *cli, const struct brama_opt_list *ignored)
{
    for (size_t i = 0; i < ignored->n; i++)
        if (page_of(ignored->p[i]) == NULL)
            return brama_usage_error(cli, &usage, "--ignore \"%.*s\": there is no such code",
                                     BRAMA_FMT(ignored->p[i]));
    return BRAMA_EXIT_OK;
}

int brama_cmd_check(struct brama_cli *cli, int argc, char **argv)
{
    static const char *const formats[] = {"", "json"};
    struct brama_rule_args rules = {0};
    brama_str format_name = BRAMA_NIL, explained = BRAMA_NIL;
    struct wish wish = {.strict = false};
    const struct brama_opt opts[] = {
        brama_opt_paths(&rules),
        brama_opt_ns(&rules),
        {.letter = 'o',
         .name = "output",
         .value = "json",
         .help = "findings as a JSON list",
         .text = &format_name},
        {.name = "strict", .help = "warnings count as errors", .flag = &wish.strict},
        {.name = "ignore",
         .value = "CODE",
         .help = "leave these warnings out; may be repeated",
         .list = &wish.ignored},
        {.name = "online", .help = "fetch the key sets and look at the keys", .flag = &wish.online},
        {.name = "explain",
         .value = "CODE",
         .help = "print the page of a code, or \"list\" for all titles",
         .text = &explained},
        brama_opt_domain(&rules),
        brama_opt_services(&rules),
        brama_opt_ca_file(&rules),
    };
    struct brama_args args;
    size_t format;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    if (explained.n != 0)
        return explain(cli, explained);
    int code =
        brama_format_arg(&format, cli, &usage, format_name, formats, BRAMA_ARRAY_LEN(formats));
    if (code == BRAMA_EXIT_OK)
        code = check_ignored(cli, &wish.ignored);
    if (code == BRAMA_EXIT_OK)
        code = brama_rule_inputs(&wish.inputs, cli, &usage, &rules);
    wish.as_json = format == 1;
    return code == BRAMA_EXIT_OK ? check(cli, &wish) : code;
}
