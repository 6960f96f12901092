/* Kyma's search for v2 paths that an earlier path of the same method already takes, quirks
 * included: a trie of segments for each method. apirule.md section 3.4. */
#include <string.h>

#include "rule/judging.h"

/* Text behind a "{**}": "" or "/x/y". */
struct suffix {
    struct suffix *next;
    brama_str text;
};

struct node {
    struct node *parent, *same_bucket;
    brama_str token;
    bool end; /* set only at creation: Kyma's own quirk */
    struct suffix *suffixes;
};

struct trie {
    struct brama_arena *arena;
    struct node root;
    struct node **buckets;
    size_t mask;
};

/* A point of the search: what is left of the path below a node. rest.p is NULL at its end. */
struct point {
    const struct node *node;
    brama_str rest;
};

static const brama_str any = BRAMA_LIT("{**}");
static const brama_str one = BRAMA_LIT("{*}");

static brama_str stripped(brama_str path)
{
    if (brama_str_eq(path, BRAMA_STR("/*")))
        return any;
    while (path.n != 0 && path.p[0] == '/')
        path = brama_str_from(path, 1);
    return path;
}

static size_t segments(brama_str path)
{
    size_t n = 1;

    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '/';
    return n;
}

static struct node **bucket(const struct trie *t, const struct node *parent, brama_str token)
{
    uint64_t hash =
        brama_str_hash(token) ^ (uint64_t)(uintptr_t)parent * UINT64_C(0x9e3779b97f4a7c15);

    return &t->buckets[(hash ^ hash >> 32) & t->mask];
}

static struct node *child(const struct trie *t, const struct node *parent, brama_str token)
{
    for (struct node *n = *bucket(t, parent, token); n != NULL; n = n->same_bucket)
        if (n->parent == parent && brama_str_eq(n->token, token))
            return n;
    return NULL;
}

/* Is one of the stored texts the end of what is left, in whole segments? */
static bool takes_tail(const struct node *n, brama_str rest)
{
    for (const struct suffix *s = n->suffixes; s != NULL; s = s->next) {
        if (s->text.n == 0 || brama_str_ends(rest, s->text))
            return true;
        if (s->text.n == rest.n + 1 && brama_str_eq(brama_str_from(s->text, 1), rest))
            return true;
    }
    return false;
}

static bool conflicts(const struct trie *t, brama_str path)
{
    struct point *stack = brama_arena_array(t->arena, segments(path) + 2, sizeof(*stack));
    size_t n = 0;

    if (stack == NULL)
        return false; /* the judge looks at the arena */
    stack[n++] = (struct point){&t->root, path};
    while (n != 0) {
        struct point at = stack[--n];
        brama_str rest = at.rest, token;
        if (!brama_str_next(&rest, '/', &token)) {
            if (at.node->end)
                return true;
            continue;
        }
        const struct node *literal = child(t, at.node, token);
        const struct node *wild = child(t, at.node, one);
        const struct node *tail = child(t, at.node, any);
        if (tail != NULL && takes_tail(tail, at.rest))
            return true;
        if (literal != NULL)
            stack[n++] = (struct point){literal, rest};
        if (wild != NULL && wild != literal)
            stack[n++] = (struct point){wild, rest};
    }
    return false;
}

static void insert(struct trie *t, brama_str path)
{
    struct node *at = &t->root;
    brama_str rest = path, token;

    while (brama_str_next(&rest, '/', &token)) {
        bool is_any = brama_str_eq(token, any);
        struct node *next = child(t, at, token);
        if (next == NULL) {
            next = brama_arena_alloc(t->arena, sizeof(*next));
            if (next == NULL)
                return;
            struct node **slot = bucket(t, at, token);
            *next = (struct node){at, *slot, token, !is_any && rest.p == NULL, NULL};
            *slot = next;
        }
        at = next;
        if (is_any) {
            struct suffix *s = brama_arena_alloc(t->arena, sizeof(*s));
            if (s == NULL)
                return;
            /* The slash before rest is part of the same path. */
            s->text = rest.p != NULL ? (brama_str){rest.p - 1, rest.n + 1} : BRAMA_STR("");
            s->next = at->suffixes;
            at->suffixes = s;
            return;
        }
    }
}

/* The first rule whose path an earlier one takes; rule_count if there is none. */
static size_t first_conflict(struct trie *t, const struct brama_apirule *rule, brama_methods method)
{
    for (size_t i = 0; i < rule->rule_count; i++) {
        brama_str path = stripped(rule->rules[i].path);
        if ((rule->rules[i].methods & method) == 0)
            continue;
        if (conflicts(t, path))
            return i;
        insert(t, path);
        /* A method that is listed twice meets itself. */
        if ((rule->rules[i].methods_twice & method) != 0 && conflicts(t, path))
            return i;
    }
    return rule->rule_count;
}

/* Methods that come twice, in one rule or in two: only they can meet. */
static brama_methods methods_twice(const struct brama_apirule *rule)
{
    brama_methods once = 0, twice = 0;

    for (size_t i = 0; i < rule->rule_count; i++) {
        twice =
            (brama_methods)(twice | (once & rule->rules[i].methods) | rule->rules[i].methods_twice);
        once = (brama_methods)(once | rule->rules[i].methods);
    }
    return twice;
}

bool brama__path_conflict(struct brama_arena *arena, const struct brama_apirule *rule,
                          size_t *index, brama_methods *method)
{
    struct trie t = {.arena = arena};
    size_t size = 16;

    while (size < rule->rule_count * 4)
        size *= 2;
    t.buckets = brama_arena_array(arena, size, sizeof(struct node *));
    t.mask = size - 1;
    *index = rule->rule_count;
    if (t.buckets == NULL)
        return false;
    brama_methods twice = methods_twice(rule);
    for (brama_methods m = 1; m <= BRAMA_METHOD_ALL; m = (brama_methods)(m << 1)) {
        if ((twice & m) == 0)
            continue;
        memset(t.buckets, 0, size * sizeof(struct node *));
        size_t i = first_conflict(&t, rule, m);
        if (i < *index) {
            *index = i;
            *method = m;
        }
    }
    return *index < rule->rule_count;
}
