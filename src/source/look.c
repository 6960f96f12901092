#include "source/look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define UNSURE 0 /* a state that equals none, itself neither */

struct entry {
    uint64_t state;
    uint32_t name, n; /* where it begins in names, and its length */
};

void brama__news_add(struct brama__news *news, size_t root, brama_str name)
{
    for (size_t i = 0; i < news->count; i++)
        if (news->touched[i].root == root && brama_str_eq(news->touched[i].name, name))
            return;
    if (news->count == BRAMA__NEWS_MAX || name.n > NAME_MAX) {
        news->anything = true;
        return;
    }
    char *copy = news->names[news->count];
    memcpy(copy, name.p, name.n);
    copy[name.n] = '\0';
    news->touched[news->count++] = (struct brama_touched){root, {copy, name.n}};
}

static uint64_t mix(const uint64_t *what, size_t n)
{
    uint64_t hash = brama_str_table_hash((brama_str){(const char *)what, n * sizeof(*what)});
    return hash != UNSURE ? hash : 1;
}

/* Of a folder not its size and times: what changes in it are its entries. Of a file not the time of
 * its text, which anybody may set back. A time to come is another clock's. */
static uint64_t state_of(int folder, const char *name)
{
    struct stat st;
    if (fstatat(folder, name, &st, 0) != 0)
        return mix(&(uint64_t){(uint64_t)errno}, 1);
    struct brama_file_id id = {0};
    if (S_ISREG(st.st_mode))
        id = brama_file_id_of(&st);
    if (S_ISREG(st.st_mode) && !id.settled && id.changed_s <= time(NULL))
        return UNSURE;
    const uint64_t what[] = {(uint64_t)st.st_dev,    (uint64_t)st.st_ino,
                             (uint64_t)st.st_mode,   id.bytes,
                             (uint64_t)id.changed_s, (uint64_t)id.changed_ns};
    return mix(what, BRAMA_ARRAY_LEN(what));
}

static struct entry *entries_of(const struct brama__look *look)
{
    return (struct entry *)(void *)look->entries.p;
}

static size_t count_of(const struct brama__look *look)
{
    return look->entries.n / sizeof(struct entry);
}

static brama_str name_of(const struct brama__look *look, const struct entry *e)
{
    return (brama_str){look->names.p + e->name, e->n};
}

/* readdir() has no order. */
static int by_name(const void *a, const void *b, void *look)
{
    return brama_str_cmp(name_of(look, a), name_of(look, b));
}

static void list(struct brama__look *look, struct brama__look_root *root, const char *path)
{
    size_t first = count_of(look);
    DIR *dir = opendir(path);
    root->is_folder = dir != NULL;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        brama_str name = brama_str_c(e->d_name);
        if (!brama_file_is_wanted(name))
            continue;
        uint64_t state = state_of(dirfd(dir), e->d_name);
        if (count_of(look) == BRAMA_FILES_MAX) {
            root->rest += mix((const uint64_t[]){brama_str_table_hash(name), state}, 2);
            continue;
        }
        const struct entry entry = {state, (uint32_t)look->names.n, (uint32_t)name.n};
        brama_buf_add(&look->names, name);
        brama_buf_add(&look->entries, (brama_str){(const char *)&entry, sizeof(entry)});
    }
    if (dir != NULL)
        closedir(dir);
    root->end = count_of(look);
    if (root->end != first && brama_buf_err(&look->names) == BRAMA_OK)
        qsort_r(entries_of(look) + first, root->end - first, sizeof(struct entry), by_name, look);
}

enum brama_err brama__look_take(struct brama__look *out, char *const *paths, size_t count)
{
    *out = (struct brama__look){.count = count};
    brama_buf_init(&out->entries, NULL, BRAMA_FILES_MAX * sizeof(struct entry));
    brama_buf_init(&out->names, NULL, (size_t)BRAMA_FILES_MAX * NAME_MAX);
    out->root = calloc(count != 0 ? count : 1, sizeof(*out->root));
    for (size_t i = 0; out->root != NULL && i < count; i++) {
        out->root[i].state = state_of(AT_FDCWD, paths[i]);
        list(out, &out->root[i], paths[i]);
    }
    if (out->root != NULL && brama_buf_err(&out->entries) == BRAMA_OK &&
        brama_buf_err(&out->names) == BRAMA_OK)
        return BRAMA_OK;
    brama__look_free(out);
    return BRAMA_ERR_NOMEM;
}

void brama__look_free(struct brama__look *look)
{
    free(look->root);
    brama_buf_deinit(&look->entries);
    brama_buf_deinit(&look->names);
    *look = (struct brama__look){0};
}

static bool is_same(uint64_t a, uint64_t b)
{
    return a != UNSURE && a == b;
}

static void compare_entries(struct brama__news *news, size_t root, const struct brama__look *before,
                            const struct brama__look *now)
{
    size_t a = root != 0 ? before->root[root - 1].end : 0, a_end = before->root[root].end;
    size_t b = root != 0 ? now->root[root - 1].end : 0, b_end = now->root[root].end;
    while (!news->anything && (a < a_end || b < b_end)) {
        const struct entry *old = a < a_end ? entries_of(before) + a : NULL;
        const struct entry *new = b < b_end ? entries_of(now) + b : NULL;
        int d = old == NULL   ? 1
                : new == NULL ? -1
                              : brama_str_cmp(name_of(before, old), name_of(now, new));
        if (d < 0)
            brama__news_add(news, root, name_of(before, old));
        else if (d > 0 || !is_same(old->state, new->state))
            brama__news_add(news, root, name_of(now, new));
        a += d <= 0;
        b += d >= 0;
    }
}

void brama__look_compare(struct brama__news *news, const struct brama__look *before,
                         const struct brama__look *now)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct brama__look_root *old = &before->root[i], *new = &now->root[i];
        if (!is_same(old->state, new->state) || old->rest != new->rest ||
            old->is_folder != new->is_folder)
            news->anything = true;
        compare_entries(news, i, before, now);
    }
}
