/* The mutator id_token: what the signer is asked for, what is made of its answer, and that nobody
 * writes claims into a token who only chose a value. The key is the signer's: tests/unit/issuer.
 * oathkeeper.md 3.3 and 7.8, apirule.md 2.5. */
#include "fixture.h"

#define KID "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define RULE(path, strategy, config)                                                               \
    "  - path: " path "\n    methods: [GET]\n    accessStrategies: [" strategy "]\n"               \
    "    mutators: [{handler: id_token, config: {" config "}}]\n"
#define JWT "{handler: jwt, config: {jwks_urls: [\"http://poster/jwks_uri\"]}}"
#define NOOP "{handler: noop}"

static const char rules[] =
    "apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: here}\nspec:\n"
    "  gateway: kyma-system/kyma-gateway\n  host: here\n  service: {name: here, port: 80}\n"
    "  rules:\n" RULE("/plain", JWT, "") RULE("/open", NOOP, "")
        RULE("/all", JWT,
             "claims: '{\"aud\":[\"foo\"],\"who\":\"{{ .Subject }}\"}', issuer_url: 'https://me', "
             "jwks_url: 'file:///k', ttl: 15m") RULE("/who", JWT,
                                                     "claims: '{\"who\":\"{{ .Subject }}\"}'")
            RULE("/quoted", JWT, "claims: '{\"who\":{{ quote .Subject }}}'") RULE(
                "/teams", JWT, "claims: '{\"teams\":[\"{{ join \"\\\",\\\"\" .Extra.teams }}\"]}'")
                RULE("/tenant", NOOP,
                     "claims: '{\"tenant\":\"{{ .MatchContext.Header.Get \"X-Tenant\" }}\"}'")
                    RULE("/number", JWT, "claims: '{\"n\":{{ print .Extra.n }}}'")
                        RULE("/list", NOOP, "claims: '[1]'") RULE("/text", NOOP, "claims: 'who'")
                            RULE("/nothing", NOOP, "claims: '{\"a\":\"{{ .Extra.no.such }}\"}'")
                                RULE("/twice", NOOP, "claims: '{\"a\":1,\"a\":2}'") RULE(
                                    "/(.+)/group", NOOP,
                                    "claims: '{\"g\":\"{{ index .MatchContext.RegexpCaptureGroups "
                                    "2 }}\",\"none\":\"{{ printIndex "
                                    ".MatchContext.RegexpCaptureGroups 9 }}\"}'");

#define SIGNED "{\"token\":\"aaa.bbb.ccc\",\"kid\":\"k\",\"fresh_ms\":60000}"
#define SHIPPED                                                                                    \
    "{\"issuer\":\"https://oathkeeper.kyma.example\",\"jwks_url\":\"\",\"ttl_ms\":60000,"

static struct brama_call_answer answer_of(unsigned status, const char *body)
{
    return (struct brama_call_answer){
        .end = BRAMA_CALL_ANSWERED, .status = (uint16_t)status, .body = brama_str_c(body)};
}

static const struct brama_decision *ask(struct fixture *f, const char *target, const char *payload,
                                        const char *header)
{
    const char *headers[3] = {NULL};
    size_t n = 0;

    if (payload != NULL)
        headers[n++] = brama_arena_printf(&f->arena, "Authorization: Bearer %.*s",
                                          BRAMA_FMT(fixture_token(f, f->key, KID, payload)))
                           .p;
    if (header != NULL)
        headers[n++] = header;
    return fixture_ask(f, "GET", "here.kyma.example", target, headers);
}

static void the_signer_is_asked_for_what_the_rule_and_the_session_say(void **state)
{
    (void)state;
    static const struct {
        const char *name, *target, *payload, *header, *asked; /* NULL: refused, and nobody asked */
    } rows[] = {
        {"as Kyma ships it", "/plain", "{\"sub\":\"alice\"}", NULL,
         SHIPPED "\"subject\":\"alice\"}"},
        {"nobody in particular", "/open", NULL, NULL, SHIPPED "\"subject\":\"\"}"},
        {"all that a rule may say", "/all", "{\"sub\":\"alice\"}", NULL,
         "{\"issuer\":\"https://me\",\"jwks_url\":\"file:///k\",\"ttl_ms\":900000,\"subject\":"
         "\"alice\",\"claims\":{\"aud\":[\"foo\"],\"who\":\"alice\"}}"},
        {"a group, and one that isn't there", "/x/group", NULL, NULL,
         SHIPPED "\"subject\":\"\",\"claims\":{\"g\":\"x\",\"none\":\"\"}}"},
        {"texts of a list, parted by the template", "/teams", "{\"teams\":[\"a\",\"b\"]}", NULL,
         SHIPPED "\"subject\":\"\",\"claims\":{\"teams\":[\"a\",\"b\"]}}"},
        {"a quoted value may hold anything", "/quoted", "{\"sub\":\"a\\\"b\\\\c\"}", NULL,
         SHIPPED "\"subject\":\"a\\\"b\\\\c\",\"claims\":{\"who\":\"a\\\"b\\\\c\"}}"},
        {"a number", "/number", "{\"n\":5}", NULL,
         SHIPPED "\"subject\":\"\",\"claims\":{\"n\":5}}"},
        {"quotes in what the template doesn't name are nobody's business", "/who",
         "{\"sub\":\"alice\",\"other\":\"\\\"\"}", "If-Match: \"etag\"",
         SHIPPED "\"subject\":\"alice\",\"claims\":{\"who\":\"alice\"}}"},
        {"a subject that would write a claim", "/who", "{\"sub\":\"a\\\",\\\"role\\\":\\\"admin\"}",
         NULL, NULL},
        {"one that would be read as something else", "/who", "{\"sub\":\"\\\\u0061dmin\"}", NULL,
         NULL},
        {"a list's text that would be two", "/teams", "{\"teams\":[\"a\\\",\\\"admin\"]}", NULL,
         NULL},
        {"a header that would write a claim", "/tenant", NULL, "X-Tenant: x\",\"role\":\"admin",
         NULL},
        {"a text where a number should stand", "/number",
         "{\"n\":\"1,\\\"role\\\":\\\"admin\\\"\"}", NULL, NULL},
        {"a list", "/list", NULL, NULL, NULL},
        {"no JSON", "/text", NULL, NULL, NULL},
        {"a field of nothing", "/nothing", NULL, NULL, NULL},
        {"one claim twice: readers differ in which they take", "/twice", NULL, NULL, NULL},
    };
    struct brama_call_answer answer = answer_of(200, SIGNED);
    struct fixture f;

    fixture_init(&f, rules);
    f.answers = &answer;
    f.answer_count = 1;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        f.later_s += 2; /* nothing that was kept serves */
        const struct brama_decision *d = ask(&f, rows[i].target, rows[i].payload, rows[i].header);
        if (rows[i].asked == NULL) {
            EXPECT(rows[i].name, d->verdict == BRAMA_VERDICT_DENY && d->status == 500);
            EXPECT(rows[i].name, d->reason == BRAMA_REASON_MUTATOR_FAILED && f.call_count == 0);
            continue;
        }
        EXPECT(rows[i].name, d->verdict == BRAMA_VERDICT_ALLOW && f.call_count == 1);
        EXPECT(rows[i].name, f.calls[0].signer);
        EXPECT_STR(rows[i].name, f.calls[0].body, brama_str_c(rows[i].asked));
        EXPECT_STR(rows[i].name, fixture_upstream_header(&f, "Authorization"),
                   BRAMA_STR("Bearer aaa.bbb.ccc"));
    }
    fixture_deinit(&f);
}

