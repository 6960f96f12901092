/* Every manifest of Kyma's own tests and samples, its templates filled in, gets the status that its
 * folder's purpose implies. They are read where BRAMA_VECTORS has them, never copied. */
#include "fixture.h"

#include <ftw.h>

#include "base/buf.h"

/* What stands for the variables of Go's templates and of shells; the first row whose place is in
 * the file's path counts. */
static const struct {
    const char *name, *place, *value;
} variables[] = {
    {"Host", "short_host", "httpbin"},
    {"Host", "asterisk_host", "*.sub.kyma.example"},
    {"Host", "", "httpbin.kyma.example"},
    {"Domain", "", "kyma.example"},
    {"GatewayNamespace", "", "kyma-system"},
    {"GatewayName", "", "kyma-gateway"},
    {"Gateway", "", "kyma-system/kyma-gateway"},
    {"ExternalGateway", "", "shop/external"},
    {"Subdomain", "", "sub"},
    {"ServicePort", "", "8000"},
    {"SecondServicePort", "", "5000"},
    {"OtherNamespaceServicePort", "", "5000"},
    {"MaxAge", "2.11.3/integration-istio-jwt", "300s"},
    {"MaxAge", "2.11.3/integration-ory", "300s"},
    {"MaxAge", "", "300"},
    {"AllowCredentials", "", "true"},
    {"AllowOrigins", "", "[{regex: '.*kyma.example'}]"},
    {"AllowMethods", "e2e-cors", "GET"},
    {"AllowMethods", "", "[GET, POST]"},
    {"AllowHeaders", "e2e-cors", "x-a"},
    {"AllowHeaders", "", "[x-a]"},
    {"ExposeHeaders", "e2e-cors", "x-b"},
    {"ExposeHeaders", "", "[x-b]"},
    {"regex", "", ".*kyma.example"},
    {"IssuerUrl", "", "https://idp.example"},
    {"Issuer", "", "https://idp.example"},
    {"JwksUri", "", "https://idp.example/keys"},
    {"EncodedCredentials", "", "YTpi"},
    {"extAuthProvider", "", "provider"},
    {"ExtAuthProvider", "", "provider"},
    {"ipRequiredScopes", "", "[\"read\", \"write\"]"},
    {"getRequiredScopes", "", "[\"read\"]"},
    {"headersRequiredScopes", "", "[\"read\"]"},
    {"ipAudiences", "", "[\"a\", \"b\"]"},
    {"getAudiences", "", "[\"a\"]"},
    {"headersAudiences", "", "[\"a\"]"},
    {"helloMethods", "", "[\"GET\"]"},
    {"headersMethods", "", "[\"GET\"]"},
    {"jwtSecuredPath", "", "/ip"},
    {"JwtSecuredPath", "", "/ip"},
    {"jwtSecuredPathWithService", "", "/headers"},
    {"JwtSecuredPathWithService", "", "/headers"},
    {"JwtSecuredPathWithoutService", "", "/ip"},
    {"otherNamespacePath", "", "/hello"},
    {"OtherNamespaceJwtSecuredPath", "", "/hello"},
    {"helloJwtSecuredPath", "", "/hello"},
    {"headersJwtSecuredPath", "", "/headers"},
    {"extAuthPath", "", "/headers"},
    {"headersEndpointHandler", "", "allow"},
    {"jsonEndpointHandler", "", "noop"},
    {"header2", "", "X-Second"},
    {"cookie2", "", "second"},
    {"Values.domain", "", "kyma.example"},
    {"Release.Name", "", "load"},
    {"CLUSTER_DOMAIN_NAME", "", "kyma.example"},
};

/* Anything else is a name of something. */
static const char *value_of(brama_str name, const char *path)
{
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(variables); i++)
        if (brama_str_eq(name, brama_str_c(variables[i].name)) &&
            strstr(path, variables[i].place) != NULL)
            return variables[i].value;
    return "x";
}

struct filler {
    struct brama_buf out;
    const char *path;
    brama_str ranged; /* the list of the last "range" */
};

static void trim_end(struct brama_buf *out)
{
    while (out->n != 0 && strchr(" \t\n", out->p[out->n - 1]) != NULL)
        out->n--;
}

