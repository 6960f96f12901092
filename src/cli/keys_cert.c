#include <time.h>

#include "cli/key_args.h"
#include "cli/verbs.h"
#include "crypto/cert.h"
#include "crypto/digest.h"

#define DNS_MAX 16 /* as crypto/cert.h takes them */

static const struct brama_usage usage = {
    .synopsis = "brama keys cert KEY --cn NAME [FLAGS]",
    .about = "Make a self-signed certificate (X.509 v3) for a private key, as PEM.",
    .example = "  brama keys cert key.pem --cn gateway --dns '*.example.com' --out cert.pem",
    .max_args = 1,
};

static int make(struct brama_cli *cli, const struct brama_pkey *key,
                const struct brama_cert_wish *wish, brama_str path, bool force)
{
    struct brama_diag diag = {0};
    struct brama_buf der, pem;
    int code;

    brama_buf_init(&der, NULL, 65536);
    brama_buf_init(&pem, NULL, 131072);
    enum brama_err err = brama_cert_self_signed(&der, key, wish, &diag);
    if (err == BRAMA_OK) {
        brama_cert_to_pem(&pem, brama_buf_str(&der));
        err = brama_buf_err(&pem);
    }
    if (err == BRAMA_OK) {
        code = brama_write_out(cli, path, brama_buf_str(&pem), force);
    } else if (err == BRAMA_ERR_INVALID) {
        brama_say_diag(cli, &diag);
        code = BRAMA_EXIT_INPUT;
    } else {
        brama_say(cli, "%s", diag.what[0] != '\0' ? diag.what : brama_err_text(err));
        code = BRAMA_EXIT_BUG;
    }
    brama_buf_deinit(&pem);
    brama_buf_deinit(&der);
    return code;
}

int brama_cmd_keys_cert(struct brama_cli *cli, int argc, char **argv)
{
    brama_str name = BRAMA_NIL, path = BRAMA_STR("-");
    struct brama_opt_list dns = {0};
    uint64_t days = 365;
    bool force = false;
    const struct brama_opt opts[] = {
        {.name = "cn", .value = "NAME", .help = "common name (required)", .text = &name},
        {.name = "dns",
         .value = "NAME",
         .help = "a DNS name it is for; may be repeated",
         .list = &dns},
        {.name = "days", .value = "N", .help = "how long it is valid: 365", .number = &days},
        {.name = "out",
         .value = "FILE",
         .help = "where to; standard output otherwise",
         .text = &path},
        {.name = "force", .help = "replace FILE if it exists", .flag = &force},
    };
    struct brama_args args;
    struct brama_pkey *key = NULL;

    brama_args_read(&args, cli, &usage, opts, BRAMA_ARRAY_LEN(opts), argc, argv);
    if (args.stop)
        return args.exit_code;
    if (args.n != 1 || name.n == 0)
        return brama_usage_error(cli, &usage, "KEY and --cn are required");
    if (dns.n > DNS_MAX || days == 0 || days > 36500)
        return brama_usage_error(cli, &usage, "--dns at most %d times, --days from 1 to 36500",
                                 DNS_MAX);
    int code = brama_key_arg(&key, cli, args.p[0]);
    if (code != BRAMA_EXIT_OK)
        return code;
    struct brama_cert_wish wish = {.common_name = name,
                                   .dns_names = dns.p,
                                   .dns_name_count = dns.n,
                                   .not_before_s = time(NULL)};
    wish.not_after_s = wish.not_before_s + (int64_t)days * 86400;
    if (brama_random(wish.serial, sizeof(wish.serial)) == BRAMA_OK) {
        code = make(cli, key, &wish, path, force);
    } else {
        brama_say(cli, "no random bytes to be had");
        code = BRAMA_EXIT_BUG;
    }
    brama_pkey_free(key);
    return code;
}
