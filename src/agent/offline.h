/* The same files through the same compiler without a gateway: for explain, check and tests. */
#ifndef BRAMA_AGENT_OFFLINE_H
#define BRAMA_AGENT_OFFLINE_H

#include "agent/inputs.h"
#include "policy/facts.h"
#include "policy/policy.h"
#include "source/files.h"

struct brama_offline {
    struct brama_arena arena;
    struct brama_files files; /* as they were read */
    struct brama_world world; /* read, judged and checked */
    struct brama_buf policy_bytes, facts_bytes;
    struct brama_policy policy;
    struct brama_facts facts;
};

/* Read and judge all inputs. Findings of files that can't be read or aren't YAML are errors in
 * world.findings. BRAMA_ERR_NOT_FOUND: a -f path doesn't exist (diag); BRAMA_ERR_SYNTAX: some file
 * isn't usable; the rest is judged all the same. */
BRAMA_MUST_USE enum brama_err brama_offline_read(struct brama_offline *out,
                                                 const struct brama_inputs *inputs,
                                                 struct brama_diag *diag);
/* Then compile, without a look at anything else. */
BRAMA_MUST_USE enum brama_err brama_offline_compile(struct brama_offline *offline,
                                                    const struct brama_inputs *inputs);
/* More world.findings about what compiled: policy/lint.h, and the key sets. Those in files are
 * read; others are fetched if online is set, and one that can't be had is an error then. */
BRAMA_MUST_USE enum brama_err brama_offline_lint(struct brama_offline *offline,
                                                 const struct brama_inputs *inputs, bool online);
/* Compile, fetch every key set that the policy names and resolve every upstream. A set that
 * can't be had is in facts with its problem; that is no error here. */
BRAMA_MUST_USE enum brama_err brama_offline_build(struct brama_offline *offline,
                                                  const struct brama_inputs *inputs,
                                                  struct brama_diag *diag);
void brama_offline_free(struct brama_offline *offline);

#endif
