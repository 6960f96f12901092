/* One form in force to rows and drafts: what Kyma would generate for it. apirule.md section 4. */
#include "policy/build.h"

struct form {
    struct brama__build *b;
    const struct brama_apirule *rule;
    enum brama_handler handler;
    bool v2;
    bool has_policies; /* Kyma writes AuthorizationPolicies for it */
    uint32_t cors;
};

static bool any_strategy(const struct brama_rule *rule, enum brama_strategy_kind kind)
{
    for (size_t i = 0; i < rule->strategy_count; i++)
        if (rule->strategies[i].kind == kind)
            return true;
    return false;
}

/* Does the request go straight to the Service, without Oathkeeper? apirule.md section 4.2. */
static bool is_direct(const struct form *f, const struct brama_rule *rule)
{
    enum brama_strategy_kind kind = rule->strategies[0].kind;
    if (f->v2 || (f->handler == BRAMA_HANDLER_ISTIO && any_strategy(rule, BRAMA_STRATEGY_JWT)))
        return true;
    return kind == BRAMA_STRATEGY_ALLOW || kind == BRAMA_STRATEGY_NO_AUTH;
}

static bool form_has_policies(const struct form *f)
{
    if (f->v2)
        return true;
    for (size_t i = 0; f->handler == BRAMA_HANDLER_ISTIO && i < f->rule->rule_count; i++)
        if (any_strategy(&f->rule->rules[i], BRAMA_STRATEGY_JWT) ||
            any_strategy(&f->rule->rules[i], BRAMA_STRATEGY_NO_AUTH))
            return true;
    return false;
}

/* Policies select Pods by the Service's labels: two Services with equal selectors are one workload.
 * Without the Service object its name stands for them. */
static brama_str workload_name(struct brama__build *b, struct brama_service_ref service)
{
    const struct brama_service *s = brama_world_service(b->in->world, service.ns, service.name);
    if (s == NULL || s->selector == NULL || s->selector->count == 0)
        return BRAMA_JOIN(&b->arena, BRAMA_STR("service "), service.ns, BRAMA_STR("/"),
                          service.name);
    brama_str name = BRAMA_JOIN(&b->arena, BRAMA_STR("labels "), service.ns);
    for (const struct brama_node *l = s->selector->first; l != NULL; l = l->next)
        name = BRAMA_JOIN(&b->arena, name, BRAMA_STR(" "), l->key, BRAMA_STR("="), l->text);
    return name;
}

static struct brama_ref cluster_host(struct brama__build *b, struct brama_service_ref service)
{
    char port[20];
    return brama_packer_text(b->out, BRAMA_JOIN(&b->arena, service.name, BRAMA_STR("."), service.ns,
                                                BRAMA_STR(".svc.cluster.local:"),
                                                brama_str_of_u64(port, service.port)));
}

static uint32_t add_rule_row(const struct form *f, size_t index)
{
    const struct brama_rule *rule = &f->rule->rules[index];
    struct brama_p_rule row = {.index = (uint32_t)index,
                               .path = brama_packer_text(f->b->out, rule->path),
                               .file = brama_packer_text(f->b->out, rule->where.file),
                               .line = rule->where.line,
                               .methods = rule->methods};
    return brama_packer_row(f->b->out, BRAMA_T_RULE, &row, sizeof(row));
}

/* What the VirtualService's route sets: x-forwarded-host, and where it leads to the workload itself
 * request.headers and request.cookies; a Cookie header replaces the client's. */
static struct brama_span header_rows(const struct form *f, const struct brama_rule *rule,
                                     bool direct)
{
    struct brama__build *b = f->b;
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_HEADER), 0};
    brama_str cookies = BRAMA_STR("");

    brama__build_envoy_header(b, &span, BRAMA_STR("X-Forwarded-Host"),
                              brama_apirule_forwarded_host(f->rule), false);
    for (size_t i = 0; direct && i < rule->header_count; i++)
        brama__build_envoy_header(b, &span, rule->headers[i].name, rule->headers[i].value, false);
    for (size_t i = 0; direct && i < rule->cookie_count; i++)
        cookies = BRAMA_JOIN(&b->arena, cookies, i != 0 ? BRAMA_STR("; ") : BRAMA_NIL,
                             rule->cookies[i].name, BRAMA_STR("="), rule->cookies[i].value);
    if (cookies.n != 0)
        brama__build_envoy_header(b, &span, BRAMA_STR("Cookie"), cookies, true);
    return span;
}

