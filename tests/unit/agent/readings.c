#include "readings.h"

struct brama__round *read_touched(struct place *p, const struct brama__round *before,
                                  const struct brama_touched *touched, size_t count)
{
    struct brama__round_in in = {
        .inputs = &p->inputs,
        .sheets = {.roots = &p->root, .root_count = 1, .touched = touched, .touched_count = count},
        .goods = &p->goods,
        .before = before};
    struct brama__round *r;
    assert_true(brama__round_read(&r, &in));
    assert_int_equal(brama__round_compile(r, &in, 1), BRAMA_OK);
    return r;
}

struct brama__round *read_round(struct place *p, const struct brama__round *before)
{
    return read_touched(p, before, NULL, 0);
}

static bool same_texts(const struct brama__texts *a, const struct brama__texts *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = brama_str_eq(a->p[i], b->p[i]);
    return same;
}

static bool same_ends(const struct brama__leads *a, const struct brama__lead *x,
                      const struct brama__leads *b, const struct brama__lead *y)
{
    bool same = x->id == y->id && x->row == y->row && x->count == y->count;
    for (uint32_t i = 0; same && i < x->count; i++)
        same = memcmp(&a->addresses[x->first + i], &b->addresses[y->first + i],
                      sizeof(*a->addresses)) == 0 &&
               brama_str_eq(a->names[x->first + i], b->names[y->first + i]);
    return same;
}

static bool same_leads(const struct brama__leads *a, const struct brama__leads *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = same_ends(a, &a->p[i], b, &b->p[i]);
    return same;
}

static bool same_sheets(const struct brama__sheets *a, const struct brama__sheets *b)
{
    bool same = a->n == b->n && a->problems == b->problems;
    for (size_t i = 0; same && i < a->n; i++)
        same = brama_str_eq(a->p[i]->name, b->p[i]->name) && a->p[i]->hash == b->p[i]->hash &&
               brama_str_eq(a->p[i]->problem, b->p[i]->problem);
    /* Pieces of before the problem still count. */
    return same && a->files.broken_count == b->files.broken_count &&
           (a->problems != 0 || a->bytes == b->bytes);
}

void compare(struct place *p, struct brama__round **round, struct brama__round *kept,
             const char *name)
{
    struct brama__round *fresh = read_round(p, NULL);
    EXPECT(name, same_sheets(&kept->sheets, &fresh->sheets));
    EXPECT(name, brama_str_eq(brama_buf_str(&kept->bytes), brama_buf_str(&fresh->bytes)));
    EXPECT(name, same_texts(&kept->complaints, &fresh->complaints));
    EXPECT(name, same_leads(&kept->needed->leads, &fresh->needed->leads));
    EXPECT(name, same_texts(&kept->needed->hosts, &fresh->needed->hosts));
    brama__round_free(fresh);
    brama__round_free(*round);
    *round = kept;
}

void read_twice(struct place *p, struct brama__round **round, const char *name)
{
    compare(p, round, read_round(p, *round), name);
}

uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}