/* One {{ action }}: variables, the dot of a range that runs once, conditions that hold, and the
 * labels that a chart includes. */
static void act(struct filler *f, brama_str action)
{
    if (brama_str_starts(action, BRAMA_STR("-"))) {
        trim_end(&f->out);
        action = brama_str_from(action, 1);
    }
    action = brama_str_trim(action);
    if (brama_str_eq(action, BRAMA_STR(".")))
        brama_buf_add(&f->out, brama_str_c(value_of(f->ranged, f->path)));
    else if (brama_str_starts(action, BRAMA_STR("range .")))
        f->ranged = brama_str_from(action, 7);
    else if (brama_str_starts(action, BRAMA_STR("include")))
        brama_buf_add(&f->out, BRAMA_STR(" {}"));
    else if (brama_str_starts(action, BRAMA_STR(".")))
        brama_buf_add(&f->out, brama_str_c(value_of(brama_str_from(action, 1), f->path)));
    else if (!brama_str_eq(action, BRAMA_STR("end")) && !brama_str_starts(action, BRAMA_STR("if ")))
        fail_msg("%s: {{%.*s}} is nothing that this test can fill in", f->path, BRAMA_FMT(action));
}

static size_t shell_name(brama_str s)
{
    size_t n = 0;

    while (n < s.n && ((s.p[n] >= 'A' && s.p[n] <= 'Z') || s.p[n] == '_'))
        n++;
    return n;
}

static void fill(struct filler *f, brama_str text)
{
    while (text.n != 0) {
        size_t open = brama_str_find_str(text, BRAMA_STR("{{")), dollar = brama_str_find(text, '$');
        size_t next = open < dollar ? open : dollar;
        brama_buf_add(&f->out, brama_str_head(text, next));
        text = brama_str_from(text, next);
        if (text.n == 0)
            return;
        if (open < dollar) {
            size_t close = brama_str_find_str(text, BRAMA_STR("}}"));
            act(f, brama_str_head(brama_str_from(text, 2), close - 2));
            text = brama_str_from(text, close + 2);
            continue;
        }
        size_t n = shell_name(brama_str_from(text, 1));
        brama_buf_add(&f->out, n == 0 ? BRAMA_STR("$")
                                      : brama_str_c(value_of(
                                            brama_str_head(brama_str_from(text, 1), n), f->path)));
        text = brama_str_from(text, n + 1);
    }
}

/* Folders and files whose rules are of Istio's handler. */
static bool is_istio(const char *path)
{
    return strstr(path, "istio") != NULL || strstr(path, "integration-upgrade") != NULL;
}

/* Where a file doesn't hold only valid rules: the rule, any if empty, and its status. */
static const struct {
    const char *place, *rule;
    brama_str description;
} others[] = {
    {"validation", "",
     V2_SAYS(".spec.rules[0].jwt.authentications[1]",
             "multiple jwt configurations that differ for the same issuer")},
    /* ExternalGateway is none of the neighbours that are read. */
    {"e2e-extgateway/apirule_no_auth", "",
     V2_SAYS("spec.externalGateway", "Could not get specified ExternalGateway")},
    {"invalid_v1alpha1", "passthrough-bad-host",
     V1_SAYS(".spec.service.host",
             "Invalid value: \"https://imgur.com\": should match "
             "'^([a-zA-Z0-9][a-zA-Z0-9-_]*\\.)*[a-zA-Z0-9]*[a-zA-Z0-9-_]*[[a-zA-Z0-9]+$'")},
    /* A reference without dot or slash is one in the rule's namespace since 2022. */
    {"invalid_v1alpha1", "passthrough-bad-gateway",
     V1_SAYS(".spec.gateway", "Gateway short-name-gateway isn't among the given files")},
    {"invalid_v1alpha1", "gate-no-rules",
     BRAMA_LIT("Multiple validation errors: \n"
               "Attribute \".spec.host\": This host is occupied by another Virtual Service\n"
               "Attribute \".spec.rules\": No rules defined")},
    /* All of these have the bad host. */
    {"2019-09/invalid", "",
     V1_SAYS(".spec.service.host",
             "Invalid value: \"https://imgur.com\": should match "
             "'^([a-zA-Z0-9][a-zA-Z0-9-_]*\\.)*[a-zA-Z0-9]*[a-zA-Z0-9-_]*[[a-zA-Z0-9]+$'")},
    /* The samples of 2019 share hosts, which one rule of them can have. */
    {"2019-09/valid", "passthrough-secured-mutators",
     V1_SAYS(".spec.host", "This host is occupied by another Virtual Service")},
    {"2019-09/valid", "jwt-all-mutators",
     V1_SAYS(".spec.host", "This host is occupied by another Virtual Service")},
    {"2019-09/valid", "jwt-all-with-scopes",
     V1_SAYS(".spec.host", "This host is occupied by another Virtual Service")},
    {"2019-09/valid", "oauth",
     V1_SAYS(".spec.host", "This host is occupied by another Virtual Service")},
};

