#include "agent/certs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "rule/codes.h"
#include "shm/shm.h"

static size_t cert_max(const struct brama_world *world)
{
    size_t n = 0;

    for (const struct brama_gateway *g = world->gateways; g != NULL; g = g->next)
        for (size_t i = 0; i < g->server_count; i++)
            n += g->servers[i].host_count;
    return n;
}

/* NULL: there is none, or it can't be served. */
static const struct brama_secret *usable_secret(struct brama_world *world,
                                                const struct brama_gateway *gateway,
                                                const struct brama_gateway_server *server)
{
    struct brama_diag diag = {0};
    const struct brama_secret *secret = server->listener == BRAMA_LISTENER_TLS
                                            ? brama_world_certificate(world, gateway, server)
                                            : NULL;

    if (secret == NULL ||
        brama_cert_check_pair(secret->cert_pem, secret->key_pem, &diag) == BRAMA_OK)
        return secret;
    brama_findings_add(&world->findings, BRAMA_SEVERITY_ERROR, server->where,
                       brama_code_name(BRAMA_CODE_CERTIFICATE), BRAMA_STR(".spec.servers"),
                       brama_arena_printf(world->arena, "Secret %.*s/%.*s: %s",
                                          BRAMA_FMT(secret->ns), BRAMA_FMT(secret->name),
                                          diag.what));
    return NULL;
}

/* Usable or not. */
static bool has_secret(const struct brama_world *world, const struct brama_gateway *gateway,
                       const struct brama_gateway_server *server)
{
    const struct brama_secret *s = world->secrets;
    while (s != NULL &&
           (!brama_str_eq(s->name, server->credential) ||
            (!brama_str_eq(s->ns, BRAMA_STR("istio-system")) && !brama_str_eq(s->ns, gateway->ns))))
        s = s->next;
    return s != NULL && server->listener == BRAMA_LISTENER_TLS;
}

static struct brama_facts_cert_in cert_before(struct brama_arena *arena, struct brama__certs before,
                                              brama_str host)
{
    for (size_t i = 0; i < before.n; i++)
        if (brama_str_eq(before.p[i].name, host))
            return (struct brama_facts_cert_in){host,
                                                brama_arena_copy(arena, before.p[i].chain_pem),
                                                brama_arena_copy(arena, before.p[i].key_pem)};
    return (struct brama_facts_cert_in){0};
}

static struct brama_facts_cert_in cert_of(const struct brama_secret *secret, brama_str host)
{
    return (struct brama_facts_cert_in){host, secret->cert_pem, secret->key_pem};
}

struct brama__certs brama__plan_certs(struct brama_arena *arena, struct brama_world *world,
                                      struct brama__certs before)
{
    struct brama_facts_cert_in *out = brama_arena_array(arena, cert_max(world), sizeof(*out));
    size_t n = 0;

    for (const struct brama_gateway *g = out != NULL ? world->gateways : NULL; g != NULL;
         g = g->next) {
        for (size_t i = 0; i < g->server_count; i++) {
            const struct brama_gateway_server *s = &g->servers[i];
            const struct brama_secret *secret = usable_secret(world, g, s);
            if (secret == NULL && !has_secret(world, g, s))
                continue;
            for (size_t k = 0; k < s->host_count; k++) {
                brama_str host = s->hosts[k].host;
                out[n] = secret != NULL ? cert_of(secret, host) : cert_before(arena, before, host);
                n += out[n].chain_pem.n != 0;
            }
        }
    }
    return (struct brama__certs){out, n};
}

/* The first one is the listener's own. */
static struct brama__certs copy_certs(struct brama_arena *arena, const struct brama_pack *pack)
{
    uint32_t count = brama_pack_count(pack, BRAMA_F_CERT);
    struct brama_facts_cert_in *out = brama_arena_array(arena, count, sizeof(*out));
    size_t n = 0;

    for (uint32_t i = 1; out != NULL && i < count; i++) {
        const struct brama_f_cert *row = BRAMA_ROW(pack, BRAMA_F_CERT, i, struct brama_f_cert);
        out[n++] = (struct brama_facts_cert_in){
            brama_arena_copy(arena, brama_pack_text(pack, row->name)),
            brama_arena_copy(arena, brama_pack_text(pack, row->chain_pem)),
            brama_arena_copy(arena, brama_pack_text(pack, row->key_pem))};
    }
    return (struct brama__certs){out, brama_arena_failed(arena) ? 0 : n};
}

struct brama__certs brama__certs_told(struct brama_arena *arena, const struct brama__publisher *p)
{
    struct brama__certs out = {0};
    struct brama_facts facts;
    struct stat st;
    char name[48];

    snprintf(name, sizeof(name), BRAMA_STATE_FACTS "%" PRIu64,
             brama__publish_next(p, BRAMA_PACK_FACTS) - 1);
    int fd = openat(p->state->dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return out;
    size_t size = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
    const void *bytes = size != 0 ? brama_shm_map(fd, size, PROT_READ) : NULL;
    if (bytes != NULL && brama_facts_open(&facts, bytes, size) == BRAMA_OK &&
        brama_facts_verify(&facts) == BRAMA_OK)
        out = copy_certs(arena, &facts.pack);
    brama_shm_unmap(bytes, size);
    close(fd);
    return out;
}
