#include "http/http.h"

#include <stdlib.h>

#include "http/dial.h"

struct brama_http {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timeout; /* libcurl's */
    uv_timer_t soon;    /* what was done before it began is told from here */
    unsigned closing;   /* handles that the loop still holds */
    struct fetch *running, *ready, *last_ready;
    struct brama__known known;
};

struct watch {
    uv_poll_t poll;
    struct brama_http *http;
    curl_socket_t fd;
};

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void report(struct fetch *f)
{
    struct brama_http_answer answer = {.status = f->status,
                                       .timed_out = f->timed_out,
                                       .too_big = f->too_big,
                                       .max_age_s = f->max_age_s};
    if (f->status != 0)
        answer.body = brama_buf_str(&f->body);
    if (f->status != 0)
        answer.head = brama_buf_str(&f->head);
    for (size_t i = 0; i < sizeof(answer.problem); i++)
        answer.problem[i] = f->problem[i];
    f->done(f->ctx, &answer);
    brama__fetch_free(f);
}

static void run(struct fetch *f)
{
    f->previous = NULL;
    f->next = f->http->running;
    if (f->next != NULL)
        f->next->previous = f;
    f->http->running = f;
    curl_multi_add_handle(f->http->multi, f->easy);
}

static void stop(struct fetch *f)
{
    curl_multi_remove_handle(f->http->multi, f->easy);
    if (f->previous != NULL)
        f->previous->next = f->next;
    else
        f->http->running = f->next;
    if (f->next != NULL)
        f->next->previous = f->previous;
}

static void take_finished(struct brama_http *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        char *private = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct fetch *f = (struct fetch *)(void *)private;
        stop(f);
        if (brama__fetch_finished(f, code, now_ms()))
            run(f);
        else
            report(f);
    }
}

static void on_timeout(uv_timer_t *timer)
{
    struct brama_http *http = timer->data;
    int running;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_finished(http);
}

static void on_soon(uv_timer_t *timer)
{
    struct brama_http *http = timer->data;
    struct fetch *f = http->ready;
    http->ready = http->last_ready = NULL;
    while (f != NULL) {
        struct fetch *next = f->next;
        report(f);
        f = next;
    }
}

static int set_timeout(CURLM *multi, long ms, void *ctx)
{
    struct brama_http *http = ctx;
    (void)multi;
    if (ms < 0)
        return uv_timer_stop(&http->timeout);
    return uv_timer_start(&http->timeout, on_timeout, (uint64_t)ms, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct brama_http *http = w->http; /* w may go during the call */
    int flags = 0, running;
    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(http->multi, w->fd, flags, &running);
    take_finished(http);
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct brama_http *http = ctx;
    struct watch *w = socket_ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            curl_multi_assign(http->multi, fd, NULL);
            uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, free_watch);
        }
        return 0;
    }
    if (w == NULL) {
        w = calloc(1, sizeof(*w));
        if (w == NULL || uv_poll_init_socket(http->loop, &w->poll, fd) != 0) {
            free(w);
            return -1;
        }
        w->http = http;
        w->fd = fd;
        w->poll.data = w;
        curl_multi_assign(http->multi, fd, w);
    }
    return uv_poll_start(&w->poll,
                         (what & CURL_POLL_IN ? UV_READABLE : 0) |
                             (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                         on_poll);
}

enum brama_err brama_http_new(struct brama_http **out, uv_loop_t *loop)
{
    *out = NULL;
    struct brama_http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return BRAMA_ERR_NOMEM;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return BRAMA_ERR_NOMEM;
    }
    http->multi = curl_multi_init();
    if (http->multi == NULL) {
        curl_global_cleanup();
        free(http);
        return BRAMA_ERR_NOMEM;
    }
    http->loop = loop;
    uv_timer_init(loop, &http->timeout); /* neither can fail */
    uv_timer_init(loop, &http->soon);
    http->timeout.data = http->soon.data = http;
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timeout);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    *out = http;
    return BRAMA_OK;
}

static void free_http(uv_handle_t *handle)
{
    struct brama_http *http = handle->data;
    if (--http->closing == 0)
        free(http);
}

void brama_http_free(struct brama_http *http)
{
    if (http == NULL)
        return;
    while (http->running != NULL) {
        struct fetch *f = http->running;
        stop(f);
        brama__fetch_free(f);
    }
    while (http->ready != NULL) {
        struct fetch *f = http->ready;
        http->ready = f->next;
        brama__fetch_free(f);
    }
    curl_multi_cleanup(http->multi);
    curl_global_cleanup();
    http->closing = 2;
    uv_close((uv_handle_t *)&http->timeout, free_http);
    uv_close((uv_handle_t *)&http->soon, free_http);
}

enum brama_err brama_http_start(struct brama_http *http, brama_str url,
                                const struct brama_http_options *options, brama_http_done *done,
                                void *ctx)
{
    struct fetch *f = brama__fetch_new(url, options);
    if (f == NULL)
        return BRAMA_ERR_NOMEM;
    f->http = http;
    f->known = &http->known;
    f->done = done;
    f->ctx = ctx;
    if (brama__fetch_prepare(f, now_ms())) {
        run(f);
        return BRAMA_OK;
    }
    f->next = NULL;
    if (http->ready == NULL)
        http->ready = f;
    else
        http->last_ready->next = f;
    http->last_ready = f;
    uv_timer_start(&http->soon, on_soon, 0, 0);
    return BRAMA_OK;
}
