#include "issuer/signer.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "issuer/key_files.h"
#include "json/write.h"

#define BODY_MAX ((size_t)64 * 1024)
#define ANSWER_MAX ((size_t)16 * 1024)
#define ARENA_MAX ((size_t)4 << 20)
#define TOKENS_MAX 8192
#define CONNECTIONS_MAX 256u
#define IDLE_S 10u
#define LOOK_MS 1000
#define DRAIN_MS 2000
#define GRACE_MS 5000 /* for who was decided under the rules before */

enum { DONE = 0, UNAVAILABLE = 69 };

struct signer {
    const struct brama_signer_options *options;
    struct brama__disk disk;
    struct stat socket;
    struct brama__file_mark rules_mark;
    struct brama_id_rules *rules, *before;
    int64_t before_until_ms;
    struct brama__key_files keys;
    struct brama_id_tokens *tokens;
    bool published; /* the public halves are as the sets are */
};

/* One request under way: its body, as far as it fits. */
struct exchange {
    struct brama_buf body;
};

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void say(const char *what, const char *why)
{
    fprintf(stderr, "brama: signer: %s: %s\n", what, why);
}

/* What can't be read leaves what was there. */
static void look_at_rules(struct signer *s)
{
    struct brama_id_rules *rules;
    struct brama_diag diag = {0};

    if (!brama__rules_look(&rules, &s->rules_mark, &s->disk, &diag))
        return;
    if (rules == NULL) {
        say(s->options->rules, diag.what);
        return;
    }
    brama_id_rules_free(s->before);
    s->before = s->rules;
    s->before_until_ms = clock_ms(CLOCK_MONOTONIC) + GRACE_MS;
    s->rules = rules;
    brama__key_files_want(&s->keys, rules);
    s->published = false;
}

static void look_at_key(struct signer *s, struct brama__key_file *f)
{
    if (!brama__key_file_look(&s->keys, f))
        return;
    s->published = false;
    if (f->problem[0] != '\0')
        say(f->url[0] != '\0' ? f->url : s->options->own_key, f->problem);
}

/* The public halves of all sets; without any set, no file: Oathkeeper's answer is 500 then. */
static void publish(struct signer *s)
{
    struct brama_signing_set *sets[BRAMA__KEY_FILES_MAX];
    struct brama_buf text;
    size_t count = 0;

    for (size_t i = 0; i < s->keys.count; i++)
        if (s->keys.p[i]->set != NULL)
            sets[count++] = s->keys.p[i]->set;
    brama_buf_init(&text, NULL, BRAMA__PUBLIC_MAX);
    s->published = (count == 0 || brama_signing_sets_public(&text, sets, count) == BRAMA_OK) &&
                   brama__disk_publish(&s->disk, brama_buf_str(&text));
    brama_buf_deinit(&text);
}

static void look(struct signer *s)
{
    look_at_rules(s);
    for (size_t i = 0; i < s->keys.count; i++)
        look_at_key(s, s->keys.p[i]);
    if (!s->published || access(s->options->jwks, F_OK) != 0)
        publish(s);
}

static bool is_named(const struct signer *s, const struct brama_id_token_ask *ask)
{
    return brama_id_rules_name(s->rules, ask) ||
           (clock_ms(CLOCK_MONOTONIC) < s->before_until_ms && brama_id_rules_name(s->before, ask));
}

static unsigned refuse(struct brama_buf *out, unsigned status, const char *why)
{
    struct brama_json_out json;

    brama_json_out_init(&json, out, 0);
    brama_json_map(&json);
    brama_json_member(&json, BRAMA_STR("why"), brama_str_c(why));
    brama_json_end(&json);
    return status;
}

static unsigned write_token(struct brama_buf *out, const struct brama_signing_key *signer,
                            brama_str token, int64_t fresh_ms)
{
    struct brama_json_out json;

    brama_json_out_init(&json, out, 0);
    brama_json_map(&json);
    brama_json_member(&json, BRAMA_STR("token"), token);
    brama_json_member(&json, BRAMA_STR("kid"), signer->kid);
    brama_json_key(&json, BRAMA_STR("fresh_ms"));
    brama_json_int(&json, fresh_ms);
    brama_json_end(&json);
    return MHD_HTTP_OK;
}