static struct brama_span authz_rows(struct brama__build *b, const struct brama_jwt_istio *jwt)
{
    struct brama_p_authz *rows = brama_arena_array(&b->arena, jwt->authz_count + 1, sizeof(*rows));
    struct brama_span span = {0, 0};
    for (size_t i = 0; rows != NULL && i < jwt->authz_count; i++) {
        rows[i].scopes = brama__build_texts(b, jwt->authz[i].scopes);
        rows[i].audiences = brama__build_texts(b, jwt->authz[i].audiences);
    }
    span.first = brama_packer_count(b->out, BRAMA_T_AUTHZ);
    for (size_t i = 0; rows != NULL && i < jwt->authz_count; i++, span.count++)
        brama_packer_row(b->out, BRAMA_T_AUTHZ, &rows[i], sizeof(rows[i]));
    return span;
}

/* The rule's own authentications, and the same for its workload's RequestAuthentication. */
static struct brama_span auth_rows(struct brama__build *b, const struct brama_jwt_istio *jwt,
                                   uint32_t workload)
{
    struct brama_p_auth *rows = brama_arena_array(&b->arena, jwt->auth_count + 1, sizeof(*rows));
    struct brama_span span = {0, 0};
    for (size_t i = 0; rows != NULL && i < jwt->auth_count; i++)
        rows[i] = brama__build_auth(b, &jwt->auths[i]);
    span.first = brama_packer_count(b->out, BRAMA_T_AUTH);
    for (size_t i = 0; rows != NULL && i < jwt->auth_count; i++, span.count++) {
        struct brama__policy_of *of = brama__list_add(b, &b->auths, sizeof(*of));
        uint32_t row = brama_packer_row(b->out, BRAMA_T_AUTH, &rows[i], sizeof(rows[i]));
        if (of != NULL)
            *of = (struct brama__policy_of){workload, row};
    }
    return span;
}

static bool is_root_path(brama_str path)
{
    return brama_str_eq(path, BRAMA_STR("/")) || brama_str_eq(path, BRAMA_STR("/*")) ||
           brama_str_eq(path, BRAMA_STR("/{**}"));
}

static brama_str v2_policy_path(brama_str path)
{
    return brama_str_eq(path, BRAMA_STR("/*")) ? BRAMA_STR("/{**}") : path;
}

/* Paths of earlier rules that share a method; apirule.md section 4.6. Where the rule's own path is
 * a root path Kyma lists later rules too; those are other routes here as there, so the list ends.
 */
static struct brama_span not_path_rows(const struct form *f, size_t index)
{
    struct brama__build *b = f->b;
    const struct brama_rule *rules = f->rule->rules;
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_PATTERN), 0};

    for (size_t i = 0; f->v2 && i < index; i++) {
        if (brama_str_eq(rules[i].path, rules[index].path) && !is_root_path(rules[index].path))
            break;
        if ((rules[i].methods & rules[index].methods) == 0 || is_root_path(rules[i].path))
            continue;
        struct brama_pattern pattern;
        brama_pattern_of_istio(&pattern, v2_policy_path(rules[i].path));
        struct brama_p_pattern row = brama__build_pattern(b, &pattern);
        brama_packer_row(b->out, BRAMA_T_PATTERN, &row, sizeof(row));
        span.count++;
    }
    return span;
}

static brama_str policy_path(const struct form *f, brama_str path)
{
    if (f->v2)
        return v2_policy_path(path);
    return brama_str_eq(path, BRAMA_STR("/.*")) ? BRAMA_STR("/*") : path;
}

