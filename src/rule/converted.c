/* A v1beta1 APIRule as Kyma stores and shows it since 3.1 where its rules can't be converted: of
 * version v2, with its own spec as JSON in an annotation. apirule.md section 6.3. A v2 spec with
 * rules counts whatever the annotations say: applied to a cluster, it is how a rule becomes one of
 * v2. */
#include "rule/messages.h"
#include "rule/reading.h"
#include "json/read.h"

/* The spec in the annotation; NULL: there is none, or *out got a failure. */
static struct brama_node *stored_spec(struct brama__reading *r)
{
    static const struct brama__at metadata_at = {NULL, BRAMA_LIT("metadata"), 0};
    static const struct brama__at annotations_at = {&metadata_at, BRAMA_LIT("annotations"), 0};
    static const struct brama__at spec_at = {&annotations_at,
                                             BRAMA_LIT("gateway.kyma-project.io/v1beta1-spec"), 0};
    const struct brama_node *metadata = brama_node_get(r->out->doc, metadata_at.name);
    const struct brama_node *annotations = brama_node_get(metadata, annotations_at.name);
    const struct brama_node *text = brama_node_get(annotations, spec_at.name);
    struct brama_node *spec = NULL;
    struct brama_diag diag = {0};

    if (text == NULL || text->kind != BRAMA_NODE_STR ||
        !brama_str_eq(
            brama_node_get_str(annotations, BRAMA_STR("gateway.kyma-project.io/original-version")),
            BRAMA_STR("v1beta1")))
        return NULL;
    enum brama_err err =
        brama_json_parse(&spec, r->arena, text->text, &brama_json_limits_rules, &diag);
    if (err != BRAMA_OK || spec->kind != BRAMA_NODE_MAP) {
        brama__refuse(r, &spec_at, text->where, BRAMA__TEXT_STORED,
                      err != BRAMA_OK ? diag.what : "not an object");
        return NULL;
    }
    brama_node_place(spec, text->where);
    return spec;
}

void brama__read_converted(struct brama__reading *r)
{
    const struct brama_node *v2 = brama_node_get(r->out->doc, BRAMA_STR("spec"));
    const struct brama_node *rules = brama_node_get(v2, BRAMA_STR("rules"));
    bool none = rules == NULL || (rules->kind == BRAMA_NODE_LIST && rules->count == 0);
    struct brama_node *spec = none ? stored_spec(r) : NULL;
    struct brama_apirule *rule = r->out;

    if (spec == NULL)
        return;
    *rule = (struct brama_apirule){.version = BRAMA_API_V1BETA1,
                                   .ns = rule->ns,
                                   .name = rule->name,
                                   .doc = rule->doc,
                                   .doc_hash = rule->doc_hash,
                                   .stored = spec,
                                   .where = rule->where};
    brama__read_v1(r, spec);
}