/* The answer's status; its body into out. */
static unsigned sign(struct signer *s, struct brama_arena *arena, brama_str body,
                     struct brama_buf *out)
{
    struct brama_id_token_ask ask;
    struct brama_id_token_wish wish = {.ask = &ask, .now_ms = clock_ms(CLOCK_REALTIME)};
    struct brama_diag diag = {0};
    brama_str token;
    int64_t fresh_ms;

    if (brama_id_token_ask_read(&ask, arena, body, &diag) != BRAMA_OK)
        return refuse(out, MHD_HTTP_BAD_REQUEST, diag.what);
    look_at_rules(s);
    if (!is_named(s, &ask))
        return refuse(out, MHD_HTTP_FORBIDDEN,
                      "no rule in force names this issuer, key set and time to live");
    struct brama__key_file *f = brama__key_files_find(&s->keys, ask.jwks_url);
    if (f == NULL)
        return refuse(out, MHD_HTTP_UNPROCESSABLE_CONTENT, "more key sets than can be had");
    look_at_key(s, f);
    if (!s->published)
        publish(s);
    wish.signer = f->set != NULL ? f->set->signer : NULL;
    if (wish.signer == NULL)
        return refuse(out, MHD_HTTP_UNPROCESSABLE_CONTENT,
                      f->problem[0] != '\0' ? f->problem : "there is no key set");
    if (brama_random(wish.jti, sizeof(wish.jti)) != BRAMA_OK)
        return refuse(out, MHD_HTTP_UNPROCESSABLE_CONTENT, "no random numbers");
    if (brama_id_tokens_get(s->tokens, &token, &fresh_ms, &wish, &diag) != BRAMA_OK)
        return refuse(out, MHD_HTTP_UNPROCESSABLE_CONTENT,
                      diag.what[0] != '\0' ? diag.what : "the token can't be made");
    return write_token(out, wish.signer, token, fresh_ms);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, unsigned status,
                                   const struct brama_buf *text)
{
    brama_str body = brama_buf_str(text);
    bool whole = brama_buf_err(text) == BRAMA_OK && body.n != 0;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        whole ? body.n : 0, whole ? (void *)(uintptr_t)body.p : NULL, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    enum MHD_Result queued =
        MHD_queue_response(connection, whole ? status : MHD_HTTP_INTERNAL_SERVER_ERROR, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer(struct signer *s, struct MHD_Connection *connection,
                              const char *method, const char *path, struct exchange *e)
{
    struct brama_arena arena;
    struct brama_buf out;
    unsigned status;

    brama_arena_init(&arena, NULL, ARENA_MAX);
    brama_buf_init(&out, NULL, ANSWER_MAX);
    if (strcmp(path, "/sign") != 0)
        status = refuse(&out, MHD_HTTP_NOT_FOUND, "there is only /sign");
    else if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        status = refuse(&out, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST");
    else if (brama_buf_err(&e->body) != BRAMA_OK)
        status = refuse(&out, MHD_HTTP_CONTENT_TOO_LARGE, "too much to be signed");
    else
        status = sign(s, &arena, brama_buf_str(&e->body), &out);
    enum MHD_Result result = send_answer(connection, status, &out);
    if (out.p != NULL)
        brama_cleanse(out.p, out.cap);
    brama_buf_deinit(&out);
    brama_arena_deinit(&arena);
    return result;
}

/* Called with the head, with each piece of the body, and once behind it. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *piece,
                                  size_t *piece_bytes, void **own)
{
    struct exchange *e = *own;

    (void)version;
    if (e == NULL) {
        e = calloc(1, sizeof(*e));
        if (e == NULL)
            return MHD_NO;
        brama_buf_init(&e->body, NULL, BODY_MAX);
        *own = e;
        return MHD_YES;
    }
    if (*piece_bytes == 0)
        return answer(ctx, connection, method, path, e);
    brama_buf_add(&e->body, (brama_str){piece, *piece_bytes});
    *piece_bytes = 0;
    return MHD_YES;
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **own,
                         enum MHD_RequestTerminationCode why)
{
    struct exchange *e = *own;

    (void)ctx;
    (void)connection;
    (void)why;
    if (e == NULL)
        return;
    brama_buf_deinit(&e->body);
    free(e);
    *own = NULL;
}

/* Does a data plane live? Its processes hold the lock, shared; whoever gets it whole is alone. */
static bool data_plane_lives(struct signer *s)
{
    int fd = brama__disk_file(&s->disk, s->options->lock);
    bool lives = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;

    if (fd >= 0)
        close(fd);
    return lives;
}

/* Is there still somebody to sign for, and nobody else who does? */
static bool is_needed(struct signer *s)
{
    struct stat now;

    return stat(s->options->socket, &now) == 0 && now.st_ino == s->socket.st_ino &&
           now.st_dev == s->socket.st_dev &&
           (getppid() == s->options->agent || data_plane_lives(s));
}

/* Who is connected gets his answer. */
static void drain(struct MHD_Daemon *daemon)
{
    int64_t end_ms = clock_ms(CLOCK_MONOTONIC) + DRAIN_MS;

    (void)MHD_quiesce_daemon(daemon);
    while (clock_ms(CLOCK_MONOTONIC) < end_ms) {
        const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
        if (info == NULL || info->num_connections == 0)
            break;
        (void)MHD_run_wait(daemon, 50);
    }
}

static void serve(struct signer *s, struct MHD_Daemon *daemon)
{
    int64_t next_ms = 0;

    while (!asked_to_end && !s->disk.lost) {
        int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
        if (now_ms >= next_ms) {
            if (!is_needed(s))
                break;
            look(s);
            next_ms = now_ms + LOOK_MS;
        }
        (void)MHD_run_wait(daemon, LOOK_MS);
    }
    drain(daemon);
}

/* Nobody of the same user may look into our memory, and nothing of it goes to the disk. */
static void close_doors(bool closed)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_DUMPABLE, closed ? 0 : 1, 0, 0, 0);
}

static bool open_signer(struct signer *s, const struct brama_signer_options *options)
{
    s->keys.disk = &s->disk;
    if (!brama__disk_open(&s->disk, options)) {
        say("can't become the workers' user", strerror(errno));
        return false;
    }
    close_doors(true); /* who becomes somebody else loses it */
    s->tokens = brama_id_tokens_new(TOKENS_MAX);
    return s->tokens != NULL && stat(options->socket, &s->socket) == 0;
}

int brama_signer_run(const struct brama_signer_options *options)
{
    const struct sigaction on_end = {.sa_handler = on_signal};
    struct MHD_Daemon *daemon = NULL;
    struct signer s = {.options = options, .disk = {.porter = -1}};

    close_doors(true);
    sigaction(SIGTERM, &on_end, NULL);
    sigaction(SIGINT, &on_end, NULL);
    /* From here on all names are relative to it, also when somebody moves it away. */
    bool ready = fchdir(options->dir_fd) == 0 && open_signer(&s, options);
    if (ready)
        daemon =
            MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, &s, MHD_OPTION_LISTEN_SOCKET,
                             options->listen_fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                             MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_NOTIFY_COMPLETED,
                             on_completed, &s, MHD_OPTION_END);
    if (daemon != NULL)
        serve(&s, daemon);
    else
        say(options->socket, "can't be served");
    if (daemon != NULL)
        MHD_stop_daemon(daemon);
    brama__key_files_close(&s.keys);
    brama_id_tokens_free(s.tokens);
    brama_id_rules_free(s.rules);
    brama_id_rules_free(s.before);
    brama__disk_close(&s.disk);
    close_doors(false); /* the keys are gone */
    return daemon != NULL ? DONE : UNAVAILABLE;
}
