/* A CALL of the engine as an nginx subrequest: with its own headers, body, addresses and clock, in
 * a location that no URI can name. The answer's body is collected up to a cap and goes to nobody.
 *
 *     if (d.verdict == BRAMA_VERDICT_CALL)
 *         rc = brama_gw_call(r, ctx, &d.call, facts);
 *     if (rc == NGX_AGAIN)
 *         return rc;           // and the access handler is called again, with the answer in ctx
 */
#ifndef BRAMA_GATEWAY_SUBCALL_H
#define BRAMA_GATEWAY_SUBCALL_H

#include "gateway/gateway.h"

/* May this request lead to one call more? */
bool brama_gw_may_call(const struct brama_gw_ctx *ctx);
/* Is one under way? */
bool brama_gw_is_calling(const struct brama_gw_ctx *ctx);
/* NGX_AGAIN: under way. NGX_OK: nobody is asked, for too many wait for him; that is the answer, and
 * is in ctx. NGX_ERROR: no memory, or no address. */
ngx_int_t brama_gw_call(ngx_http_request_t *r, struct brama_gw_ctx *ctx,
                        const struct brama_call *call, const struct brama_facts *facts);
/* The body filter of a subrequest: takes what came. */
void brama_gw_call_take(ngx_http_request_t *sr, ngx_chain_t *in);

/* Of the upstream block that calls go through. */
char *brama_gw_call_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* $brama_call_host, $brama_call_name, $brama_call_target and $brama_call_connection; data: which of
 * them. */
ngx_int_t brama_gw_call_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                                 uintptr_t data);

#endif
