#include "cluster/render.h"

#include "cluster/rendering.h"

#define GROUP "gateway.kyma-project.io"

static brama_str text(const char *s)
{
    return brama_str_c(s);
}

void brama__render_begin(const struct brama__rendering *r, const char *api_version,
                         const char *kind, brama_str ns, const char *const *labels)
{
    static const char *const common[] = {"kyma-project.io/module", "app.kubernetes.io/managed-by",
                                         "app.kubernetes.io/component",
                                         "app.kubernetes.io/part-of"};

    brama_json_map(r->out);
    brama_json_member(r->out, BRAMA_STR("apiVersion"), text(api_version));
    brama_json_member(r->out, BRAMA_STR("kind"), text(kind));
    brama_json_key(r->out, BRAMA_STR("metadata"));
    brama_json_map(r->out);
    brama__render_member(r, "generateName", "%.*s-", BRAMA_FMT(r->apirule->name));
    brama_json_member(r->out, BRAMA_STR("namespace"), ns);
    brama_json_key(r->out, BRAMA_STR("labels"));
    brama_json_map(r->out);
    brama_json_member(r->out, BRAMA_STR("apirule." GROUP "/name"), r->apirule->name);
    brama_json_member(r->out, BRAMA_STR("apirule." GROUP "/namespace"), r->apirule->ns);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(common); i++)
        brama_json_member(r->out, text(common[i]), BRAMA_STR("api-gateway"));
    for (size_t i = 0; labels != NULL && labels[i] != NULL; i += 2)
        brama_json_member(r->out, text(labels[i]), text(labels[i + 1]));
    brama_json_end(r->out);
    brama_json_end(r->out);
    brama_json_key(r->out, BRAMA_STR("spec"));
    brama_json_map(r->out);
}

void brama__render_end(const struct brama__rendering *r)
{
    brama_json_end(r->out);
    brama_json_end(r->out);
}

void brama__render_texts(const struct brama__rendering *r, const char *key,
                         struct brama_str_list list)
{
    brama_json_key(r->out, text(key));
    brama_json_list(r->out);
    for (size_t i = 0; i < list.n; i++)
        brama_json_str(r->out, list.p[i]);
    brama_json_end(r->out);
}

brama_str brama__render_aside(const struct brama__rendering *r, const struct brama_buf *aside)
{
    if (brama_buf_err(aside) == BRAMA_OK)
        return brama_buf_str(aside);
    if (r->out->buf->err == BRAMA_OK)
        r->out->buf->err = brama_buf_err(aside);
    return BRAMA_NIL;
}

void brama__render_member(const struct brama__rendering *r, const char *key, const char *fmt, ...)
{
    struct brama_buf value;
    va_list args;

    brama_buf_init(&value, r->out->buf->alloc, SIZE_MAX);
    va_start(args, fmt);
    brama_buf_vprintf(&value, fmt, args);
    va_end(args);
    brama_json_member(r->out, text(key), brama__render_aside(r, &value));
    brama_buf_deinit(&value);
}

void brama__render_methods(const struct brama__rendering *r, brama_methods methods)
{
    brama_json_key(r->out, BRAMA_STR("methods"));
    brama_json_list(r->out);
    for (unsigned bit = 1; bit <= BRAMA_METHOD_ALL; bit <<= 1)
        if ((methods & bit) != 0)
            brama_json_str(r->out, text(brama_method_name((brama_methods)bit)));
    brama_json_end(r->out);
}

static const struct brama_service *service_of(const struct brama__rendering *r,
                                              struct brama_service_ref ref)
{
    for (const struct brama_service *s = r->world->services; s != NULL; s = s->next)
        if (brama_str_eq(s->ns, ref.ns) && brama_str_eq(s->name, ref.name))
            return s->selector != NULL && s->selector->count != 0 ? s : NULL;
    return NULL;
}

void brama__render_selector(const struct brama__rendering *r, const struct brama_rule *rule)
{
    struct brama_service_ref ref = brama_rule_service(r->apirule, rule);
    const struct brama_service *service = service_of(r, ref);

    brama_json_key(r->out, BRAMA_STR("selector"));
    brama_json_map(r->out);
    brama_json_key(r->out, BRAMA_STR("matchLabels"));
    brama_json_map(r->out);
    if (service == NULL)
        brama_json_member(r->out, BRAMA_STR("app"), ref.name);
    for (const struct brama_node *l = service != NULL ? service->selector->first : NULL; l != NULL;
         l = l->next)
        brama_json_member(r->out, l->key, l->text);
    brama_json_end(r->out);
    brama_json_end(r->out);
}

bool brama__rule_has(const struct brama_rule *rule, enum brama_strategy_kind kind)
{
    for (size_t i = 0; i < rule->strategy_count; i++)
        if (rule->strategies[i].kind == kind)
            return true;
    return false;
}

bool brama__rule_is_open(const struct brama_rule *rule)
{
    for (size_t i = 0; i < rule->strategy_count; i++)
        if (rule->strategies[i].kind != BRAMA_STRATEGY_ALLOW &&
            rule->strategies[i].kind != BRAMA_STRATEGY_NO_AUTH)
            return false;
    return true;
}

bool brama__rule_by_oathkeeper(const struct brama__rendering *r, const struct brama_rule *rule)
{
    if (r->v2 || brama__rule_is_open(rule))
        return false;
    return r->handler != BRAMA_HANDLER_ISTIO || !brama__rule_has(rule, BRAMA_STRATEGY_JWT);
}

const struct brama_jwt_istio *brama__rule_jwt(const struct brama__rendering *r,
                                              const struct brama_rule *rule)
{
    if (!r->v2 && r->handler != BRAMA_HANDLER_ISTIO)
        return NULL;
    for (size_t i = 0; i < rule->strategy_count; i++) {
        const struct brama_strategy *s = &rule->strategies[i];
        bool asks = s->kind == BRAMA_STRATEGY_JWT || s->kind == BRAMA_STRATEGY_EXT_AUTH;
        if (asks && s->istio.auth_count != 0)
            return &s->istio;
    }
    return NULL;
}

void brama_render(struct brama_json_out *out, const struct brama_world *world,
                  const struct brama_apirule *apirule, enum brama_handler handler)
{
    struct brama__rendering r = {.out = out,
                                 .world = world,
                                 .apirule = apirule,
                                 .handler = handler,
                                 .v2 = apirule->version == BRAMA_API_V2 ||
                                       apirule->version == BRAMA_API_V2ALPHA1};

    brama__render_virtual_service(&r);
    if (r.v2) {
        brama__render_authorization_policies(&r);
        brama__render_request_authentications(&r);
        return;
    }
    brama__render_request_authentications(&r);
    brama__render_authorization_policies(&r);
    brama__render_oathkeeper_rules(&r);
}
