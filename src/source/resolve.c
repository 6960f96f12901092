#include "source/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 5000
#define BUCKETS 4096 /* two or three hosts in each, where every rule has a host of its own */

struct host {
    struct host *next; /* of the same bucket */
    struct brama_resolver *resolver;
    uv_getaddrinfo_t request;
    bool wanted, in_flight, literal, answered;
    bool waited; /* nobody waits for its first answer any more */
    struct brama_ip ips[BRAMA_HOST_IPS_MAX];
    size_t count;
    size_t name_n;
    char name[]; /* NUL-terminated */
};

struct brama_resolver {
    uv_loop_t *loop;
    uv_timer_t timer;
    brama_resolver_news *news;
    void *ctx;
    struct host *buckets[BUCKETS]; /* by the hash of the name */
    size_t in_flight;
    bool freed, closed;
};

static size_t bucket_of(brama_str name)
{
    return brama_str_hash(name) % BUCKETS;
}

/* The next of all hosts, in no order; h NULL: the first. */
static struct host *after(const struct brama_resolver *r, const struct host *h)
{
    if (h != NULL && h->next != NULL)
        return h->next;
    size_t i = h != NULL ? bucket_of((brama_str){h->name, h->name_n}) + 1 : 0;
    while (i < BUCKETS && r->buckets[i] == NULL)
        i++;
    return i < BUCKETS ? r->buckets[i] : NULL;
}

bool brama_ip_read(struct brama_ip *out, brama_str text)
{
    char copy[INET6_ADDRSTRLEN];
    *out = (struct brama_ip){0};
    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (strlen(copy) != text.n)
        return false;
    out->family = strchr(copy, ':') != NULL ? AF_INET6 : AF_INET;
    if (inet_pton(out->family, copy, out->ip) == 1)
        return true;
    *out = (struct brama_ip){0};
    return false;
}

static void drop(struct host *h)
{
    struct host **at = &h->resolver->buckets[bucket_of((brama_str){h->name, h->name_n})];
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    free(h);
}

static int by_address(const void *a, const void *b)
{
    const struct brama_ip *x = a, *y = b;
    if (x->family != y->family)
        return x->family == AF_INET ? -1 : 1;
    return memcmp(x->ip, y->ip, sizeof(x->ip));
}

static size_t take_ips(struct brama_ip ips[BRAMA_HOST_IPS_MAX], const struct addrinfo *list)
{
    size_t n = 0;
    for (; list != NULL && n < BRAMA_HOST_IPS_MAX; list = list->ai_next) {
        struct brama_ip ip = {.family = list->ai_family};
        if (ip.family == AF_INET) {
            struct sockaddr_in in;
            memcpy(&in, list->ai_addr, sizeof(in));
            memcpy(ip.ip, &in.sin_addr, sizeof(in.sin_addr));
        } else if (ip.family == AF_INET6) {
            struct sockaddr_in6 in6;
            memcpy(&in6, list->ai_addr, sizeof(in6));
            memcpy(ip.ip, &in6.sin6_addr, sizeof(in6.sin6_addr));
        } else {
            continue;
        }
        size_t i = 0;
        while (i < n && by_address(&ips[i], &ip) != 0)
            i++;
        if (i == n)
            ips[n++] = ip;
    }
    qsort(ips, n, sizeof(*ips), by_address); /* round-robin answers aren't news */
    return n;
}

static void finish_free(struct brama_resolver *r)
{
    if (r->freed && r->closed && r->in_flight == 0)
        free(r);
}

static void answered(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct host *h = request->data;
    struct brama_resolver *r = h->resolver;
    struct brama_ip ips[BRAMA_HOST_IPS_MAX];

    r->in_flight--;
    h->in_flight = false;
    size_t n = status == 0 ? take_ips(ips, list) : 0;
    uv_freeaddrinfo(list);
    if (r->freed || !h->wanted) {
        drop(h);
        finish_free(r);
        return;
    }
    bool other = n != 0 && (n != h->count || memcmp(ips, h->ips, n * sizeof(*ips)) != 0);
    bool news = other || !h->answered;
    h->answered = true;
    if (other) {
        memcpy(h->ips, ips, n * sizeof(*ips));
        h->count = n;
    }
    if (news && r->news != NULL)
        r->news(r->ctx, (brama_str){h->name, h->name_n});
}

