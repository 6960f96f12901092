/* A worker's page, and which files are in force. */
#include "gateway/slot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/park.h"
#include "gateway/pool.h"
#include "gateway/record.h"
#include "gateway/shared.h"
#include "policy/counts.h"
#include "shm/shm.h"

#define LOOK_AGAIN_MS 1000      /* a lost poke costs at most this */
#define ARENA_BYTES (4u << 20)  /* a decision over 60 KiB of headers and an 8 KiB token, ample */
#define LINE_BYTES (256u << 10) /* a log line: all strings of a request, escaped */
#define TOKENS_MAX 4096
#define REGEXES_MAX 1024
#define KEYS_MAX 1024
#define ANSWERS_MAX 1024 /* of calls, 32 KiB each at most */

#define PAGE_MAGIC "BRAMAWRK"
#define CONTROL_MAGIC "BRAMACTL"

void brama_slot_problem(struct brama_slot *slot, const char *what, const char *path)
{
    atomic_fetch_add_explicit(&slot->page->problems, 1, memory_order_relaxed);
    ngx_log_error(NGX_LOG_ERR, slot->cycle->log, ngx_errno, "brama: %s \"%s\"", what, path);
}

void brama_slot_path(const struct brama_slot *slot, char *out, const char *name, uint64_t number)
{
    u_char *end = ngx_snprintf((u_char *)out, NGX_MAX_PATH - 1, "%V/%s", &slot->state_dir, name);

    if (number != 0)
        end = ngx_snprintf(end, (size_t)(out + NGX_MAX_PATH - 1 - (char *)end), "%uL", number);
    *end = '\0';
}

static void unmap_control(struct brama_slot *slot)
{
    brama_shm_unmap(slot->control, sizeof(struct brama_control));
    slot->control = NULL;
}

/* The control page is made once. Only where somebody has removed it does the agent make another;
 * one that was cut is the agent's to mend. Until then what was mapped stays, or zeros: nothing
 * newer.
 */
static void map_control(struct brama_slot *slot)
{
    char path[NGX_MAX_PATH];
    struct stat st;

    brama_slot_path(slot, path, BRAMA_STATE_CONTROL, 0);
    if (slot->control != NULL && !brama_shm_lost(slot->control) &&
        (stat(path, &st) != 0 || st.st_ino == slot->control_inode))
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return; /* the agent hasn't made it yet */
    const struct brama_control *control = brama_shm_map(fd, sizeof(*control), PROT_READ);
    bool known = fstat(fd, &st) == 0;
    (void)close(fd);
    if (control == NULL)
        return; /* being made */
    if (!known || memcmp(control->magic, CONTROL_MAGIC, sizeof(control->magic)) != 0 ||
        control->format != BRAMA_PAGES_FORMAT) {
        brama_shm_unmap(control, sizeof(*control));
        return;
    }
    unmap_control(slot);
    slot->control = control;
    slot->control_inode = st.st_ino;
}

/* One file moves to a newer number, or stays. */
static void take(struct brama_slot *slot, struct brama_taken **in_force, uint64_t number,
                 uint64_t *failed, const char *name, enum brama_pack_kind kind)
{
    char path[NGX_MAX_PATH];

    brama_slot_path(slot, path, name, number);
    /* The first one may lie there since long ago; later ones come fresh from the agent's own look.
     */
    struct brama_taken *m = brama_taken_open(path, number, kind, *in_force == NULL);
    if (m == NULL) {
        *failed = number;
        brama_slot_problem(slot, "can't take", path);
        return;
    }
    brama_taken_unpin(*in_force);
    *in_force = m;
    if (slot->counts == NULL)
        return;
    atomic_fetch_add_explicit(&slot->counts->takes, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->counts->taken_at_s, (uint64_t)ngx_time(), memory_order_relaxed);
}

static uint64_t number_of(const struct brama_taken *m)
{
    return m != NULL ? m->number : 0;
}

void brama_slot_refresh(struct brama_slot *slot)
{
    if (slot->control == NULL) {
        map_control(slot);
        if (slot->control == NULL)
            return;
    }
    /* Facts first: a policy needs the facts that were published before it. The policy's number is
     * read before the facts', so that facts are never older than what it needs. */
    uint64_t policy = atomic_load_explicit(&slot->control->policy, memory_order_acquire);
    uint64_t facts = atomic_load_explicit(&slot->control->facts, memory_order_acquire);

    if (facts > number_of(slot->facts) && facts != slot->failed_facts) {
        take(slot, &slot->facts, facts, &slot->failed_facts, BRAMA_STATE_FACTS, BRAMA_PACK_FACTS);
        atomic_store_explicit(&slot->page->facts, number_of(slot->facts), memory_order_release);
    }
    if (policy > number_of(slot->policy) && policy != slot->failed_policy) {
        take(slot, &slot->policy, policy, &slot->failed_policy, BRAMA_STATE_POLICY,
             BRAMA_PACK_POLICY);
        atomic_store_explicit(&slot->page->policy, number_of(slot->policy), memory_order_release);
    }
}

