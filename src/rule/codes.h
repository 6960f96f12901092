/* The codes of what we say beside Kyma. Each has a page, docs/checks/CODE.md, which is also what
 * `brama check --explain CODE` prints. A code never changes its meaning; a number isn't used again.
 *
 * 10xx one object, 11xx what a rule asks of a token, 12xx rules against each other,
 * 13xx keys, 20xx files
 */
#ifndef BRAMA_RULE_CODES_H
#define BRAMA_RULE_CODES_H

#include "base/def.h"

#define BRAMA_CODES(X)                                                                             \
    X(PLAIN_HTTP, "BRAMA1001")                                                                     \
    X(NOT_RECONCILED, "BRAMA1002")                                                                 \
    X(NO_SERVICE, "BRAMA1003")                                                                     \
    X(TWICE, "BRAMA1004")                                                                          \
    X(SECRET, "BRAMA1005")                                                                         \
    X(VERSION, "BRAMA1006")                                                                        \
    X(TOGGLE, "BRAMA1007")                                                                         \
    X(KIND, "BRAMA1008")                                                                           \
    X(GATEWAY_SERVER, "BRAMA1009")                                                                 \
    X(NO_SECRET, "BRAMA1010")                                                                      \
    X(NO_ENTRY, "BRAMA1011")                                                                       \
    X(CERTIFICATE, "BRAMA1012")                                                                    \
    X(METADATA, "BRAMA1013")                                                                       \
    X(ORIGIN, "BRAMA1014")                                                                         \
    X(CREDENTIAL_COPIED, "BRAMA1015")                                                              \
    X(RETRY, "BRAMA1016")                                                                          \
    X(NO_AUDIENCE, "BRAMA1101")                                                                    \
    X(TOKEN_IN_QUERY, "BRAMA1102")                                                                 \
    X(FOREIGN_KEYS, "BRAMA1103")                                                                   \
    X(ANY_ISSUER, "BRAMA1104")                                                                     \
    X(ANY_METHOD, "BRAMA1105")                                                                     \
    X(SHADOWED, "BRAMA1201")                                                                       \
    X(SHARED_METHOD, "BRAMA1202")                                                                  \
    X(NO_ROUTE, "BRAMA1203")                                                                       \
    X(OATHKEEPER_OVERLAP, "BRAMA1204")                                                             \
    X(POLICY_UNION, "BRAMA1205")                                                                   \
    X(OPEN_BEFORE, "BRAMA1206")                                                                    \
    X(WILDCARD, "BRAMA1207")                                                                       \
    X(NEVER, "BRAMA1208")                                                                          \
    X(SLASH_STAR, "BRAMA1209")                                                                     \
    X(POLICY_PATH, "BRAMA1210")                                                                    \
    X(PREFLIGHT, "BRAMA1211")                                                                      \
    X(FOREIGN_POLICIES, "BRAMA1212")                                                               \
    X(WEAK_KEY, "BRAMA1301")                                                                       \
    X(DEAR_KEY, "BRAMA1302")                                                                       \
    X(KEYS_UNREACHABLE, "BRAMA1303")                                                               \
    X(KEY_LEFT_OUT, "BRAMA1304")                                                                   \
    X(UNREADABLE, "BRAMA2001")

#define BRAMA__CODE_ROW(name, text) BRAMA_CODE_##name,
enum brama_code { BRAMA_CODES(BRAMA__CODE_ROW) BRAMA_CODE_COUNT };

/* "BRAMA1001"; static. */
const char *brama_code_name(enum brama_code code);

#endif
