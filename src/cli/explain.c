#include "cli/explain.h"

#include <stdlib.h>
#include <time.h>

#include "agent/offline.h"
#include "base/url.h"
#include "cli/admin.h"
#include "cli/call_out.h"
#include "cli/findings.h"
#include "cli/pretty.h"
#include "cli/rule_args.h"
#include "cli/secrets.h"
#include "cli/verbs.h"
#include "crypto/digest.h"
#include "policy/explain.h"
#include "rule/judge.h"
#include "json/read.h"

static const struct brama_usage usage = {
    .synopsis = "brama explain -f PATH.. [METHOD] URL [FLAGS]\n"
                "       brama explain --admin HOST:PORT [METHOD] URL [FLAGS]\n"
                "       brama explain --request ID [--admin HOST:PORT] [FLAGS]",
    .about = "Say why a request is let in or refused, and what would have to change.\n"
             "-f: by these rule files alone; key sets are fetched, nothing else is sent. A rule\n"
             "that asks somebody else is refused with call_needed then; --ask: he is asked.\n"
             "Without --service, where a workload is doesn't matter.\n"
             "--admin: by the gateway that listens there; --request: what it did with the request\n"
             "whose answer had this x-request-id.\n"
             "The URL is taken as it is, byte for byte.\n"
             "Exit code: 0 allowed, 1 refused (or no such request), 2 unusable rules or URL,\n"
             "69 no gateway there, or a key set or an answer that was needed can't be had.",
    .example = "  brama explain -f rules/ GET http://httpbin.localhost/headers \\\n"
               "      -H \"Authorization: Bearer $TOKEN\"\n"
               "  brama explain --request 2fea7341-1aed-443d-947b-483c1278628c",
    .max_args = 2,
};

#define JSON_MAX ((size_t)16 << 20)

/* Whoever reads two explanations side by side must not stumble over an id. */
#define REQUEST_ID "00000000-0000-4000-8000-000000000000"

struct wish {
    struct brama_request request;
    struct brama_secrets secrets;
    bool as_json, as_kyma;
    bool ask;          /* whoever the rule's handlers ask */
    bool any_upstream; /* nobody said where workloads are: that isn't the question then */
};

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
    /* A client names in its handshake whom it connects to, whatever Host it sends then. */
    if (brama_str_eq(url.scheme, BRAMA_STR("https")) && url.authority.p[0] != '[')
        r->server_name = brama_str_head(url.authority, brama_str_find(url.authority, ':'));
    r->target = url.target;
    r->request_id = BRAMA_STR(REQUEST_ID);
    return read_headers(r, cli, headers);
}

/* Print through a buffer, so that no token gets out whichever way it went. json: of
 * policy/explain.h. */
static int print(struct brama_cli *cli, const struct wish *wish, brama_str json)
{
    struct brama_cli inner = *cli;
    struct brama_diag diag = {0};
    struct brama_node *e;
    char *text = NULL;
    size_t n = 0;

    if (brama_json_parse(&e, cli->arena, json, &brama_json_limits_rules, &diag) != BRAMA_OK) {
        brama_say_diag(cli, &diag);
        return BRAMA_EXIT_BUG;
    }
    inner.out = open_memstream(&text, &n);
    if (inner.out == NULL)
        return brama_no_memory(cli);
    int code = wish->as_json ? brama_pretty_node(&inner, e, 0)
                             : brama_explain_print(&inner, e, wish->as_kyma);
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
    return code == BRAMA_EXIT_OK ? brama_explain_exit(e) : code;
}

