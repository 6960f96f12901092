#include "gateway/park.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/slot.h"

#define LOOK_MS 10      /* how late a new key may be noticed */
#define SET_MAX 64      /* waiting for one set: the next is refused at once */
#define PARKED_MAX 1024 /* in all: a quarter of a worker's connections */

struct brama_park {
    struct brama_slot *slot;
    ngx_queue_t queue;
    ngx_event_t timer;
    unsigned count;
    unsigned count_of[BRAMA_CONTROL_KEYSETS];
    int poke_fd; /* -1: none; the agent looks each second */
};

/* A set and what its counters have to come to: any move is worth a look, and one that needs no
 * other is the end of a fetch that began after the request came. */
struct awaited {
    uint64_t id, done, enough;
    unsigned index; /* in the control page */
};

/* In r->pool; stays when the wait is over. */
struct brama_gw_wait {
    ngx_queue_t link;
    struct brama_park *park;
    ngx_http_request_t *r;
    ngx_msec_t until;
    bool queued, counted, over;
    struct awaited sets[BRAMA_WANTED_MAX];
    size_t count;
};

static void uncount(struct brama_gw_wait *w)
{
    for (size_t i = 0; w->counted && i < w->count; i++)
        w->park->count_of[w->sets[i].index]--;
    w->park->count -= w->counted;
    w->counted = false;
}

static void leave(struct brama_gw_wait *w)
{
    if (w->queued) { /* nginx's macro is several statements */
        ngx_queue_remove(&w->link);
    }
    w->queued = false;
    uncount(w);
}

static void on_request_end(void *data)
{
    leave(data);
}

static bool has_moved(const struct brama_slot *slot, const struct awaited *a)
{
    const struct brama_control_keyset *k = &slot->control->keysets[a->index];

    return atomic_load_explicit(&k->done, memory_order_acquire) != a->done ||
           atomic_load_explicit(&k->id, memory_order_relaxed) != a->id;
}

static bool is_due(struct brama_gw_wait *w)
{
    if ((ngx_msec_int_t)(w->until - ngx_current_msec) <= 0)
        w->over = true;
    bool due = w->over;
    for (size_t i = 0; !due && i < w->count; i++)
        due = has_moved(w->park->slot, &w->sets[i]);
    return due;
}

/* Behind this call the request may be gone. */
static void resume(ngx_http_request_t *r)
{
    ngx_connection_t *c = r->connection;

    ngx_http_set_log_request(c->log, r);
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}

static void on_timer(ngx_event_t *ev)
{
    struct brama_park *park = ev->data;
    ngx_queue_t due;

    /* First all that are due: one that goes on may end others, and may come back. */
    ngx_queue_init(&due);
    for (ngx_queue_t *q = ngx_queue_head(&park->queue), *next;
         q != ngx_queue_sentinel(&park->queue); q = next) {
        struct brama_gw_wait *w = ngx_queue_data(q, struct brama_gw_wait, link);
        next = ngx_queue_next(q);
        if (!is_due(w))
            continue;
        leave(w);
        ngx_queue_insert_tail(&due, &w->link);
        w->queued = true;
    }
    while (!ngx_queue_empty(&due)) {
        struct brama_gw_wait *w = ngx_queue_data(ngx_queue_head(&due), struct brama_gw_wait, link);
        leave(w);
        resume(w->r);
    }
    if (!ngx_queue_empty(&park->queue) && !ev->timer_set)
        ngx_add_timer(ev, LOOK_MS);
}

/* False: it is marked already, or there is no place, and whoever asks when the agent has taken some
 * gets one. */
static bool mark(struct brama_worker_page *page, uint64_t id)
{
    _Atomic uint64_t *place = NULL;

    for (size_t i = 0; i < BRAMA_PAGE_WANTED; i++) {
        uint64_t other = atomic_load_explicit(&page->wanted[i], memory_order_relaxed);
        if (other == id)
            return false;
        if (other == 0 && place == NULL)
            place = &page->wanted[i];
    }
    if (place != NULL)
        atomic_store_explicit(place, id, memory_order_release); /* the agent only ever clears it */
    return place != NULL;
}

/* sun_path is short, a state directory may be long. A lost poke costs a second. */
static void poke_agent(const struct brama_park *park)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char path[NGX_MAX_PATH];

    if (park->poke_fd == -1)
        return;
    *ngx_snprintf((u_char *)path, sizeof(path) - 1, "%V", &park->slot->state_dir) = '\0';
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir == -1)
        return;
    *ngx_snprintf((u_char *)to.sun_path, sizeof(to.sun_path) - 1,
                  "/proc/self/fd/%d/" BRAMA_STATE_AGENT_SOCK, dir) = '\0';
    (void)!sendto(park->poke_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
                  sizeof(to));
    (void)close(dir);
}