static brama_str expected(const char *path, const struct brama_apirule *rule)
{
    bool v1 = brama_api_is_v1(rule->version);

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(others); i++)
        if (strstr(path, others[i].place) != NULL &&
            (others[i].rule[0] == '\0' ||
             brama_str_starts(rule->name, brama_str_c(others[i].rule))))
            return others[i].description;
    return v1 ? BRAMA_STR("") : BRAMA_STR("Reconciled successfully");
}

static size_t files, rules, beside, wrong;

static size_t say(const char *path, const struct brama_apirule *rule)
{
    print_error("%s: %.*s: \"%.*s\"\n", path, BRAMA_FMT(rule->name),
                BRAMA_FMT(rule->judged.description));
    return 1;
}

static void judge(const char *path, brama_str text)
{
    struct fixture f;
    struct brama_diag diag = {0};

    fixture_begin(&f);
    if (is_istio(path))
        fixture_add(&f, "handler", BRAMA_STR(ISTIO));
    fixture_add(&f, "mesh",
                BRAMA_STR(MESH("\n  mesh: |\n    extensionProviders:\n"
                               "    - {name: provider, envoyExtAuthzHttp: {" AUTHORIZER_AT "}}\n"
                               "    - {name: sample-ext-authz-http, "
                               "envoyExtAuthzHttp: {" AUTHORIZER_AT "}}")));
    brama_str exact = expect_exact(text);
    if (brama_world_add(&f.world, BRAMA_STR("v"), exact, &diag) != BRAMA_OK)
        fail_msg("%s:%u: %s", path, diag.where.line, diag.what);
    expect_free(exact);
    fixture_judge(&f);
    for (const struct brama_apirule *r = f.world.rules; r != NULL; r = r->next, rules++) {
        if (!brama_str_eq(r->judged.description, expected(path, r)))
            wrong += say(path, r);
    }
    beside += f.world.rules == NULL;
    files++;
    fixture_end(&f);
}

static int read_manifest(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    struct filler f = {.path = path};
    static char bytes[1 << 20];

    if (type != FTW_F || !brama_str_ends(brama_str_c(path), BRAMA_STR(".yaml")))
        return 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 1;
    size_t n = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    brama_buf_init(&f.out, NULL, sizeof(bytes));
    fill(&f, (brama_str){bytes, n});
    judge(path, brama_buf_str(&f.out));
    brama_buf_deinit(&f.out);
    return 0;
}

static void kymas_own_manifests_get_their_statuses(void **state)
{
    (void)state;
    const char *root = getenv("BRAMA_VECTORS");
    char path[4096];

    snprintf(path, sizeof(path), "%s/kyma", root != NULL ? root : "../shared/vectors");
    if (nftw(path, read_manifest, 16, FTW_PHYS) != 0) {
        print_message("skipped: no manifests in %s\n", path);
        skip();
    }
    print_message("%zu files with %zu APIRules; %zu files have none\n", files, rules, beside);
    assert_true(files > 200 && rules > 200);
    assert_int_equal(wrong, 0);
}

int run_manifests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kymas_own_manifests_get_their_statuses),
    };
    return cmocka_run_group_tests_name("manifests", tests, NULL, NULL);
}
