/* What judging and compiling found out about an APIRule, kept with its document: the next world
 * that has the same document and the same neighbours takes it as it is.
 *
 * An APIRule's verdict depends on its document, on what isn't an APIRule (the neighbourhood), and
 * on who else has its host. The first two are kept; the last is asked anew each time. Of Services,
 * it depends only on those that it names, and of these only on what is remembered here; they come
 * and go with their rules, and must not cost all the others.
 */
#ifndef BRAMA_RULE_KEPT_H
#define BRAMA_RULE_KEPT_H

#include "rule/world.h"

/* A Service as judging and compiling saw it. */
struct brama_kept_service {
    brama_str ns, name;
    uint64_t hash; /* brama_service_hash() */
    bool there;
    const struct brama_kept_label {
        brama_str key, text;
    } * labels; /* of its selector, in order */
    size_t label_count;
};

struct brama_kept {
    unsigned refs;          /* the document's, and one of each world that took it */
    uint64_t judges;        /* of the world that judged it */
    uint64_t neighbourhood; /* of the last one whose Services were found to be the same */
    const struct brama_kept_service *services; /* that its rules name */
    size_t service_count;
    struct brama_arena arena; /* of what follows */
    brama_str full_host;
    const struct brama_entry *entries;
    size_t entry_count;
    struct brama_judgement judged; /* valid */
    const void *unit;              /* the policy compiler's; NULL: none was made yet */
    struct {
        size_t number; /* from 1; 0: not known */
        uint64_t form; /* 0: not known */
    } good;            /* the agent's, agent/good.h: of its last good form */
};

/* As it was kept, if that holds in this world. False: it is to be judged. */
bool brama__kept_take(struct brama_apirule *rule, const struct brama_world *world);
/* A rule judged valid, whoever else has its host. Without memory it just isn't kept. */
void brama__kept_put(struct brama_apirule *rule, const struct brama_world *world);
/* The rule has it no more. */
void brama__kept_leave(struct brama_apirule *rule);
void brama__kept_drop(struct brama_kept **kept);

#endif
