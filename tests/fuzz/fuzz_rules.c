/* Arbitrary YAML as rule files: whatever the judge calls valid can be compiled and enforced. */
#include <stdlib.h>

#include "fuzz.h"
#include "rule/judge.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_jwt(const struct brama_apirule *rule, const struct brama_strategy *s)
{
    bool ory = rule->judged.handler == BRAMA_HANDLER_ORY && s->config != NULL;

    if (ory) {
        require(s->ory.jwks_urls.n != 0 && s->ory.allowed_algorithms.n != 0);
        require(s->ory.scope_strategy != BRAMA_SCOPES_NONE || s->ory.required_scope.n == 0);
        return;
    }
    require(s->istio.auth_count != 0);
    for (size_t k = 0; k < s->istio.auth_count; k++)
        require(s->istio.auths[k].issuer.n != 0 && s->istio.auths[k].jwks_uri.n != 0 &&
                s->istio.auths[k].from_header_count + s->istio.auths[k].from_params.n <= 1);
    require(s->istio.authz_given == (s->istio.authz_count != 0));
    for (size_t k = 0; k < s->istio.authz_count; k++)
        require(!s->istio.authz[k].is_null &&
                s->istio.authz[k].scopes_given == (s->istio.authz[k].scopes.n != 0) &&
                s->istio.authz[k].audiences_given == (s->istio.authz[k].audiences.n != 0));
}

static void check_valid(const struct brama_apirule *rule)
{
    require(rule->full_host.n != 0 && rule->rule_count != 0 && rule->name.n != 0);
    for (size_t i = 0; i < rule->rule_count; i++) {
        const struct brama_rule *one = &rule->rules[i];
        struct brama_service_ref service = brama_rule_service(rule, one);
        require(one->path.n != 0 && one->methods != 0 && one->strategy_count == 1);
        require(service.given && service.name.n != 0 && service.ns.n != 0 && service.port != 0);
        const struct brama_strategy *s = &one->strategies[0];
        require(s->kind == BRAMA_STRATEGY_ALLOW || s->kind == BRAMA_STRATEGY_NO_AUTH ||
                s->kind == BRAMA_STRATEGY_NOOP || s->kind == BRAMA_STRATEGY_JWT);
        if (s->kind == BRAMA_STRATEGY_JWT)
            check_jwt(rule, s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_arena arena;
    struct brama_world world;
    struct brama_diag diag = {0};

    brama_arena_init(&arena, NULL, 1 << 26);
    brama_world_init(&world, &arena, &(struct brama_world_options){.ns = BRAMA_NIL});
    if (brama_world_add(&world, BRAMA_STR("f"), (brama_str){(const char *)data, size}, &diag) ==
        BRAMA_OK) {
        brama_judge(&world, &(struct brama_judge_options){.domain = BRAMA_STR("kyma.example")});
        for (const struct brama_apirule *r = world.rules; r != NULL; r = r->next) {
            require(r->judged.valid ? r->judged.failures.count == 0
                                    : r->judged.failures.count != 0 || brama_arena_failed(&arena));
            if (r->judged.valid)
                check_valid(r);
        }
    }
    brama_arena_deinit(&arena);
    return 0;
}
