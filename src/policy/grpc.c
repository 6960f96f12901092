/* Refusals that gRPC clients understand: istio-jwt.md 2.11, 3.2 and 4.7. */
#include "policy/inner.h"

bool brama__is_grpc(const struct brama_request *request)
{
    static const brama_str type = BRAMA_LIT("application/grpc");
    const struct brama_header *h = brama__header(request, BRAMA_STR("content-type"), NULL);

    if (h == NULL || !brama_str_eq_nocase(brama_str_head(h->value, type.n), type))
        return false;
    brama_str rest = brama_str_from(h->value, type.n);
    return rest.n == 0 || rest.p[0] == '+' || rest.p[0] == ';'; /* not application/grpc-web */
}

static const char *status_of(uint16_t http)
{
    static const struct {
        uint16_t http;
        const char *grpc;
    } rows[] = {
        {400, "13"},              /* INTERNAL */
        {401, "16"},              /* UNAUTHENTICATED */
        {403, "7"},               /* PERMISSION_DENIED */
        {404, "12"},              /* UNIMPLEMENTED */
        {501, "12"}, {429, "14"}, /* UNAVAILABLE */
        {502, "14"}, {503, "14"}, {504, "14"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++)
        if (rows[i].http == http)
            return rows[i].grpc;
    return "2"; /* UNKNOWN */
}

/* Our own texts have nothing that grpc-message would have to escape. */
void brama__say_in_grpc(struct brama__case *c)
{
    struct brama_decision *out = c->out;
    brama__add_response_header(c, BRAMA_STR("grpc-status"), brama_str_c(status_of(out->status)));
    if (out->body.n != 0)
        brama__add_response_header(c, BRAMA_STR("grpc-message"), out->body);
    out->status = 200;
    out->content_type = BRAMA_STR("application/grpc");
    out->body = BRAMA_NIL;
}
