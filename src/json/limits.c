#include "json/read.h"

const struct brama_json_limits brama_json_limits_token = {
    .max_bytes = 16 * 1024, /* the most a token's decoded part can have */
    .max_members = 256,
    .max_string = 4096,
    .max_depth = 16,
};

const struct brama_json_limits brama_json_limits_answer = {
    .max_bytes = 64 * 1024, /* as much as is read of one */
    .max_members = 4096,
    .max_string = 16 * 1024,
    .max_depth = 16,
};

const struct brama_json_limits brama_json_limits_jwks = {
    .max_bytes = 256 * 1024,
    .max_members = 16384,    /* 100 keys need some 2000; unknown members are allowed */
    .max_string = 64 * 1024, /* one certificate of an x5c chain is far below */
    .max_depth = 16,
};

const struct brama_json_limits brama_json_limits_rules = {
    .max_bytes = 16 * 1024 * 1024,
    .max_members = 1000 * 1000,
    .max_string = 1024 * 1024, /* Kubernetes' own ceiling for a whole object */
    .max_depth = 64,           /* CRD schemas in the same folder nest to some 30 */
};
