/* placeholder */
#include "gateway/gateway.h"
ngx_int_t brama_gw_admin_handler(ngx_http_request_t *r)
{
    (void)r;
    return NGX_DECLINED;
}
