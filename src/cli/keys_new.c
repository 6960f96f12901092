#include "cli/key_args.h"
#include "cli/verbs.h"
#include "crypto/digest.h"
#include "issuer/mint.h"
#include "jose/alg.h"

static const struct brama_usage usage = {
    .synopsis = "brama keys new --alg ALG --out FILE [FLAGS]",
    .about = "Make a private key and write it as PEM (PKCS#8), readable by you alone. Its kid,\n"
             "the RFC 7638 thumbprint, is told on standard error.",
    .example = "  brama keys new --alg RS256 --out key.pem\n"
               "  brama keys jwks key.pem >jwks.json",
};

/* A row of advice: what was made, without any of its secret. */
static void tell(struct brama_cli *cli, const struct brama_pkey *key, enum brama_alg alg,
                 brama_str path)
{
    struct brama_buf kid;

    brama_buf_init(&kid, NULL, 256);
    if (brama_mint_kid(&kid, key) == BRAMA_OK)
        brama_say(cli, "%.*s: a key for %s, kid %.*s", BRAMA_FMT(path), brama_alg_name(alg),
                  BRAMA_FMT(brama_buf_str(&kid)));
    brama_buf_deinit(&kid);
}

static int make(struct brama_cli *cli, enum brama_alg alg, unsigned bits, brama_str path,
                bool force)
{
    struct brama_pkey *key = NULL;
    struct brama_diag diag = {0};
    struct brama_buf pem;

    if (brama_pkey_generate(&key, alg, bits, &diag) != BRAMA_OK) {
        brama_say_diag(cli, &diag);
        return BRAMA_EXIT_BUG;
    }
    brama_buf_init(&pem, NULL, 64 * 1024);
    brama_pkey_to_pem(&pem, key);
    int code = brama_buf_err(&pem) == BRAMA_OK
                   ? brama_write_out(cli, path, brama_buf_str(&pem), force)
                   : brama_no_memory(cli);
    if (code == BRAMA_EXIT_OK)
        tell(cli, key, alg, path);
    if (pem.p != NULL)
        brama_cleanse(pem.p, pem.cap);
    brama_buf_deinit(&pem);
    brama_pkey_free(key);
    return code;
}

static bool is_rsa(enum brama_alg alg)
{
    return alg == BRAMA_ALG_RS256 || alg == BRAMA_ALG_RS384 || alg == BRAMA_ALG_RS512 ||
           alg == BRAMA_ALG_PS256 || alg == BRAMA_ALG_PS384 || alg == BRAMA_ALG_PS512;
}

int brama_cmd_keys_new(struct brama_cli *cli, int argc, char **argv)
{
    brama_str alg_name = BRAMA_NIL, path = BRAMA_NIL;
    uint64_t bits = 0;
    bool force = false;
    const struct brama_opt opts[] = {
        {.name = "alg",
         .value = "ALG",
         .help = "RS256, ES256, EdDSA, ... (required)",
         .text = &alg_name},
        {.name = "bits",
         .value = "N",
         .help = "of an RSA key: 2048 (default) to 8192",
         .number = &bits},
        {.name = "out",
         .value = "FILE",
         .help = "where to; - is standard output (required)",
         .text = &path},
        {.name = "force", .help = "replace FILE if it exists", .flag = &force},
    };
    struct brama_args args;
    enum brama_alg alg;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    if (alg_name.n == 0 || path.n == 0)
        return brama_usage_error(cli, &usage, "--alg and --out are required");
    int code = brama_alg_arg(&alg, cli, &usage, alg_name);
    if (code != BRAMA_EXIT_OK)
        return code;
    if (bits != 0 && (!is_rsa(alg) || bits < 2048 || bits > 8192 || bits % 8 != 0))
        return brama_usage_error(cli, &usage,
                                 "--bits goes with RSA, from 2048 to 8192 in steps of 8");
    return make(cli, alg, (unsigned)bits, path, force);
}
