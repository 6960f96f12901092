/* Slices to and from nginx's strings. */
#include "gateway/gateway.h"

brama_str brama_gw_str(ngx_str_t s)
{
    return (brama_str){(const char *)s.data, s.len};
}

ngx_str_t brama_gw_ngx(brama_str s)
{
    /* nginx's strings aren't const, though nobody writes through this one. */
    return (ngx_str_t){s.n, (u_char *)(uintptr_t)s.p};
}

brama_str brama_gw_copy(ngx_pool_t *pool, brama_str s)
{
    if (s.n == 0)
        return BRAMA_NIL;
    char *p = ngx_pnalloc(pool, s.n);
    if (p == NULL)
        return BRAMA_NIL;
    memcpy(p, s.p, s.n);
    return (brama_str){p, s.n};
}

bool brama_gw_list_has(brama_str list, brama_str token)
{
    brama_str piece;

    while (brama_str_next(&list, ',', &piece)) {
        if (brama_str_eq_nocase(brama_str_trim(piece), token))
            return true;
    }
    return false;
}
