/* Numbers as text, for both writers. */
#ifndef BRAMA_JSON_NUMBER_H
#define BRAMA_JSON_NUMBER_H

#include "base/buf.h"

/* The shortest of 15 to 17 digits that reads back as the same double, and as a double: with a point
 * or an exponent. BRAMA_ERR_INVALID in the buffer if it isn't finite. */
void brama__real_add(struct brama_buf *buf, double real);

#endif
