/* Whom calls trust by TLS: the system's certificates and those of --ca-file, as one file, since
 * nginx takes one. */
#ifndef BRAMA_AGENT_CALL_CA_H
#define BRAMA_AGENT_CALL_CA_H

#include <limits.h>

#include "base/diag.h"
#include "base/err.h"

#define BRAMA__CALL_CA "call-ca.pem" /* in the state directory, where --ca-file is given */

/* The path of such a file: in dir where there is a ca_file; empty where there is nobody to trust.
 */
void brama__call_ca_path(char out[PATH_MAX], const char *dir, brama_str ca_file);
/* Make it, where there is a ca_file. BRAMA_ERR_NOT_FOUND: that one can't be read; BRAMA_ERR_IO. */
BRAMA_MUST_USE enum brama_err brama__call_ca_write(const char *path, brama_str ca_file,
                                                   struct brama_diag *diag);

#endif
