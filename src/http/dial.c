#include "http/dial.h"

#include <stdio.h>
#include <string.h>

static const char *last_ip(const struct brama__known *known, const char *host)
{
    for (size_t i = 0; known != NULL && i < BRAMA__KNOWN_MAX; i++) {
        if (known->entries[i].ip[0] != '\0' && strcmp(known->entries[i].host, host) == 0)
            return known->entries[i].ip;
    }
    return NULL;
}

static void remember(struct brama__known *known, const char *host, const char *ip)
{
    size_t i = 0;
    while (i < BRAMA__KNOWN_MAX && strcmp(known->entries[i].host, host) != 0)
        i++;
    if (i == BRAMA__KNOWN_MAX)
        i = known->next++ % BRAMA__KNOWN_MAX;
    snprintf(known->entries[i].host, sizeof(known->entries[i].host), "%s", host);
    snprintf(known->entries[i].ip, sizeof(known->entries[i].ip), "%s", ip);
}

static bool set_list(struct fetch *f, brama_str to)
{
    char text[BRAMA__DIAL_HOST_BYTES + 16];
    bool ipv6 = brama_str_find(to, ':') != to.n;
    int n = snprintf(text, sizeof(text), ipv6 ? "::[%.*s]:%u" : "::%.*s:%u", BRAMA_FMT(to),
                     (unsigned)f->dial_port);

    curl_slist_free_all(f->connect_to);
    f->connect_to = n > 0 && (size_t)n < sizeof(text) ? curl_slist_append(NULL, text) : NULL;
    return f->connect_to != NULL &&
           curl_easy_setopt(f->easy, CURLOPT_CONNECT_TO, f->connect_to) == CURLE_OK;
}

/* The table's endpoint f->which. *set: it can be dialed. False: there is none. */
static bool set_endpoint(struct fetch *f, bool *set)
{
    brama_str to;
    if (f->resolver == NULL || !f->resolver->lookup(f->resolver->ctx, brama_str_c(f->host), f->port,
                                                    f->which, &to, &f->dial_port))
        return false;
    snprintf(f->dialed, sizeof(f->dialed), "%.*s", BRAMA_FMT(to));
    *set = set_list(f, to);
    return true;
}

bool brama__dial_first(struct fetch *f, const char *host, const char *port)
{
    uint64_t number;
    bool set = true;

    f->which = 0;
    f->stood_in = false;
    if (strlen(host) >= sizeof(f->host) || !brama_str_u64(brama_str_c(port), &number) ||
        number > UINT16_MAX) {
        snprintf(f->problem, sizeof(f->problem), "not a URL with a scheme and a host");
        return false;
    }
    snprintf(f->host, sizeof(f->host), "%s", host);
    snprintf(f->dialed, sizeof(f->dialed), "%s", host);
    f->port = f->dial_port = (uint16_t)number;
    if (!set_endpoint(f, &set)) {
        curl_slist_free_all(f->connect_to);
        f->connect_to = NULL;
        return curl_easy_setopt(f->easy, CURLOPT_CONNECT_TO, NULL) == CURLE_OK;
    }
    if (!set)
        snprintf(f->problem, sizeof(f->problem),
                 "the service table's address of %.100s is of no use", host);
    return set;
}

bool brama__dial_next(struct fetch *f, CURLcode code)
{
    curl_off_t lookup_us = 0, connect_us = 0;
    bool set = false;

    curl_easy_getinfo(f->easy, CURLINFO_NAMELOOKUP_TIME_T, &lookup_us);
    curl_easy_getinfo(f->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
    bool late = code == CURLE_OPERATION_TIMEDOUT;
    if (code == CURLE_COULDNT_RESOLVE_HOST || (late && lookup_us == 0)) {
        const char *ip = f->stood_in ? NULL : last_ip(f->known, f->dialed);
        f->stood_in = true;
        if (ip != NULL)
            return set_list(f, brama_str_c(ip));
    } else if (code != CURLE_COULDNT_CONNECT && (!late || connect_us != 0)) {
        return false;
    }
    f->which++;
    f->stood_in = false;
    return set_endpoint(f, &set) && set;
}

void brama__dial_worked(struct fetch *f)
{
    char *ip = NULL;
    if (f->known != NULL && !f->stood_in &&
        curl_easy_getinfo(f->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip != NULL &&
        ip[0] != '\0')
        remember(f->known, f->dialed, ip);
}
