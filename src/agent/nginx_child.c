#include "agent/nginx_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/orphans.h"

#define FIRST_FD BRAMA__NGINX_LOCK_FD /* of the child: nginx.lock, then the sockets */

static void on_closed(uv_handle_t *handle)
{
    struct brama__nginx_child *child = (struct brama__nginx_child *)handle;
    void (*ended)(void *) = child->ended;
    void *ctx = child->ctx;
    struct brama__nginx_child **at = &child->home->first;
    while (*at != child)
        at = &(*at)->next;
    *at = child->next;
    free(child);
    if (ended != NULL)
        ended(ctx);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal)
{
    (void)status;
    (void)signal;
    uv_close((uv_handle_t *)process, on_closed);
}

/* NAME=VALUE of our own environment, with NGINX= for the sockets. The strings stay ours. */
static char **environment(char *sockets)
{
    extern char **environ;
    size_t count = 0, at = 0;
    while (environ[count] != NULL)
        count++;
    char **out = calloc(count + 2, sizeof(*out));
    for (size_t i = 0; out != NULL && i < count; i++) {
        if (strncmp(environ[i], "NGINX=", 6) != 0)
            out[at++] = environ[i];
    }
    if (out != NULL)
        out[at] = sockets;
    return out;
}

static int start(struct brama__nginx_child *child, const struct brama__nginx_wish *wish)
{
    char prefix[PATH_MAX + 2], conf[PATH_MAX + 16], log[PATH_MAX + 16], sockets[128] = "NGINX=";
    uv_stdio_container_t stdio[FIRST_FD + 1 + BRAMA__LISTEN_MAX] = {{.flags = UV_IGNORE}};
    snprintf(prefix, sizeof(prefix), "%s/", wish->state_dir);
    snprintf(conf, sizeof(conf), "%s/" BRAMA_STATE_NGINX_CONF, wish->state_dir);
    snprintf(log, sizeof(log), "%s/" BRAMA_STATE_ERROR_LOG, wish->state_dir);
    char p[] = "-p", c[] = "-c", e[] = "-e";
    char *args[] = {wish->program, p, prefix, c, conf, e, log, NULL};
    for (int i = 1; i < FIRST_FD; i++)
        stdio[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = i};
    stdio[FIRST_FD] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = wish->lock_fd};
    for (size_t i = 0; i < wish->listen->count; i++) {
        size_t used = strlen(sockets);
        stdio[FIRST_FD + 1 + i] =
            (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = wish->listen->fd[i]};
        snprintf(sockets + used, sizeof(sockets) - used, "%d;", FIRST_FD + 1 + (int)i);
    }
    char **env = environment(sockets);
    if (env == NULL)
        return UV_ENOMEM;
    uv_process_options_t options = {.exit_cb = on_exit_,
                                    .file = wish->program,
                                    .args = args,
                                    .env = env,
                                    .flags = UV_PROCESS_DETACHED, /* a session of its own */
                                    .stdio_count = FIRST_FD + 1 + (int)wish->listen->count,
                                    .stdio = stdio};
    int error = uv_spawn(wish->loop, &child->process, &options);
    free(env);
    return error;
}

int brama__nginx_spawn(struct brama__nginx_children *children, struct brama__nginx_child **out,
                       const struct brama__nginx_wish *wish)
{
    struct brama__nginx_child *child = calloc(1, sizeof(*child));
    *out = NULL;
    if (child == NULL)
        return UV_ENOMEM;
    int error = start(child, wish);
    if (error == UV_ENOMEM && child->process.loop == NULL) { /* it never came to be a handle */
        free(child);
        return error;
    }
    child->home = children;
    child->next = children->first;
    children->first = child;
    if (error != 0) { /* to be closed in either case */
        uv_close((uv_handle_t *)&child->process, on_closed);
        return error;
    }
    child->ended = wish->ended;
    child->ctx = wish->ctx;
    *out = child;
    return 0;
}

void brama__nginx_let_go(struct brama__nginx_child *child)
{
    child->ended = NULL;
}

void brama__nginx_children_close(struct brama__nginx_children *children)
{
    for (struct brama__nginx_child *c = children->first; c != NULL; c = c->next) {
        brama__nginx_let_go(c);
        if (!uv_is_closing((uv_handle_t *)&c->process))
            uv_close((uv_handle_t *)&c->process, on_closed);
    }
}
