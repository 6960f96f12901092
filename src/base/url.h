/* A URL as somebody gave it, taken apart and otherwise left as it is: what a gateway is asked
 * about must reach the engine byte for byte, dots, escapes and all. */
#ifndef BRAMA_BASE_URL_H
#define BRAMA_BASE_URL_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/err.h"

struct brama_url {
    brama_str scheme;    /* "http" or "https" */
    brama_str authority; /* host[:port] */
    brama_str target;    /* from the first '/', '?' or '#' on; with a '/' in front if it had none */
};

/* BRAMA_ERR_SYNTAX with diag: not http:// or https://, no host, or a user name in front of it.
 * Slices are of text, of the arena or static. */
BRAMA_MUST_USE enum brama_err brama_url_split(struct brama_url *out, struct brama_arena *arena,
                                              brama_str text, struct brama_diag *diag);

/* Is text HOST:PORT with a port from 1 to 65535, an IPv6 address in brackets? For listen addresses:
 * nothing is guessed from a number that is none. */
bool brama_is_host_port(brama_str text);
/* Of a text that is; 0 otherwise. */
uint16_t brama_port_of(brama_str host_port);

/* The path of a file URL (RFC 8089: no host, or localhost; %XX decoded) and a NUL into room. False:
 * another URL, a relative path, a broken escape, an encoded NUL, or no room. */
bool brama_file_url_path(char *room, size_t size, brama_str url);

#endif
