/* Answers of calls that may be used again, under all that they depend on: a fixed number of places,
 * each with a ceiling. Only answers that let somebody pass come here, and each says until when. */
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "policy/inner.h"

#define WAYS 4
#define ENTRY_MAX (32 * 1024) /* key and body of one answer; a larger one isn't kept */

struct entry {
    char *text; /* key, then body; NULL: free */
    size_t key_bytes, body_bytes;
    int64_t since_s, until_s;
    struct brama_call_answer answer;
};

struct brama__answers {
    size_t sets; /* 0: nothing is kept */
    struct entry *entries;
};

struct brama__answers *brama__answers_new(size_t max)
{
    struct brama__answers *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return NULL;
    a->sets = (max + WAYS - 1) / WAYS;
    a->entries = calloc(a->sets * WAYS + 1, sizeof(*a->entries));
    if (a->entries == NULL) {
        free(a);
        return NULL;
    }
    return a;
}

static void forget(struct entry *e)
{
    if (e->text != NULL)
        brama_cleanse(e->text, e->key_bytes + e->body_bytes); /* tokens and passwords */
    free(e->text);
    *e = (struct entry){0};
}

void brama__answers_free(struct brama__answers *answers)
{
    if (answers == NULL)
        return;
    for (size_t i = 0; i < answers->sets * WAYS; i++)
        forget(&answers->entries[i]);
    free(answers->entries);
    free(answers);
}

const struct brama_call_answer *brama__answers_find(struct brama__answers *answers, uint64_t hash,
                                                    brama_str key, int64_t now_s, int64_t max_age_s)
{
    for (size_t i = 0; answers->sets != 0 && i < WAYS; i++) {
        struct entry *e = &answers->entries[hash % answers->sets * WAYS + i];
        if (e->text == NULL || !brama_str_eq((brama_str){e->text, e->key_bytes}, key))
            continue;
        if (now_s < e->until_s)
            return now_s - e->since_s < max_age_s ? &e->answer : NULL;
        forget(e);
    }
    return NULL;
}

void brama__answers_keep(struct brama__answers *answers, uint64_t hash,
                         const struct brama_call_answer *answer, int64_t now_s, int64_t until_s)
{
    size_t n = answer->key.n + answer->body.n;

    if (answers->sets == 0 || n > ENTRY_MAX || answer->key.n == 0 || until_s <= now_s)
        return;
    struct entry *set = &answers->entries[hash % answers->sets * WAYS], *place = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].text != NULL &&
            brama_str_eq((brama_str){set[i].text, set[i].key_bytes}, answer->key)) {
            place = &set[i];
            break;
        }
        if (set[i].until_s < place->until_s) /* a free one has 0 */
            place = &set[i];
    }
    char *text = malloc(n);
    if (text == NULL)
        return;
    memcpy(text, answer->key.p, answer->key.n);
    if (answer->body.n != 0)
        memcpy(text + answer->key.n, answer->body.p, answer->body.n);
    forget(place);
    *place = (struct entry){.text = text,
                            .key_bytes = answer->key.n,
                            .body_bytes = answer->body.n,
                            .since_s = now_s,
                            .until_s = until_s,
                            .answer = {.key = {text, answer->key.n},
                                       .end = answer->end,
                                       .status = answer->status,
                                       .body = {text + answer->key.n, answer->body.n}}};
}
