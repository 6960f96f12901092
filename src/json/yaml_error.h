/* libyaml's complaints in words for the person who wrote the file. */
#ifndef BRAMA_JSON_YAML_ERROR_H
#define BRAMA_JSON_YAML_ERROR_H

#include <yaml.h>

#include "json/node.h"

struct brama_where brama__yaml_where(brama_str file, yaml_mark_t mark);

/* Why the parser, having read text, stopped. */
enum brama_err brama__yaml_explain(const yaml_parser_t *parser, brama_str file, brama_str text,
                                   struct brama_diag *diag);

#endif
