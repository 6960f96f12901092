#include "rule/codes.h"

#define CODE_NAME(name, text) [BRAMA_CODE_##name] = text,
static const char *const names[BRAMA_CODE_COUNT] = {BRAMA_CODES(CODE_NAME)};

const char *brama_code_name(enum brama_code code)
{
    return (unsigned)code < BRAMA_CODE_COUNT ? names[code] : "";
}
