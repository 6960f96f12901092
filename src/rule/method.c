#include "rule/model.h"

static const struct {
    brama_str name;
    brama_methods one;
} methods[] = {
    {BRAMA_LIT("GET"), BRAMA_METHOD_GET},         {BRAMA_LIT("HEAD"), BRAMA_METHOD_HEAD},
    {BRAMA_LIT("POST"), BRAMA_METHOD_POST},       {BRAMA_LIT("PUT"), BRAMA_METHOD_PUT},
    {BRAMA_LIT("DELETE"), BRAMA_METHOD_DELETE},   {BRAMA_LIT("CONNECT"), BRAMA_METHOD_CONNECT},
    {BRAMA_LIT("OPTIONS"), BRAMA_METHOD_OPTIONS}, {BRAMA_LIT("TRACE"), BRAMA_METHOD_TRACE},
    {BRAMA_LIT("PATCH"), BRAMA_METHOD_PATCH},
};

brama_methods brama_method_by_name(brama_str name)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(methods); i++)
        if (brama_str_eq(methods[i].name, name))
            return methods[i].one;
    return 0;
}

const char *brama_method_name(brama_methods one)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(methods); i++)
        if (methods[i].one == one)
            return methods[i].name.p;
    return "";
}

struct brama_service_ref brama_rule_service(const struct brama_apirule *apirule,
                                            const struct brama_rule *rule)
{
    struct brama_service_ref service = rule->service.given ? rule->service : apirule->service;

    if (!service.given)
        return service;
    if (service.ns.n == 0)
        service.ns = apirule->service.ns;
    if (service.ns.n == 0)
        service.ns = apirule->ns;
    return service;
}

struct brama_where brama_apirule_place(const struct brama_apirule *apirule)
{
    const struct brama_failure *first = apirule->judged.failures.first;
    return first != NULL && first->where.line != 0 ? first->where : apirule->where;
}

brama_str brama_apirule_forwarded_host(const struct brama_apirule *apirule)
{
    return brama_str_starts(apirule->full_host, BRAMA_STR("*.")) ? BRAMA_STR("%REQ(:AUTHORITY)%")
                                                                 : apirule->full_host;
}

uint16_t brama_rule_timeout(const struct brama_apirule *apirule, const struct brama_rule *rule)
{
    if (rule->timeout_s != 0)
        return rule->timeout_s;
    return apirule->timeout_s != 0 ? apirule->timeout_s : 180;
}