const struct brama_control_keyset *brama_slot_keyset(const struct brama_slot *slot, uint64_t id)
{
    for (unsigned i = 0; slot->control != NULL && id != 0 && i < BRAMA_CONTROL_KEYSETS; i++) {
        const struct brama_control_keyset *k = &slot->control->keysets[i];
        if (atomic_load_explicit(&k->id, memory_order_acquire) == id)
            return k;
    }
    return NULL;
}

struct brama_engine brama_slot_engine(const struct brama_slot *slot)
{
    return (struct brama_engine){
        .policy = slot->policy != NULL ? &slot->policy->policy : NULL,
        .facts = slot->facts != NULL ? &slot->facts->facts : NULL,
        .memory = slot->memory,
    };
}

void brama_slot_look_again(struct brama_slot *slot)
{
    slot->failed_policy = 0;
    slot->failed_facts = 0;
    map_control(slot);
    brama_slot_refresh(slot);
}

/* What others find this worker by; said again each second, whatever becomes of the file. */
static void sign_page(struct brama_slot *slot)
{
    struct brama_worker_page *page = slot->page;

    memcpy(page->magic, PAGE_MAGIC, sizeof(page->magic));
    page->format = BRAMA_PAGES_FORMAT;
    page->pid = (int32_t)ngx_pid;
    page->master = (int32_t)ngx_parent;
    memset(page->mark, 0, sizeof(page->mark));
    if (slot->mark.len != 0)
        memcpy(page->mark, slot->mark.data, ngx_min(slot->mark.len, sizeof(page->mark)));
    atomic_store_explicit(&page->policy, number_of(slot->policy), memory_order_release);
    atomic_store_explicit(&page->facts, number_of(slot->facts), memory_order_release);
}

static void unmap_page(struct brama_slot *slot)
{
    if (slot->page_is_private)
        (void)munmap(slot->page, BRAMA_PAGE_BYTES);
    else
        brama_shm_unmap(slot->page, BRAMA_PAGE_BYTES);
    slot->page_is_private = false;
}

/* The page of an earlier worker keeps its counters, and one of our own takes ours along, so that
 * sums never go back. */
static void claim_page(struct brama_slot *slot, struct brama_worker_page *page)
{
    if (memcmp(page->magic, PAGE_MAGIC, sizeof(page->magic)) != 0 ||
        page->format != BRAMA_PAGES_FORMAT) {
        memset(page, 0, sizeof(*page));
        if (slot->page != NULL)
            memcpy(page, slot->page, sizeof(*page));
    }
    for (size_t i = 0; i < BRAMA_PAGE_WANTED; i++)
        atomic_store_explicit(&page->wanted[i], 0, memory_order_relaxed);
    if (slot->page != NULL)
        unmap_page(slot);
    slot->page = page;
    sign_page(slot);
}

enum try { TRY_MINE, TRY_TAKEN, TRY_NO_ROOM };

/* A page that is a hole in a file would be a crash when the disk is full and it is written to. */
static enum try try_slot(struct brama_slot *slot, unsigned index)
{
    char path[NGX_MAX_PATH];
    enum try result = TRY_TAKEN;
    void *bytes = NULL;
    u_char *end = ngx_snprintf((u_char *)path, sizeof(path) - 1, "%V/" BRAMA_STATE_WORKERS "/%ui",
                               &slot->state_dir, (ngx_uint_t)index);

    *end = '\0';
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1)
        return TRY_TAKEN; /* somebody else's */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        result = TRY_NO_ROOM;
        if (posix_fallocate(fd, 0, BRAMA_PAGE_BYTES) == 0)
            bytes = brama_shm_map(fd, BRAMA_PAGE_BYTES, PROT_READ | PROT_WRITE);
    }
    if (bytes == NULL) {
        (void)close(fd);
        return result;
    }
    slot->page_fd = fd;
    slot->index = index;
    claim_page(slot, bytes);
    return TRY_MINE;
}

static bool find_slot(struct brama_slot *slot)
{
    enum try result = TRY_TAKEN;

    for (unsigned i = 0; result == TRY_TAKEN && i < BRAMA_WORKER_SLOTS; i++)
        result = try_slot(slot, i);
    return result == TRY_MINE;
}

