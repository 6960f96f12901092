/* What a plain YAML scalar is, for the reader and for the writer that must not be misread. */
#ifndef BRAMA_JSON_YAML_SCALAR_H
#define BRAMA_JSON_YAML_SCALAR_H

#include "json/node.h"

/* Set kind, truth, integer and real of out as sigs.k8s.io/yaml understands text: YAML 1.1 words,
 * integers with 0x, 0b, 0o or a leading 0 and with underscores, decimal reals, else STR. What
 * doesn't fit int64_t is REAL if it is decimal or fits uint64_t; what doesn't fit a double is STR
 * there, and here. False: .inf or .nan, which no JSON can hold. */
bool brama__yaml_resolve(brama_str text, struct brama_node *out);

#endif
