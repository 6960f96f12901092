/* Shared by the files of the oracle. */
#ifndef BRAMA_TEST_ORACLE_EVALUATE_H
#define BRAMA_TEST_ORACLE_EVALUATE_H

#include "oracle.h"

/* The member of that name, NULL-safe; names may be a dotted path: "spec.match.url". */
const struct brama_node *oracle_at(const struct brama_node *node, const char *path);
brama_str oracle_text(const struct brama_node *node, const char *path);
bool oracle_has_text(const struct brama_node *list, brama_str text);
bool oracle_is_kind(const struct brama_node *object, const char *kind);
bool oracle_re2(brama_str regex, brama_str text); /* false also for what isn't a regex */

/* The token of that text; NULL: not one of ours, so not one at all. */
const struct oracle_token *oracle_find_token(const struct oracle *o, brama_str text);
/* The number of a claim, or the value given. */
double oracle_number(const struct brama_node *claims, const char *name, double otherwise);
const struct brama_node *oracle_claims(const struct oracle *o, const struct oracle_token *token);

/* Behind the sidecar of the Pods that labels select. NULL: allowed, else why not. */
const char *oracle_ask_sidecar(const struct oracle *o, const struct oracle_request *request,
                               brama_str ns, const struct brama_node *labels);
/* NULL: allowed, and *upstream is where to. */
const char *oracle_ask_oathkeeper(const struct oracle *o, const struct oracle_request *request,
                                  brama_str *upstream);

#endif
