/* The pages of docs/checks, as they are: one for each code of rule/codes.h. */
#ifndef BRAMA_CLI_CHECK_PAGES_H
#define BRAMA_CLI_CHECK_PAGES_H

#include "base/def.h"

struct brama_check_page {
    const char *code, *text;
};

extern const struct brama_check_page brama_check_pages[]; /* sorted by code */
extern const size_t brama_check_page_count;

#endif