/* Without a free one, serve all the same, unseen by the agent and by /readyz, and try again. */
static bool open_page(struct brama_slot *slot)
{
    if (find_slot(slot))
        return true;
    void *bytes =
        mmap(NULL, BRAMA_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return false;
    claim_page(slot, bytes);
    slot->page_is_private = true;
    brama_slot_problem(slot, "can't have a worker page under", (const char *)slot->state_dir.data);
    return true;
}

static void close_counts(struct brama_slot *slot)
{
    brama_shared_unmap(slot->counts, sizeof(*slot->counts));
    if (slot->counts_fd != -1)
        (void)close(slot->counts_fd);
    slot->counts = NULL;
    slot->counts_fd = -1;
}

static bool records_are_whole(const struct brama_slot *slot)
{
    return brama_recorder_is_whole(slot->recorder) &&
           (slot->counts == NULL ||
            brama_shm_whole(slot->counts_fd, slot->counts, sizeof(*slot->counts)));
}

/* What lies beside the page, under its number. False: no memory; what was there stays. */
static bool open_records(struct brama_slot *slot)
{
    struct brama_recorder *recorder = brama_recorder_open(slot);

    if (recorder == NULL)
        return false;
    brama_recorder_close(slot->recorder);
    slot->recorder = recorder;
    close_counts(slot);
    slot->counts = brama_shared_own(&slot->counts_fd, slot, BRAMA_STATE_COUNTS,
                                    sizeof(*slot->counts), sizeof(*slot->counts));
    if (slot->counts != NULL)
        brama_counts_claim(slot->counts);
    return true;
}

/* Somebody has cut or removed what we write to, or it began without: what can be had is taken,
 * under this number or another. */
static void have_pages(struct brama_slot *slot)
{
    bool had = slot->page_fd != -1;

    if (had && brama_shm_whole(slot->page_fd, slot->page, BRAMA_PAGE_BYTES)) {
        if (!records_are_whole(slot))
            (void)open_records(slot);
        return;
    }
    if (had) {
        brama_poke_close(slot);
        (void)close(slot->page_fd); /* and with it the lock: it may be had again */
        slot->page_fd = -1;
    }
    if (had ? !open_page(slot) : !find_slot(slot))
        return;
    brama_poke_open(slot);
    (void)open_records(slot);
}

static void on_timer(ngx_event_t *ev)
{
    struct brama_slot *slot = ev->data;

    map_control(slot);
    brama_slot_refresh(slot);
    have_pages(slot);
    sign_page(slot);
    /* nginx tells idle connections of its exit once. An HTTP/2 one whose handshake was under way
     * just then isn't among them, and would be served until --drain cuts it. */
    if (ngx_exiting)
        ngx_close_idle_connections(slot->cycle);
    ngx_add_timer(ev, LOOK_AGAIN_MS);
}

static bool open_memory(struct brama_slot *slot)
{
    struct brama_memory_options options = {.tokens_max = TOKENS_MAX,
                                           .regexes_max = REGEXES_MAX,
                                           .keys_max = KEYS_MAX,
                                           .answers_max = ANSWERS_MAX};

    brama_arena_init(&slot->arena, NULL, ARENA_BYTES);
    brama_buf_init(&slot->line, NULL, LINE_BYTES);
    brama_slot_random(slot, options.seed, sizeof(options.seed));
    slot->pool = brama_pool_new();
    slot->call_pool = brama_pool_new();
    slot->park = brama_park_new(slot);
    return slot->pool != NULL && slot->call_pool != NULL && slot->park != NULL &&
           open_records(slot) && brama_memory_new(&slot->memory, &options) == BRAMA_OK;
}

struct brama_slot *brama_slot_open(ngx_cycle_t *cycle, ngx_str_t state_dir, ngx_str_t mark)
{
    struct brama_slot *slot = calloc(1, sizeof(*slot));

    if (slot == NULL)
        return NULL;
    slot->cycle = cycle;
    slot->state_dir = state_dir;
    slot->mark = mark;
    slot->page_fd = -1;
    slot->counts_fd = -1;
    if (!open_page(slot) || !open_memory(slot)) {
        brama_slot_close(slot);
        return NULL;
    }
    brama_poke_open(slot);
    slot->timer.data = slot;
    slot->timer.handler = on_timer;
    slot->timer.log = cycle->log;
    slot->timer.cancelable = 1; /* a draining worker doesn't wait for it */
    ngx_add_timer(&slot->timer, LOOK_AGAIN_MS);
    brama_slot_look_again(slot);
    return slot;
}

void brama_slot_close(struct brama_slot *slot)
{
    if (slot == NULL)
        return;
    if (slot->timer.timer_set)
        ngx_del_timer(&slot->timer);
    brama_poke_close(slot);
    brama_taken_unpin(slot->policy);
    brama_taken_unpin(slot->facts);
    brama_pool_free(slot->pool);
    brama_pool_free(slot->call_pool);
    brama_park_free(slot->park);
    brama_recorder_close(slot->recorder);
    close_counts(slot);
    brama_memory_free(slot->memory);
    brama_arena_deinit(&slot->arena);
    brama_buf_deinit(&slot->line);
    unmap_control(slot);
    if (slot->page != NULL)
        unmap_page(slot);
    if (slot->page_fd != -1)
        (void)close(slot->page_fd); /* and with it the lock */
    free(slot);
}

void brama_slot_random(struct brama_slot *slot, uint8_t *out, size_t n)
{
    while (n != 0) {
        if (slot->random_left == 0) {
            ssize_t got = getrandom(slot->random, sizeof(slot->random), 0);
            if (got <= 0)
                continue; /* a signal; with 256 bytes and more it may end early */
            slot->random_left = (size_t)got;
        }
        size_t part = n < slot->random_left ? n : slot->random_left;
        slot->random_left -= part;
        memcpy(out, slot->random + slot->random_left, part);
        ngx_memzero(slot->random + slot->random_left, part);
        out += part;
        n -= part;
    }
}
