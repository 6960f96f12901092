#include "jose/alg.h"

static const struct {
    enum brama_alg alg;
    brama_str name;
} names[] = {
    {BRAMA_ALG_RS256, BRAMA_LIT("RS256")}, {BRAMA_ALG_RS384, BRAMA_LIT("RS384")},
    {BRAMA_ALG_RS512, BRAMA_LIT("RS512")}, {BRAMA_ALG_PS256, BRAMA_LIT("PS256")},
    {BRAMA_ALG_PS384, BRAMA_LIT("PS384")}, {BRAMA_ALG_PS512, BRAMA_LIT("PS512")},
    {BRAMA_ALG_ES256, BRAMA_LIT("ES256")}, {BRAMA_ALG_ES384, BRAMA_LIT("ES384")},
    {BRAMA_ALG_ES512, BRAMA_LIT("ES512")}, {BRAMA_ALG_EDDSA, BRAMA_LIT("EdDSA")},
    {BRAMA_ALG_HS256, BRAMA_LIT("HS256")}, {BRAMA_ALG_HS384, BRAMA_LIT("HS384")},
    {BRAMA_ALG_HS512, BRAMA_LIT("HS512")}, {BRAMA_ALG_EDDSA, BRAMA_LIT("Ed25519")},
};

enum brama_alg brama_alg_by_name(brama_str name)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (brama_str_eq(names[i].name, name))
            return names[i].alg;
    return BRAMA_ALG_INVALID;
}

const char *brama_alg_name(enum brama_alg alg)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++)
        if (names[i].alg == alg)
            return names[i].name.p;
    return "";
}
