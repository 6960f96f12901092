/* Facts planned of a newer policy and the one in force: every upstream of either leads where the
 * newer one's Services and slices say. */
#include "place.h"

#include <arpa/inet.h>

#include "agent/plan.h"

#define RULE(name, service)                                                                        \
    "---\napiVersion: gateway.kyma-project.io/v2\nkind: APIRule\nmetadata: {name: " name "}\n"     \
    "spec:\n  hosts: [" name "]\n  gateway: kyma-system/kyma-gateway\n"                            \
    "  service: {name: " service ", port: 80}\n"                                                   \
    "  rules: [{path: /, methods: [GET], noAuth: true}]\n"
#define SERVICE(name, number)                                                                      \
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec:\n"                      \
    "  ports: [{port: " number "}]\n"
#define SLICE(service, number, ips)                                                                \
    "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " service         \
    ", labels: {kubernetes.io/service-name: " service "}}\nports: [{port: " number "}]\n"          \
    "endpoints: [{addresses: [" ips "]}]\n"
#define WORKLOAD(name, number, ips) SERVICE(name, "80") SLICE(name, number, ips)

struct planning {
    struct place place;
    uv_loop_t loop;
    struct brama_keysets *keysets;
    struct brama_resolver *resolver;
};

static void open_planning(struct planning *p)
{
    struct brama_keysets_options options = {.loop = &p->loop};
    static const struct brama_service_flag named = {
        .name = BRAMA_LIT("named"), .to_host = BRAMA_LIT("localhost"), .to_port = 8080};
    set_up(&p->place);
    p->place.inputs.services = &named;
    p->place.inputs.service_count = 1;
    assert_int_equal(uv_loop_init(&p->loop), 0);
    assert_int_equal(brama_keysets_new(&p->keysets, &options), BRAMA_OK);
    assert_int_equal(brama_resolver_new(&p->resolver, &p->loop, NULL, NULL), BRAMA_OK);
}

static void close_planning(struct planning *p)
{
    brama_keysets_free(p->keysets);
    brama_resolver_free(p->resolver);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&p->loop), 0);
    tear_down(&p->place);
}

static struct brama__round *read_round(struct planning *p, const struct brama__round *before,
                                       const char *text)
{
    struct brama__round_in in = {.inputs = &p->place.inputs,
                                 .sheets = {.roots = &p->place.root, .root_count = 1},
                                 .goods = &p->place.goods,
                                 .before = before};
    struct brama__round *r;
    put(&p->place, "a.yaml", text);
    assert_true(brama__round_read(&r, &in));
    assert_int_equal(brama__round_compile(r, &in, 1), BRAMA_OK);
    assert_int_equal(r->errors, 0);
    return r;
}

/* "IP:PORT IP:PORT", "nowhere", or "unknown" where the upstream isn't in the facts at all. */
static void where_to(char out[256], const struct brama_facts *facts, const char *service)
{
    const struct brama_f_upstream *u = brama_facts_upstream(
        facts, brama_upstream_id(BRAMA_STR("default"), brama_str_c(service), 80));
    size_t n = 0;
    snprintf(out, 256, u == NULL ? "unknown" : "nowhere");
    for (uint32_t i = 0; u != NULL && i < u->addresses.count; i++) {
        char ip[INET6_ADDRSTRLEN];
        const struct brama_f_address *a = BRAMA_ROW(&facts->pack, BRAMA_F_ADDRESS,
                                                    u->addresses.first + i, struct brama_f_address);
        assert_non_null(inet_ntop((int)a->family, a->ip, ip, sizeof(ip)));
        n += (size_t)snprintf(out + n, 256 - n, "%s%s:%u", n != 0 ? " " : "", ip, a->port);
    }
}

static void plan(struct planning *p, struct brama_buf *bytes, struct brama_facts *facts,
                 const struct brama__round *newest, const struct brama__round *in_force)
{
    struct brama__facts_sources from = {.keysets = p->keysets, .resolver = p->resolver};
    brama__round_ask(&from, newest, in_force);
    brama_buf_init(bytes, NULL, BRAMA__FACTS_BYTES);
    assert_int_equal(brama__plan_facts(bytes, 1, &from), BRAMA_OK);
    assert_int_equal(brama_facts_open(facts, bytes->p, bytes->n), BRAMA_OK);
    assert_int_equal(brama_facts_verify(facts), BRAMA_OK);
}

#define BEFORE                                                                                     \
    RULE("a", "app")                                                                               \
    RULE("b", "old") WORKLOAD("app", "81", "127.0.0.1") WORKLOAD("old", "82", "'::1'")
static const char before[] = BEFORE;

