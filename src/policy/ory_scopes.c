/* Does a granted scope cover a required one? oathkeeper.md 2.0, its four strategies. */
#include "policy/inner.h"

static bool hierarchic(brama_str granted, brama_str wanted)
{
    return brama_str_eq(granted, wanted) ||
           (brama_str_starts(wanted, granted) && wanted.p[granted.n] == '.');
}

/* Part by part; "*" is one part that isn't empty, a last "*" covers the rest. oathkeeper.md 2.0. */
static bool wildcard(brama_str granted, brama_str wanted)
{
    brama_str g, w;
    while (brama_str_next(&granted, '.', &g)) {
        if (!brama_str_next(&wanted, '.', &w))
            return false;
        bool star = brama_str_eq(g, BRAMA_STR("*"));
        if (star ? w.n == 0 : !brama_str_eq(g, w))
            return false;
        if (granted.p == NULL && wanted.p != NULL)
            return star;
    }
    return wanted.p == NULL;
}

bool brama__scope_grants(enum brama_scope_strategy strategy, brama_str granted, brama_str wanted)
{
    switch (strategy) {
    case BRAMA_SCOPES_EXACT:
        return brama_str_eq(granted, wanted);
    case BRAMA_SCOPES_HIERARCHIC:
        return hierarchic(granted, wanted);
    case BRAMA_SCOPES_WILDCARD:
        return wildcard(granted, wanted);
    case BRAMA_SCOPES_NONE:
        break;
    }
    return false;
}
