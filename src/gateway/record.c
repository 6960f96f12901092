#include "gateway/record.h"
#include "gateway/shared.h"
#include "policy/explain.h"
#include "policy/refusals.h"
#include "shm/shm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TRACES_A_SECOND 1000
#define RULES_TRACED 32             /* that were tried in vain: a record has no room for more */
#define ROOM_RECORDS 64             /* so many get their blocks of the disk at once */
#define TEXT_MAX_BYTES (256u << 10) /* before it is cut to a record */

struct brama_recorder {
    struct brama_refusals *ring; /* NULL: not to be had */
    int fd;
    uint64_t room; /* records that have their blocks, in the first round */
    time_t second;
    unsigned traces; /* in that second */
    struct brama_buf text;
};

static void give_up(struct brama_recorder *rec, ngx_log_t *log)
{
    ngx_log_error(NGX_LOG_ERR, log, ngx_errno, "brama: refusals can't be recorded");
    brama_shared_unmap(rec->ring, sizeof(*rec->ring));
    rec->ring = NULL;
}

/* A page without a block is a SIGBUS on a full disk. */
static bool have_room(struct brama_recorder *rec, ngx_log_t *log)
{
    uint64_t end = brama_refusals_end(rec->ring);

    if (end < rec->room || rec->room == BRAMA_REFUSALS_MAX)
        return true;
    if (posix_fallocate(rec->fd, 0,
                        (off_t)(offsetof(struct brama_refusals, record) +
                                (rec->room + ROOM_RECORDS) * BRAMA_REFUSAL_BYTES)) != 0) {
        give_up(rec, log);
        return false;
    }
    rec->room += ROOM_RECORDS;
    return have_room(rec, log);
}

struct brama_recorder *brama_recorder_open(const struct brama_slot *slot)
{
    struct brama_recorder *rec = calloc(1, sizeof(*rec));

    if (rec == NULL)
        return NULL;
    brama_buf_init(&rec->text, NULL, TEXT_MAX_BYTES);
    rec->ring = brama_shared_own(&rec->fd, slot, BRAMA_STATE_REFUSALS, sizeof(*rec->ring),
                                 BRAMA_REFUSALS_PAGE_BYTES);
    if (rec->ring == NULL)
        give_up(rec, slot->cycle->log);
    else
        brama_refusals_claim(rec->ring);
    return rec;
}

void brama_recorder_close(struct brama_recorder *rec)
{
    if (rec == NULL)
        return;
    brama_shared_unmap(rec->ring, sizeof(*rec->ring));
    if (rec->fd != -1)
        (void)close(rec->fd);
    brama_buf_deinit(&rec->text);
    free(rec);
}

bool brama_recorder_is_whole(const struct brama_recorder *rec)
{
    return rec->ring == NULL || brama_shm_whole(rec->fd, rec->ring, sizeof(*rec->ring));
}

static bool may_trace(struct brama_recorder *rec)
{
    if (rec->second != ngx_time()) {
        rec->second = ngx_time();
        rec->traces = 0;
    }
    return rec->traces++ < TRACES_A_SECOND;
}

static int64_t now_ms(void)
{
    const ngx_time_t *now = ngx_timeofday();

    return (int64_t)now->sec * 1000 + (int64_t)now->msec;
}

static void add(ngx_http_request_t *r, struct brama_explanation *e)
{
    struct brama_slot *slot = brama_gw_slot(r);
    struct brama_recorder *rec = slot->recorder;
    const struct brama_decision *d = e->decision;
    struct brama_refusal_head head = {
        .time_ms = now_ms(), .reason = (uint32_t)d->reason, .apirule = brama_str_hash(d->apirule)};
    size_t summary_n;

    if (d->apirule.n == 0)
        head.apirule = 0;
    e->arena = &slot->arena;
    e->time_ms = head.time_ms;
    e->request_id = e->request->request_id;
    e->policy = slot->policy != NULL ? slot->policy->number : 0;
    e->facts = slot->facts != NULL ? slot->facts->number : 0;
    memcpy(head.id, e->request_id.p, sizeof(head.id));
    if (brama_explain_within(&rec->text, e, BRAMA_REFUSAL_TEXT_BYTES, &summary_n) &&
        have_room(rec, r->connection->log))
        brama_refusals_add(rec->ring, &head, brama_buf_str(&rec->text), summary_n);
}

