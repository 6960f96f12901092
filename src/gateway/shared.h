/* Files beside a worker's page, workers/<slot>SUFFIX: written by the worker that holds the slot,
 * read by all. */
#ifndef BRAMA_GATEWAY_SHARED_H
#define BRAMA_GATEWAY_SHARED_H

#include "gateway/slot.h"

/* This worker's own, mapped to be written, of that size; its first room_bytes have their blocks, so
 * that a full disk is no SIGBUS there. NULL: it can't be had. *fd stays open. */
void *brama_shared_own(int *fd, const struct brama_slot *slot, const char *suffix, size_t bytes,
                       size_t room_bytes);
/* Any worker's, to be read; NULL: there is none of that size. */
const void *brama_shared_read(const struct brama_slot *slot, unsigned index, const char *suffix,
                              size_t bytes);
void brama_shared_unmap(const void *p, size_t bytes); /* NULL: nothing happens */

#endif
