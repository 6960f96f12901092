/* brama test: what a test file says, what came of it, and how that is told. docs/testing-rules.md.
 */
#ifndef BRAMA_CLI_TESTING_H
#define BRAMA_CLI_TESTING_H

#include "cli/cli.h"
#include "cli/fields.h"
#include "crypto/key.h"
#include "issuer/mint.h"
#include "policy/decide.h"
#include "rule/world.h"

#define BRAMA_TEST_KIND "APIRuleTest"
#define BRAMA_TEST_VERSION "brama.dev/v1"
#define BRAMA_TEST_NOW_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z, unless the file says more */

/* How a token is to be made. What isn't given comes from the rule that the request belongs to. */
struct brama_test_token {
    brama_str raw; /* sent as it is, instead of all below */
    bool has_raw;
    bool has_issuer;
    brama_str issuer;
    brama_str subject; /* empty: none; "tester" unless given */
    brama_str scope;   /* words with blanks between */
    struct brama_str_list audiences;
    const struct brama_mint_claim *claims;
    size_t claim_count;
    int64_t expires_in_s; /* negative: it has expired */
    bool has_not_before;
    int64_t not_before_in_s;
    bool other_key;     /* of nobody, under the kid of the right one */
    bool other_kid;     /* likewise, under its own */
    enum brama_alg alg; /* BRAMA_ALG_INVALID: one that the rule takes */
    bool has_place;
    struct brama_token_from place;
};

struct brama_test_header {
    brama_str name, value;
    bool absent; /* it must not be there */
};

struct brama_test_expectation {
    enum brama_verdict verdict;
    uint16_t status;   /* 0: whatever */
    brama_str reason;  /* empty: whatever, and so for those below */
    brama_str apirule; /* "NAME" or "NS/NAME" */
    bool has_rule;
    uint32_t rule;     /* index in spec.rules */
    brama_str service; /* "NAME", "NS/NAME" or "NS/NAME:PORT" */
    brama_str path;    /* as the workload gets it, with the query */
    const struct brama_test_header *headers, *response_headers;
    size_t header_count, response_header_count;
};

struct brama_test_suite;
struct brama_test_case {
    struct brama_test_case *next;
    const struct brama_test_suite *suite;
    brama_str name;
    struct brama_where where;
    struct brama_request request;         /* without token */
    const struct brama_test_token *token; /* NULL: none */
    /* Of whomever the rule asks, one after the other: an authorizer, an introspection endpoint. */
    const struct brama_call_answer *answers;
    size_t answer_count;
    struct brama_test_expectation expect;
};

/* One object of kind APIRuleTest. */
struct brama_test_suite {
    struct brama_test_suite *next;
    brama_str ns, name;
    struct brama_where where;
    int64_t now_s;
    struct brama_test_case *first, *last;
    size_t count;
};

/* All suites of the world, in order. What is wrong with them is an error in out. */
struct brama_test_suite *brama_tests_read(struct brama_findings *out,
                                          const struct brama_world *world);

/* A template, at that place of the file. */
const struct brama_test_token *brama_test_token_read(struct brama_fields *f, brama_str at,
                                                     const struct brama_node *node);

/* What came of one test. */
struct brama_test_result {
    const struct brama_test_case *test;
    bool passed;
    brama_str got;     /* "deny 403 token_missing, rule 1 of shop/orders" */
    brama_str problem; /* of a failed one: what was expected and what came, a line each */
    brama_str cause;   /* why the gateway decided as it did, or empty */
    bool allowed;
    brama_str apirule; /* of the matched rule; empty: none */
    uint32_t rule;
    int64_t took_us;
};

/* The engine in memory: every key set that the rules name has keys made on the spot, the network
 * isn't used, and where a workload is doesn't matter. world: judged. rsa: there are RSA keys, too,
 * which take a while to make; without it only where a rule takes no other. */