static void ask(struct host *h)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct brama_resolver *r = h->resolver;
    if (h->literal || h->in_flight || !h->wanted)
        return;
    h->request.data = h;
    if (uv_getaddrinfo(r->loop, &h->request, answered, h->name, NULL, &hints) == 0) {
        h->in_flight = true;
        r->in_flight++;
    } else {
        h->answered = true; /* a bad name: there is nothing to wait for */
    }
}

static void ask_all(uv_timer_t *timer)
{
    struct brama_resolver *r = timer->data;
    for (struct host *h = after(r, NULL); h != NULL; h = after(r, h))
        ask(h);
}

enum brama_err brama_resolver_new(struct brama_resolver **out, uv_loop_t *loop,
                                  brama_resolver_news *news, void *ctx)
{
    struct brama_resolver *r = calloc(1, sizeof(*r));
    *out = r;
    if (r == NULL)
        return BRAMA_ERR_NOMEM;
    r->loop = loop;
    r->news = news;
    r->ctx = ctx;
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    uv_timer_start(&r->timer, ask_all, AGAIN_MS, AGAIN_MS);
    return BRAMA_OK;
}

static void timer_closed(uv_handle_t *handle)
{
    struct brama_resolver *r = handle->data;
    r->closed = true;
    finish_free(r);
}

void brama_resolver_free(struct brama_resolver *r)
{
    if (r == NULL)
        return;
    for (struct host *h = after(r, NULL), *next; h != NULL; h = next) {
        next = after(r, h);
        if (h->in_flight)
            uv_cancel((uv_req_t *)&h->request); /* answered() comes in any case */
        else
            drop(h);
    }
    r->freed = true;
    uv_close((uv_handle_t *)&r->timer, timer_closed);
}

static struct host *find(const struct brama_resolver *r, brama_str name)
{
    struct host *h = r->buckets[bucket_of(name)];
    while (h != NULL && !brama_str_eq((brama_str){h->name, h->name_n}, name))
        h = h->next;
    return h;
}

static bool add(struct brama_resolver *r, brama_str name)
{
    struct host *h = calloc(1, sizeof(*h) + name.n + 1);
    if (h == NULL)
        return false;
    h->resolver = r;
    h->name_n = name.n;
    if (name.n != 0)
        memcpy(h->name, name.p, name.n);
    h->literal = brama_ip_read(&h->ips[0], name);
    h->count = h->literal ? 1 : 0;
    h->answered = h->literal;
    struct host **bucket = &r->buckets[bucket_of(name)];
    h->next = *bucket;
    *bucket = h;
    return true;
}

enum brama_err brama_resolver_want(struct brama_resolver *r, const brama_str *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (find(r, hosts[i]) == NULL && !add(r, hosts[i]))
            return BRAMA_ERR_NOMEM;
    }
    for (struct host *h = after(r, NULL); h != NULL; h = after(r, h))
        h->wanted = false;
    for (size_t i = 0; i < count; i++)
        find(r, hosts[i])->wanted = true;
    for (struct host *h = after(r, NULL), *next; h != NULL; h = next) {
        next = after(r, h);
        if (!h->wanted && !h->in_flight)
            drop(h);
        else if (h->wanted && !h->answered)
            ask(h);
    }
    return BRAMA_OK;
}

size_t brama_resolver_pending(const struct brama_resolver *r)
{
    size_t n = 0;
    for (const struct host *h = after(r, NULL); h != NULL; h = after(r, h))
        n += h->wanted && !h->answered && !h->waited;
    return n;
}

void brama_resolver_wait_no_more(struct brama_resolver *r)
{
    for (struct host *h = after(r, NULL); h != NULL; h = after(r, h))
        h->waited = true;
}

const struct brama_ip *brama_resolver_ips(const struct brama_resolver *r, brama_str host,
                                          size_t *count)
{
    const struct host *h = find(r, host);
    *count = h != NULL ? h->count : 0;
    return *count != 0 ? h->ips : NULL;
}