static struct brama_str_list issuers_of(struct brama__build *b, const struct brama_jwt_istio *jwt)
{
    brama_str *list = brama_arena_array(&b->arena, jwt->auth_count + 1, sizeof(*list));
    for (size_t i = 0; list != NULL && i < jwt->auth_count; i++)
        list[i] = jwt->auths[i].issuer;
    return (struct brama_str_list){list, list != NULL ? jwt->auth_count : 0};
}

/* jwt, or the restrictions of extAuth. */
static bool wants_token(const struct brama_strategy *strategy)
{
    return strategy->kind == BRAMA_STRATEGY_JWT ||
           (strategy->kind == BRAMA_STRATEGY_EXT_AUTH && strategy->istio.auth_count != 0);
}

static void add_policy(struct brama__build *b, const struct brama_p_ap *row, uint32_t workload)
{
    struct brama__policy_of *of = brama__list_add(b, &b->aps, sizeof(*of));
    uint32_t at = brama_packer_row(b->out, BRAMA_T_AP, row, sizeof(*row));
    if (of != NULL)
        *of = (struct brama__policy_of){workload, at};
}

/* One CUSTOM policy an authorizer, over what the rule's own policies reach. */
static void add_custom_policies(const struct form *f, const struct brama_rule *rule,
                                const struct brama_p_ap *like, uint32_t workload)
{
    struct brama__build *b = f->b;
    const struct brama_strategy *strategy = &rule->strategies[0];

    for (size_t i = 0; strategy->kind == BRAMA_STRATEGY_EXT_AUTH && i < strategy->authorizers.n;
         i++) {
        uint32_t authorizer = (uint32_t)b->authorizers_named.n;
        brama__list_extend(b, &b->authorizers_named, &strategy->authorizers.p[i], 1,
                           sizeof(strategy->authorizers.p[i]));
        struct brama_p_ap row = *like;
        row.from = BRAMA_AP_CUSTOM;
        row.authorizer = authorizer;
        add_policy(b, &row, workload);
    }
}

/* The AuthorizationPolicies of one rule: one an authorization, or one. apirule.md 4.6 and 4.7. */
static void add_policies(const struct form *f, size_t index, uint32_t rule_row, uint32_t workload)
{
    struct brama__build *b = f->b;
    const struct brama_rule *rule = &f->rule->rules[index];
    const struct brama_strategy *strategy = &rule->strategies[0];
    const struct brama_jwt_istio *jwt = &strategy->istio;
    bool is_jwt = wants_token(strategy);
    size_t count = is_jwt && jwt->authz_count != 0 ? jwt->authz_count : 1;
    struct brama_p_ap row = {.from = is_jwt               ? BRAMA_AP_JWT
                                     : is_direct(f, rule) ? BRAMA_AP_INGRESS
                                                          : BRAMA_AP_OATHKEEPER,
                             .methods = rule->methods,
                             .not_paths = not_path_rows(f, index),
                             .rule = rule_row,
                             .authorizer = BRAMA_NO_ROW};
    struct brama_pattern path;
    row.host = brama_packer_text(b->out, f->v2 ? f->rule->full_host : BRAMA_NIL);
    brama_pattern_of_istio(&path, policy_path(f, rule->path));
    row.path = brama__build_pattern(b, &path);
    add_custom_policies(f, rule, &row, workload);
    if (is_jwt)
        row.issuers = brama__build_texts(b, issuers_of(b, jwt));

    for (size_t i = 0; i < count; i++) {
        if (is_jwt && jwt->authz_count != 0) {
            row.scopes = brama__build_texts(b, jwt->authz[i].scopes);
            row.audiences = brama__build_texts(b, jwt->authz[i].audiences);
        }
        add_policy(b, &row, workload);
    }
    if (brama_packer_err(b->out) == BRAMA_OK)
        ((struct brama_p_workload *)brama_packer_at(b->out, BRAMA_T_WORKLOAD, workload))
            ->has_policies = true;
}

