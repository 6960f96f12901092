/* The claims of an id_token: an object that a template writes as text. oathkeeper.md 3.3.
 *
 * Oathkeeper puts values into that text as they are: whoever chooses his own name, or a header that
 * the template quotes, could end the text that it stands in and write further claims, which would
 * then be signed. So the template is rendered a second time, with every value made harmless, and
 * both objects have to say the same.
 */
#include "policy/inner.h"

#include "json/read.h"

/* A token is short: claims that don't fit needn't be sent. */
#define CLAIMS_MAX BRAMA_JWT_MAX
#define HARMLESS '_'

static bool is_harmful(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

static bool has_harmful(brama_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (is_harmful(text.p[i]))
            return true;
    return false;
}

/* Of the same length, so that what is counted or cut stays the same. */
static brama_str harmless(struct brama_arena *arena, brama_str text)
{
    if (!has_harmful(text))
        return text;
    char *p = brama_arena_alloc(arena, text.n);
    if (p == NULL)
        return BRAMA_NIL;
    for (size_t i = 0; i < text.n; i++)
        p[i] = is_harmful(text.p[i]) ? HARMLESS : text.p[i];
    return (brama_str){p, text.n};
}

static bool tree_has_harmful(const struct brama_node *node)
{
    if (has_harmful(node->key) || (node->kind == BRAMA_NODE_STR && has_harmful(node->text)))
        return true;
    for (const struct brama_node *n = node->first; n != NULL; n = n->next)
        if (tree_has_harmful(n))
            return true;
    return false;
}

/* NULL: no memory. As deep as what was read, which has a limit. */
static struct brama_node *harmless_tree(struct brama_arena *arena, const struct brama_node *node)
{
    struct brama_node *out = brama_arena_alloc(arena, sizeof(*out));

    if (out == NULL)
        return NULL;
    *out = *node;
    out->key = harmless(arena, node->key);
    out->text = harmless(arena, node->text);
    struct brama_node **end = &out->first;
    for (const struct brama_node *n = node->first; n != NULL; n = n->next) {
        struct brama_node *copy = harmless_tree(arena, n);
        if (copy == NULL)
            return NULL;
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
    }
    return out;
}

static bool pairs_have_harmful(const struct brama_template_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (has_harmful(pairs[i].value))
            return true;
    return false;
}

static bool data_has_harmful(const struct brama_template_data *d)
{
    const brama_str texts[] = {d->subject, d->scheme, d->host, d->path, d->raw_query, d->method};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(texts); i++)
        if (has_harmful(texts[i]))
            return true;
    for (size_t i = 0; i < d->capture_count; i++)
        if (has_harmful(d->captures[i]))
            return true;
    return (d->extra != NULL && tree_has_harmful(d->extra)) ||
           pairs_have_harmful(d->headers, d->header_count) ||
           pairs_have_harmful(d->set, d->set_count);
}

static const struct brama_template_pair *
harmless_pairs(struct brama_arena *arena, const struct brama_template_pair *pairs, size_t n)
{
    struct brama_template_pair *out = brama_arena_array(arena, n + 1, sizeof(*out));

    for (size_t i = 0; out != NULL && i < n; i++)
        out[i] = (struct brama_template_pair){pairs[i].name, harmless(arena, pairs[i].value)};
    return out;
}

/* False: no memory. */
static bool harmless_data(struct brama_template_data *out, struct brama_arena *arena,
                          const struct brama_template_data *d)
{
    brama_str *captures = brama_arena_array(arena, d->capture_count + 1, sizeof(*captures));

    *out = *d;
    out->subject = harmless(arena, d->subject);
    out->scheme = harmless(arena, d->scheme);
    out->host = harmless(arena, d->host);
    out->path = harmless(arena, d->path);
    out->raw_query = harmless(arena, d->raw_query);
    out->method = harmless(arena, d->method);
    for (size_t i = 0; captures != NULL && i < d->capture_count; i++)
        captures[i] = harmless(arena, d->captures[i]);
    out->captures = captures;
    if (d->extra != NULL)
        out->extra = harmless_tree(arena, d->extra);
    out->headers = harmless_pairs(arena, d->headers, d->header_count);
    out->set = harmless_pairs(arena, d->set, d->set_count);
    return !brama_arena_failed(arena);
}

/* Do both say the same, but for what was made harmless in the second? */
static bool same(struct brama_arena *arena, const struct brama_node *a, const struct brama_node *b)
{
    if (a->kind != b->kind || a->count != b->count || a->truth != b->truth ||
        a->integer != b->integer || (a->kind == BRAMA_NODE_REAL && !(a->real == b->real)) ||
        !brama_str_eq(harmless(arena, a->key), harmless(arena, b->key)) ||
        (a->kind == BRAMA_NODE_STR &&
         !brama_str_eq(harmless(arena, a->text), harmless(arena, b->text))))
        return false;
    const struct brama_node *n = b->first;
    for (const struct brama_node *m = a->first; m != NULL; m = m->next, n = n->next)
        if (n == NULL || !same(arena, m, n))
            return false;
    return true;
}

/* The object; NULL: there is none, and *why says so. */
static const struct brama_node *render(struct brama__case *c, brama_str claims,
                                       const struct brama_template_data *data, const char **why)
{
    struct brama_node *root = NULL;
    struct brama_diag diag = {0};
    struct brama_buf text;

    brama_buf_init(&text, NULL, CLAIMS_MAX);
    enum brama_err err = brama_template_render(&text, c->arena, claims, data, &diag);
    if (err != BRAMA_OK) {
        brama_str what = brama_arena_copy(c->arena, brama_str_c(diag.what));
        *why = what.n != 0 ? what.p : "the claims are too long";
    } else if (brama_json_parse(&root, c->arena, brama_arena_copy(c->arena, brama_buf_str(&text)),
                                &brama_json_limits_answer, NULL) != BRAMA_OK ||
               root->kind != BRAMA_NODE_MAP) {
        *why = "the claims are no JSON object";
        root = NULL;
    }
    brama_buf_deinit(&text);
    return root;
}

const struct brama_node *brama__id_token_claims(struct brama__case *c, brama_str claims,
                                                const struct brama_template_data *data,
                                                const char **why)
{
    struct brama_template_data safe;
    const char *ignored;

    const struct brama_node *made = render(c, claims, data, why);
    if (made == NULL || !data_has_harmful(data))
        return made;
    const struct brama_node *meant =
        harmless_data(&safe, c->arena, data) ? render(c, claims, &safe, &ignored) : NULL;
    if (meant != NULL && same(c->arena, made, meant))
        return made;
    *why = "a value would end the text of the claims that it stands in";
    return NULL;
}
