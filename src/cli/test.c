#include <stdlib.h>

#include "agent/offline.h"
#include "cli/findings.h"
#include "cli/rule_args.h"
#include "cli/testing.h"
#include "cli/verbs.h"
#include "rule/judge.h"

static const struct brama_usage usage = {
    .synopsis = "brama test -f PATH.. [FLAGS]",
    .about = "Put the requests of APIRuleTest objects to the rules beside them and compare.\n"
             "The engine is the gateway's; keys are made on the spot, and the network isn't\n"
             "used. docs/testing-rules.md says what a test file holds.\n"
             "Exit code: 0 all pass, 1 a test fails (--mutate: or a change goes unnoticed),\n"
             "2 unusable files.",
    .example = "  brama test -f rules/\n"
               "  brama test -f rules/ --coverage --mutate\n"
               "  brama test -f rules/ -o junit > report.xml",
};

enum format { FORMAT_TEXT, FORMAT_TAP, FORMAT_JUNIT, FORMAT_JSON };

struct wish {
    struct brama_inputs inputs;
    enum format format;
    brama_str only;
    bool mutate, coverage;
};

/* The tests to run. */
struct chosen {
    const struct brama_test_case **p;
    size_t n, all;
    bool rsa;
};

static brama_str full_name(struct brama_arena *arena, const struct brama_test_case *test)
{
    return brama_arena_printf(arena, "%.*s/%.*s: %.*s", BRAMA_FMT(test->suite->ns),
                              BRAMA_FMT(test->suite->name), BRAMA_FMT(test->name));
}

static void choose(struct chosen *out, struct brama_arena *arena,
                   const struct brama_test_suite *suites, brama_str only)
{
    *out = (struct chosen){NULL, 0, 0, false};
    for (const struct brama_test_suite *s = suites; s != NULL; s = s->next)
        out->all += s->count;
    out->p = brama_arena_array(arena, out->all + 1, sizeof(*out->p));
    for (const struct brama_test_suite *s = suites; out->p != NULL && s != NULL; s = s->next)
        for (const struct brama_test_case *t = s->first; t != NULL; t = t->next) {
            brama_str name = full_name(arena, t);
            if (only.n != 0 && brama_str_find_str(name, only) == name.n)
                continue;
            out->p[out->n++] = t;
            out->rsa = out->rsa || (t->token != NULL && t->token->alg != BRAMA_ALG_INVALID &&
                                    t->token->alg != BRAMA_ALG_ES256);
        }
}

brama_str brama_test_rule_name(struct brama_arena *arena, const struct brama_apirule *apirule,
                               size_t rule)
{
    return brama_arena_printf(arena, "rule %zu (%.*s) of %.*s/%.*s", rule,
                              BRAMA_FMT(apirule->rules[rule].path), BRAMA_FMT(apirule->ns),
                              BRAMA_FMT(apirule->name));
}

static bool is_open(const struct brama_rule *rule)
{
    enum brama_strategy_kind kind = rule->strategies[0].kind;

    return kind == BRAMA_STRATEGY_ALLOW || kind == BRAMA_STRATEGY_NO_AUTH ||
           kind == BRAMA_STRATEGY_NOOP;
}

static void count_answers(struct brama_test_cover *cover, const struct brama_test_report *report,
                          brama_str name)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct brama_test_result *r = &report->results[i];
        if (r->rule != cover->rule || !brama_str_eq(r->apirule, name) ||
            !brama_str_eq(r->test->request.method, brama_str_c(brama_method_name(cover->method))))
            continue;
        cover->allows += r->allowed;
        cover->denies += !r->allowed;
    }
}

