/* Lists of what the files in force have: a hundred thousand rules must not hold up a worker's other
 * requests. The file that is listed stays pinned, so that a list is of one moment. */
#include "gateway/admin.h"
#include "gateway/stream.h"
#include "json/write.h"

#define SLICE_ROWS 256

struct listing {
    struct brama_gw_stream stream; /* first: it is what the stream's functions are given */
    struct brama_taken *pin;       /* NULL: nothing in force, an empty list */
    const struct brama_slot *slot;
    struct brama_json_out out;
    void (*write)(struct listing *list, uint32_t index);
    brama_str number_key, list_key;
    uint32_t next, count;
};

static void write_apirule(struct listing *list, uint32_t index)
{
    brama_gw_write_apirule(&list->out, &list->pin->policy, index);
}

static void write_keyset(struct listing *list, uint32_t index)
{
    brama_gw_write_keyset(&list->out, &list->pin->facts, index, list->slot);
}

static void release(struct brama_gw_stream *stream)
{
    brama_taken_unpin(((struct listing *)stream)->pin);
}

static void begin(struct listing *list)
{
    brama_json_out_init(&list->out, &list->stream.text, 0);
    brama_json_map(&list->out);
    brama_json_key(&list->out, list->number_key);
    brama_json_int(&list->out, list->pin != NULL ? (int64_t)list->pin->number : 0);
    brama_json_key(&list->out, list->list_key);
    brama_json_list(&list->out);
}

static bool write_slice(struct brama_gw_stream *stream)
{
    struct listing *list = (struct listing *)stream;

    if (list->out.buf == NULL)
        begin(list);
    for (unsigned i = 0; i < SLICE_ROWS && list->next < list->count; i++)
        list->write(list, list->next++);
    if (list->next < list->count)
        return false;
    brama_json_end(&list->out);
    brama_json_end(&list->out);
    brama_buf_add_c(&stream->text, '\n');
    return true;
}

static ngx_int_t start(ngx_http_request_t *r, const struct listing *of)
{
    struct listing *list = ngx_pcalloc(r->pool, sizeof(*list));

    if (list == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    *list = *of;
    list->slot = brama_gw_slot(r);
    (void)brama_taken_pin(list->pin);
    list->stream.slice = write_slice;
    list->stream.end = release;
    return brama_gw_stream_start(r, &list->stream, BRAMA_STR("application/json"));
}

ngx_int_t brama_gw_list_apirules(ngx_http_request_t *r)
{
    struct brama_taken *policy = brama_gw_slot(r)->policy;
    struct listing list = {.pin = policy,
                           .write = write_apirule,
                           .number_key = BRAMA_STR("policy"),
                           .list_key = BRAMA_STR("apirules")};

    if (policy != NULL)
        list.count = brama_pack_count(&policy->policy.pack, BRAMA_T_APIRULE);
    return start(r, &list);
}

ngx_int_t brama_gw_list_keysets(ngx_http_request_t *r)
{
    struct brama_taken *facts = brama_gw_slot(r)->facts;
    struct listing list = {.pin = facts,
                           .write = write_keyset,
                           .number_key = BRAMA_STR("facts"),
                           .list_key = BRAMA_STR("keysets")};

    if (facts != NULL)
        list.count = brama_pack_count(&facts->facts.pack, BRAMA_F_KEYSET);
    return start(r, &list);
}
