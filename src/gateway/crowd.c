#include "gateway/crowd.h"

static struct brama_crowd_place *place_of(struct brama_crowd *crowd, uint64_t id)
{
    for (size_t i = 0; i < crowd->place_count; i++)
        if (crowd->places[i].id == id)
            return &crowd->places[i];
    return NULL;
}

bool brama_crowd_enter(struct brama_crowd *crowd, uint64_t id)
{
    struct brama_crowd_place *place = place_of(crowd, id);

    if (crowd->count >= BRAMA_CROWD_MAX || (place != NULL && place->count >= BRAMA_CROWD_EACH))
        return false;
    if (place == NULL) { /* never more places than waiters */
        place = &crowd->places[crowd->place_count++];
        *place = (struct brama_crowd_place){.id = id};
    }
    place->count++;
    crowd->count++;
    return true;
}

void brama_crowd_leave(struct brama_crowd *crowd, uint64_t id)
{
    struct brama_crowd_place *place = place_of(crowd, id);

    if (place == NULL)
        return;
    crowd->count--;
    if (--place->count == 0)
        *place = crowd->places[--crowd->place_count];
}
