/* Ready: something is published, and every live worker serves the newest of it. */
#include "gateway/admin.h"
#include "gateway/pages.h"

bool brama_gw_ready(struct brama_buf *out, const struct brama_slot *slot)
{
    struct brama_pages pages;
    uint64_t policy = 0;
    uint64_t facts = 0;
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
        if (pages.live[i].policy >= policy && pages.live[i].facts >= facts)
            continue;
        brama_buf_printf(out, "worker %u (pid %d): policy %llu of %llu, facts %llu of %llu\n",
                         pages.live[i].index, (int)pages.live[i].pid,
                         (unsigned long long)pages.live[i].policy, (unsigned long long)policy,
                         (unsigned long long)pages.live[i].facts, (unsigned long long)facts);
        ready = false;
    }
    if (!ready && pages.problems != 0)
        brama_buf_printf(out, "files that couldn't be taken: %llu, see " BRAMA_STATE_ERROR_LOG "\n",
                         (unsigned long long)pages.problems);
    return ready;
}
