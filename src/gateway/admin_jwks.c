/* GET /.well-known/jwks.json, as Oathkeeper's API has it (oathkeeper.md 5.4). The signer has
 * written it: public halves and nothing else; so it is there while the signer isn't. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/admin.h"

#define JWKS_MAX ((off_t)4 << 20)

/* The whole file in the request's pool; {NULL, 0}: there is none that can be read. */
static brama_str read_whole(ngx_http_request_t *r, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > JWKS_MAX)
        return BRAMA_NIL;
    size_t size = (size_t)st.st_size;
    char *p = ngx_palloc(r->pool, size);
    if (p == NULL || read(fd, p, size) != (ssize_t)size)
        return BRAMA_NIL;
    return (brama_str){p, size};
}

ngx_int_t brama_gw_jwks(ngx_http_request_t *r)
{
    char path[NGX_MAX_PATH];

    brama_slot_path(brama_gw_slot(r), path, BRAMA_STATE_JWKS, 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    brama_str text = fd != -1 ? read_whole(r, fd) : BRAMA_NIL;
    if (fd != -1)
        (void)close(fd);
    if (text.n == 0) /* Oathkeeper's status for it */
        return brama_gw_send(r, NGX_HTTP_INTERNAL_SERVER_ERROR, BRAMA_STR("text/plain"),
                             BRAMA_STR("no rule in force signs with a key set that can be read\n"));
    return brama_gw_send(r, NGX_HTTP_OK, BRAMA_STR("application/json"), text);
}
