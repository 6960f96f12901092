/* Where a fetch connects to: the service table's endpoints of the URL's host, one after the other,
 * else the host itself; and where a name was last found, for when nobody knows it any more. The
 * request stays the one for the URL.
 */
#ifndef BRAMA_HTTP_DIAL_H
#define BRAMA_HTTP_DIAL_H

#include "http/fetch.h"

#define BRAMA__KNOWN_MAX 64 /* hosts; then the oldest is forgotten */

struct brama__known {
    struct {
        char host[BRAMA__DIAL_HOST_BYTES];
        char ip[64];
    } entries[BRAMA__KNOWN_MAX];
    unsigned next;
};

/* For a URL's host and port. False: a problem. */
bool brama__dial_first(struct fetch *f, const char *host, const char *port);
/* libcurl couldn't connect, or find the name: is there another address? Then it is set. */
bool brama__dial_next(struct fetch *f, CURLcode code);
/* It has answered: remember where it was. */
void brama__dial_worked(struct fetch *f);

#endif
