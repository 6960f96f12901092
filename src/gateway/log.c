/* The access log, one JSON object a line, and the counters: both are written in the log phase,
 * which every request meets exactly once. Never a token, and never a query, which may hold one. */
#include "gateway/gateway.h"
#include "gateway/slot.h"
#include "policy/counts.h"
#include "json/write.h"

#include <time.h>

brama_str brama_gw_path(ngx_http_request_t *r, const struct brama_gw_ctx *ctx)
{
    brama_str path = brama_gw_str(ctx != NULL ? ctx->raw_target : r->unparsed_uri);
    size_t query = brama_str_find(path, '?');
    size_t fragment = brama_str_find(path, '#');

    return brama_str_head(path, query < fragment ? query : fragment);
}

u_char *brama_gw_error_log(ngx_http_request_t *r, ngx_http_request_t *sr, u_char *buf, size_t len)
{
    const struct brama_gw_ctx *ctx = brama_gw_ctx(r);
    ngx_str_t path = brama_gw_ngx(brama_gw_path(r, ctx));
    u_char *p = ngx_snprintf(buf, len, ", request: \"%V %V\"", &r->method_name, &path);

    (void)sr;
    if (ctx != NULL)
        p = ngx_snprintf(p, len - (size_t)(p - buf), ", request_id: \"%*s\"",
                         sizeof(ctx->request_id), ctx->request_id);
    if (r->upstream != NULL && r->upstream->peer.name != NULL)
        p = ngx_snprintf(p, len - (size_t)(p - buf), ", upstream: \"%V\"", r->upstream->peer.name);
    return p;
}

static enum brama_reason reason_of(ngx_http_request_t *r, const struct brama_gw_ctx *ctx)
{
    if (!r->header_sent && r->headers_out.status == NGX_HTTP_BAD_REQUEST)
        return BRAMA_REASON_BAD_REQUEST; /* its body went wrong on the way: cut without an answer */
    if (!r->header_sent || r->headers_out.status == NGX_HTTP_CLIENT_CLOSED_REQUEST)
        return BRAMA_REASON_CLIENT_GONE;
    if (ctx == NULL)
        return BRAMA_REASON_BAD_REQUEST;
    if (ctx->deadline_fired)
        return BRAMA_REASON_UPSTREAM_TIMEOUT;
    return ctx->answer_cut ? BRAMA_REASON_UPSTREAM_FAILED : ctx->reason;
}

static void member_int(struct brama_json_out *out, brama_str key, int64_t value)
{
    brama_json_key(out, key);
    brama_json_int(out, value);
}

/* Not there and empty are the same to a reader of the log. */
static void member_some(struct brama_json_out *out, brama_str key, brama_str value)
{
    if (value.n != 0)
        brama_json_member(out, key, value);
}

static brama_str decision_name(const struct brama_gw_ctx *ctx)
{
    switch (ctx != NULL ? ctx->verdict : BRAMA_VERDICT_DENY) {
    case BRAMA_VERDICT_ALLOW:
        return BRAMA_STR("allow");
    case BRAMA_VERDICT_ANSWER:
        return BRAMA_STR("answer");
    case BRAMA_VERDICT_DENY:
    case BRAMA_VERDICT_PARK:
    case BRAMA_VERDICT_CALL:
    case BRAMA_VERDICT_READ:
        break;
    }
    return BRAMA_STR("deny");
}

static void write_time(struct brama_json_out *out, ngx_http_request_t *r)
{
    char text[40];
    struct tm tm;

    gmtime_r(&r->start_sec, &tm);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    u_char *end = ngx_snprintf((u_char *)text + n, sizeof(text) - n, ".%03MZ", r->start_msec);
    brama_json_member(out, BRAMA_STR("start_time"),
                      (brama_str){text, (size_t)((char *)end - text)});
}

static int64_t duration_ms(ngx_http_request_t *r)
{
    const ngx_time_t *now = ngx_timeofday();
    int64_t ms =
        (int64_t)(now->sec - r->start_sec) * 1000 + (int64_t)now->msec - (int64_t)r->start_msec;

    return ms > 0 ? ms : 0;
}

static void write_upstream(struct brama_json_out *out, ngx_http_request_t *r)
{
    if (r->upstream_states == NULL || r->upstream_states->nelts == 0)
        return;
    const ngx_http_upstream_state_t *states = r->upstream_states->elts;
    const ngx_http_upstream_state_t *last = &states[r->upstream_states->nelts - 1];
    if (last->peer != NULL)
        brama_json_member(out, BRAMA_STR("upstream_addr"), brama_gw_str(*last->peer));
    if (last->status != 0)
        member_int(out, BRAMA_STR("upstream_status"), (int64_t)last->status);
}

