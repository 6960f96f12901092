/* External authorizers of the mesh configuration, each once. istio-jwt.md section 5. */
#include "policy/build.h"

static struct brama_span fixed_rows(struct brama__build *b, const struct brama_authorizer *a)
{
    struct brama_span span = {brama_packer_count(b->out, BRAMA_T_HEADER), 0};

    for (size_t i = 0; i < a->fixed_header_count; i++)
        brama__build_envoy_header(b, &span, a->fixed_headers[i].name, a->fixed_headers[i].value,
                                  false);
    return span;
}

/* "[namespace/]name": the name alone says where it is, mostly in full. */
static brama_str host_of(const struct brama_authorizer *a)
{
    size_t slash = brama_str_find(a->service, '/');
    return slash < a->service.n ? brama_str_from(a->service, slash + 1) : a->service;
}

uint32_t brama__build_authorizer(struct brama__build *b, brama_str name)
{
    const struct brama_authorizer *a = brama_world_authorizer(b->in->world, name);
    uint32_t at;

    if (a == NULL || !a->is_http || a->problem.n != 0 || a->body_max_bytes > BRAMA_CHECK_BODY_MAX)
        return BRAMA_NO_ROW; /* a last good form whose authorizer is gone: nobody passes */
    if (!brama__build_named(b, BRAMA_T_AUTHORIZER, name, &at))
        return at;
    struct brama_p_authorizer row = {
        .name = brama_packer_text(b->out, a->name),
        .path_prefix = brama_packer_text(b->out, a->path_prefix),
        .check_headers = brama__build_texts(b, a->check_headers),
        .fixed_headers = fixed_rows(b, a),
        .upstream_headers = brama__build_texts(b, a->upstream_headers),
        .allow_headers = brama__build_texts(b, a->allow_headers),
        .deny_headers = brama__build_texts(b, a->deny_headers),
        .target = brama__build_target(b, false, host_of(a), a->port),
        .deny_headers_given = a->deny_headers_given,
        .timeout_ms = a->timeout_ms < UINT32_MAX ? (uint32_t)a->timeout_ms : UINT32_MAX,
        .fail_open = a->fail_open,
        .error_status = a->status_on_error,
        .body_max = a->body_max_bytes,
        .body_partial = a->body_may_be_partial};
    return brama_packer_row(b->out, BRAMA_T_AUTHORIZER, &row, sizeof(row));
}
