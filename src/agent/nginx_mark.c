/* The configuration of the nginx that we would start, and the mark by which the next agent knows
 * whether one that runs is the same. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/nginx.h"
#include "agent/nginx_conf.h"

/* Another build of a file isn't the one that an orphan runs. */
static void add_file(struct brama_buf *out, const char *what, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        brama_buf_printf(out, "# %s: %s, %lld bytes of %lld.%09ld\n", what, path,
                         (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* Twice: its mark is a hash of all the rest. */
void brama__nginx_write_conf(struct brama__nginx *n)
{
    const struct brama_agent_options *o = n->options;
    struct brama_nginx_options conf = {
        .state_dir = brama_str_c(n->state->dir),
        .module = brama_str_c(n->module),
        .listen = o->listen,
        .tls_listen = o->tls_listen,
        .admin = o->admin,
        .access_log = o->access_log.n != 0 ? o->access_log : BRAMA_STR("/dev/stdout"),
        .user = brama_str_c(n->state->user),
        .call_ca = brama_str_c(n->call_ca),
        .workers = n->workers,
        .drain_s = n->drain_s,
        .kid_wait_ms = o->kid_wait_ms,
        .refusals = o->refusals.n != 0 ? o->refusals : BRAMA_STR("full")};
    brama_nginx_conf(&n->conf, &conf);
    add_file(&n->conf, "module", n->module);
    add_file(&n->conf, "program", n->program);
    snprintf(n->mark, sizeof(n->mark), "%016" PRIx64, brama_str_hash(brama_buf_str(&n->conf)));
    conf.mark = brama_str_c(n->mark);
    brama_buf_reset(&n->conf);
    brama_nginx_conf(&n->conf, &conf);
}
