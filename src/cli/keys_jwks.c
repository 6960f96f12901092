#include <string.h>

#include "cli/key_args.h"
#include "cli/pretty.h"
#include "cli/read_file.h"
#include "cli/verbs.h"
#include "crypto/cert.h"
#include "issuer/mint.h"
#include "jose/jwks.h"

static const struct brama_usage usage = {
    .synopsis = "brama keys jwks KEY.. [FLAGS]",
    .about = "Print the public JSON Web Key Set (RFC 7517) of PEM files: private keys, public\n"
             "keys or certificates. Nothing secret is in it.",
    .example = "  brama keys jwks key.pem >jwks.json\n"
               "  brama keys jwks key.pem --cert cert.pem",
    .max_args = BRAMA_JWKS_MAX_KEYS,
};

struct wish {
    brama_str kid, cert_path;
    enum brama_alg alg;
};

/* The certificate goes into x5c only if it is one of this very key: readers reject another. */
static int read_cert(struct brama_buf *der, struct brama_cli *cli, brama_str path,
                     const struct brama_pkey *key)
{
    struct brama_diag diag = {.where = {.file = path}};
    struct brama_pkey *certified = NULL;
    struct brama_buf spki[2];
    brama_str pem;

    int code = brama_read_file(&pem, cli, path);
    if (code != BRAMA_EXIT_OK)
        return code;
    if (brama_cert_from_pem(der, pem, &diag) != BRAMA_OK ||
        brama_pkey_from_cert(&certified, brama_buf_str(der), &diag) != BRAMA_OK) {
        diag.where.file = path;
        brama_say_diag(cli, &diag);
        return BRAMA_EXIT_INPUT;
    }
    brama_buf_init(&spki[0], NULL, 16384);
    brama_buf_init(&spki[1], NULL, 16384);
    brama_pkey_to_spki(&spki[0], key);
    brama_pkey_to_spki(&spki[1], certified);
    if (brama_buf_err(&spki[0]) != BRAMA_OK || brama_buf_err(&spki[1]) != BRAMA_OK) {
        code = brama_no_memory(cli);
    } else if (!brama_str_eq(brama_buf_str(&spki[0]), brama_buf_str(&spki[1]))) {
        brama_say(cli, "%.*s is the certificate of another key", BRAMA_FMT(path));
        code = BRAMA_EXIT_INPUT;
    }
    brama_buf_deinit(&spki[0]);
    brama_buf_deinit(&spki[1]);
    brama_pkey_free(certified);
    return code;
}

static int add_key(struct brama_buf *out, struct brama_cli *cli, const struct wish *wish,
                   brama_str path)
{
    struct brama_pkey *key = NULL;
    struct brama_buf kid, der;

    int code = brama_key_arg(&key, cli, path);
    if (code != BRAMA_EXIT_OK)
        return code;
    brama_buf_init(&kid, NULL, 4096);
    brama_buf_init(&der, NULL, 65536);
    brama_buf_add(&kid, wish->kid);
    struct brama_jwk_wish jwk = {.use = BRAMA_STR("sig"),
                                 .alg = wish->alg != BRAMA_ALG_INVALID ? wish->alg
                                                                       : brama_mint_usual_alg(key)};
    if (!brama_pkey_fits(key, jwk.alg)) {
        brama_say(cli, "%.*s: the key doesn't fit --alg", BRAMA_FMT(path));
        code = BRAMA_EXIT_INPUT;
        goto done;
    }
    if (wish->cert_path.n != 0)
        code = read_cert(&der, cli, wish->cert_path, key);
    if (code != BRAMA_EXIT_OK)
        goto done;
    jwk.cert_der = brama_buf_str(&der);
    if (wish->kid.n == 0 && brama_mint_kid(&kid, key) != BRAMA_OK)
        code = brama_no_memory(cli);
    jwk.kid = brama_buf_str(&kid);
    if (code == BRAMA_EXIT_OK && brama_jwk_write(out, key, &jwk) != BRAMA_OK)
        code = brama_no_memory(cli);
done:
    brama_buf_deinit(&der);
    brama_buf_deinit(&kid);
    brama_pkey_free(key);
    return code;
}

static int print_set(struct brama_cli *cli, const struct wish *wish, const struct brama_args *args)
{
    struct brama_buf out;
    int code = BRAMA_EXIT_OK;

    brama_buf_init(&out, NULL, BRAMA_JWKS_MAX_BYTES);
    brama_buf_add(&out, BRAMA_STR("{\"keys\":["));
    for (size_t i = 0; i < args->n && code == BRAMA_EXIT_OK; i++) {
        if (i != 0)
            brama_buf_add_c(&out, ',');
        code = add_key(&out, cli, wish, args->p[i]);
    }
    brama_buf_add(&out, BRAMA_STR("]}"));
    if (code == BRAMA_EXIT_OK)
        code = brama_buf_err(&out) == BRAMA_OK ? brama_pretty_json(cli, brama_buf_str(&out))
                                               : brama_no_memory(cli);
    brama_buf_deinit(&out);
    return code;
}

int brama_cmd_keys_jwks(struct brama_cli *cli, int argc, char **argv)
{
    struct wish wish = {0};
    brama_str alg_name = BRAMA_NIL;
    const struct brama_opt opts[] = {
        {.name = "kid",
         .value = "KID",
         .help = "instead of the RFC 7638 thumbprint (one KEY only)",
         .text = &wish.kid},
        {.name = "cert",
         .value = "FILE",
         .help = "its certificate: x5c, x5t, x5t#S256 (one KEY only)",
         .text = &wish.cert_path},
        {.name = "alg",
         .value = "ALG",
         .help = "instead of the usual one of the key's type",
         .text = &alg_name},
    };
    struct brama_args args;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    if (args.n == 0)
        return brama_usage_error(cli, &usage, "which key?");
    if (args.n > 1 && (wish.kid.n != 0 || wish.cert_path.n != 0))
        return brama_usage_error(cli, &usage, "--kid and --cert go with one KEY");
    int code = brama_alg_arg(&wish.alg, cli, &usage, alg_name);
    return code == BRAMA_EXIT_OK ? print_set(cli, &wish, &args) : code;
}