static void add_oathkeeper(const struct form *f, size_t index, uint32_t rule_row)
{
    struct brama__build *b = f->b;
    const struct brama_rule *rule = &f->rule->rules[index];
    struct brama_service_ref service = brama_rule_service(f->rule, rule);
    struct brama__ok_draft *d = brama__list_add(b, &b->oks, sizeof(*d));
    bool wants_groups = false;

    if (d == NULL)
        return;
    struct brama_span mutators = brama__build_mutators(b, rule, &wants_groups);
    *d = (struct brama__ok_draft){.methods = rule->methods};
    if (brama_pattern_of_regex(&d->path, rule->path, NULL) != BRAMA_OK)
        d->path.kind = BRAMA_PATTERN_NEVER;
    struct brama_p_oathkeeper row = {.path = brama__build_pattern(b, &d->path),
                                     .methods = rule->methods,
                                     .rule = rule_row,
                                     .authenticators =
                                         brama__build_authenticators(b, rule, f->handler),
                                     .mutators = mutators,
                                     .upstream = brama__build_upstream(b, service),
                                     .wants_groups = wants_groups,
                                     .host_header = cluster_host(b, service)};
    d->row = brama_packer_row(b->out, BRAMA_T_OATHKEEPER, &row, sizeof(row));
}

/* The VirtualService has one route for the first rule of each distinct path; v2: one a rule. */
static bool has_route(const struct form *f, size_t index)
{
    for (size_t i = 0; !f->v2 && i < index; i++)
        if (brama_str_eq(f->rule->rules[i].path, f->rule->rules[index].path))
            return false;
    return true;
}

static bool matches_any_method(const struct form *f, const struct brama_rule *rule)
{
    if (f->v2)
        return false;
    if (f->handler == BRAMA_HANDLER_ISTIO)
        return any_strategy(rule, BRAMA_STRATEGY_ALLOW);
    return !any_strategy(rule, BRAMA_STRATEGY_NO_AUTH);
}

/* The prefix "/" and the regular expression ".*", without another condition. istio-jwt.md 4.5. */
static bool is_catch_all(const struct form *f, const struct brama_p_route *route, brama_str path)
{
    return route->any_method &&
           (brama_str_eq(path, BRAMA_STR(".*")) ||
            (f->handler == BRAMA_HANDLER_ISTIO && brama_str_eq(path, BRAMA_STR("/*"))));
}

static void add_route(const struct form *f, size_t index, uint32_t rule_row, uint32_t workload)
{
    struct brama__build *b = f->b;
    const struct brama_rule *rule = &f->rule->rules[index];
    const struct brama_strategy *strategy = &rule->strategies[0];
    bool direct = is_direct(f, rule);
    struct brama__draft *d = brama__list_add(b, &b->drafts, sizeof(*d));

    if (d == NULL)
        return;
    *d = (struct brama__draft){.last = false};
    enum brama_err err =
        brama__route_pattern(&d->path, &b->arena, f->rule->version, f->handler, rule->path, NULL);
    if (err == BRAMA_ERR_NOMEM)
        b->err = err;
    if (err != BRAMA_OK)
        d->path.kind = BRAMA_PATTERN_NEVER;
    d->row = (struct brama_p_route){
        .path = brama__build_pattern(b, &d->path),
        .methods = rule->methods,
        .any_method = matches_any_method(f, rule),
        .responder = direct ? BRAMA_RESPONDER_SIDECAR : BRAMA_RESPONDER_OATHKEEPER,
        .strategy = (uint32_t)strategy->kind,
        .handler = (uint32_t)f->handler,
        .rule = rule_row,
        .upstream = brama__build_upstream(b, brama_rule_service(f->rule, rule)),
        .workload = workload,
        .timeout_s = brama_rule_timeout(f->rule, rule),
        .headers = header_rows(f, rule, direct),
        .cors = f->cors,
        .strip_cors = f->v2 || f->rule->cors.given};
    if (direct && wants_token(strategy))
        d->row.authz = authz_rows(b, &strategy->istio);
    d->last = is_catch_all(f, &d->row, rule->path);
}

