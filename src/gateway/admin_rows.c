/* One APIRule and one key set as JSON. */
#include "gateway/admin.h"
#include "jose/alg.h"
#include "jose/b64url.h"
#include "rule/read.h"
#include "json/write.h"

#include <time.h>

static void member_int(struct brama_json_out *out, brama_str key, int64_t value)
{
    brama_json_key(out, key);
    brama_json_int(out, value);
}

static brama_str form_name(uint32_t form)
{
    if (form == BRAMA_FORM_CURRENT)
        return BRAMA_STR("current");
    return form == BRAMA_FORM_LAST_GOOD ? BRAMA_STR("last-good") : BRAMA_STR("none");
}

static brama_str handler_name(uint32_t handler)
{
    if (handler == BRAMA_HANDLER_ORY)
        return BRAMA_STR("ory");
    return handler == BRAMA_HANDLER_ISTIO ? BRAMA_STR("istio") : BRAMA_STR("");
}

void brama_gw_write_apirule(struct brama_json_out *out, const struct brama_policy *policy,
                            uint32_t index)
{
    const struct brama_pack *pack = &policy->pack;
    const struct brama_p_apirule *rule =
        BRAMA_ROW(pack, BRAMA_T_APIRULE, index, struct brama_p_apirule);

    if (rule == NULL)
        return;
    brama_json_map(out);
    brama_json_member(out, BRAMA_STR("namespace"), brama_pack_text(pack, rule->ns));
    brama_json_member(out, BRAMA_STR("name"), brama_pack_text(pack, rule->name));
    brama_json_member(out, BRAMA_STR("version"),
                      brama_str_c(brama_api_version_name((enum brama_api_version)rule->version)));
    brama_json_member(out, BRAMA_STR("host"), brama_pack_text(pack, rule->host));
    brama_json_member(out, BRAMA_STR("state"), brama_pack_text(pack, rule->state));
    brama_json_member(out, BRAMA_STR("description"), brama_pack_text(pack, rule->description));
    brama_json_member(out, BRAMA_STR("form"), form_name(rule->form));
    brama_json_member(out, BRAMA_STR("handler"), handler_name(rule->handler));
    brama_json_member(out, BRAMA_STR("judged_under"), handler_name(rule->judged));
    brama_json_member(out, BRAMA_STR("file"), brama_pack_text(pack, rule->file));
    member_int(out, BRAMA_STR("line"), rule->line);
    member_int(out, BRAMA_STR("column"), rule->column);
    brama_json_end(out);
}

static brama_str state_name(uint32_t state)
{
    if (state == BRAMA_KEYSET_FRESH)
        return BRAMA_STR("fresh");
    if (state == BRAMA_KEYSET_EXPIRED)
        return BRAMA_STR("expired");
    return state == BRAMA_KEYSET_STALE ? BRAMA_STR("stale") : BRAMA_STR("never");
}

static brama_str kty_name(uint32_t kty)
{
    switch ((enum brama_kty)kty) {
    case BRAMA_KTY_RSA:
        return BRAMA_STR("RSA");
    case BRAMA_KTY_EC:
        return BRAMA_STR("EC");
    case BRAMA_KTY_OKP:
        return BRAMA_STR("OKP");
    case BRAMA_KTY_NONE:
        break;
    }
    return BRAMA_STR("");
}

static void write_time(struct brama_json_out *out, brama_str key, int64_t at_s)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)at_s;

    brama_json_key(out, key);
    if (at_s == 0 || gmtime_r(&t, &tm) == NULL) {
        brama_json_null(out);
        return;
    }
    brama_json_str(out, (brama_str){text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm)});
}

static void write_thumbprint(struct brama_json_out *out, const struct brama_f_key *key)
{
    struct brama_buf text;

    brama_buf_init(&text, NULL, 64);
    brama_b64url_encode(&text, (brama_str){(const char *)key->thumbprint, sizeof(key->thumbprint)});
    brama_json_member(out, BRAMA_STR("thumbprint"), brama_buf_str(&text));
    brama_buf_deinit(&text);
}

static void write_key(struct brama_json_out *out, const struct brama_pack *pack,
                      const struct brama_f_key *key)
{
    brama_json_map(out);
    brama_json_key(out, BRAMA_STR("kid"));
    if (key->has_kid != 0)
        brama_json_str(out, brama_pack_text(pack, key->kid));
    else
        brama_json_null(out);
    brama_json_member(out, BRAMA_STR("kty"), kty_name(key->kty));
    brama_json_member(out, BRAMA_STR("alg"), brama_str_c(brama_alg_name((enum brama_alg)key->alg)));
    brama_json_member(out, BRAMA_STR("use"), brama_pack_text(pack, key->use));
    member_int(out, BRAMA_STR("bits"), key->bits);
    write_thumbprint(out, key);
    brama_json_end(out);
}

static int64_t next_fetch(const struct brama_slot *slot, uint64_t id)
{
    const struct brama_control_keyset *k = brama_slot_keyset(slot, id);

    return k != NULL ? atomic_load_explicit(&k->next_at_s, memory_order_relaxed) : 0;
}

void brama_gw_write_keyset(struct brama_json_out *out, const struct brama_facts *facts,
                           uint32_t index, const struct brama_slot *slot)
{
    const struct brama_pack *pack = &facts->pack;
    const struct brama_f_keyset *set =
        BRAMA_ROW(pack, BRAMA_F_KEYSET, index, struct brama_f_keyset);

    if (set == NULL)
        return;
    brama_json_map(out);
    brama_json_member(out, BRAMA_STR("url"), brama_pack_text(pack, set->url));
    brama_json_member(out, BRAMA_STR("state"), state_name(set->state));
    write_time(out, BRAMA_STR("fetched_at"), set->fetched_at_s);
    write_time(out, BRAMA_STR("next_fetch"), next_fetch(slot, set->id));
    brama_json_member(out, BRAMA_STR("problem"), brama_pack_text(pack, set->problem));
    member_int(out, BRAMA_STR("left_out"), set->rejected);
    brama_json_member(out, BRAMA_STR("left_out_reasons"), brama_pack_text(pack, set->left_out));
    brama_json_key(out, BRAMA_STR("keys"));
    brama_json_list(out);
    for (uint32_t i = 0; i < set->keys.count; i++) {
        const struct brama_f_key *key =
            BRAMA_ROW(pack, BRAMA_F_KEY, set->keys.first + i, struct brama_f_key);
        if (key != NULL)
            write_key(out, pack, key);
    }
    brama_json_end(out);
    brama_json_end(out);
}
