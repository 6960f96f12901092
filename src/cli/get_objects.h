/* What the admin listener lists, as objects in Kubernetes' form: what scripts around kubectl take.
 */
#ifndef BRAMA_CLI_GET_OBJECTS_H
#define BRAMA_CLI_GET_OBJECTS_H

#include "json/node.h"

struct brama_get_form {
    const char *kind, *group; /* group: the version is the row's; else v1 */
    const char *name_member;
};

/* {apiVersion, kind, metadata: {name, namespace}, status: {all other members}} of a row; of a
 * v1alpha1 or v1beta1 APIRule also the blocks that its status has in Kyma. NULL: no memory. */
struct brama_node *brama_get_object(struct brama_arena *arena, const struct brama_get_form *form,
                                    const struct brama_node *row);
/* {apiVersion: v1, kind: List, items} of all rows. */
struct brama_node *brama_get_list(struct brama_arena *arena, const struct brama_get_form *form,
                                  const struct brama_node *rows);

#endif