static void ask(const struct brama_gw_wait *w)
{
    bool news = false;

    for (size_t i = 0; i < w->count; i++)
        news = mark(w->park->slot->page, w->sets[i].id) || news;
    if (news)
        poke_agent(w->park);
}

static const struct awaited *waited_before(const struct awaited *sets, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (sets[i].id == id)
            return &sets[i];
    }
    return NULL;
}

/* Which sets are still worth waiting for. */
static void choose_sets(struct brama_gw_wait *w, const struct brama_decision *d)
{
    struct awaited before[BRAMA_WANTED_MAX];
    size_t before_count = w->count;

    ngx_memcpy(before, w->sets, sizeof(before));
    w->count = 0;
    for (size_t i = 0; i < d->wanted_count; i++) {
        struct awaited *a = &w->sets[w->count];
        const struct brama_control_keyset *k = brama_slot_keyset(w->park->slot, d->wanted[i]);
        if (k == NULL)
            continue;
        a->index = (unsigned)(k - w->park->slot->control->keysets);
        if (w->park->count_of[a->index] >= SET_MAX)
            continue;
        const struct awaited *old = waited_before(before, before_count, d->wanted[i]);
        a->id = d->wanted[i];
        a->done = atomic_load_explicit(&k->done, memory_order_acquire);
        a->enough =
            old != NULL ? old->enough : atomic_load_explicit(&k->asked, memory_order_acquire) + 1;
        w->count += a->done < a->enough;
    }
}

static void enter(struct brama_gw_wait *w)
{
    struct brama_park *park = w->park;

    for (size_t i = 0; i < w->count; i++)
        park->count_of[w->sets[i].index]++;
    park->count++;
    w->counted = true;
    ngx_queue_insert_tail(&park->queue, &w->link);
    w->queued = true;
    if (!park->timer.timer_set)
        ngx_add_timer(&park->timer, LOOK_MS);
}

static struct brama_gw_wait *new_wait(ngx_http_request_t *r, struct brama_park *park)
{
    struct brama_gw_wait *w = ngx_pcalloc(r->pool, sizeof(*w));
    ngx_pool_cleanup_t *end = w != NULL ? ngx_pool_cleanup_add(r->pool, 0) : NULL;

    if (end == NULL)
        return NULL;
    end->handler = on_request_end;
    end->data = w;
    w->park = park;
    w->r = r;
    w->until = ngx_current_msec + brama_gw_main(r)->kid_wait;
    return w;
}

/* A client that goes away is noticed meanwhile; its body, if any, stays where it is. */
static bool watch_client(ngx_http_request_t *r)
{
    ngx_event_t *read = r->connection->read;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
    if (r->stream != NULL)
        return true; /* HTTP/2 calls the handler by itself */
    if (!read->ready)
        return ngx_handle_read_event(read, 0) == NGX_OK;
    ngx_post_event(read, &ngx_posted_events);
    return true;
}

bool brama_gw_may_park(ngx_http_request_t *r, const struct brama_gw_ctx *ctx)
{
    return brama_gw_main(r)->kid_wait != 0 && (ctx->wait == NULL || !ctx->wait->over);
}

bool brama_gw_park(ngx_http_request_t *r, struct brama_gw_ctx *ctx, const struct brama_decision *d)
{
    struct brama_park *park = brama_gw_slot(r)->park;

    if (ctx->wait == NULL)
        ctx->wait = new_wait(r, park);
    struct brama_gw_wait *w = ctx->wait;
    if (w == NULL || park->count >= PARKED_MAX)
        return false;
    choose_sets(w, d);
    if (w->count == 0 || !watch_client(r))
        return false;
    enter(w);
    ask(w);
    return true;
}

struct brama_park *brama_park_new(struct brama_slot *slot)
{
    struct brama_park *park = calloc(1, sizeof(*park));

    if (park == NULL)
        return NULL;
    park->slot = slot;
    park->poke_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ngx_queue_init(&park->queue);
    /* Not cancelable: a draining worker has to stay for those who wait, which isn't for long. */
    park->timer.data = park;
    park->timer.handler = on_timer;
    park->timer.log = slot->cycle->log;
    return park;
}

void brama_park_free(struct brama_park *park)
{
    if (park == NULL)
        return;
    if (park->timer.timer_set)
        ngx_del_timer(&park->timer);
    if (park->poke_fd != -1)
        (void)close(park->poke_fd);
    free(park);
}
