/* An interim head ends where the first empty line is, for every reader of it; what is said of a
 * beginning is never taken back by what follows. */
#include "gateway/interim.h"

#include <string.h>

#include "fuzz.h"

/* The first place where a reader that takes LF for a line end sees an empty line. */
static size_t lenient_end(brama_str bytes)
{
    bool empty = false;
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p[i] == '\n' && empty)
            return i + 1;
        if (bytes.p[i] != '\r')
            empty = bytes.p[i] == '\n';
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const brama_str head = BRAMA_LIT("HTTP/1.1 103 x\r\n");
    char text[4096];
    size_t n, cut;

    /* Half of all inputs are made to begin as a head does. */
    size_t before = size != 0 && data[0] % 2 != 0 ? head.n : 0;
    if (before + size > sizeof(text))
        return 0;
    memcpy(text, head.p, before);
    if (size != 0)
        memcpy(text + before, data, size);
    brama_str bytes = {text, before + size};
    enum brama_interim_kind kind = brama_interim_scan(bytes, &n);
    FUZZ_CHECK((kind == BRAMA_INTERIM) == (n != 0) && n <= bytes.n);
    if (kind == BRAMA_INTERIM) {
        FUZZ_CHECK(brama_str_starts(bytes, BRAMA_STR("HTTP/1.")));
        FUZZ_CHECK(brama_str_ends(brama_str_head(bytes, n), BRAMA_STR("\r\n\r\n")));
        FUZZ_CHECK(lenient_end(bytes) == n);
    }
    enum brama_interim_kind part =
        brama_interim_scan(brama_str_head(bytes, size != 0 ? data[0] : 0), &cut);
    FUZZ_CHECK(part == BRAMA_INTERIM_OPEN || (part == kind && cut == n));
    return 0;
}
