#include <string.h>

#include "http/http.h"

/* The answer that brama_http_get() waits for. */
struct waiting {
    struct brama_http_answer *out;
    struct brama_arena *arena;
};

static void take(void *ctx, const struct brama_http_answer *answer)
{
    struct waiting *w = ctx;
    *w->out = *answer;
    w->out->body = brama_arena_copy(w->arena, answer->body);
    w->out->head = brama_arena_copy(w->arena, answer->head);
    if (w->out->body.n != answer->body.n || w->out->head.n != answer->head.n)
        *w->out = (struct brama_http_answer){.max_age_s = -1, .problem = "out of memory"};
}

void brama_http_get(struct brama_http_answer *out, struct brama_arena *arena, brama_str url,
                    const struct brama_http_options *options)
{
    struct waiting w = {out, arena};
    struct brama_http *http;
    uv_loop_t loop;

    *out = (struct brama_http_answer){.max_age_s = -1, .problem = "no event loop"};
    if (uv_loop_init(&loop) != 0)
        return;
    if (brama_http_new(&http, &loop) == BRAMA_OK) {
        if (brama_http_start(http, url, options, take, &w) == BRAMA_OK)
            uv_run(&loop, UV_RUN_DEFAULT);
        brama_http_free(http);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&loop);
}
