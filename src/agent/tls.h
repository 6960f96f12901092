/* The certificate that TLS listeners show: given as files and read again when they change, or made
 * by ourselves for DOMAIN and *.DOMAIN, kept in state/tls/ and renewed in time. */
#ifndef BRAMA_AGENT_TLS_H
#define BRAMA_AGENT_TLS_H

#include "agent/state.h"
#include "policy/facts.h"

struct brama__tls {
    const struct brama__state *state;
    brama_str cert_file, key_file, domain; /* files empty: our own */
    struct brama_arena arena;              /* of cert's texts */
    struct brama_facts_cert_in cert;
    uint64_t signature; /* of the given files as they were read */
};

/* BRAMA_ERR_INVALID, with diag: the given pair can't be used. */
BRAMA_MUST_USE enum brama_err brama__tls_open(struct brama__tls *out,
                                              const struct brama__state *state, brama_str cert_file,
                                              brama_str key_file, brama_str domain,
                                              struct brama_diag *diag);
void brama__tls_close(struct brama__tls *tls);

/* To be called each second or so. True: there is another certificate. With a text in diag: there is
 * one, but it can't be used, and the one before stays. */
bool brama__tls_look(struct brama__tls *tls, struct brama_diag *diag);

#endif
