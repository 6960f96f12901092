/* Shared by the files of Envoy's operators, nobody else. */
#ifndef BRAMA_TEMPLATE_ENVOY_INNER_H
#define BRAMA_TEMPLATE_ENVOY_INNER_H

#include "template/envoy.h"

/* START_TIME's format: false, and *bad is the specifier that isn't known. */
bool brama__time_check(brama_str format, brama_str *bad);
void brama__time_add(struct brama_buf *out, brama_str format, int64_t time_s, uint32_t time_ms);

#endif
