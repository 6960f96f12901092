#include "place.h"

#include <sys/stat.h>

void open_place(struct place *p)
{
    struct brama_diag diag = {0};
    if (brama__state_open(&p->state, brama_str_c(p->state_dir), &diag) != BRAMA_OK)
        fail_msg("%s", diag.what);
    assert_int_equal(brama__goods_open(&p->goods, &p->state), BRAMA_OK);
}

void close_place(struct place *p)
{
    brama__goods_close(&p->goods);
    brama__state_close(&p->state);
}

void set_up(struct place *p)
{
    *p = (struct place){.base = "/tmp/brama-place-XXXXXX",
                        .inputs = {.ns = BRAMA_LIT("default"), .domain = BRAMA_LIT("localhost")}};
    assert_non_null(mkdtemp(p->base));
    snprintf(p->rules, sizeof(p->rules), "%s/rules", p->base);
    snprintf(p->state_dir, sizeof(p->state_dir), "%s/state", p->base);
    assert_int_equal(mkdir(p->rules, 0700), 0);
    p->root = brama_str_c(p->rules);
    open_place(p);
}

void tear_down(struct place *p)
{
    char command[64];
    close_place(p);
    snprintf(command, sizeof(command), "rm -r %s", p->base);
    assert_int_equal(system(command), 0);
}

void put(const struct place *p, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", p->rules, name);
    FILE *f = fopen(path, "w");
    assert_true(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}
