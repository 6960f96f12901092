#include "cli/findings.h"
#include "cli/rules_dir.h"
#include "cli/verbs.h"
#include "policy/compile.h"
#include "rule/judge.h"
#include "json/read.h"

static const struct brama_usage usage = {
    .synopsis = "brama apply -f PATH.. [FLAGS]",
    .about = "Check objects, put them into the running gateway and wait until they are in\n"
             "force. All or nothing: if one isn't valid, none is taken.\n"
             "Exit code: 0 in force, 1 invalid, 2 a file that can't be read, 69 no gateway, or\n"
             "not in force within 10 seconds.",
    .example = "  brama apply -f rules/ --state /tmp/brama\n"
               "  sed s/ory/istio/ toggle.yaml | brama apply -f -",
};

/* Under the handler that is in force, unless the files bring their own. */
static void take_toggle(struct brama_world *world, const struct brama_p_meta *meta)
{
    if (world->toggle.given)
        return;
    world->toggle.given = true;
    world->toggle.handler = (enum brama_handler)meta->toggle;
}

/* Gateways and the mesh configuration of the gateway, where the files bring none of that name. What
 * is to be said of them it has said. Without memory the world's arena has failed. */
static void take_neighbours(struct brama_world *world, const struct brama_policy *policy)
{
    uint32_t count = brama_pack_count(&policy->pack, BRAMA_T_NEIGHBOUR);
    struct brama_findings findings = world->findings;

    for (uint32_t i = 0; i < count; i++) {
        const struct brama_p_neighbour *row =
            BRAMA_ROW(&policy->pack, BRAMA_T_NEIGHBOUR, i, struct brama_p_neighbour);
        brama_str text = row != NULL ? brama_pack_text(&policy->pack, row->doc) : BRAMA_NIL;
        struct brama_gateway *last = world->last_gateway;
        struct brama_node *doc = NULL;
        struct brama_docs docs;
        struct brama_diag ignored = {0};
        if (brama_json_parse(&doc, world->arena, text, &brama_json_limits_rules, &ignored) !=
                BRAMA_OK ||
            brama_docs_read(&docs, world->arena, doc, &ignored) != BRAMA_OK ||
            brama_world_stand_in(world, &docs) != BRAMA_OK)
            continue;
        if (world->last_gateway != last)
            world->last_gateway->elsewhere = true;
    }
    world->findings = findings;
    if (findings.last != NULL)
        findings.last->next = NULL;
}

static bool has_rule(const struct brama_world *world, brama_str ns, brama_str name)
{
    for (const struct brama_apirule *r = world->rules; r != NULL; r = r->next) {
        if (brama_str_eq(r->ns, ns) && brama_str_eq(r->name, name))
            return true;
    }
    return false;
}

/* The APIRule that a host is served for, if it is none of those that are being applied: those are
 * judged among themselves. */
static const struct brama_p_apirule *foreign_owner(const struct brama_policy *policy,
                                                   const struct brama_p_host *host,
                                                   const struct brama_world *world)
{
    const struct brama_p_route *route =
        BRAMA_ROW(&policy->pack, BRAMA_T_ROUTE, host->routes.first, struct brama_p_route);
    const struct brama_p_rule *rule =
        route == NULL || host->routes.count == 0
            ? NULL
            : BRAMA_ROW(&policy->pack, BRAMA_T_RULE, route->rule, struct brama_p_rule);
    const struct brama_p_apirule *owner =
        rule == NULL
            ? NULL
            : BRAMA_ROW(&policy->pack, BRAMA_T_APIRULE, rule->apirule, struct brama_p_apirule);

    if (owner == NULL || has_rule(world, brama_pack_text(&policy->pack, owner->ns),
                                  brama_pack_text(&policy->pack, owner->name)))
        return NULL;
    return owner;
}

static void find_taken_hosts(struct brama_findings *findings, const struct brama_policy *policy,
                             const struct brama_world *world)
{
    uint32_t count = brama_pack_count(&policy->pack, BRAMA_T_HOST);

    for (uint32_t i = 0; i < count; i++) {
        const struct brama_p_host *host =
            BRAMA_ROW(&policy->pack, BRAMA_T_HOST, i, struct brama_p_host);
        const struct brama_p_apirule *owner =
            host != NULL ? foreign_owner(policy, host, world) : NULL;
        brama_str name = host != NULL ? brama_pack_text(&policy->pack, host->name) : BRAMA_NIL;
        const struct brama_apirule *r = owner != NULL ? world->rules : NULL;
        for (; r != NULL; r = r->next) {
            if (!brama_str_eq(r->full_host, name))
                continue;
            brama_findings_add(
                findings, BRAMA_SEVERITY_ERROR, r->where, "", BRAMA_STR(".spec"),
                brama_arena_printf(findings->arena, "host %.*s is served for %.*s/%.*s",
                                   BRAMA_FMT(name),
                                   BRAMA_FMT(brama_pack_text(&policy->pack, owner->ns)),
                                   BRAMA_FMT(brama_pack_text(&policy->pack, owner->name))));
        }
    }
}

