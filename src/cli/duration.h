/* Lengths of time on the command line: "500ms", "3600s", "5m", "1h", "7d", "1h30m". A bare number
 * is seconds (one widely used library takes it for milliseconds; hence the help texts show the
 * unit). */
#ifndef BRAMA_CLI_DURATION_H
#define BRAMA_CLI_DURATION_H

#include "base/str.h"

#define BRAMA_DURATION_MAX_MS (INT64_C(100) * 366 * 86400 * 1000) /* a hundred years */

/* False: no length of time, or longer than that; *out_ms is untouched. */
bool brama_duration_read(int64_t *out_ms, brama_str text);

#endif
