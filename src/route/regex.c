#include "route/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "route/regex_syntax.h"

/* Steps of one match: far more than any honest path needs, and about a millisecond. Without
 * just-in- time code each step of a repeated group is a level of its own, so depth has the same
 * limit. */
#define MATCH_LIMIT 100000
#define HEAP_LIMIT_KIB 8192
#define JIT_STACK_BYTES                                                                            \
    (1024 * 1024)      /* the default of 32 KiB is too little for a path of 2 KiB                  \
                        */
#define REGEX_MAX 4096 /* bytes of one expression */

#define WAYS 4 /* places an expression may have; when all are taken the first one goes */

struct entry {
    char *text; /* NULL: a free place */
    size_t n;
    pcre2_code *code; /* NULL: couldn't be compiled; not tried again */
};

struct brama_regexes {
    struct entry *entries;
    size_t max;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack; /* NULL: the default one */
    bool doubt;
};

struct brama_regexes *brama_regexes_new(size_t max)
{
    struct brama_regexes *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->max = max > WAYS ? max : WAYS;
    c->entries = calloc(c->max, sizeof(*c->entries));
    c->match = pcre2_match_data_create(1, NULL);
    c->limits = pcre2_match_context_create(NULL);
    if (c->entries == NULL || c->match == NULL || c->limits == NULL) {
        brama_regexes_free(c);
        return NULL;
    }
    pcre2_set_match_limit(c->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(c->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(c->limits, HEAP_LIMIT_KIB);
    c->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_BYTES, NULL);
    pcre2_jit_stack_assign(c->limits, NULL, c->stack);
    return c;
}

static void drop(struct entry *e)
{
    free(e->text);
    pcre2_code_free(e->code);
    *e = (struct entry){0};
}

void brama_regexes_free(struct brama_regexes *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; cache->entries != NULL && i < cache->max; i++)
        drop(&cache->entries[i]);
    free(cache->entries);
    pcre2_match_data_free(cache->match);
    pcre2_match_context_free(cache->limits);
    pcre2_jit_stack_free(cache->stack);
    free(cache);
}

static pcre2_code *compile(brama_str regex, char *why, size_t why_n)
{
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex.p, regex.n,
                                     PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
                                         PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF,
                                     &error, &at, NULL);
    if (code == NULL && why != NULL)
        pcre2_get_error_message(error, (PCRE2_UCHAR *)why, why_n);
    return code;
}

enum brama_err brama_regex_check(brama_str regex, struct brama_diag *diag)
{
    char why[120] = "";
    const char *what = regex.n > REGEX_MAX ? "more than 4096 bytes" : brama__regex_foreign(regex);
    if (what != NULL) {
        brama_diag_set(diag, (struct brama_where){0},
                       "the regular expression has %s, which RE2 doesn't know", what);
        return BRAMA_ERR_INVALID;
    }
    pcre2_code *code = compile(regex, why, sizeof(why));
    if (code == NULL) {
        brama_diag_set(diag, (struct brama_where){0}, "not a regular expression: %s", why);
        return BRAMA_ERR_INVALID;
    }
    pcre2_code_free(code);
    return BRAMA_OK;
}

static struct entry *find(struct brama_regexes *cache, brama_str regex)
{
    size_t home = brama_str_hash(regex) % cache->max;
    struct entry *place = &cache->entries[home];
    for (size_t way = 0; way < WAYS; way++) {
        struct entry *e = &cache->entries[(home + way) % cache->max];
        if (e->text == NULL) {
            place = e;
            break;
        }
        if (brama_str_eq((brama_str){e->text, e->n}, regex))
            return e;
    }
    char *text = malloc(regex.n);
    if (text == NULL)
        return NULL;
    memcpy(text, regex.p, regex.n);
    drop(place);
    *place = (struct entry){text, regex.n, compile(regex, NULL, 0)};
    if (place->code != NULL)
        pcre2_jit_compile(place->code, PCRE2_JIT_COMPLETE); /* a failure only makes it slower */
    return place;
}

void brama_regexes_begin(struct brama_regexes *cache)
{
    cache->doubt = false;
}

bool brama_regexes_in_doubt(const struct brama_regexes *cache)
{
    return cache->doubt;
}

bool brama_regexes_match(struct brama_regexes *cache, brama_str regex, brama_str subject)
{
    if (cache == NULL || regex.n == 0)
        return false;
    struct entry *e = find(cache, regex);
    int rc = PCRE2_ERROR_NOMEMORY;
    if (e != NULL && e->code != NULL)
        rc = pcre2_match(e->code, (PCRE2_SPTR)(subject.n != 0 ? subject.p : ""), subject.n, 0, 0,
                         cache->match, cache->limits);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        cache->doubt = true;
    return rc >= 0;
}

bool brama_regexes_groups(struct brama_regexes *cache, struct brama_arena *arena, brama_str regex,
                          brama_str subject, const brama_str **out, size_t *count)
{
    struct entry *e = cache != NULL && regex.n != 0 ? find(cache, regex) : NULL;
    pcre2_match_data *match =
        e != NULL && e->code != NULL ? pcre2_match_data_create_from_pattern(e->code, NULL) : NULL;
    int rc = PCRE2_ERROR_NOMEMORY;
    brama_str *groups = NULL;

    if (match != NULL)
        rc = pcre2_match(e->code, (PCRE2_SPTR)(subject.n != 0 ? subject.p : ""), subject.n, 0, 0,
                         match, cache->limits);
    if (rc > 0)
        groups = brama_arena_array(arena, (size_t)rc, sizeof(*groups));
    const PCRE2_SIZE *at = match != NULL ? pcre2_get_ovector_pointer(match) : NULL;
    for (int i = 1; groups != NULL && i < rc; i++)
        if (at[2 * i] != PCRE2_UNSET)
            groups[i - 1] =
                brama_str_head(brama_str_from(subject, at[2 * i]), at[2 * i + 1] - at[2 * i]);
    pcre2_match_data_free(match);
    *out = groups;
    *count = groups != NULL ? (size_t)rc - 1 : 0;
    return groups != NULL;
}
