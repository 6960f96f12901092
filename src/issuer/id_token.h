/* Oathkeeper's id_token: what may be signed, what is asked for, and the token. oathkeeper.md 3.3.
 *
 *     struct brama_id_token_ask ask;
 *     if (brama_id_token_ask_read(&ask, &arena, body, &diag) == BRAMA_OK &&
 *         brama_id_rules_name(rules, &ask))
 *         err = brama_id_tokens_get(tokens, &token, &wish, &diag);
 *
 * Pure: clock and randomness are in the wish.
 */
#ifndef BRAMA_ISSUER_ID_TOKEN_H
#define BRAMA_ISSUER_ID_TOKEN_H

#include "issuer/signing_set.h"
#include "json/node.h"

/* What a worker asks for. Texts and nodes are the arena's. */
struct brama_id_token_ask {
    brama_str issuer, jwks_url; /* jwks_url: empty for our own key set */
    brama_str subject;          /* may be empty */
    uint64_t ttl_ms;
    const struct brama_node *claims; /* a MAP; NULL: none */
};

/* {"issuer","jwks_url","ttl_ms","subject","claims"}: all but claims have to be there, and nothing
 * else. BRAMA_ERR_SYNTAX, BRAMA_ERR_TOO_BIG, with diag. */
BRAMA_MUST_USE enum brama_err brama_id_token_ask_read(struct brama_id_token_ask *out,
                                                      struct brama_arena *arena, brama_str text,
                                                      struct brama_diag *diag);

/* What rules in force name: an issuer, a key set and a time to live each. Nothing else is signed,
 * whoever asks. */
struct brama_id_rules;
/* {"tokens":[{"issuer","jwks_url","ttl_ms"}..]}. BRAMA_ERR_SYNTAX, BRAMA_ERR_TOO_BIG, with diag. */
BRAMA_MUST_USE enum brama_err brama_id_rules_load(struct brama_id_rules **out, brama_str text,
                                                  struct brama_diag *diag);
void brama_id_rules_free(struct brama_id_rules *rules);
/* rules may be NULL: none. */
bool brama_id_rules_name(const struct brama_id_rules *rules, const struct brama_id_token_ask *ask);
/* The key sets that they name, each once; false behind the last. An empty text is our own. */
bool brama_id_rules_keys(const struct brama_id_rules *rules, size_t index, brama_str *jwks_url);

/* Tokens that were made, until less than a tenth of their time is left. */
struct brama_id_tokens;
/* max: how many at most, not 0; a new one takes an older one's place. NULL: no memory. */
struct brama_id_tokens *brama_id_tokens_new(size_t max);
void brama_id_tokens_free(struct brama_id_tokens *tokens);

struct brama_id_token_wish {
    const struct brama_id_token_ask *ask;
    const struct brama_signing_key *signer;
    int64_t now_ms;  /* UNIX time */
    uint8_t jti[16]; /* random; of a new one */
};
/* One that was made for the very same ask and key, or a new one. exp, jti, iat, nbf, iss and sub
 * stand over the claims' own. *token is valid until the next call; *fresh_ms: how long it may be
 * handed out again. BRAMA_ERR_TOO_BIG: longer than what a gateway of ours reads. */
BRAMA_MUST_USE enum brama_err brama_id_tokens_get(struct brama_id_tokens *tokens, brama_str *token,
                                                  int64_t *fresh_ms,
                                                  const struct brama_id_token_wish *wish,
                                                  struct brama_diag *diag);

#endif
