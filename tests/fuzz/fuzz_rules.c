/* Arbitrary YAML as rule files: whatever the judge calls valid is whole, and can be compiled and
 * enforced; and who comes with nothing gets nowhere where no rule is open.
 */
#include "fuzz.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "policy/lint.h"
#include "rule/judge.h"

#define DOMAIN BRAMA_STR("kyma.example")
#define SERVICES_MAX 8

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};

static void check_istio(const struct brama_jwt_istio *jwt)
{
    FUZZ_CHECK(jwt->auth_count != 0);
    for (size_t k = 0; k < jwt->auth_count; k++)
        FUZZ_CHECK(jwt->auths[k].issuer.n != 0 && jwt->auths[k].jwks_uri.n != 0 &&
                   jwt->auths[k].from_header_count + jwt->auths[k].from_params.n <= 1);
    FUZZ_CHECK(jwt->authz_given == (jwt->authz_count != 0));
    for (size_t k = 0; k < jwt->authz_count; k++)
        FUZZ_CHECK(!jwt->authz[k].is_null &&
                   jwt->authz[k].scopes_given == (jwt->authz[k].scopes.n != 0) &&
                   jwt->authz[k].audiences_given == (jwt->authz[k].audiences.n != 0));
}

static void check_strategy(const struct brama_apirule *rule, const struct brama_strategy *s)
{
    FUZZ_CHECK(s->kind != BRAMA_STRATEGY_UNKNOWN);
    if (s->kind == BRAMA_STRATEGY_EXT_AUTH)
        FUZZ_CHECK(s->authorizers.n != 0);
    if (s->kind != BRAMA_STRATEGY_JWT)
        return;
    if (rule->judged.handler != BRAMA_HANDLER_ORY || s->config == NULL) {
        check_istio(&s->istio);
        return;
    }
    FUZZ_CHECK(s->ory.jwks_urls.n != 0 ||
               brama_node_get(s->config, BRAMA_STR("jwks_urls")) == NULL);
    FUZZ_CHECK(s->ory.allowed_algorithms.n != 0);
    FUZZ_CHECK(s->ory.scope_strategy != BRAMA_SCOPES_NONE || s->ory.required_scope.n == 0);
}

/* Whoever reaches it, does so under its own host or a narrower one. */
static void check_entries(const struct brama_apirule *rule)
{
    brama_str full = rule->full_host;
    for (size_t i = 0; i < rule->entry_count; i++) {
        const struct brama_entry *e = &rule->entries[i];
        FUZZ_CHECK(brama_str_eq(e->host, full) ||
                   (brama_str_starts(full, BRAMA_STR("*.")) &&
                    brama_str_ends(e->host, brama_str_from(full, 1))));
        FUZZ_CHECK((e->plain || e->tls) && (e->plain || !e->redirect));
    }
}

static void check_valid(const struct brama_apirule *rule)
{
    FUZZ_CHECK(rule->full_host.n != 0 && rule->rule_count != 0 && rule->name.n != 0);
    check_entries(rule);
    for (size_t i = 0; i < rule->rule_count; i++) {
        const struct brama_rule *one = &rule->rules[i];
        struct brama_service_ref service = brama_rule_service(rule, one);
        FUZZ_CHECK(one->path.n != 0 && one->methods != 0 && one->strategy_count != 0);
        FUZZ_CHECK(service.given && service.name.n != 0 && service.ns.n != 0 && service.port != 0);
        for (size_t k = 0; k < one->strategy_count; k++)
            check_strategy(rule, &one->strategies[k]);
    }
}

/* An authorizer that can't be asked, and lets everybody in then. */
static bool fails_open(const struct brama_world *world, const struct brama_strategy *s)
{
    for (size_t i = 0; i < s->authorizers.n; i++) {
        const struct brama_authorizer *a = brama_world_authorizer(world, s->authorizers.p[i]);
        if (a != NULL && a->fail_open)
            return true;
    }
    return false;
}

static bool is_open(const struct brama_world *world, const struct brama_apirule *rule)
{
    for (size_t i = 0; i < rule->rule_count; i++) {
        for (size_t k = 0; k < rule->rules[i].strategy_count; k++) {
            if (fails_open(world, &rule->rules[i].strategies[k]))
                return true;
            switch (rule->rules[i].strategies[k].kind) {
            case BRAMA_STRATEGY_ALLOW:
            case BRAMA_STRATEGY_NO_AUTH:
            case BRAMA_STRATEGY_NOOP:
            case BRAMA_STRATEGY_ANONYMOUS:
                return true;
            case BRAMA_STRATEGY_UNKNOWN:
            case BRAMA_STRATEGY_UNAUTHORIZED:
            case BRAMA_STRATEGY_COOKIE_SESSION:
            case BRAMA_STRATEGY_OAUTH2_CLIENT_CREDENTIALS:
            case BRAMA_STRATEGY_OAUTH2_INTROSPECTION:
            case BRAMA_STRATEGY_JWT:
            case BRAMA_STRATEGY_EXT_AUTH:
                break;
            }
        }
    }
    return false;
}