/* One world: the files and, from the policy in force, domain, handler, hosts and neighbours. */
static int judge(const struct brama_state *state, struct brama_world *world)
{
    struct brama_cli *cli = state->cli;
    struct brama_state_policy p;
    struct brama_findings findings;

    if (!brama_state_policy_latest(&p, state, BRAMA_IN_FORCE_MS)) {
        brama_say(cli, "the gateway has published nothing yet");
        return BRAMA_EXIT_UNAVAILABLE;
    }
    const struct brama_p_meta *meta =
        BRAMA_ROW(&p.policy.pack, BRAMA_T_META, 0, struct brama_p_meta);
    int code = BRAMA_EXIT_UNAVAILABLE;
    brama_findings_init(&findings, cli->arena);
    if (meta != NULL) {
        take_toggle(world, meta);
        take_neighbours(world, &p.policy);
        brama_str domain =
            brama_arena_copy(cli->arena, brama_pack_text(&p.policy.pack, meta->domain));
        brama_judge(world, &(struct brama_judge_options){.domain = domain});
        code = brama_compile_check(world) == BRAMA_OK ? BRAMA_EXIT_OK : brama_no_memory(cli);
        brama_world_report(&findings, world);
        find_taken_hosts(&findings, &p.policy, world);
    }
    brama_state_policy_close(&p);
    brama_findings_print(cli, cli->err, &findings, NULL);
    if (code == BRAMA_EXIT_OK && findings.errors != 0) {
        brama_say(cli, "%.*s; nothing was changed",
                  BRAMA_FMT(brama_count_text(cli->arena, findings.errors, "error", "errors")));
        code = BRAMA_EXIT_NO;
    }
    return code;
}

static const char *verb_of(enum brama_rules_has had)
{
    switch (had) {
    case BRAMA_RULES_ABSENT:
        return "created";
    case BRAMA_RULES_OTHER:
        return "configured";
    case BRAMA_RULES_SAME:
        break;
    }
    return "unchanged";
}

/* Written and read it is; but a rule that was valid alone may be none among those that run. */
static int look_for_refused(const struct brama_state *state, uint64_t number,
                            const struct brama_world *world)
{
    struct brama_state_policy p;
    int code = BRAMA_EXIT_OK;

    if (!brama_state_policy_open(&p, state, number))
        return BRAMA_EXIT_OK; /* superseded already; what followed is the next one's to tell */
    uint32_t count = brama_pack_count(&p.policy.pack, BRAMA_T_APIRULE);
    for (uint32_t i = 0; i < count; i++) {
        const struct brama_p_apirule *row =
            BRAMA_ROW(&p.policy.pack, BRAMA_T_APIRULE, i, struct brama_p_apirule);
        if (row == NULL || row->form == BRAMA_FORM_CURRENT ||
            !has_rule(world, brama_pack_text(&p.policy.pack, row->ns),
                      brama_pack_text(&p.policy.pack, row->name)))
            continue;
        brama_say(state->cli, "%.*s/%.*s isn't in force: %.*s: %.*s",
                  BRAMA_FMT(brama_pack_text(&p.policy.pack, row->ns)),
                  BRAMA_FMT(brama_pack_text(&p.policy.pack, row->name)),
                  BRAMA_FMT(brama_pack_text(&p.policy.pack, row->state)),
                  BRAMA_FMT(brama_pack_text(&p.policy.pack, row->description)));
        code = BRAMA_EXIT_NO;
    }
    brama_state_policy_close(&p);
    return code;
}

static int put(const struct brama_state *state, const struct brama_objects *objects)
{
    struct brama_cli *cli = state->cli;
    enum brama_rules_has *had = brama_arena_array(cli->arena, objects->count, sizeof(*had));
    uint64_t number;
    size_t i = 0;

    if (had == NULL)
        return brama_no_memory(cli);
    for (const struct brama_object *o = objects->first; o != NULL; o = o->next)
        had[i++] = brama_rules_look(state, o);
    int code = brama_rules_write(state, objects);
    if (code != BRAMA_EXIT_OK)
        return code;
    i = 0;
    for (const struct brama_object *o = objects->first; o != NULL; o = o->next)
        fprintf(cli->out, "%.*s/%.*s %s\n", BRAMA_FMT(o->type), BRAMA_FMT(o->name),
                verb_of(had[i++]));
    fflush(cli->out);
    code = brama_rules_wait(state, objects, true, &number);
    return code == BRAMA_EXIT_OK ? look_for_refused(state, number, &objects->world) : code;
}

int brama_cmd_apply(struct brama_cli *cli, int argc, char **argv)
{
    struct brama_objects objects;
    struct brama_state state;
    int code;

    if (!brama_rules_begin(&state, &objects, cli, &usage, argc, argv, &code))
        return code;
    if (objects.world.skipped != 0)
        brama_say(cli, "%.*s left alone",
                  BRAMA_FMT(brama_count_text(cli->arena, objects.world.skipped,
                                             "object of another kind was",
                                             "objects of other kinds were")));
    if (objects.count == 0 && objects.world.findings.errors == 0) {
        brama_say(cli, "nothing to do");
        return BRAMA_EXIT_OK;
    }
    code = judge(&state, &objects.world);
    return code == BRAMA_EXIT_OK ? put(&state, &objects) : code;
}
