/* One code point at a time, for both writers. */
#ifndef BRAMA_JSON_UTF8_H
#define BRAMA_JSON_UTF8_H

#include "base/str.h"

/* The length of the well-formed sequence that s begins with, its code point in *point; 0 if there
 * is none (or s is empty). */
size_t brama__utf8_next(brama_str s, uint32_t *point);

#endif
