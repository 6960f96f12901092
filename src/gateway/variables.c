/* Variables of the generated configuration. */
#include "gateway/gateway.h"
#include "gateway/slot.h"
#include "gateway/subcall.h"

static void set_value(ngx_http_variable_value_t *v, ngx_str_t s)
{
    v->len = (unsigned)(s.len & 0x0fffffff);
    v->data = s.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}

static ngx_int_t get_host(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);

    (void)data;
    set_value(v, ctx != NULL ? ctx->host : (ngx_str_t)ngx_null_string);
    return NGX_OK;
}

/* data: 0 for Connection, 1 for Upgrade. */
static ngx_int_t get_upgrade(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    static ngx_str_t names[] = {ngx_string("upgrade"), ngx_string("websocket")};
    struct brama_gw_ctx *ctx = brama_gw_ctx(r);

    /* An empty Connection header isn't sent, which HTTP/1.1 reads as keep-alive. */
    set_value(v, ctx != NULL && ctx->websocket ? names[data] : (ngx_str_t)ngx_null_string);
    return NGX_OK;
}

brama_str brama_gw_server_name(ngx_http_request_t *r)
{
    ngx_int_t index = brama_gw_main(r)->server_name_index;
    ngx_http_variable_value_t *name = ngx_http_get_indexed_variable(r, (ngx_uint_t)index);

    if (name == NULL || name->not_found)
        return BRAMA_NIL;
    return (brama_str){(const char *)name->data, name->len};
}

/* data: 0 for the chain, 1 for the key. The PEM is copied: facts may change before it is read. */
static ngx_int_t get_tls(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    struct brama_slot *slot = brama_gw_slot(r);

    v->not_found = 1;
    if (slot == NULL)
        return NGX_OK;
    brama_slot_refresh(slot);
    if (slot->facts == NULL)
        return NGX_OK;
    const struct brama_facts *facts = &slot->facts->facts;
    const struct brama_f_cert *cert = brama_facts_cert(facts, brama_gw_server_name(r));
    if (cert == NULL)
        return NGX_OK;
    brama_str pem = brama_pack_text(&facts->pack, data == 0 ? cert->chain_pem : cert->key_pem);
    pem = brama_gw_copy(r->pool, pem);
    if (pem.n != 0)
        set_value(v, brama_gw_ngx(pem));
    return NGX_OK;
}

ngx_int_t brama_gw_variables(ngx_conf_t *cf)
{
    static const struct {
        ngx_str_t name;
        ngx_http_get_variable_pt get;
        uintptr_t data;
    } rows[] = {
        {ngx_string("brama_host"), get_host, 0},
        {ngx_string("brama_connection"), get_upgrade, 0},
        {ngx_string("brama_upgrade"), get_upgrade, 1},
        {ngx_string("brama_tls_chain"), get_tls, 0},
        {ngx_string("brama_tls_key"), get_tls, 1},
        {ngx_string("brama_call_host"), brama_gw_call_variable, 0},
        {ngx_string("brama_call_name"), brama_gw_call_variable, 1},
        {ngx_string("brama_call_target"), brama_gw_call_variable, 2},
        {ngx_string("brama_call_connection"), brama_gw_call_variable, 3},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        ngx_str_t name = rows[i].name;
        ngx_http_variable_t *v = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (v == NULL)
            return NGX_ERROR;
        v->get_handler = rows[i].get;
        v->data = rows[i].data;
    }
    return NGX_OK;
}
