/* The fuzzer's bytes as random numbers: rules, then requests; whoever we let in a cluster lets in.
 */
#include "fuzz.h"

#include "world.h"

struct bytes {
    const uint8_t *p;
    size_t n;
};

static uint32_t next(void *ctx)
{
    struct bytes *b = ctx;
    if (b->n == 0)
        return 0;
    b->n--;
    return *b->p++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct oracle_world world;
    struct bytes bytes = {data, size};
    const struct invent from = {next, &bytes};
    struct brama_buf yaml;

    if (world.objects == NULL)
        oracle_world_init(&world);
    brama_buf_init(&yaml, NULL, 1 << 16);
    invent_rules(&yaml, &from);
    brama_buf_add_c(&yaml, '\0');
    FUZZ_CHECK(brama_buf_err(&yaml) == BRAMA_OK);
    oracle_world_load(&world, yaml.p);
    for (int i = 0; i < 64 && bytes.n != 0; i++) {
        const char *wrong = oracle_world_compare(&world, &from);
        if (wrong != NULL)
            fprintf(stderr, "%s\n%s\n", yaml.p, wrong);
        FUZZ_CHECK(wrong == NULL);
    }
    brama_buf_deinit(&yaml);
    return 0;
}
