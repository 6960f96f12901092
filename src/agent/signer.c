#include "agent/signer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/say.h"
#include "base/map.h"
#include "policy/pages.h"
#include "json/write.h"

#define TOLD_BYTES ((size_t)16 << 20)
#define SCRATCH_BYTES ((size_t)256 << 20)
#define BACKLOG 511
#define AGAIN_MAX_S 30
#define STEADY_MS 60000 /* after this long a death is the first one again */
#define KILL_AFTER_MS 3000

static void start(uv_timer_t *timer);

void brama__signer_open(struct brama__signer *s, uv_loop_t *loop, const struct brama__state *state)
{
    *s = (struct brama__signer){.loop = loop, .state = state, .listen_fd = -1};
    uv_timer_init(loop, &s->timer);
    s->timer.data = s->process.data = s;
    brama_buf_init(&s->told, NULL, TOLD_BYTES);
}

/* Under another name first, so that the old socket gives way to a new one that is ready. Only the
 * workers' user may connect. */
static bool listen_at(struct brama__signer *s)
{
    static const char tmp[] = BRAMA_STATE_SIGNER_SOCK ".tmp";
    const struct brama__state *state = s->state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", state->dir_fd, tmp);
    unlinkat(state->dir_fd, tmp, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        fchmodat(state->dir_fd, tmp, 0600, 0) == 0 &&
        (!state->as_root ||
         fchownat(state->dir_fd, tmp, state->uid, state->gid, AT_SYMLINK_NOFOLLOW) == 0) &&
        listen(fd, BACKLOG) == 0 &&
        renameat(state->dir_fd, tmp, state->dir_fd, BRAMA_STATE_SIGNER_SOCK) == 0) {
        s->listen_fd = fd;
        return true;
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return false;
}

static void stop_listening(struct brama__signer *s)
{
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    s->listen_fd = -1;
}

/* At once, then after 1, 2, 4... seconds. */
static void start_later(struct brama__signer *s, const char *what, const char *why)
{
    unsigned again_s = s->failures < 5 ? (1u << s->failures) >> 1 : AGAIN_MAX_S;

    s->failures++;
    brama__say("the signer %s%s; started again%s", what, why, again_s == 0 ? "" : " soon");
    if (again_s != 0)
        stop_listening(s);
    uv_timer_start(&s->timer, start, again_s * 1000, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct brama__signer *s = handle->data;

    s->runs = false;
    if (s->stopping)
        return;
    if (uv_now(s->loop) - s->since_ms > STEADY_MS)
        s->failures = 0;
    start_later(s, "has ended by itself", "");
}

static void on_end(uv_process_t *process, int64_t status, int number)
{
    struct brama__signer *s = process->data;

    (void)status;
    (void)number;
    if (s->stopping && !uv_is_closing((uv_handle_t *)&s->timer))
        uv_close((uv_handle_t *)&s->timer, NULL);
    uv_close((uv_handle_t *)process, on_closed);
}

/* Our own program, whatever became of its file since. A session of its own: what ends us at a
 * terminal doesn't end it before the last request. */
static int spawn(struct brama__signer *s)
{
    char name[] = "brama", verb[] = "signer", state[] = "--state", agent[] = "--agent";
    char user[] = "--uid", group[] = "--gid", pid[24], uid[24], gid[24], dir[PATH_MAX];
    uv_stdio_container_t stdio[BRAMA_SIGNER_DIR_FD + 1] = {{.flags = UV_IGNORE},
                                                           {.flags = UV_IGNORE}};

    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    snprintf(dir, sizeof(dir), "%s", s->state->dir);
    snprintf(uid, sizeof(uid), "%lu", (unsigned long)s->state->uid);
    snprintf(gid, sizeof(gid), "%lu", (unsigned long)s->state->gid);
    char *args[] = {name, verb, state, dir, agent, pid, user, uid, group, gid, NULL};
    stdio[2] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = 2};
    stdio[BRAMA_SIGNER_FD] =
        (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = s->listen_fd};
    stdio[BRAMA_SIGNER_DIR_FD] =
        (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = s->state->dir_fd};
    uv_process_options_t options = {.exit_cb = on_end,
                                    .file = "/proc/self/exe",
                                    .args = args,
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio_count = BRAMA_SIGNER_DIR_FD + 1,
                                    .stdio = stdio};
    s->runs = true; /* the handle is to be closed in either case */
    return uv_spawn(s->loop, &s->process, &options);
}

static void start(uv_timer_t *timer)
{
    struct brama__signer *s = timer->data;

    if (faccessat(s->state->dir_fd, BRAMA_STATE_SIGNER_SOCK, F_OK, 0) != 0)
        stop_listening(s); /* somebody removed it */
    if (s->listen_fd < 0 && !listen_at(s)) {
        start_later(s, "has no socket: ", strerror(errno));
        return;
    }
    s->since_ms = uv_now(s->loop);
    if (spawn(s) != 0)
        uv_close((uv_handle_t *)&s->process, on_closed);
}

/* Everything that a policy names, each once. */
static bool write_policy(struct brama_json_out *json, struct brama_map *seen,
                         const struct brama_policy *policy)
{
    const struct brama_p_id_token *row;

    for (uint32_t i = 0;
         (row = BRAMA_ROW(&policy->pack, BRAMA_T_ID_TOKEN, i, struct brama_p_id_token)) != NULL;
         i++) {
        brama_str issuer = brama_pack_text(&policy->pack, row->issuer);
        brama_str url = brama_pack_text(&policy->pack, row->jwks_url);
        brama_str key =
            brama_arena_printf(seen->arena, "%zu:%.*s%zu:%.*s%llu", issuer.n, BRAMA_FMT(issuer),
                               url.n, BRAMA_FMT(url), (unsigned long long)row->ttl_ms);
        uint32_t next = (uint32_t)seen->count;
        const uint32_t *at = brama_map_put(seen, key, next);
        if (at == NULL)
            return false;
        if (*at != next)
            continue;
        brama_json_map(json);
        brama_json_member(json, BRAMA_STR("issuer"), issuer);
        brama_json_member(json, BRAMA_STR("jwks_url"), url);
        brama_json_key(json, BRAMA_STR("ttl_ms"));
        brama_json_int(json, (int64_t)row->ttl_ms);
        brama_json_end(json);
    }
    return true;
}

/* *names: how many tokens it names. */
static enum brama_err write_told(struct brama_buf *out, size_t *names,
                                 const struct brama_policy *const *policies, size_t count)
{
    struct brama_json_out json;
    struct brama_arena arena;
    struct brama_map seen = {.arena = &arena};
    bool made = true;

    brama_arena_init(&arena, NULL, SCRATCH_BYTES);
    brama_json_out_init(&json, out, 0);
    brama_json_map(&json);
    brama_json_key(&json, BRAMA_STR("tokens"));
    brama_json_list(&json);
    for (size_t i = 0; i < count && made; i++)
        made = write_policy(&json, &seen, policies[i]);
    brama_json_end(&json);
    brama_json_end(&json);
    *names = seen.count;
    brama_arena_deinit(&arena);
    return made ? brama_buf_err(out) : BRAMA_ERR_NOMEM;
}

enum brama_err brama__signer_tell(struct brama__signer *s,
                                  const struct brama_policy *const *policies, size_t count,
                                  struct brama_diag *diag)
{
    struct brama_buf text;
    size_t names;
    uint64_t of = 0;

    for (size_t i = 0; i < count; i++)
        of = of * UINT64_C(0x9e3779b97f4a7c15) + brama_pack_number(&policies[i]->pack);
    if (of == s->told_of)
        return BRAMA_OK;
    brama_buf_init(&text, NULL, TOLD_BYTES);
    enum brama_err err = write_told(&text, &names, policies, count);
    bool news = !brama_str_eq(brama_buf_str(&text), brama_buf_str(&s->told));
    if (err == BRAMA_OK && news && (names != 0 || s->needed) &&
        !brama__state_write(s->state, BRAMA_STATE_SIGNER_RULES, brama_buf_str(&text), 0600)) {
        brama_diag_set(diag, (struct brama_where){0},
                       "can't write " BRAMA_STATE_SIGNER_RULES ": %s", strerror(errno));
        err = BRAMA_ERR_IO;
    }
    if (err != BRAMA_OK) {
        brama_buf_deinit(&text);
        return err;
    }
    brama_buf_deinit(&s->told);
    s->told = text;
    s->told_of = of;
    if (names != 0 && !s->needed) {
        s->needed = true;
        start(&s->timer);
    }
    return BRAMA_OK;
}

/* What an earlier agent's signer left; it ends when its socket has gone. */
static void sweep(struct brama__signer *s)
{
    static const char *const names[] = {BRAMA_STATE_SIGNER_SOCK, BRAMA_STATE_SIGNER_RULES,
                                        BRAMA_STATE_JWKS};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        unlinkat(s->state->dir_fd, names[i], 0);
    s->swept = true;
}

void brama__signer_tick(struct brama__signer *s, const struct brama_policy *policy)
{
    struct brama_diag diag = {0};

    if (brama__signer_tell(s, &policy, 1, &diag) != BRAMA_OK)
        return; /* the next tick tells again */
    if (!s->needed && !s->swept)
        sweep(s);
    if (s->needed && faccessat(s->state->dir_fd, BRAMA_STATE_SIGNER_RULES, F_OK, 0) != 0)
        (void)brama__state_write(s->state, BRAMA_STATE_SIGNER_RULES, brama_buf_str(&s->told), 0600);
}

void brama__signer_move(struct brama__signer *s)
{
    brama_buf_reset(&s->told);
    s->told_of = 0;
    stop_listening(s);
    s->failures = 0;
    if (s->runs && !uv_is_closing((uv_handle_t *)&s->process))
        uv_process_kill(&s->process, SIGTERM);
}

static void end_hard(uv_timer_t *timer)
{
    struct brama__signer *s = timer->data;

    if (s->runs)
        uv_process_kill(&s->process, SIGKILL);
}

void brama__signer_close(struct brama__signer *s)
{
    if (s->loop == NULL)
        return;
    s->stopping = true;
    stop_listening(s);
    uv_timer_stop(&s->timer);
    if (s->needed)
        unlinkat(s->state->dir_fd, BRAMA_STATE_SIGNER_SOCK, 0);
    if (s->runs && !uv_is_closing((uv_handle_t *)&s->process)) {
        uv_process_kill(&s->process, SIGTERM);
        uv_timer_start(&s->timer, end_hard, KILL_AFTER_MS, 0);
    } else {
        uv_close((uv_handle_t *)&s->timer, NULL);
    }
    brama_buf_deinit(&s->told);
}
