/* Between nginx.c and nginx_find.c. */
#ifndef BRAMA_AGENT_NGINX_ORPHAN_H
#define BRAMA_AGENT_NGINX_ORPHAN_H

#include "agent/nginx.h"

bool brama__nginx_find_program(char out[PATH_MAX], brama_str given);
/* The master that nginx.pid names, if it runs that program; else 0. */
pid_t brama__nginx_orphan(const struct brama__state *state, const char *program);
/* Is that what nginx.conf says? */
bool brama__nginx_conf_is(const struct brama__state *state, brama_str conf);

#endif