static void write_request(struct brama_json_out *out, ngx_http_request_t *r,
                          const struct brama_gw_ctx *ctx)
{
    if (ctx != NULL)
        brama_json_member(out, BRAMA_STR("request_id"),
                          (brama_str){ctx->request_id, sizeof(ctx->request_id)});
    member_some(out, BRAMA_STR("method"), brama_gw_str(r->method_name));
    member_some(out, BRAMA_STR("authority"), brama_gw_authority(r));
    member_some(out, BRAMA_STR("path"), brama_gw_path(r, ctx));
    member_some(out, BRAMA_STR("protocol"), brama_gw_str(r->http_protocol));
    member_int(out, BRAMA_STR("response_code"), (int64_t)r->headers_out.status);
}

static void write_decision(struct brama_json_out *out, const struct brama_gw_ctx *ctx,
                           enum brama_reason reason)
{
    brama_json_member(out, BRAMA_STR("decision"), decision_name(ctx));
    brama_json_member(out, BRAMA_STR("reason"), brama_str_c(brama_reason_name(reason)));
    if (ctx == NULL)
        return;
    if (ctx->has_rule) {
        brama_json_member(out, BRAMA_STR("rule"), ctx->apirule);
        member_int(out, BRAMA_STR("rule_index"), ctx->rule_index);
    }
    member_some(out, BRAMA_STR("issuer"), ctx->issuer);
    member_some(out, BRAMA_STR("subject"), ctx->subject);
    member_some(out, BRAMA_STR("kid"), ctx->kid);
}

static void write_line(ngx_http_request_t *r, const struct brama_gw_ctx *ctx,
                       struct brama_buf *line, enum brama_reason reason)
{
    struct brama_json_out out;

    brama_buf_reset(line);
    brama_json_out_init(&out, line, 0);
    brama_json_map(&out);
    write_time(&out, r);
    write_request(&out, r, ctx);
    write_decision(&out, ctx, reason);
    member_int(&out, BRAMA_STR("bytes_received"), (int64_t)r->request_length);
    member_int(&out, BRAMA_STR("bytes_sent"), (int64_t)r->connection->sent);
    member_int(&out, BRAMA_STR("duration_ms"), duration_ms(r));
    write_upstream(&out, r);
    brama_json_member(&out, BRAMA_STR("client"), brama_gw_str(r->connection->addr_text));
    if (r->headers_in.user_agent != NULL)
        member_some(&out, BRAMA_STR("user_agent"), brama_gw_str(r->headers_in.user_agent->value));
    brama_json_end(&out);
    brama_buf_add_c(line, '\n');
}

/* 1 + the bit of the method; 0: no rule can name it. */
static uint8_t method_number(brama_str name)
{
    brama_methods method = brama_method_by_name(name);
    uint8_t n = 0;

    while (method != 0) {
        method = (brama_methods)(method >> 1);
        n++;
    }
    return n;
}

static void count_labels(ngx_http_request_t *r, const struct brama_gw_ctx *ctx,
                         struct brama_counts *counts, enum brama_reason reason)
{
    struct brama_count_labels labels = {.status = (uint16_t)r->headers_out.status,
                                        .method = method_number(brama_gw_str(r->method_name)),
                                        .reason = (uint8_t)reason};

    if (ctx != NULL) {
        labels.apirule = ctx->apirule;
        labels.rule = ctx->rule_index;
        labels.strategy = (uint8_t)ctx->strategy;
        labels.verdict = (uint8_t)ctx->verdict;
    }
    brama_counts_add(counts, &labels, (uint64_t)duration_ms(r));
}

static void count(struct brama_slot *slot, enum brama_reason reason)
{
    struct brama_memory_counts counts = brama_memory_counts(slot->memory);

    atomic_fetch_add_explicit(&slot->page->reasons[reason], 1, memory_order_relaxed);
    /* The page outlives its worker, so what an earlier one counted stays below ours. */
    atomic_fetch_add_explicit(&slot->page->token_hits, counts.token_hits - slot->counted.token_hits,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&slot->page->token_misses,
                              counts.token_misses - slot->counted.token_misses,
                              memory_order_relaxed);
    slot->counted = counts;
}

static ngx_fd_t log_fd(const struct brama_gw_main *conf)
{
    if (conf->log_to_stdout)
        return STDOUT_FILENO;
    return conf->access_log != NULL ? conf->access_log->fd : NGX_INVALID_FILE;
}

ngx_int_t brama_gw_log_handler(ngx_http_request_t *r)
{
    struct brama_gw_main *conf = brama_gw_main(r);
    const struct brama_gw_ctx *ctx = brama_gw_ctx(r);

    if (!brama_gw_loc(r)->on || conf->slot == NULL)
        return NGX_OK;
    enum brama_reason reason = reason_of(r, ctx);
    count(conf->slot, reason);
    if (conf->slot->counts != NULL)
        count_labels(r, ctx, conf->slot->counts, reason);
    ngx_fd_t fd = log_fd(conf);
    if (fd == NGX_INVALID_FILE)
        return NGX_OK;
    write_line(r, ctx, &conf->slot->line, reason);
    brama_str line = brama_buf_str(&conf->slot->line);
    if (brama_buf_err(&conf->slot->line) == BRAMA_OK)
        (void)ngx_write_fd(fd, brama_gw_ngx(line).data, line.n);
    return NGX_OK;
}
