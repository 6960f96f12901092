/* Documents come into the world in the order of sheets and pieces, and the first of a name counts.
 * So a Service is what it was, and leads where it did, if no piece is about it but those that two
 * readings begin with, or end with. */
#include "agent/piece.h"
#include "agent/sheet.h"

/* Pieces of a sheet, but for some at both ends. */
static bool note(struct brama_service_changes *out, const struct brama__sheet *s, size_t front,
                 size_t back, brama_str default_ns)
{
    for (size_t i = front; i + back < s->piece_count; i++)
        if (!brama_docs_services(&s->pieces[i]->docs, default_ns, out))
            return false;
    return true;
}

static bool note_all(struct brama_service_changes *out, const struct brama__some_sheets *sheets,
                     size_t front, size_t back, brama_str default_ns)
{
    for (size_t i = 0; i < sheets->n; i++)
        if (sheets->p[i]->has[BRAMA_WORLD_NEIGHBOURS] &&
            !note(out, sheets->p[i], front, back, default_ns))
            return false;
    return true;
}

void brama__sheets_changes(struct brama_service_changes *out, const struct brama__sheets *now,
                           const struct brama__sheets *before, brama_str default_ns)
{
    *out = (struct brama_service_changes){0};
    /* What a broken file had stands behind all others. */
    if (before == NULL || now->problems != 0 || before->problems != 0)
        return;
    struct brama__some_sheets a = {now->p, now->n}, b = {before->p, before->n};
    size_t front = 0, back = 0;
    brama__sheets_difference(&a, &b);
    if (a.n == 1 && b.n == 1) {
        const struct brama__sheet *x = a.p[0], *y = b.p[0];
        size_t max = x->piece_count < y->piece_count ? x->piece_count : y->piece_count;
        while (front < max && x->pieces[front] == y->pieces[front])
            front++;
        while (front + back < max &&
               x->pieces[x->piece_count - 1 - back] == y->pieces[y->piece_count - 1 - back])
            back++;
    }
    if (note_all(out, &a, front, back, default_ns) && note_all(out, &b, front, back, default_ns))
        out->since = before->neighbourhood;
}
