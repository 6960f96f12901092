#include "agent/keep_state.h"

#include "policy/pages.h"

static enum brama_err cannot(struct brama__state_keeper *k, enum brama_err err,
                             const struct brama_diag *diag)
{
    brama__say_trouble(&k->trouble,
                       "the state directory was removed, and can't be made again: %s; what is in "
                       "force stays",
                       diag->what);
    return err;
}

static enum brama_err make_again(struct brama__state_keeper *k)
{
    struct brama_diag diag = {0};
    enum brama_err err = brama__state_remake(k->state, &diag);
    /* Another agent that took the name has its own nginx and addresses, or ends soon. */
    if (err != BRAMA_OK)
        return cannot(k, BRAMA_ERR_IO, &diag);
    brama__say("the state directory %s was removed: made again, with all but what was applied",
               k->state->dir);
    k->trouble = (struct brama__trouble){0};
    brama__goods_forget(k->goods);
    brama__wanted_bind_again(k->wanted);
    brama__signer_move(k->signer);
    brama__nginx_replace(k->nginx);
    return BRAMA_OK;
}

enum brama_err brama__keep_state(struct brama__state_keeper *k)
{
    struct brama_diag diag = {0};
    if (brama__state_is_removed(k->state))
        return make_again(k);
    enum brama_err err = brama__state_keep_lock(k->state, &diag);
    if (err == BRAMA_ERR_EXISTS) {
        brama__say("somebody has removed " BRAMA_STATE_LOCK ": %s", diag.what);
        return err;
    }
    if (err != BRAMA_OK) {
        brama__say_trouble(&k->trouble, "%s", diag.what);
        return err;
    }
    brama__say_over(&k->trouble, "the state directory can be used again");
    if (brama__state_has_nginx_lock(k->state))
        return BRAMA_OK;
    /* Who comes after us would take our nginx for a stranger. */
    if (!brama__state_renew_nginx_lock(k->state))
        return BRAMA_ERR_IO;
    brama__say("somebody has removed " BRAMA_STATE_NGINX_LOCK ": another nginx takes over");
    brama__nginx_replace(k->nginx);
    return BRAMA_OK;
}
