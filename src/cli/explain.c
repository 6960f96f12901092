#include "cli/explain.h"

#include <stdlib.h>
#include <time.h>

#include "agent/offline.h"
#include "cli/findings.h"
#include "cli/rule_args.h"
#include "cli/url.h"
#include "cli/verbs.h"
#include "crypto/digest.h"
#include "policy/advice.h"
#include "rule/judge.h"

static const struct brama_usage usage = {
    .synopsis = "brama explain -f PATH.. [METHOD] URL [FLAGS]",
    .about = "Say what would become of a request, step by step. The rule files are judged\n"
             "alone; key sets are fetched, nothing else is sent. The URL is taken as it is,\n"
             "byte for byte. Without --service, where a workload is doesn't matter.\n"
             "Exit code: 0 allowed, 1 refused, 2 unusable rules or URL, 69 a key set that was\n"
             "needed can't be had.",
    .example = "  brama explain -f rules/ GET http://httpbin.localhost/headers \\\n"
               "      -H \"Authorization: Bearer $TOKEN\"",
    .max_args = 2,
};

/* Whoever reads two explanations side by side must not stumble over an id. */
#define REQUEST_ID "00000000-0000-4000-8000-000000000000"

struct wish {
    struct brama_request request;
    struct brama_secrets secrets;
    bool as_json;
    bool any_upstream; /* nobody said where workloads are: that isn't the question then */
};

const char *brama_verdict_name(enum brama_verdict verdict)
{
    switch (verdict) {
    case BRAMA_VERDICT_ALLOW:
        return "allow";
    case BRAMA_VERDICT_ANSWER:
        return "answer";
    case BRAMA_VERDICT_DENY:
    case BRAMA_VERDICT_PARK:
        break;
    }
    return "deny";
}

static int exit_code_of(const struct brama_decision *d)
{
    if (d->verdict == BRAMA_VERDICT_ALLOW || d->verdict == BRAMA_VERDICT_ANSWER)
        return BRAMA_EXIT_OK;
    return d->reason == BRAMA_REASON_KEYS_UNAVAILABLE ? BRAMA_EXIT_UNAVAILABLE : BRAMA_EXIT_NO;
}

/* "Name: value" each; Host becomes the authority. The text isn't quoted in a complaint: it may be a
 * token. */
static int read_headers(struct brama_request *r, struct brama_cli *cli,
                        const struct brama_opt_list *texts)
{
    struct brama_header *headers = brama_arena_array(cli->arena, texts->n + 1, sizeof(*headers));
    bool host_given = false;

    if (headers == NULL)
        return brama_no_memory(cli);
    for (size_t i = 0; i < texts->n; i++) {
        brama_str text = texts->p[i];
        size_t colon = brama_str_find(text, ':');
        brama_str name = brama_str_head(text, colon);
        brama_str value = brama_str_trim(brama_str_from(text, colon + 1));
        if (colon == text.n || colon == 0)
            return brama_usage_error(cli, &usage, "-H wants 'Name: value'");
        if (brama_str_eq_nocase(name, BRAMA_STR("host")) && !host_given) {
            host_given = true;
            r->authority = value;
            continue;
        }
        headers[r->header_count++] = (struct brama_header){name, value};
    }
    r->headers = headers;
    return BRAMA_EXIT_OK;
}

static int read_request(struct brama_request *r, struct brama_cli *cli,
                        const struct brama_args *args, brama_str method,
                        const struct brama_opt_list *headers)
{
    struct brama_diag diag = {0};
    struct brama_url url;

    if (args->n == 0)
        return brama_usage_error(cli, &usage, "which URL?");
    if (args->n == 2 && method.n != 0)
        return brama_usage_error(cli, &usage, "the method is given twice");
    if (args->n == 2)
        method = args->p[0];
    enum brama_err err = brama_url_split(&url, cli->arena, args->p[args->n - 1], &diag);
    if (err == BRAMA_ERR_NOMEM)
        return brama_no_memory(cli);
    if (err != BRAMA_OK) {
        brama_say_diag(cli, &diag);
        return BRAMA_EXIT_INPUT;
    }
    r->scheme = url.scheme;
    r->method = method.n != 0 ? method : BRAMA_STR("GET");
    r->authority = url.authority;
    r->target = url.target;
    r->request_id = BRAMA_STR(REQUEST_ID);
    return read_headers(r, cli, headers);
}