/* Each rule and method of what is valid. */
static void cover(struct brama_test_report *report, struct brama_arena *arena,
                  const struct brama_world *world)
{
    size_t max = 0;

    for (const struct brama_apirule *a = world->rules; a != NULL; a = a->next)
        max += a->judged.valid ? a->rule_count * 9 : 0;
    struct brama_test_cover *rows = brama_arena_array(arena, max + 1, sizeof(*rows));
    for (const struct brama_apirule *a = world->rules; rows != NULL && a != NULL; a = a->next) {
        brama_str name =
            brama_arena_printf(arena, "%.*s/%.*s", BRAMA_FMT(a->ns), BRAMA_FMT(a->name));
        for (size_t i = 0; a->judged.valid && i < a->rule_count; i++)
            for (brama_methods m = 1; m <= BRAMA_METHOD_ALL; m = (brama_methods)(m << 1)) {
                if ((a->rules[i].methods & m) == 0)
                    continue;
                struct brama_test_cover *row = &rows[report->cover_count++];
                *row = (struct brama_test_cover){
                    .apirule = a, .rule = i, .method = m, .open = is_open(&a->rules[i])};
                count_answers(row, report, name);
                report->covered += row->allows != 0 && (row->open || row->denies != 0);
            }
    }
    report->cover = rows;
}

/* A token that can't be made is a mistake of the test file. */
static enum brama_err run_all(struct brama_test_report *report, struct brama_cli *cli,
                              struct brama_test_bench *bench, const struct chosen *chosen,
                              struct brama_findings *findings)
{
    struct brama_test_result *results =
        brama_arena_array(cli->arena, chosen->n + 1, sizeof(*results));
    enum brama_err err = results != NULL ? BRAMA_OK : BRAMA_ERR_NOMEM;

    for (size_t i = 0; i < chosen->n && err == BRAMA_OK; i++) {
        struct brama_diag diag = {0};
        err = brama_test_run(&results[i], bench, chosen->p[i], cli->arena, &diag);
        if (err == BRAMA_ERR_INVALID || err == BRAMA_ERR_TOO_BIG) {
            brama_findings_add(findings, BRAMA_SEVERITY_ERROR, chosen->p[i]->where, NULL,
                               BRAMA_STR(".token"), brama_str_c(diag.what));
            err = BRAMA_OK;
        }
        report->failed += !results[i].passed;
    }
    report->results = results;
    report->count = chosen->n;
    return err;
}

static int tell(struct brama_cli *cli, const struct wish *wish,
                const struct brama_test_report *report)
{
    int code = BRAMA_EXIT_OK;

    switch (wish->format) {
    case FORMAT_TEXT:
        brama_test_print_text(cli, report);
        break;
    case FORMAT_TAP:
        brama_test_print_tap(cli, report);
        break;
    case FORMAT_JUNIT:
        brama_test_print_junit(cli, report);
        break;
    case FORMAT_JSON:
        code = brama_test_print_json(cli, report);
        break;
    }
    if (code == BRAMA_EXIT_OK && (report->failed != 0 || report->survivors != 0))
        code = BRAMA_EXIT_NO;
    return code;
}

static enum brama_err mutate(struct brama_test_report *report, struct brama_cli *cli,
                             struct brama_test_bench *bench, const struct brama_offline *offline,
                             const struct wish *wish, const struct chosen *chosen)
{
    struct brama_test_mutant *mutants = NULL;
    enum brama_err err = brama_test_mutate(&mutants, cli->arena, bench, &offline->world,
                                           wish->inputs.domain, chosen->p, chosen->n);

    report->mutated = true;
    report->mutants = mutants;
    for (const struct brama_test_mutant *m = mutants; m != NULL; m = m->next) {
        report->mutant_count++;
        report->invalid += m->invalid;
        report->survivors += !m->invalid && m->killer == NULL;
    }
    return err;
}

/* Complaints about the files: of rules as of tests. */
static int complain(struct brama_cli *cli, const struct brama_findings *findings,
                    const struct brama_offline *offline)
{
    brama_findings_print(cli, cli->err, findings, &offline->files);
    brama_say(cli, "%.*s; nothing was tested",
              BRAMA_FMT(brama_count_text(cli->arena, findings->errors, "error", "errors")));
    return BRAMA_EXIT_INPUT;
}

