#include <string.h>
#include <time.h>

#include "cli/key_args.h"
#include "cli/verbs.h"
#include "crypto/digest.h"
#include "issuer/mint.h"
#include "json/read.h"

static const struct brama_usage usage = {
    .synopsis = "brama token mint --key FILE --issuer URL [FLAGS]",
    .about = "Make a token signed with a private key and print it. It has iat, exp and a\n"
             "random jti unless --claim says otherwise; kid is the key's RFC 7638 thumbprint.\n"
             "Kyma's Istio rules refuse a token without a subject: give --sub.",
    .example = "  brama token mint --key key.pem --issuer https://me.example --scope 'read write'\n"
               "  curl -H \"Authorization: Bearer $(brama token mint --key key.pem \\\n"
               "      --issuer https://me.example --ttl 5m)\" http://httpbin.localhost:8080/get",
};

/* "k=v": v as JSON where it is JSON, else as the string that it is. */
static int read_claim(struct brama_mint_claim *out, struct brama_cli *cli, brama_str text)
{
    size_t n = brama_str_find(text, '=');
    struct brama_node *node = NULL;

    if (n == 0 || n == text.n)
        return brama_usage_error(cli, &usage, "--claim wants NAME=VALUE");
    brama_str value = brama_str_from(text, n + 1);
    if (brama_json_parse(&node, cli->arena, value, &brama_json_limits_token, NULL) != BRAMA_OK) {
        node = brama_arena_alloc(cli->arena, sizeof(*node));
        if (node == NULL)
            return brama_no_memory(cli);
        *node = (struct brama_node){.kind = BRAMA_NODE_STR, .text = value};
    }
    *out = (struct brama_mint_claim){brama_str_head(text, n), node};
    return BRAMA_EXIT_OK;
}

static int read_claims(struct brama_mint_wish *wish, struct brama_cli *cli,
                       const struct brama_opt_list *texts)
{
    struct brama_mint_claim *claims = brama_arena_array(cli->arena, texts->n + 1, sizeof(*claims));
    int code = BRAMA_EXIT_OK;

    if (claims == NULL)
        return brama_no_memory(cli);
    for (size_t i = 0; i < texts->n && code == BRAMA_EXIT_OK; i++)
        code = read_claim(&claims[i], cli, texts->p[i]);
    wish->claims = claims;
    wish->claim_count = texts->n;
    return code;
}

static int mint(struct brama_cli *cli, struct brama_mint_wish *wish, brama_str key_path)
{
    struct brama_diag diag = {0};
    struct brama_pkey *key = NULL;
    struct brama_buf token;

    int code = brama_key_arg(&key, cli, key_path);
    if (code != BRAMA_EXIT_OK)
        return code;
    wish->key = key;
    wish->now_s = time(NULL);
    brama_buf_init(&token, NULL, 65536);
    enum brama_err err = brama_random(wish->jti, sizeof(wish->jti));
    if (err == BRAMA_OK)
        err = brama_mint(&token, wish, &diag);
    if (err == BRAMA_OK) {
        fprintf(cli->out, "%.*s\n", BRAMA_FMT(brama_buf_str(&token)));
    } else {
        brama_say(cli, "%s", diag.what[0] != '\0' ? diag.what : brama_err_text(err));
        code = err == BRAMA_ERR_INVALID || err == BRAMA_ERR_TOO_BIG ? BRAMA_EXIT_INPUT
                                                                    : BRAMA_EXIT_BUG;
    }
    brama_buf_deinit(&token);
    brama_pkey_free(key);
    return code;
}

/* Was the flag there at all? An empty --issuer is a wish of its own. */
static bool is_given(brama_str text)
{
    return text.p != NULL;
}

int brama_cmd_token_mint(struct brama_cli *cli, int argc, char **argv)
{
    struct brama_mint_wish wish = {0};
    struct brama_opt_list audiences = {0}, claims = {0};
    brama_str key_path = BRAMA_NIL, alg_name = BRAMA_NIL;
    int64_t ttl_ms = INT64_C(3600) * 1000;
    const struct brama_opt opts[] = {
        {.name = "key", .value = "FILE", .help = "private key, PEM (required)", .text = &key_path},
        {.name = "issuer",
         .value = "URL",
         .help = "iss (required; '' leaves it out)",
         .text = &wish.issuer},
        {.name = "scope",
         .value = "'A B'",
         .help = "scope: words with blanks between",
         .text = &wish.scope},
        {.name = "aud", .value = "AUD", .help = "audience; may be repeated", .list = &audiences},
        {.name = "sub", .value = "SUB", .help = "subject", .text = &wish.subject},
        {.name = "ttl",
         .value = "TIME",
         .help = "until exp: 3600s (default), 5m, 1h, ...",
         .duration_ms = &ttl_ms},
        {.name = "no-exp", .help = "no exp: a token for ever", .flag = &wish.no_exp},
        {.name = "claim",
         .value = "NAME=VALUE",
         .help = "VALUE is JSON or a string; may be repeated",
         .list = &claims},
        {.name = "kid", .value = "KID", .help = "instead of the thumbprint", .text = &wish.kid},
        {.name = "alg",
         .value = "ALG",
         .help = "instead of the usual one of the key's type",
         .text = &alg_name},
        {.name = "jku", .value = "URL", .help = "header parameter jku", .text = &wish.jku},
    };
    struct brama_args args;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    if (key_path.n == 0 || !is_given(wish.issuer))
        return brama_usage_error(cli, &usage, "--key and --issuer are required");
    if (ttl_ms % 1000 != 0)
        return brama_usage_error(cli, &usage, "--ttl is counted in whole seconds");
    int code = brama_alg_arg(&wish.alg, cli, &usage, alg_name);
    if (code == BRAMA_EXIT_OK)
        code = read_claims(&wish, cli, &claims);
    if (code != BRAMA_EXIT_OK)
        return code;
    wish.ttl_s = ttl_ms / 1000;
    wish.audiences = audiences.p;
    wish.audience_count = audiences.n;
    return mint(cli, &wish, key_path);
}
