/* file:///path, read by ourselves: regular files only, and never more than allowed. */
#ifndef BRAMA_HTTP_FILE_URL_H
#define BRAMA_HTTP_FILE_URL_H

#include "base/buf.h"

#define BRAMA_HTTP_PROBLEM_BYTES 240 /* as in struct brama_http_answer */

/* The file behind a file URL (RFC 8089: no host, or localhost; %XX decoded) into out. False with
 * the reason in problem. */
bool brama__file_url_read(struct brama_buf *out, brama_str url,
                          char problem[BRAMA_HTTP_PROBLEM_BYTES]);

/* The same for a path. Opened without waiting, so that a FIFO can't hold us up. */
bool brama__file_read(struct brama_buf *out, const char *path,
                      char problem[BRAMA_HTTP_PROBLEM_BYTES]);

#endif