struct brama_test_bench;
BRAMA_MUST_USE enum brama_err brama_test_bench_new(struct brama_test_bench **out,
                                                   struct brama_arena *arena,
                                                   const struct brama_world *world,
                                                   brama_str domain, bool rsa);
void brama_test_bench_free(struct brama_test_bench *bench);
/* From now on the rules of this world, which names no key set that the first one didn't. */
BRAMA_MUST_USE enum brama_err brama_test_bench_load(struct brama_test_bench *bench,
                                                    const struct brama_world *world);
/* arena: of the texts of *out. BRAMA_ERR_INVALID with diag: the token can't be made so. */
BRAMA_MUST_USE enum brama_err brama_test_run(struct brama_test_result *out,
                                             struct brama_test_bench *bench,
                                             const struct brama_test_case *test,
                                             struct brama_arena *arena, struct brama_diag *diag);

/* A change to the rules that somebody might make by mistake, and whether a test notices. */
struct brama_test_mutant {
    struct brama_test_mutant *next;
    struct brama_where where;
    brama_str what; /* "drop the audience \"shop\" of rule 1 of shop/orders" */
    bool invalid;   /* Kyma would refuse the result: nobody has to notice */
    const struct brama_test_case *killer; /* the first test that fails; NULL: it survives */
};
/* Each change in turn, in the order of the rules. tests: those to run. */
BRAMA_MUST_USE enum brama_err
brama_test_mutate(struct brama_test_mutant **out, struct brama_arena *arena,
                  struct brama_test_bench *bench, const struct brama_world *world, brama_str domain,
                  const struct brama_test_case *const *tests, size_t test_count);

/* One rule and method, and which answers the tests had from it. */
struct brama_test_cover {
    const struct brama_apirule *apirule;
    size_t rule;
    brama_methods method;
    size_t allows, denies;
    bool open; /* nobody is ever refused by this rule: an allow is all there is to see */
};

struct brama_test_report {
    const struct brama_test_result *results;
    size_t count, failed;
    const struct brama_test_cover *cover;
    size_t cover_count, covered;
    const struct brama_test_mutant *mutants; /* NULL: not asked for */
    size_t mutant_count, survivors, invalid;
    bool mutated, show_cover;
};

/* Part of the bench: who signs for an issuer, where, and how. */
struct brama_test_signer {
    brama_str issuer, url; /* url: of the key set; empty: nobody's */
    struct brama_token_from place;
    const struct brama_jwt_ory *ory; /* NULL: Istio's dialect */
};
/* For a token of a request to that rule (NULL: to none). */
struct brama_test_signer brama_test_signer(const struct brama_world *world,
                                           const struct brama_apirule *apirule, size_t rule,
                                           const struct brama_test_token *token);
/* A key of the set, or of nobody. */
struct brama_test_key {
    const struct brama_pkey *key;
    brama_str kid;
};
struct brama_test_key brama_test_bench_key(const struct brama_test_bench *bench, brama_str url,
                                           bool rsa);
/* The compact form. */
BRAMA_MUST_USE enum brama_err brama_test_token(brama_str *out, struct brama_arena *arena,
                                               const struct brama_test_bench *bench,
                                               const struct brama_test_token *token,
                                               const struct brama_test_signer *signer,
                                               int64_t now_s, struct brama_diag *diag);
/* The request with the token in its place. */
bool brama_test_put(struct brama_request *out, struct brama_arena *arena,
                    const struct brama_request *request, brama_str token,
                    const struct brama_token_from *place);

void brama_test_print_text(struct brama_cli *cli, const struct brama_test_report *report);
void brama_test_print_tap(struct brama_cli *cli, const struct brama_test_report *report);
void brama_test_print_junit(struct brama_cli *cli, const struct brama_test_report *report);
int brama_test_print_json(struct brama_cli *cli, const struct brama_test_report *report);

/* "rule 1 (/orders) of shop/orders"; the arena's. */
brama_str brama_test_rule_name(struct brama_arena *arena, const struct brama_apirule *apirule,
                               size_t rule);

#endif