/* Addresses for all its services: nothing but the verdict keeps anybody out. */
static void make_facts(struct brama_buf *bytes, struct brama_facts *facts,
                       const struct brama_apirule *rule)
{
    static const struct brama_f_address address = {.family = 2, .port = 80};
    struct brama_facts_upstream_in ups[SERVICES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < rule->rule_count && count < SERVICES_MAX; i++) {
        struct brama_service_ref s = brama_rule_service(rule, &rule->rules[i]);
        uint64_t id = brama_upstream_id(s.ns, s.name, s.port);
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known = known || ups[k].id == id;
        if (!known)
            ups[count++] = (struct brama_facts_upstream_in){id, &address, 1};
    }
    struct brama_facts_in in = {.upstreams = ups, .upstream_count = count};
    FUZZ_CHECK(brama_facts_build(bytes, 1, &in) == BRAMA_OK);
    FUZZ_CHECK(brama_facts_open(facts, bytes->p, bytes->n) == BRAMA_OK);
}

static void ask_with_nothing(const struct brama_policy *policy, const struct brama_apirule *rule,
                             struct brama_arena *arena)
{
    struct brama_memory_options options = {.tokens_max = 4, .regexes_max = 8, .keys_max = 4};
    struct brama_memory *memory;
    struct brama_buf bytes;
    struct brama_facts facts;
    brama_str host = rule->full_host;

    if (brama_str_starts(host, BRAMA_STR("*")))
        host = brama_arena_printf(arena, "w%.*s", BRAMA_FMT(brama_str_from(host, 1)));
    brama_buf_init(&bytes, NULL, 1 << 20);
    make_facts(&bytes, &facts, rule);
    FUZZ_CHECK(brama_memory_new(&memory, &options) == BRAMA_OK);
    struct brama_engine engine = {.policy = policy, .facts = &facts, .memory = memory};
    for (size_t i = 0; i <= rule->rule_count; i++) {
        for (size_t m = 0; m < BRAMA_ARRAY_LEN(methods); m++) {
            struct brama_decision d;
            struct brama_request request = {.scheme = BRAMA_STR("https"),
                                            .method = brama_str_c(methods[m]),
                                            .authority = host,
                                            .target = i < rule->rule_count ? rule->rules[i].path
                                                                           : BRAMA_STR("/"),
                                            .now_s = 1800000000};
            brama_decide(&d, &engine, &request, arena, NULL);
            FUZZ_CHECK(d.verdict != BRAMA_VERDICT_ALLOW);
        }
    }
    brama_memory_free(memory);
    brama_buf_deinit(&bytes);
}

static void enforce(struct brama_world *world)
{
    struct brama_compile_in in = {.world = world, .domain = DOMAIN};
    struct brama_buf bytes;
    struct brama_policy policy;

    if (brama_compile_check(world) != BRAMA_OK)
        return; /* no memory: an arena's end */
    brama_buf_init(&bytes, NULL, 1 << 24);
    enum brama_err err = brama_policy_compile(&bytes, 1, &in);
    FUZZ_CHECK(err == BRAMA_OK || err == BRAMA_ERR_NOMEM);
    if (err == BRAMA_OK) {
        const struct brama_apirule *rule = world->rules;
        FUZZ_CHECK(brama_policy_open(&policy, bytes.p, bytes.n) == BRAMA_OK);
        FUZZ_CHECK(brama_policy_verify(&policy) == BRAMA_OK);
        err = brama_policy_lint(world, &policy);
        FUZZ_CHECK(err == BRAMA_OK || err == BRAMA_ERR_NOMEM);
        if (rule != NULL && rule->next == NULL && rule->judged.valid && !is_open(world, rule))
            ask_with_nothing(&policy, rule, world->arena);
    }
    brama_buf_deinit(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_arena arena;
    struct brama_world world;
    struct brama_diag diag = {0};

    brama_arena_init(&arena, NULL, 1 << 26);
    brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_STR("n")});
    if (brama_world_add(&world, BRAMA_STR("f"), (brama_str){(const char *)data, size}, &diag) ==
        BRAMA_OK) {
        brama_judge(&world, &(struct brama_judge_options){.domain = DOMAIN});
        for (const struct brama_apirule *r = world.rules; r != NULL; r = r->next) {
            FUZZ_CHECK(r->judged.valid
                           ? r->judged.failures.count == 0
                           : r->judged.failures.count != 0 || brama_arena_failed(&arena));
            if (r->judged.valid)
                check_valid(r);
        }
        enforce(&world);
    }
    brama_arena_deinit(&arena);
    return 0;
}
