#include "rule/judging.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "rule/kept.h"
#include "rule/read.h"
#include "rule/schema.h"
#include "rule/uri.h"

/* A status names three failures and counts the rest. apirule.md section 3.6. */
#define NAMED_FAILURES 3
#define DESCRIPTION_MAX 65536

void brama__fail(struct brama__judging *j, struct brama_where where, brama_str message,
                 const char *path, ...)
{
    char text[512];
    va_list args;

    va_start(args, path);
    vsnprintf(text, sizeof(text), path, args);
    va_end(args);
    brama__failures_add(&j->rule->judged.failures, j->arena, where,
                        brama_arena_copy(j->arena, brama_str_c(text)), message);
}

brama_str brama__rule_path(struct brama__judging *j, size_t i, brama_str tail)
{
    char digits[20];

    return BRAMA_JOIN(j->arena, BRAMA_STR(".spec.rules["), brama_str_of_u64(digits, i),
                      BRAMA_STR("]"), tail);
}

brama_str brama__strategy_path(struct brama__judging *j, size_t i, size_t k)
{
    char digits[20];

    return BRAMA_JOIN(j->arena, brama__rule_path(j, i, BRAMA_STR(".accessStrategies[")),
                      brama_str_of_u64(digits, k), BRAMA_STR("]"));
}

brama_str brama__judge_uri(struct brama__judging *j, brama_str uri)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(j->right); i++)
        if (uri.n != 0 && brama_str_eq(j->right[i], uri))
            return BRAMA_NIL;
    brama_str error = brama__uri_error(j->arena, uri);
    if (error.n == 0)
        j->right[j->next_right++ % BRAMA_ARRAY_LEN(j->right)] = uri;
    return error;
}

bool brama__judge_fetchable(struct brama__judging *j, brama_str uri)
{
    bool fetchable =
        (uri.n != 0 && brama_str_eq(j->fetchable, uri)) || brama__uri_is_fetchable(uri);
    if (fetchable)
        j->fetchable = uri;
    return fetchable;
}

/* In lower case; empty if it has none or can't have one. */
static brama_str full_host(struct brama__judging *j)
{
    brama_str host = j->rule->host;

    if (host.n != 0 && brama_str_find(host, '.') == host.n) {
        brama_str domain = brama__rule_domain(j);
        if (domain.n == 0)
            return BRAMA_NIL;
        host = BRAMA_JOIN(j->arena, host, BRAMA_STR("."), domain);
    }
    return brama_arena_lower(j->arena, host);
}

static brama_str v1_description(struct brama_arena *arena, struct brama_buf *out,
                                const struct brama_failures *f)
{
    size_t named = 0;

    if (f->count > 1)
        brama_buf_printf(out, "Multiple validation errors: ");
    for (const struct brama_failure *one = f->first; one != NULL && named < NAMED_FAILURES;
         one = one->next, named++)
        brama_buf_printf(out, "%sAttribute \"%.*s\": %.*s",
                         f->count > 1 ? "\n" : "Validation error: ", BRAMA_FMT(one->path),
                         BRAMA_FMT(one->message));
    if (f->count > NAMED_FAILURES)
        brama_buf_printf(out, "\n%zu more error(s)...", f->count - NAMED_FAILURES);
    return brama_arena_copy(arena, brama_buf_str(out));
}

static brama_str v2_description(struct brama_arena *arena, struct brama_buf *out,
                                const struct brama_failures *f)
{
    size_t named = 0;

    brama_buf_printf(out, "Validation errors: ");
    for (const struct brama_failure *one = f->first; one != NULL && named < NAMED_FAILURES;
         one = one->next, named++)
        brama_buf_printf(out, "%sAttribute '%.*s': %.*s", named != 0 ? "\n" : "",
                         BRAMA_FMT(one->path), BRAMA_FMT(one->message));
    if (f->count > NAMED_FAILURES)
        brama_buf_printf(out, "\n%zu more error(s)...", f->count - NAMED_FAILURES);
    return brama_arena_copy(arena, brama_buf_str(out));
}

