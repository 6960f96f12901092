#include "agent/nginx_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
