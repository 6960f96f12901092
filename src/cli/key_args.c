#include "cli/key_args.h"

#include "issuer/key_file.h"
#include "jose/alg.h"

int brama_alg_arg(enum brama_alg *out, struct brama_cli *cli, const struct brama_usage *usage,
                  brama_str name)
{
    *out = brama_alg_by_name(name);
    switch (*out) {
    case BRAMA_ALG_RS256:
    case BRAMA_ALG_RS384:
    case BRAMA_ALG_RS512:
    case BRAMA_ALG_PS256:
    case BRAMA_ALG_PS384:
    case BRAMA_ALG_PS512:
    case BRAMA_ALG_ES256:
    case BRAMA_ALG_ES384:
    case BRAMA_ALG_ES512:
    case BRAMA_ALG_EDDSA:
        return BRAMA_EXIT_OK;
    case BRAMA_ALG_INVALID:
        if (name.n == 0)
            return BRAMA_EXIT_OK;
        break;
    case BRAMA_ALG_HS256:
    case BRAMA_ALG_HS384:
    case BRAMA_ALG_HS512:
    case BRAMA_ALG_COUNT:
        break;
    }
    return brama_usage_error(cli, usage,
                             "--alg is one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, "
                             "ES384, ES512, EdDSA, not \"%.*s\"",
                             BRAMA_FMT(name));
}

int brama_key_arg(struct brama_pkey **out, struct brama_cli *cli, brama_str path)
{
    struct brama_diag diag = {0};
    enum brama_err err = brama_key_file_read(out, path.p, &diag);

    if (err == BRAMA_OK)
        return BRAMA_EXIT_OK;
    if (err == BRAMA_ERR_NOMEM)
        return brama_no_memory(cli);
    brama_say_diag(cli, &diag);
    return BRAMA_EXIT_INPUT;
}

int brama_write_out(struct brama_cli *cli, brama_str path, brama_str text, bool force)
{
    struct brama_diag diag = {0};

    if (brama_str_eq(path, BRAMA_STR("-"))) {
        fwrite(text.p, 1, text.n, cli->out);
        return BRAMA_EXIT_OK;
    }
    enum brama_err err = brama_key_file_write(path.p, text, force, &diag);
    if (err == BRAMA_OK)
        return BRAMA_EXIT_OK;
    if (err == BRAMA_ERR_EXISTS)
        brama_say(cli, "%.*s exists; --force replaces it", BRAMA_FMT(path));
    else
        brama_say_diag(cli, &diag);
    return BRAMA_EXIT_INPUT;
}
