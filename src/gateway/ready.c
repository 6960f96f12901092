/* Ready: something is published, and every worker that is configured lives and serves the newest of
 * it. Those of a master that drains beside ours aren't asked: they get no new requests. */
#include "gateway/admin.h"
#include "gateway/pages.h"

static unsigned configured(const struct brama_slot *slot)
{
    const ngx_core_conf_t *core =
        (ngx_core_conf_t *)ngx_get_conf(slot->cycle->conf_ctx, ngx_core_module);

    return (unsigned)core->worker_processes;
}

bool brama_gw_ready(struct brama_buf *out, const struct brama_slot *slot)
{
    struct brama_pages pages;
    uint64_t policy = 0;
    uint64_t facts = 0;
    unsigned live = 0;
    bool ready = true;

    if (slot->control != NULL) {
        policy = atomic_load_explicit(&slot->control->policy, memory_order_acquire);
        facts = atomic_load_explicit(&slot->control->facts, memory_order_acquire);
    }
    if (policy == 0 || facts == 0) {
        brama_buf_printf(out, "no %s is published\n", policy == 0 ? "policy" : "facts");
        ready = false;
    }
    brama_pages_read(&pages, slot);
    for (unsigned i = 0; i < pages.count; i++) {
        if (pages.live[i].master != (int32_t)ngx_parent)
            continue;
        live++;
        if (pages.live[i].policy >= policy && pages.live[i].facts >= facts)
            continue;
        brama_buf_printf(out, "worker %u (pid %d): policy %llu of %llu, facts %llu of %llu\n",
                         pages.live[i].index, (int)pages.live[i].pid,
                         (unsigned long long)pages.live[i].policy, (unsigned long long)policy,
                         (unsigned long long)pages.live[i].facts, (unsigned long long)facts);
        ready = false;
    }
    if (live < configured(slot)) {
        brama_buf_printf(out, "%u of %u workers\n", live, configured(slot));
        ready = false;
    }
    if (!ready && pages.problems != 0)
        brama_buf_printf(out, "files that couldn't be taken: %llu, see " BRAMA_STATE_ERROR_LOG "\n",
                         (unsigned long long)pages.problems);
    return ready;
}