static void add_rule(const struct form *f, size_t index)
{
    struct brama__build *b = f->b;
    const struct brama_rule *rule = &f->rule->rules[index];
    uint32_t rule_row = add_rule_row(f, index);
    struct brama_service_ref service = brama_rule_service(f->rule, rule);
    uint32_t workload = brama__build_workload(b, workload_name(b, service), service);
    bool direct = is_direct(f, rule);

    if (has_route(f, index))
        add_route(f, index, rule_row, workload);
    if (!direct && brama__has_authenticators(rule, f->handler))
        add_oathkeeper(f, index, rule_row);
    if (direct && wants_token(&rule->strategies[0])) {
        struct brama_span auths = auth_rows(b, &rule->strategies[0].istio, workload);
        if (has_route(f, index) && b->err == BRAMA_OK)
            ((struct brama__draft *)b->drafts.p)[b->drafts.n - 1].row.auths = auths;
    }
    if (f->has_policies && b->err == BRAMA_OK)
        add_policies(f, index, rule_row, workload);
}

/* Those of Oathkeeper's Rules that may match here; another form has none for this host. */
static void fold_oathkeeper(struct brama__build *b, struct brama__draft *d)
{
    const struct brama__ok_draft *oks = b->oks.p;
    for (size_t i = 0; i < b->oks.n; i++)
        if (brama__methods_meet(&d->row, oks[i].methods) &&
            brama_patterns_may_meet(&d->path, &oks[i].path))
            brama__build_number(b, &d->row.oathkeeper, oks[i].row);
}

static struct brama_span add_routes(struct brama__build *b)
{
    struct brama__draft *drafts = b->drafts.p;
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_ROUTE), (uint32_t)b->drafts.n};

    for (size_t i = 0; i < b->drafts.n; i++)
        if (drafts[i].row.responder == BRAMA_RESPONDER_OATHKEEPER)
            fold_oathkeeper(b, &drafts[i]);
    for (int last = 0; last <= 1; last++)
        for (size_t i = 0; i < b->drafts.n; i++)
            if (drafts[i].last == (last == 1))
                brama_packer_row(b->out, BRAMA_T_ROUTE, &drafts[i].row, sizeof(drafts[i].row));
    return span;
}

/* The first bytes, as numbers that sort as the texts do. */
static void take_head(uint64_t head[2], brama_str name)
{
    for (size_t i = 0; i < 2 * sizeof(head[0]); i++)
        head[i / sizeof(head[0])] =
            head[i / sizeof(head[0])] << 8 | (i < name.n ? (unsigned char)name.p[i] : 0);
}

/* A form that nobody reaches has neither hosts nor routes. */
static void add_hosts(struct brama__build *b, const struct brama_apirule *form)
{
    if (form->entry_count == 0 || b->drafts.n == 0)
        return;
    struct brama_span routes = add_routes(b);
    for (size_t i = 0; i < form->entry_count; i++) {
        const struct brama_entry *entry = &form->entries[i];
        struct brama__host_key *key = brama__list_add(b, &b->hosts, sizeof(*key));
        struct brama_p_host row = {.name = brama_packer_text(b->out, entry->host),
                                   .routes = routes,
                                   .listeners = (entry->plain ? BRAMA_HOST_PLAIN : 0u) |
                                                (entry->tls ? BRAMA_HOST_TLS : 0u) |
                                                (entry->redirect ? BRAMA_HOST_REDIRECT : 0u)};
        if (key == NULL)
            return;
        *key = (struct brama__host_key){
            .row = brama_packer_row(b->out, BRAMA_T_HOST, &row, sizeof(row)),
            .exact = brama_str_eq(entry->host, form->full_host)};
        take_head(key->head, entry->host);
    }
}

void brama__build_form(struct brama__build *b, const struct brama_apirule *form)
{
    struct form f = {.b = b,
                     .rule = form,
                     .handler = form->judged.handler,
                     .v2 = form->version == BRAMA_API_V2 || form->version == BRAMA_API_V2ALPHA1};
    f.has_policies = form_has_policies(&f);
    f.cors = brama__build_cors(b, form);
    for (size_t i = 0; i < form->rule_count && b->err == BRAMA_OK; i++)
        add_rule(&f, i);
    if (b->err == BRAMA_OK)
        add_hosts(b, form);
}
