#include "cli/call_out.h"

#define HEADERS_MAX 200

/* "Name: value" lines. */
static void take_headers(struct brama_call_answer *out, struct brama_arena *arena, brama_str head)
{
    struct brama_header *headers = brama_arena_array(arena, HEADERS_MAX, sizeof(*headers));
    brama_str line;

    while (headers != NULL && out->header_count < HEADERS_MAX &&
           brama_str_next(&head, '\n', &line)) {
        size_t colon = brama_str_find(line, ':');
        if (colon != line.n)
            headers[out->header_count++] =
                (struct brama_header){brama_str_trim(brama_str_head(line, colon)),
                                      brama_str_trim(brama_str_from(line, colon + 1))};
    }
    out->headers = headers;
}

void brama_call_out(struct brama_call_answer *out, struct brama_arena *arena,
                    const struct brama_call *call, const struct brama_http_options *http)
{
    struct brama_http_header *headers =
        brama_arena_array(arena, call->header_count + 1, sizeof(*headers));
    struct brama_http_options options = *http;
    struct brama_http_answer answer = {0};
    bool ipv6 = brama_str_find(call->host, ':') != call->host.n;

    *out = (struct brama_call_answer){.key = call->key};
    if (headers == NULL)
        return;
    headers[0] = (struct brama_http_header){BRAMA_STR("Host"), call->authority};
    for (size_t i = 0; i < call->header_count; i++)
        headers[i + 1] = (struct brama_http_header){call->headers[i].name, call->headers[i].value};
    brama_str url = brama_arena_printf(arena, ipv6 ? "%s://[%.*s]:%u%.*s" : "%s://%.*s:%u%.*s",
                                       call->tls ? "https" : "http", BRAMA_FMT(call->host),
                                       call->port, BRAMA_FMT(call->target));
    options.method = call->method;
    options.body = call->body;
    options.headers = headers;
    options.header_count = call->header_count + 1;
    options.max_body = call->answer_max;
    options.total_ms = options.connect_ms = call->timeout_ms;
    brama_http_get(&answer, arena, url, &options);
    out->end = answer.status != 0 ? BRAMA_CALL_ANSWERED
               : answer.timed_out ? BRAMA_CALL_TIMEOUT
               : answer.too_big   ? BRAMA_CALL_TOO_BIG
                                  : BRAMA_CALL_FAILED;
    out->status = answer.status;
    out->body = answer.body;
    take_headers(out, arena, answer.head);
}