static void upstreams_lead_where_the_newest_says(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *service, *want;
    } rows[] = {
        {"as it was", BEFORE, "app", "127.0.0.1:81"},
        {"the other one", BEFORE, "old", "::1:82"},
        {"never heard of", BEFORE, "new", "unknown"},
        {"a rule to a Service that nobody knows", BEFORE RULE("c", "new"), "new", "nowhere"},
        {"which comes with it", BEFORE RULE("c", "new") WORKLOAD("new", "83", "127.0.0.3"), "new",
         "127.0.0.3:83"},
        {"and leaves others alone", BEFORE RULE("c", "new") WORKLOAD("new", "83", "127.0.0.3"),
         "old", "::1:82"},
        {"two addresses",
         RULE("a", "app") WORKLOAD("app", "81", "127.0.0.2, 127.0.0.1")
             WORKLOAD("old", "82", "'::1'"),
         "app", "127.0.0.2:81 127.0.0.1:81"},
        {"gone with its rule, but in force", RULE("a", "app") WORKLOAD("app", "81", "127.0.0.1"),
         "old", "nowhere"},
        {"its rule alone is gone",
         RULE("a", "app") WORKLOAD("app", "81", "127.0.0.1") WORKLOAD("old", "82", "'::1'"), "old",
         "::1:82"},
        {"and its workload moves, too",
         RULE("a", "app") WORKLOAD("app", "81", "127.0.0.1") WORKLOAD("old", "82", "127.0.0.9"),
         "old", "127.0.0.9:82"},
        {"a name of a flag", BEFORE RULE("d", "named"), "named", "127.0.0.1:8080"},
        {"a Service without that port",
         RULE("a", "app") SERVICE("app", "90") SLICE("app", "80", "127.0.0.1"), "app", "nowhere"},
        {"a slice without a Service", RULE("a", "app") SLICE("app", "80", "127.0.0.1"), "app",
         "127.0.0.1:80"},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct planning p;
        struct brama_buf bytes, again;
        struct brama_facts facts, fresh;
        char got[256];
        open_planning(&p);
        struct brama__round *first = read_round(&p, NULL, before);
        struct brama__round *newest = read_round(&p, first, rows[i].text);
        assert_int_equal(brama__round_want(newest, first, p.keysets, p.resolver), BRAMA_OK);
        while (brama_resolver_pending(p.resolver) != 0)
            uv_run(&p.loop, UV_RUN_ONCE);
        plan(&p, &bytes, &facts, newest, first);
        where_to(got, &facts, rows[i].service);
        /* "localhost" may have an IPv6 address as well. */
        EXPECT(rows[i].name, strncmp(got, rows[i].want, strlen(rows[i].want)) == 0);
        struct brama__round *unaware = read_round(&p, NULL, rows[i].text);
        plan(&p, &again, &fresh, unaware, first);
        EXPECT(rows[i].name, brama_pack_same(brama_buf_str(&bytes), brama_buf_str(&again)));
        brama_buf_deinit(&bytes);
        brama_buf_deinit(&again);
        brama__round_free(first);
        brama__round_free(newest);
        brama__round_free(unaware);
        close_planning(&p);
    }
}

static void an_address_is_no_name_to_ask_for(void **state)
{
    (void)state;
    struct planning p;
    open_planning(&p);
    struct brama__round *r = read_round(
        &p, NULL, BEFORE RULE("c", "two") WORKLOAD("two", "83", "127.0.0.3, host.test, host.test"));
    assert_int_equal(r->needed->hosts.n, 1);
    EXPECT_STR("the name, once", r->needed->hosts.p[0], BRAMA_STR("host.test"));
    brama__round_free(r);
    close_planning(&p);
}

/* Needing the same is what spares an edit the planning. */
static void an_edit_in_place_needs_what_was_needed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool same;
    } rows[] = {
        {"nothing new", BEFORE, true},
        {"another host",
         RULE("x", "app") RULE("b", "old") WORKLOAD("app", "81", "127.0.0.1")
             WORKLOAD("old", "82", "'::1'"),
         true},
        {"one rule less",
         RULE("b", "old") WORKLOAD("app", "81", "127.0.0.1") WORKLOAD("old", "82", "'::1'"), false},
        {"a slice moves",
         RULE("a", "app") RULE("b", "old") WORKLOAD("app", "81", "127.0.0.5")
             WORKLOAD("old", "82", "'::1'"),
         false},
    };
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(rows); i++) {
        struct planning p;
        open_planning(&p);
        struct brama__round *first = read_round(&p, NULL, before);
        struct brama__round *second = read_round(&p, first, rows[i].text);
        EXPECT(rows[i].name, brama__round_needs_the_same(first, second) == rows[i].same);
        brama__round_free(first);
        brama__round_free(second);
        close_planning(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upstreams_lead_where_the_newest_says),
        cmocka_unit_test(an_address_is_no_name_to_ask_for),
        cmocka_unit_test(an_edit_in_place_needs_what_was_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
