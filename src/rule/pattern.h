/* The patterns of the APIRule schemas as hand-written matchers, each over the whole value. */
#ifndef BRAMA_RULE_PATTERN_H
#define BRAMA_RULE_PATTERN_H

#include "base/str.h"

bool brama__is_v1_host(brama_str s);
bool brama__is_v1_gateway(brama_str s);
bool brama__is_v1_path(brama_str s);
bool brama__is_v2_gateway(brama_str s);
bool brama__is_v2_host(brama_str s); /* short name, FQDN or "*." wildcard, at most 255 bytes */
bool brama__is_v2_path(brama_str s);
bool brama__is_short_host(brama_str s); /* one label */
bool brama__is_namespace(brama_str s);  /* RFC 1123 label of any length, as the schema has it */
/* What metadata.namespace and metadata.name may be; also what makes them safe in a file name. */
bool brama__is_label(brama_str s);
bool brama__is_subdomain(brama_str s);

#define BRAMA__PATTERN_V1_HOST                                                                     \
    "^([a-zA-Z0-9][a-zA-Z0-9-_]*\\.)*[a-zA-Z0-9]*[a-zA-Z0-9-_]*[[a-zA-Z0-9]+$"
#define BRAMA__PATTERN_V1_GATEWAY "^[0-9a-z-_]+(\\/[0-9a-z-_]+|(\\.[0-9a-z-_]+)*)$"
#define BRAMA__PATTERN_V1_PATH "^([0-9a-zA-Z./*()?!\\\\_-]+)"
#define BRAMA__PATTERN_V2_PATH                                                                     \
    "^((\\/([A-Za-z0-9-._~!$&'()+,;=:@]|%[0-9a-fA-F]{2})*)|(\\/\\{\\*{1,2}\\}))+$|^\\/\\*$"
#define BRAMA__PATTERN_NAMESPACE "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

#endif
