/* /metrics: Prometheus text, sums over all worker pages. */
#include "gateway/admin.h"
#include "gateway/pages.h"

static void head(struct brama_buf *out, const char *name, const char *type, const char *help)
{
    brama_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void plain(struct brama_buf *out, const char *name, const char *type, const char *help,
                  uint64_t value)
{
    head(out, name, type, help);
    brama_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

/* name{label="value"} number; the value escaped as the format asks. */
static void labelled(struct brama_buf *out, const char *name, const char *label, brama_str value,
                     int64_t number)
{
    brama_buf_printf(out, "%s{%s=\"", name, label);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\n') {
            brama_buf_add(out, BRAMA_STR("\\n"));
            continue;
        }
        if (value.p[i] == '"' || value.p[i] == '\\')
            brama_buf_add_c(out, '\\');
        brama_buf_add_c(out, value.p[i]);
    }
    brama_buf_printf(out, "\"} %lld\n", (long long)number);
}

static void requests(struct brama_buf *out, const struct brama_pages *pages)
{
    head(out, "brama_requests_total", "counter", "Requests by reason of their answer.");
    for (size_t i = 0; i < BRAMA_REASON_COUNT; i++) {
        if (pages->reasons[i] != 0 || i == BRAMA_REASON_ALLOWED)
            labelled(out, "brama_requests_total", "reason",
                     brama_str_c(brama_reason_name((enum brama_reason)i)),
                     (int64_t)pages->reasons[i]);
    }
}

static void keysets(struct brama_buf *out, const struct brama_facts *facts)
{
    int64_t now_s = (int64_t)ngx_time();

    head(out, "brama_keyset_age_seconds", "gauge", "Age of the key set that is served.");
    for (uint32_t i = 0; i < brama_pack_count(&facts->pack, BRAMA_F_KEYSET); i++) {
        const struct brama_f_keyset *set =
            BRAMA_ROW(&facts->pack, BRAMA_F_KEYSET, i, struct brama_f_keyset);
        if (set == NULL || set->fetched_at_s == 0)
            continue; /* never fetched: it has no age */
        labelled(out, "brama_keyset_age_seconds", "url", brama_pack_text(&facts->pack, set->url),
                 now_s - set->fetched_at_s);
    }
}

/* There are few states (Kyma has Ready, Warning, Error, Processing, Deleting), and many rules. */
static void apirules(struct brama_buf *out, const struct brama_policy *policy)
{
    struct {
        brama_str name;
        int64_t count;
    } states[8];
    size_t n = 0;

    head(out, "brama_apirules", "gauge", "APIRules by state.");
    for (uint32_t i = 0; i < brama_pack_count(&policy->pack, BRAMA_T_APIRULE); i++) {
        const struct brama_p_apirule *rule =
            BRAMA_ROW(&policy->pack, BRAMA_T_APIRULE, i, struct brama_p_apirule);
        if (rule == NULL)
            continue;
        brama_str state = brama_pack_text(&policy->pack, rule->state);
        size_t k = 0;
        while (k < n && !brama_str_eq(states[k].name, state))
            k++;
        if (k == n && n < BRAMA_ARRAY_LEN(states)) {
            states[n].name = state;
            states[n++].count = 0;
        }
        if (k < n)
            states[k].count++;
    }
    for (size_t k = 0; k < n; k++)
        labelled(out, "brama_apirules", "state", states[k].name, states[k].count);
}

void brama_gw_metrics(struct brama_buf *out, const struct brama_slot *slot)
{
    struct brama_pages pages;

    brama_pages_read(&pages, slot);
    requests(out, &pages);
    plain(out, "brama_workers", "gauge", "Live workers.", pages.count);
    plain(out, "brama_policy_generation", "gauge", "Number of the policy in force here.",
          slot->policy != NULL ? slot->policy->number : 0);
    plain(out, "brama_facts_generation", "gauge", "Number of the facts in force here.",
          slot->facts != NULL ? slot->facts->number : 0);
    plain(out, "brama_take_problems_total", "counter", "Published files that couldn't be taken.",
          pages.problems);
    plain(out, "brama_token_cache_hits_total", "counter", "Tokens whose signature was known.",
          pages.token_hits);
    plain(out, "brama_token_cache_misses_total", "counter", "Tokens whose signature was verified.",
          pages.token_misses);
    if (slot->facts != NULL)
        keysets(out, &slot->facts->facts);
    if (slot->policy != NULL)
        apirules(out, &slot->policy->policy);
}
