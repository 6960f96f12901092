/* The admin listener: who may ask, what for, and where the answers are made. */
#ifndef BRAMA_GATEWAY_ADMIN_H
#define BRAMA_GATEWAY_ADMIN_H

#include "gateway/gateway.h"
#include "gateway/slot.h"

/* Answer with a text made at once; a content handler's return value. body must outlive r. */
ngx_int_t brama_gw_send(ngx_http_request_t *r, ngx_uint_t status, brama_str type, brama_str body);

/* metrics.c: Prometheus text format 0.0.4. */
ngx_int_t brama_gw_metrics(ngx_http_request_t *r);
/* ready.c: is every live worker on the newest files? If not, out says what is missing. */
bool brama_gw_ready(struct brama_buf *out, const struct brama_slot *slot);

/* admin_list.c: lists that may be long, sent slice by slice. */
ngx_int_t brama_gw_list_apirules(ngx_http_request_t *r);
ngx_int_t brama_gw_list_keysets(ngx_http_request_t *r);

/* admin_refusals.c */
ngx_int_t brama_gw_list_refusals(ngx_http_request_t *r);
ngx_int_t brama_gw_get_refusal(ngx_http_request_t *r, brama_str id);

/* admin_jwks.c: the public halves of the keys that id_token signs with. */
ngx_int_t brama_gw_jwks(ngx_http_request_t *r);

/* admin_explain.c */
ngx_int_t brama_gw_post_explain(ngx_http_request_t *r);

/* admin_rows.c: one row of a list. */
struct brama_json_out;
void brama_gw_write_apirule(struct brama_json_out *out, const struct brama_policy *policy,
                            uint32_t index);
void brama_gw_write_keyset(struct brama_json_out *out, const struct brama_facts *facts,
                           uint32_t index, const struct brama_slot *slot);

#endif