static void without_a_token_nobody_passes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *body;
        unsigned status;
        enum brama_call_end end;
    } rows[] = {
        {"no connection", "", 0, BRAMA_CALL_FAILED},
        {"too late", "", 0, BRAMA_CALL_TIMEOUT},
        {"too much", "", 0, BRAMA_CALL_TOO_BIG},
        {"it can't", "{\"why\":\"no private key in it\"}", 422, BRAMA_CALL_ANSWERED},
        {"it may not", "{\"why\":\"no rule\"}", 403, BRAMA_CALL_ANSWERED},
        {"a token with another status", SIGNED, 201, BRAMA_CALL_ANSWERED},
        {"no token", "{\"kid\":\"k\"}", 200, BRAMA_CALL_ANSWERED},
        {"an empty one", "{\"token\":\"\"}", 200, BRAMA_CALL_ANSWERED},
        {"one that would end the header", "{\"token\":\"a\\r\\nX: y\"}", 200, BRAMA_CALL_ANSWERED},
        {"two words", "{\"token\":\"a b\"}", 200, BRAMA_CALL_ANSWERED},
        {"no JSON", "aaa.bbb.ccc", 200, BRAMA_CALL_ANSWERED},
    };
    struct fixture f;

    fixture_init(&f, rules);
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct brama_call_answer answer = answer_of(rows[i].status, rows[i].body);
        answer.end = rows[i].end;
        f.answers = &answer;
        f.answer_count = 1;
        const struct brama_decision *d = ask(&f, "/open", NULL, "Authorization: Bearer mine");
        EXPECT(rows[i].name, d->verdict == BRAMA_VERDICT_DENY && d->status == 500);
        EXPECT(rows[i].name, d->reason == BRAMA_REASON_SIGNER_FAILED);
        EXPECT(rows[i].name, fixture_upstream_header(&f, "Authorization").p == NULL);
    }
    f.answer_count = 0;
    const struct brama_decision *d = ask(&f, "/open", NULL, NULL);
    EXPECT("nobody may be asked",
           d->verdict == BRAMA_VERDICT_DENY && d->reason == BRAMA_REASON_CALL_NEEDED);
    fixture_deinit(&f);
}

/* The signer knows how long a token may be handed out, and sees keys that change. */
static void a_worker_keeps_a_token_for_the_rest_of_a_second_and_the_same_ask(void **state)
{
    (void)state;
    struct brama_call_answer answer = answer_of(200, SIGNED);
    struct fixture f;

    fixture_init(&f, rules);
    f.answers = &answer;
    f.answer_count = 1;
    ask(&f, "/plain", "{\"sub\":\"alice\"}", NULL);
    EXPECT("it is asked", f.call_count == 1);
    ask(&f, "/plain", "{\"sub\":\"alice\"}", NULL);
    EXPECT("once", f.call_count == 0 && f.decision.verdict == BRAMA_VERDICT_ALLOW);
    ask(&f, "/plain", "{\"sub\":\"bob\"}", NULL);
    EXPECT("for another subject it is asked", f.call_count == 1);
    f.later_s = 1;
    ask(&f, "/plain", "{\"sub\":\"alice\"}", NULL);
    EXPECT("a second later it is asked again", f.call_count == 1);
    answer = answer_of(200, "{\"token\":\"aaa.bbb.ddd\",\"kid\":\"k\",\"fresh_ms\":999}");
    f.later_s = 2;
    ask(&f, "/plain", "{\"sub\":\"alice\"}", NULL);
    ask(&f, "/plain", "{\"sub\":\"alice\"}", NULL);
    EXPECT("one that is nearly too old is kept by nobody", f.call_count == 1);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signer_is_asked_for_what_the_rule_and_the_session_say),
        cmocka_unit_test(without_a_token_nobody_passes),
        cmocka_unit_test(a_worker_keeps_a_token_for_the_rest_of_a_second_and_the_same_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