/* As often as there is somebody to be asked; each decision is made anew, from the start. */
static void decide_with_answers(struct brama_decision *out, struct brama_engine *engine,
                                struct brama_cli *cli, const struct wish *wish,
                                const struct brama_http_options *http, struct brama_trace *trace)
{
    struct brama_call_answer answers[BRAMA_CALLS_MAX];

    engine->answers = answers;
    for (;;) {
        engine->may_call = wish->ask && engine->answer_count < BRAMA_CALLS_MAX;
        brama_trace_init(trace, cli->arena);
        brama_decide(out, engine, &wish->request, cli->arena, trace);
        if (out->verdict != BRAMA_VERDICT_CALL)
            break;
        brama_call_out(&answers[engine->answer_count++], cli->arena, &out->call, http);
    }
    engine->answers = NULL;
    engine->answer_count = 0;
}

static int decide(struct brama_cli *cli, struct wish *wish, const struct brama_offline *offline,
                  const struct brama_inputs *inputs)
{
    struct brama_service_table table;
    struct brama_http_resolver resolver = {brama_service_lookup, &table};
    struct brama_http_options http = {.ca_file = inputs->ca_file, .resolver = &resolver};
    struct brama_memory_options options = {.regexes_max = 4096, .keys_max = 100};
    struct brama_engine engine = {.policy = &offline->policy,
                                  .facts = &offline->facts,
                                  .any_upstream = wish->any_upstream,
                                  .no_signer = true};
    struct brama_decision decision = {0};
    struct brama_trace trace;

    if (brama_service_table_init(&table, cli->arena, inputs->services, inputs->service_count,
                                 &offline->world) != BRAMA_OK ||
        brama_random(options.seed, sizeof(options.seed)) != BRAMA_OK ||
        brama_memory_new(&engine.memory, &options) != BRAMA_OK)
        return brama_no_memory(cli);
    decide_with_answers(&decision, &engine, cli, wish, &http, &trace);
    struct brama_explanation e = {
        .request = &wish->request,
        .decision = &decision,
        .trace = &trace,
        .arena = cli->arena,
        .in_force = &offline->policy,
        .upstream = brama_explain_upstream(cli->arena, &offline->policy, &decision),
        .all_claims = true};
    struct brama_buf text;
    brama_buf_init(&text, NULL, JSON_MAX);
    brama_explain(&text, &e, NULL);
    brama_memory_free(engine.memory);
    int code = brama_buf_err(&text) == BRAMA_OK && !brama_arena_failed(cli->arena)
                   ? print(cli, wish, brama_buf_str(&text))
                   : brama_no_memory(cli);
    brama_buf_deinit(&text);
    return code;
}