static void conclude(struct brama__judging *j)
{
    struct brama_judgement *judged = &j->rule->judged;
    bool v1 = brama_api_is_v1(j->rule->version);

    judged->handler = j->handler;
    if (judged->failures.count == 0 && !brama_arena_failed(j->arena)) {
        judged->valid = true;
        judged->state = v1 ? BRAMA_STR("OK") : BRAMA_STR("Ready");
        judged->description = v1 ? BRAMA_STR("") : BRAMA_STR(BRAMA__TEXT_V2_READY);
        return;
    }
    struct brama_buf out;
    brama_buf_init(&out, j->arena->alloc, DESCRIPTION_MAX);
    judged->valid = false;
    judged->state = v1 ? BRAMA_STR("ERROR") : BRAMA_STR("Error");
    judged->description = v1 ? v1_description(j->arena, &out, &judged->failures)
                             : v2_description(j->arena, &out, &judged->failures);
    brama_buf_deinit(&out);
}

/* bad_handler: what the ConfigMap says instead of ory or istio. */
static void judge_rule(struct brama__judging *j, brama_str bad_handler)
{
    struct brama_judgement *judged = &j->rule->judged;

    *judged = (struct brama_judgement){.valid = false};
    brama_str error;
    brama__find_gateway(j);
    j->rule->full_host = full_host(j);
    brama__find_entries(j);
    brama__default_domain(j, &error);
    if (j->rule->schema.count != 0) {
        judged->failures = j->rule->schema;
    } else if (j->handler == BRAMA_HANDLER_NONE) {
        brama__fail(j, j->rule->where,
                    brama_arena_printf(j->arena, BRAMA__TEXT_HANDLER, BRAMA_FMT(bad_handler)), "%s",
                    "");
    } else if (error.n != 0) {
        brama__fail(j, j->rule->where, error, "%s", "");
    } else {
        if (brama_api_is_v1(j->rule->version))
            brama__judge_v1(j);
        else
            brama__judge_v2(j);
        if (judged->failures.count == 0)
            brama__judge_support(j);
    }
    conclude(j);
}

void brama_judge_one(struct brama_apirule *rule, enum brama_handler handler,
                     const struct brama_world *world, brama_str domain, struct brama_arena *arena)
{
    struct brama__judging j = {
        .arena = arena, .world = world, .rule = rule, .handler = handler, .domain = domain};

    judge_rule(&j, BRAMA_NIL);
}

void brama_judge(struct brama_world *world, const struct brama_judge_options *options)
{
    enum brama_handler handler = world->toggle.given ? world->toggle.handler : BRAMA_HANDLER_ORY;

    struct brama__judging j = {
        .arena = world->arena, .world = world, .handler = handler, .domain = options->domain};

    for (j.rule = world->rules; j.rule != NULL; j.rule = j.rule->next) {
        if (brama__kept_take(j.rule, world))
            continue;
        judge_rule(&j, world->toggle.value);
        brama__kept_put(j.rule, world);
    }
    j.occupied = true;
    /* Twice: a rule that can't have its new host keeps the one it is served under. */
    size_t count = 1;
    for (unsigned pass = 0; pass < 2 && count != 0; pass++) {
        struct brama_apirule **occupied = brama__occupied(world, options, &count);
        for (size_t i = 0; i < count; i++) {
            j.rule = occupied[i];
            brama__kept_leave(j.rule);
            judge_rule(&j, world->toggle.value);
        }
    }
    if (!options->quiet)
        brama__warn(world);
    brama__warn_gateways(world);
}

void brama_world_report(struct brama_findings *out, const struct brama_world *world)
{
    for (const struct brama_apirule *rule = world->rules; rule != NULL; rule = rule->next)
        for (const struct brama_failure *f = rule->judged.failures.first; f != NULL; f = f->next)
            brama_findings_add(out, BRAMA_SEVERITY_ERROR, f->where, NULL, f->path, f->message);
    for (const struct brama_finding *f = world->findings.first; f != NULL; f = f->next)
        brama_findings_add(out, f->severity, f->where, f->code.p, f->attribute, f->message);
}
