#include "json/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -1.7976931348623157e+308 and a NUL */
#define REAL_TEXT_MAX 32

void brama__real_add(struct brama_buf *buf, double real)
{
    char text[REAL_TEXT_MAX];
    if (!isfinite(real)) {
        if (buf->err == BRAMA_OK)
            buf->err = BRAMA_ERR_INVALID;
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, real);
        double back = strtod(text, NULL);
        if (memcmp(&back, &real, sizeof(real)) == 0)
            break;
    }
    brama_buf_add(buf, brama_str_c(text));
    if (strpbrk(text, ".e") == NULL)
        brama_buf_add(buf, BRAMA_STR(".0"));
}