/* What is wrong with the rules themselves, in so far as it stands in the way of reading them. */
static int unreadable(struct brama_cli *cli, const struct brama_offline *offline)
{
    struct brama_findings findings;

    brama_findings_init(&findings, cli->arena);
    brama_world_report(&findings, &offline->world);
    brama_findings_print(cli, cli->err, &findings, &offline->files);
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
        code = decide(cli, wish, &offline, inputs);
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

/* By the gateway that runs. */
static int ask(struct brama_cli *cli, struct wish *wish, brama_str admin, brama_str id)
{
    brama_str json;
    int code = id.n != 0 ? brama_explain_recorded(&json, cli, admin, id)
                         : brama_explain_live(&json, cli, admin, &wish->request);

    return code == BRAMA_EXIT_OK ? print(cli, wish, json) : code;
}

struct flags {
    struct brama_rule_args rules;
    struct brama_opt_list headers;
    brama_str format, method, data, admin, id, as;
    uint64_t now_s;
};

static int check_flags(struct brama_cli *cli, struct wish *wish, const struct flags *flags,
                       const struct brama_args *args)
{
    static const char *const formats[] = {"", "json"}, *const dialects[] = {"", "kyma"};
    size_t format = 0, dialect = 0;
    int code =
        brama_format_arg(&format, cli, &usage, flags->format, formats, BRAMA_ARRAY_LEN(formats));

    if (code != BRAMA_EXIT_OK)
        return code;
    while (dialect < 2 && !brama_str_eq(flags->as, brama_str_c(dialects[dialect])))
        dialect++;
    if (dialect == 2)
        return brama_usage_error(cli, &usage, "--as knows kyma only");
    wish->as_json = format == 1;
    wish->as_kyma = dialect == 1;
    if (flags->now_s > INT64_MAX)
        return brama_usage_error(cli, &usage, "--now is too far away");
    if (flags->admin.n != 0 && !brama_is_host_port(flags->admin))
        return brama_usage_error(cli, &usage, "--admin wants HOST:PORT, not \"%.*s\"",
                                 BRAMA_FMT(flags->admin));
    if (flags->admin.n != 0 && flags->rules.paths.n != 0)
        return brama_usage_error(cli, &usage, "by files (-f) or by a gateway (--admin)?");
    if (flags->id.n != 0 && args->n != 0)
        return brama_usage_error(cli, &usage, "by --request or by a URL?");
    if (flags->admin.n != 0 && flags->data.n != 0)
        return brama_usage_error(cli, &usage, "a gateway that runs (--admin) is told no body");
    wish->request.now_s = (int64_t)flags->now_s;
    if (flags->data.n != 0)
        wish->request.body = (struct brama_request_body){
            .state = BRAMA_BODY_WHOLE, .bytes = flags->data, .length = (int64_t)flags->data.n};
    return flags->id.n != 0
               ? BRAMA_EXIT_OK
               : read_request(&wish->request, cli, args, flags->method, &flags->headers);
}

int brama_cmd_explain(struct brama_cli *cli, int argc, char **argv)
{
    struct flags flags = {.now_s = (uint64_t)time(NULL)};
    struct wish wish = {0};
    const struct brama_opt opts[] = {
        brama_opt_paths(&flags.rules),
        {.name = "admin",
         .value = "HOST:PORT",
         .help = "admin listener of a gateway that runs; --request: " BRAMA_ADMIN_DEFAULT,
         .text = &flags.admin},
        {.name = "request",
         .value = "ID",
         .help = "a request that it refused, by x-request-id",
         .text = &flags.id},
        {.letter = 'X',
         .name = "method",
         .value = "METHOD",
         .help = "the method: GET",
         .text = &flags.method},
        {.letter = 'H',
         .name = "header",
         .value = "'NAME: VALUE'",
         .help = "a header of the request; may be repeated",
         .list = &flags.headers},
        {.letter = 'd',
         .name = "data",
         .value = "TEXT",
         .help = "with -f: its body, for an authorizer that is told it",
         .text = &flags.data},
        {.name = "ask",
         .help = "with -f: ask those whom the rule's handlers ask",
         .flag = &wish.ask},
        {.name = "as",
         .value = "kyma",
         .help = "also say where a cluster would answer otherwise",
         .text = &flags.as},
        brama_opt_ns(&flags.rules),
        {.letter = 'o',
         .name = "output",
         .value = "json",
         .help = "as a JSON object",
         .text = &flags.format},
        brama_opt_domain(&flags.rules),
        brama_opt_services(&flags.rules),
        brama_opt_ca_file(&flags.rules),
        brama_opt_responses(&flags.rules),
        {.name = "now",
         .value = "SECONDS",
         .help = "decide as at this UNIX time",
         .number = &flags.now_s},
    };
    struct brama_args args;
    struct brama_inputs inputs;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    if (flags.id.n != 0 && flags.admin.n == 0)
        flags.admin = BRAMA_STR(BRAMA_ADMIN_DEFAULT);
    int code = check_flags(cli, &wish, &flags, &args);
    if (code != BRAMA_EXIT_OK)
        return code;
    find_secrets(&wish);
    if (flags.admin.n != 0)
        return ask(cli, &wish, flags.admin, flags.id);
    code = brama_rule_inputs(&inputs, cli, &usage, &flags.rules);
    wish.any_upstream = flags.rules.services.n == 0;
    return code == BRAMA_EXIT_OK ? explain(cli, &wish, &inputs) : code;
}