static bool wants_record(ngx_http_request_t *r)
{
    const struct brama_slot *slot = brama_gw_slot(r);

    return slot->recorder != NULL && slot->recorder->ring != NULL &&
           brama_gw_main(r)->keep != BRAMA_GW_KEEP_OFF;
}

/* Again, for its trace; without checking signatures, unless that would lead elsewhere. */
static void decide_again(struct brama_trace *trace, const struct brama_engine *engine,
                         const struct brama_request *request, const struct brama_decision *d,
                         struct brama_arena *arena)
{
    struct brama_engine again = *engine;
    struct brama_decision second;

    again.may_park = false;
    again.replay = true;
    brama_trace_init(trace, arena);
    trace->vain_max = RULES_TRACED;
    brama_decide(&second, &again, request, arena, trace);
    if (second.reason == d->reason)
        return;
    again.replay = false;
    brama_trace_init(trace, arena);
    trace->vain_max = RULES_TRACED;
    brama_decide(&second, &again, request, arena, trace);
}

void brama_gw_record_decision(ngx_http_request_t *r, const struct brama_engine *engine,
                              const struct brama_request *request, const struct brama_decision *d)
{
    struct brama_slot *slot = brama_gw_slot(r);
    struct brama_explanation e = {.request = request,
                                  .decision = d,
                                  .in_force = engine->policy,
                                  .brief = brama_gw_main(r)->keep == BRAMA_GW_KEEP_BRIEF,
                                  .why_brief = "this gateway keeps none (--refusals brief)"};
    struct brama_trace trace;

    if (!wants_record(r))
        return;
    if (may_trace(slot->recorder)) {
        decide_again(&trace, engine, request, d, &slot->arena);
        e.trace = &trace;
    } else {
        e.why_brief = "too many refusals in that second";
    }
    add(r, &e);
}

/* What is known of it, in a step. */
static void trace_refusal(struct brama_trace *trace, ngx_http_request_t *r,
                          const struct brama_decision *d)
{
    static const struct {
        const char *step, *expected, *note;
    } rows[BRAMA_REASON_COUNT] = {
        [BRAMA_REASON_BAD_REQUEST] = {"request", "",
                                      "a request line, header or body that two servers could read "
                                      "differently"},
        [BRAMA_REASON_HEADERS_TOO_LARGE] = {"request", "100 headers, 60 KiB", "more than that"},
        [BRAMA_REASON_BODY_TIMEOUT] = {"authorizer", "a body",
                                       "it stopped coming before an authorizer could be told"},
        [BRAMA_REASON_UPSTREAM_FAILED] = {"upstream", "an answer",
                                          "the rules let the request in; the workload didn't "
                                          "answer: not connected, or closed before a whole head"},
        [BRAMA_REASON_UPSTREAM_TIMEOUT] = {"upstream", "an answer within the rule's timeout",
                                           "the rules let the request in; the workload took "
                                           "longer"},
    };
    bool known = rows[d->reason].step != NULL;
    brama_str peer = BRAMA_NIL;

    if (r->upstream != NULL && r->upstream->peer.name != NULL)
        peer = brama_gw_str(*r->upstream->peer.name);
    brama_trace_add(trace, known ? rows[d->reason].step : "gateway", BRAMA_TRACE_FAIL,
                    known ? brama_str_c(rows[d->reason].expected) : BRAMA_NIL, peer, "%s",
                    known ? rows[d->reason].note : "our own failure; the error log may say more");
}

void brama_gw_record_refusal(ngx_http_request_t *r, const struct brama_gw_ctx *ctx,
                             const struct brama_decision *d)
{
    struct brama_request request;
    struct brama_decision own = *d;
    struct brama_trace trace;
    struct brama_explanation e = {.request = &request, .decision = &own, .trace = &trace};

    if (!wants_record(r))
        return;
    brama_gw_view_line(&request, r, ctx);
    own.apirule = ctx->apirule;
    own.rule_index = ctx->rule_index;
    own.rule_file = ctx->rule_file;
    own.rule_line = ctx->rule_line;
    brama_trace_init(&trace, &brama_gw_slot(r)->arena);
    trace_refusal(&trace, r, d);
    add(r, &e);
}
