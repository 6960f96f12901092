/* What the user hands to every verb that reads rules. */
#ifndef BRAMA_AGENT_INPUTS_H
#define BRAMA_AGENT_INPUTS_H

#include "policy/policy.h"
#include "source/services.h"

struct brama_inputs {
    const brama_str *paths; /* -f: files, directories, "-" */
    size_t path_count;
    brama_str ns;     /* -n, "default" */
    brama_str domain; /* --domain, "localhost" */
    const struct brama_service_flag *services;
    size_t service_count;
    brama_str ca_file;
    enum brama_responses responses; /* --responses */
    uint16_t tls_port;              /* of --tls-listen; 0: none */
};

#endif
