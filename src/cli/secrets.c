#include "cli/secrets.h"

#define CREDENTIAL_MIN 8 /* shorter ones would blacken words that are none */
#define TOKEN_MIN 16

static void add(struct brama_secrets *secrets, brama_str place, brama_str text, bool is_token)
{
    if (secrets->n == BRAMA_SECRETS_MAX) {
        secrets->overflow = true;
        return;
    }
    secrets->list[secrets->n++] = (struct brama_secret_text){text, place, is_token};
}

static bool of_token(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* A JOSE header begins with {" or, written more widely, with { and a blank: in base64url "eyJ",
 * "eyA".
 */
static void find_tokens(struct brama_secrets *secrets, brama_str place, brama_str text)
{
    for (;;) {
        size_t at = brama_str_find_str(text, BRAMA_STR("eyJ"));
        size_t also = brama_str_find_str(text, BRAMA_STR("eyA"));
        brama_str run = brama_str_from(text, at < also ? at : also);
        size_t n = 0;
        if (run.n == 0)
            return;
        while (n < run.n && of_token(run.p[n]))
            n++;
        brama_str token = brama_str_head(run, n);
        size_t dot = brama_str_find_last(token, '.');
        if (n >= TOKEN_MIN && dot < token.n) {
            add(secrets, place, token, true);
            if (token.n - dot > TOKEN_MIN)
                add(secrets, place, brama_str_from(token, dot + 1), false);
        }
        text = brama_str_from(run, n);
    }
}

void brama_secrets_find(struct brama_secrets *secrets, brama_str place, brama_str text)
{
    find_tokens(secrets, place, text);
    if (brama_str_eq_nocase(place, BRAMA_STR("authorization")) ||
        brama_str_eq_nocase(place, BRAMA_STR("proxy-authorization"))) {
        brama_str rest = brama_str_trim(text);
        size_t blank = brama_str_find(rest, ' ');
        brama_str credential = brama_str_trim(brama_str_from(rest, blank < rest.n ? blank : 0));
        if (credential.n >= CREDENTIAL_MIN)
            add(secrets, place, credential, false);
    }
}

static size_t secret_at(const struct brama_secrets *secrets, brama_str text)
{
    size_t longest = 0;

    for (size_t i = 0; i < secrets->n; i++) {
        if (secrets->list[i].text.n > longest && brama_str_starts(text, secrets->list[i].text))
            longest = secrets->list[i].text.n;
    }
    return longest;
}

void brama_secrets_print(const struct brama_secrets *secrets, FILE *to, brama_str text)
{
    if (secrets->overflow)
        return;
    while (text.n != 0) {
        size_t n = secret_at(secrets, text);
        if (n != 0)
            fputs("(token)", to);
        else
            fputc(text.p[0], to);
        text = brama_str_from(text, n != 0 ? n : 1);
    }
}