static int test(struct brama_cli *cli, const struct brama_offline *offline, const struct wish *wish)
{
    struct brama_test_report report = {.show_cover = wish->coverage};
    struct brama_test_bench *bench = NULL;
    struct brama_findings findings;
    struct chosen chosen;

    brama_findings_init(&findings, cli->arena);
    struct brama_test_suite *suites = brama_tests_read(&findings, &offline->world);
    if (findings.errors != 0)
        return complain(cli, &findings, offline);
    choose(&chosen, cli->arena, suites, wish->only);
    if (chosen.n == 0) {
        brama_say(cli,
                  chosen.all == 0 ? "no " BRAMA_TEST_KIND " found"
                                  : "no test has \"%.*s\" in its name",
                  BRAMA_FMT(wish->only));
        return BRAMA_EXIT_INPUT;
    }
    enum brama_err err =
        brama_test_bench_new(&bench, cli->arena, &offline->world, wish->inputs.domain, chosen.rsa);
    if (err == BRAMA_OK)
        err = run_all(&report, cli, bench, &chosen, &findings);
    int code = BRAMA_EXIT_OK;
    if (err == BRAMA_OK && findings.errors != 0) {
        code = complain(cli, &findings, offline);
    } else if (err == BRAMA_OK) {
        cover(&report, cli->arena, &offline->world);
        if (wish->mutate && report.failed == 0)
            err = mutate(&report, cli, bench, offline, wish, &chosen);
        if (err == BRAMA_OK)
            code = tell(cli, wish, &report);
    }
    brama_test_bench_free(bench);
    if (err != BRAMA_OK)
        brama_say(cli, "%s", brama_err_text(err));
    return err != BRAMA_OK ? BRAMA_EXIT_BUG : code;
}

/* Rules that aren't valid aren't in force: tests of theirs would fail for a reason that is told
 * here. */
static void hint_at_errors(struct brama_cli *cli, const struct brama_world *world)
{
    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next)
        if (!r->judged.valid)
            brama_say(cli, "APIRule %.*s/%.*s is not valid and not in force; brama check says why",
                      BRAMA_FMT(r->ns), BRAMA_FMT(r->name));
}

static int test_files(struct brama_cli *cli, const struct wish *wish)
{
    struct brama_offline offline = {0};
    struct brama_findings findings;
    struct brama_diag diag = {0};
    int code = BRAMA_EXIT_INPUT;

    enum brama_err err = brama_offline_read(&offline, &wish->inputs, &diag);
    if (err == BRAMA_OK) {
        hint_at_errors(cli, &offline.world);
        code = test(cli, &offline, wish);
    } else if (err == BRAMA_ERR_SYNTAX) {
        brama_findings_init(&findings, cli->arena);
        for (const struct brama_finding *f = offline.world.findings.first; f != NULL; f = f->next)
            if (f->severity == BRAMA_SEVERITY_ERROR)
                brama_findings_add(&findings, f->severity, f->where, f->code.p, f->attribute,
                                   f->message);
        code = complain(cli, &findings, &offline);
    } else if (err == BRAMA_ERR_NOMEM) {
        code = brama_no_memory(cli);
    } else {
        brama_say_diag(cli, &diag);
    }
    brama_offline_free(&offline);
    return code;
}

int brama_cmd_test(struct brama_cli *cli, int argc, char **argv)
{
    static const char *const formats[] = {"text", "tap", "junit", "json"};
    struct brama_rule_args rules = {0};
    brama_str format_name = BRAMA_NIL;
    struct wish wish = {.mutate = false};
    const struct brama_opt opts[] = {
        brama_opt_paths(&rules),
        brama_opt_ns(&rules),
        {.letter = 'o',
         .name = "output",
         .value = "FORMAT",
         .help = "text, tap, junit or json",
         .text = &format_name},
        {.name = "only",
         .value = "TEXT",
         .help = "tests with this in their name, \"NS/OBJECT: NAME\"",
         .text = &wish.only},
        {.name = "coverage",
         .help = "list rules and methods without an allow and a deny",
         .flag = &wish.coverage},
        {.name = "mutate",
         .help = "change the rules one by one: does a test fail?",
         .flag = &wish.mutate},
        brama_opt_domain(&rules),
    };
    struct brama_args args;
    size_t format;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    int code =
        brama_format_arg(&format, cli, &usage, format_name, formats, BRAMA_ARRAY_LEN(formats));
    if (code == BRAMA_EXIT_OK)
        code = brama_rule_inputs(&wish.inputs, cli, &usage, &rules);
    wish.format = (enum format)format;
    return code == BRAMA_EXIT_OK ? test_files(cli, &wish) : code;
}
