/* Where nginx and our module are, and whether a master that runs may be taken over. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/nginx_orphan.h"

#define MODULE "ngx_http_brama_module.so"

static bool try_path(char out[PATH_MAX], int mode, const char *fmt, brama_str a, brama_str b)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), fmt, BRAMA_FMT(a), BRAMA_FMT(b));
    return n > 0 && (size_t)n < sizeof(path) && access(path, mode) == 0 &&
           realpath(path, out) != NULL;
}

bool brama__nginx_find_module(char out[PATH_MAX], brama_str given, brama_str self)
{
    /* Beside the program, in its build tree, and where it is installed to. */
    static const char *const places[] = {"%.*s/%.*s",
                                         "%.*s/src/gateway/%.*s",
                                         "%.*s/../src/gateway/%.*s",
                                         "%.*s/../lib/brama/%.*s",
                                         "%.*s/../lib/x86_64-linux-gnu/brama/%.*s",
                                         "%.*s/../lib/aarch64-linux-gnu/brama/%.*s"};
    if (given.n != 0)
        return try_path(out, R_OK, "%.*s%.*s", given, BRAMA_NIL);
    brama_str dir = brama_str_head(self, brama_str_find_last(self, '/'));
    for (size_t i = 0; self.n != 0 && i < BRAMA_ARRAY_LEN(places); i++) {
        if (try_path(out, R_OK, places[i], dir, BRAMA_STR(MODULE)))
            return true;
    }
    return false;
}

bool brama__nginx_find_program(char out[PATH_MAX], brama_str given)
{
    brama_str path = brama_str_c(getenv("PATH")), dir;
    if (given.n != 0 && brama_str_find(given, '/') < given.n)
        return try_path(out, X_OK, "%.*s%.*s", given, BRAMA_NIL);
    brama_str name = given.n != 0 ? given : BRAMA_STR("nginx");
    while (brama_str_next(&path, ':', &dir)) {
        if (dir.n != 0 && try_path(out, X_OK, "%.*s/%.*s", dir, name))
            return true;
    }
    /* Not on an ordinary user's PATH in Debian. */
    return try_path(out, X_OK, "%.*s/%.*s", BRAMA_STR("/usr/sbin"), name);
}

/* Is that process an nginx, by the file it runs? */
static bool runs(pid_t pid, const char *program)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/%ld/exe", (long)pid);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    return strcmp(path, program) == 0;
}

pid_t brama__nginx_orphan(const struct brama__state *state, const char *program)
{
    struct brama_arena arena;
    brama_str text;
    uint64_t pid = 0;
    brama_arena_init(&arena, NULL, 1 << 16);
    bool found = brama__state_read(state, &arena, BRAMA_STATE_NGINX_PID, &text) &&
                 brama_str_u64(brama_str_trim(text), &pid) && pid > 1 && pid <= INT32_MAX;
    brama_arena_deinit(&arena);
    return found && runs((pid_t)pid, program) ? (pid_t)pid : 0;
}

bool brama__nginx_conf_is(const struct brama__state *state, brama_str conf)
{
    struct brama_arena arena;
    brama_str text;
    brama_arena_init(&arena, NULL, 1 << 20);
    bool same =
        brama__state_read(state, &arena, BRAMA_STATE_NGINX_CONF, &text) && brama_str_eq(text, conf);
    brama_arena_deinit(&arena);
    return same;
}