/* Print through a buffer, so that no token gets out whichever way it went. */
static int print(struct brama_cli *cli, struct wish *wish, const struct brama_explanation *e)
{
    struct brama_cli inner = *cli;
    char *text = NULL;
    size_t n = 0;

    inner.out = open_memstream(&text, &n);
    if (inner.out == NULL)
        return brama_no_memory(cli);
    int code = wish->as_json ? brama_explain_json(&inner, e) : brama_explain_text(&inner, e);
    bool complete = fclose(inner.out) == 0;
    if (code == BRAMA_EXIT_OK && !complete)
        code = brama_no_memory(cli);
    if (code == BRAMA_EXIT_OK && wish->secrets.overflow) {
        brama_say(cli, "more than %d tokens in one request", BRAMA_SECRETS_MAX / 2);
        code = BRAMA_EXIT_INPUT;
    }
    if (code == BRAMA_EXIT_OK)
        brama_secrets_print(&wish->secrets, cli->out, (brama_str){text, n});
    free(text);
    return code;
}

static brama_str upstream_of(struct brama_cli *cli, const struct brama_policy *policy,
                             const struct brama_decision *d)
{
    const struct brama_p_upstream *up =
        BRAMA_ROW(&policy->pack, BRAMA_T_UPSTREAM, d->upstream_row, struct brama_p_upstream);

    if (up == NULL)
        return BRAMA_NIL;
    return brama_arena_printf(cli->arena, "%.*s/%.*s:%u",
                              BRAMA_FMT(brama_pack_text(&policy->pack, up->ns)),
                              BRAMA_FMT(brama_pack_text(&policy->pack, up->name)), up->port);
}

static int decide(struct brama_cli *cli, struct wish *wish, const struct brama_offline *offline)
{
    struct brama_memory_options options = {.regexes_max = 4096, .keys_max = 100};
    struct brama_engine engine = {
        .policy = &offline->policy, .facts = &offline->facts, .any_upstream = wish->any_upstream};
    struct brama_decision decision = {0};
    struct brama_trace trace;

    if (brama_random(options.seed, sizeof(options.seed)) != BRAMA_OK ||
        brama_memory_new(&engine.memory, &options) != BRAMA_OK)
        return brama_no_memory(cli);
    brama_trace_init(&trace, cli->arena);
    brama_decide(&decision, &engine, &wish->request, cli->arena, &trace);
    struct brama_explanation e = {.request = &wish->request,
                                  .decision = &decision,
                                  .trace = &trace,
                                  .upstream = upstream_of(cli, &offline->policy, &decision),
                                  .advice =
                                      brama_advice(cli->arena, decision.reason,
                                                   brama_trace_cause(&trace), wish->request.now_s)};
    for (size_t i = 0; i < wish->secrets.n && e.token.n == 0; i++) {
        if (wish->secrets.list[i].is_token) {
            e.token = wish->secrets.list[i].text;
            e.token_place = wish->secrets.list[i].place;
        }
    }
    int code = print(cli, wish, &e);
    brama_memory_free(engine.memory);
    return code == BRAMA_EXIT_OK ? exit_code_of(&decision) : code;
}

/* What is wrong with the rules themselves, in so far as it stands in the way of reading them. */
static int unreadable(struct brama_cli *cli, const struct brama_offline *offline)
{
    struct brama_findings findings;

    brama_findings_init(&findings, cli->arena);
    brama_world_report(&findings, &offline->world);
    brama_findings_print(cli, cli->err, &findings);
    return BRAMA_EXIT_INPUT;
}

