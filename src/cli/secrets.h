/* Tokens that came on the command line and must not come out again.
 *
 *     struct brama_secrets secrets = {0};
 *     brama_secrets_find(&secrets, BRAMA_STR("authorization"), value);
 *     brama_secrets_print(&secrets, cli->out, text);    // "(token)" where one stood
 */
#ifndef BRAMA_CLI_SECRETS_H
#define BRAMA_CLI_SECRETS_H

#include <stdio.h>

#include "base/str.h"

#define BRAMA_SECRETS_MAX 64 /* more than a request of ours has headers with tokens */

struct brama_secrets {
    struct brama_secret_text {
        brama_str text;
        brama_str place; /* where it was found */
        bool is_token;   /* has the look of a JWS; else a credential of another sort */
    } list[BRAMA_SECRETS_MAX];
    size_t n;
    bool overflow; /* then nothing is printed: one of them might be in it */
};

/* Remember what looks like a JWS in text, its signature, and, where place is (Proxy-)Authorization,
 * the credentials. */
void brama_secrets_find(struct brama_secrets *secrets, brama_str place, brama_str text);
void brama_secrets_print(const struct brama_secrets *secrets, FILE *to, brama_str text);

#endif
