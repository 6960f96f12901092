/* A facts file with patched bytes. A worker looks at the header only, so every accessor must hold
 * for any bytes behind it, and the agent's check must notice any patch. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "policy/facts.h"

static const char jwks[] =
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},{\"kty\":\"EC\",\"crv\":\"P-256\","
    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\","
    "\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"ES256\"}]}";
static const uint64_t upstream_ids[] = {7, 11, 13};
#define URL_SET BRAMA_STR("https://i/k")
#define URL_NEVER BRAMA_STR("https://i/never")

/* Built once: the bytes are a constant of this program. */
static void build(struct brama_buf *facts)
{
    struct brama_jwks *set;
    struct brama_f_address addresses[] = {{.family = 2, .port = 80, .ip = {127, 0, 0, 1}},
                                          {.family = 10, .port = 81, .ip = {0}}};
    struct brama_facts_upstream_in ups[BRAMA_ARRAY_LEN(upstream_ids)];
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(ups); i++)
        ups[i] = (struct brama_facts_upstream_in){upstream_ids[i], addresses, i};
    FUZZ_CHECK(brama_jwks_load(&set, brama_str_c(jwks), NULL) == BRAMA_OK);
    struct brama_facts_keyset_in keysets[] = {
        {.url = URL_SET, .state = BRAMA_KEYSET_STALE, .problem = BRAMA_STR("down"), .set = set},
        {.url = URL_NEVER}};
    struct brama_facts_cert_in certs[] = {
        {BRAMA_STR("a.example"), BRAMA_STR("chain"), BRAMA_STR("key")},
        {BRAMA_STR("*.example"), BRAMA_STR("chain"), BRAMA_STR("other")}};
    struct brama_facts_in in = {.keysets = keysets,
                                .keyset_count = BRAMA_ARRAY_LEN(keysets),
                                .upstreams = ups,
                                .upstream_count = BRAMA_ARRAY_LEN(ups),
                                .certs = certs,
                                .cert_count = BRAMA_ARRAY_LEN(certs)};
    brama_buf_init(facts, NULL, 1 << 20);
    FUZZ_CHECK(brama_facts_build(facts, 1, &in) == BRAMA_OK);
    brama_jwks_free(set);
}

/* Every byte of a text, so that ASan sees one too far. */
static unsigned touch(const struct brama_facts *facts, struct brama_ref ref)
{
    brama_str text = brama_pack_text(&facts->pack, ref);
    unsigned sum = 0;
    for (size_t i = 0; i < text.n; i++)
        sum += (unsigned char)text.p[i];
    return sum;
}

static unsigned walk_keyset(const struct brama_facts *facts, brama_str url)
{
    const struct brama_pack *pack = &facts->pack;
    const struct brama_f_keyset *set = brama_facts_keyset(facts, brama_str_hash(url));
    unsigned sum = 0;

    if (set == NULL)
        return 0;
    FUZZ_CHECK(set->id == brama_str_hash(url));
    sum += touch(facts, set->url) + touch(facts, set->problem);
    for (uint32_t i = 0; i < set->keys.count; i++) {
        const struct brama_f_key *key =
            BRAMA_ROW(pack, BRAMA_F_KEY, set->keys.first + i, struct brama_f_key);
        struct brama_pkey *pkey = NULL;
        if (key == NULL)
            break; /* as every reader does */
        sum += touch(facts, key->kid) + touch(facts, key->use) + touch(facts, key->spki);
        if (brama_pkey_from_spki(&pkey, brama_pack_text(pack, key->spki), true, NULL) == BRAMA_OK)
            brama_pkey_free(pkey);
    }
    return sum;
}

static unsigned walk(const struct brama_facts *facts, brama_str server_name)
{
    unsigned sum = walk_keyset(facts, URL_SET) + walk_keyset(facts, URL_NEVER);
    for (size_t u = 0; u < BRAMA_ARRAY_LEN(upstream_ids); u++) {
        const struct brama_f_upstream *up = brama_facts_upstream(facts, upstream_ids[u]);
        for (uint32_t i = 0; up != NULL && i < up->addresses.count; i++) {
            const struct brama_f_address *address = BRAMA_ROW(
                &facts->pack, BRAMA_F_ADDRESS, up->addresses.first + i, struct brama_f_address);
            if (address == NULL)
                break;
            sum += address->port + address->ip[15];
        }
    }
    const struct brama_f_cert *cert = brama_facts_cert(facts, server_name);
    if (cert != NULL)
        sum +=
            touch(facts, cert->name) + touch(facts, cert->chain_pem) + touch(facts, cert->key_pem);
    return sum;
}

/* Input: a count, then that many patches of {offset (2 bytes), value}, then a server name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct brama_buf bytes;
    struct brama_facts facts;

    if (bytes.p == NULL)
        build(&bytes);
    size_t patches = size != 0 ? data[0] % 16 : 0;
    if (size < 1 + patches * 3)
        return 0;
    char *copy = malloc(bytes.n);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, bytes.p, bytes.n);
    for (size_t i = 0; i < patches; i++) {
        const uint8_t *p = data + 1 + i * 3;
        copy[(size_t)(p[0] * 256 + p[1]) % bytes.n] = (char)p[2];
    }
    bool same = memcmp(copy, bytes.p, bytes.n) == 0;
    enum brama_err err = brama_facts_open(&facts, copy, bytes.n);
    FUZZ_CHECK(!same || err == BRAMA_OK);
    if (err == BRAMA_OK) {
        FUZZ_CHECK((brama_facts_verify(&facts) == BRAMA_OK) == same);
        brama_str name = {(const char *)data + 1 + patches * 3, size - 1 - patches * 3};
        FUZZ_CHECK(walk(&facts, name) == walk(&facts, name)); /* reading changes nothing */
    }
    free(copy);
    return 0;
}