static void hint_at_errors(struct brama_cli *cli, const struct brama_world *world)
{
    size_t invalid = 0;

    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next)
        invalid += !r->judged.valid;
    if (invalid != 0)
        brama_say(cli, "%.*s not valid and not in force; brama check says why",
                  BRAMA_FMT(brama_count_text(cli->arena, invalid, "APIRule is", "APIRules are")));
}

static int explain(struct brama_cli *cli, struct wish *wish, const struct brama_inputs *inputs)
{
    struct brama_offline offline = {0};
    struct brama_diag diag = {0};
    int code;

    enum brama_err err = brama_offline_read(&offline, inputs, &diag);
    if (err == BRAMA_ERR_SYNTAX) {
        code = unreadable(cli, &offline);
        goto done;
    }
    if (err == BRAMA_OK)
        err = brama_offline_build(&offline, inputs, &diag);
    if (err == BRAMA_OK) {
        hint_at_errors(cli, &offline.world);
        code = decide(cli, wish, &offline);
    } else if (err == BRAMA_ERR_NOMEM) {
        code = brama_no_memory(cli);
    } else {
        brama_say_diag(cli, &diag);
        code = err == BRAMA_ERR_BUG ? BRAMA_EXIT_BUG : BRAMA_EXIT_INPUT;
    }
done:
    brama_offline_free(&offline);
    return code;
}

static void find_secrets(struct wish *wish)
{
    const struct brama_request *r = &wish->request;

    for (size_t i = 0; i < r->header_count; i++)
        brama_secrets_find(&wish->secrets, r->headers[i].name, r->headers[i].value);
    brama_secrets_find(&wish->secrets, BRAMA_STR("the URL"), r->target);
}

int brama_cmd_explain(struct brama_cli *cli, int argc, char **argv)
{
    static const char *const formats[] = {"", "json"};
    struct brama_rule_args rules = {0};
    struct brama_opt_list headers = {0};
    brama_str format_name = BRAMA_NIL, method = BRAMA_NIL;
    uint64_t now_s = (uint64_t)time(NULL);
    const struct brama_opt opts[] = {
        brama_opt_paths(&rules),
        {.letter = 'X',
         .name = "request",
         .value = "METHOD",
         .help = "the method: GET",
         .text = &method},
        {.letter = 'H',
         .name = "header",
         .value = "'NAME: VALUE'",
         .help = "a header of the request; may be repeated",
         .list = &headers},
        brama_opt_ns(&rules),
        {.letter = 'o',
         .name = "output",
         .value = "json",
         .help = "as a JSON object",
         .text = &format_name},
        brama_opt_domain(&rules),
        brama_opt_services(&rules),
        brama_opt_ca_file(&rules),
        brama_opt_responses(&rules),
        {.name = "now",
         .value = "SECONDS",
         .help = "decide as at this UNIX time",
         .number = &now_s},
    };
    struct brama_args args;
    struct brama_inputs inputs;
    struct wish wish = {0};
    size_t format;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    int code =
        brama_format_arg(&format, cli, &usage, format_name, formats, BRAMA_ARRAY_LEN(formats));
    if (code == BRAMA_EXIT_OK)
        code = brama_rule_inputs(&inputs, cli, &usage, &rules);
    if (code == BRAMA_EXIT_OK && now_s > INT64_MAX)
        code = brama_usage_error(cli, &usage, "--now is too far away");
    if (code == BRAMA_EXIT_OK)
        code = read_request(&wish.request, cli, &args, method, &headers);
    if (code != BRAMA_EXIT_OK)
        return code;
    wish.as_json = format == 1;
    wish.any_upstream = rules.services.n == 0;
    wish.request.now_s = (int64_t)now_s;
    find_secrets(&wish);
    return explain(cli, &wish, &inputs);
}
