/* Rule files taken apart: one object, one file of the running gateway's rules.
 *
 *     struct brama_objects objects;
 *     int code = brama_objects_read(&objects, cli, &inputs);
 *     for (const struct brama_object *o = objects.first; o != NULL; o = o->next)
 *         write(o->file, o->text);
 */
#ifndef BRAMA_CLI_OBJECTS_H
#define BRAMA_CLI_OBJECTS_H

#include "agent/inputs.h"
#include "cli/cli.h"

struct brama_object {
    struct brama_object *next;
    brama_str ns, name;
    brama_str type; /* "apirule.gateway.kyma-project.io", "configmap": as kubectl prints it */
    brama_str file; /* "apirule.default.istio-jwt.yaml" */
    brama_str text; /* YAML, its namespace written out */
};

struct brama_objects {
    struct brama_object *first, *last;
    size_t count;
    struct brama_world world; /* of the files as they were written: findings point into those */
};

/* Read all inputs; objects that don't concern a gateway are left out and counted in world.skipped;
 * a second object of one name is left out too (a finding of the world). BRAMA_EXIT_OK, or the exit
 * code after saying which file can't be used. */
int brama_objects_read(struct brama_objects *out, struct brama_cli *cli,
                       const struct brama_inputs *inputs);

#endif
