/* Where nginx and our module are. */
#ifndef BRAMA_AGENT_NGINX_FIND_H
#define BRAMA_AGENT_NGINX_FIND_H

#include <limits.h>

#include "base/str.h"

/* given: as on the command line; empty: the one on PATH. False: nowhere. */
bool brama__nginx_find_program(char out[PATH_MAX], brama_str given);
/* given, else looked for around self, the path of this program. False: nowhere. */
bool brama__nginx_find_module(char out[PATH_MAX], brama_str given, brama_str self);

#endif
