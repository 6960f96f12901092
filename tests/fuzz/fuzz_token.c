/* A token that is read has one text only: its parts, decoded and encoded again, are the same bytes.
 * An input of three lines is taken as header, payload and signature before base64url, so that the
 * JSON inside is reached; any other input is the token itself. */
#include "jose/b64url.h"
#include "jose/jwt.h"

#include "fuzz.h"

static brama_str token_of(struct brama_buf *buf, brama_str input)
{
    brama_str header, payload, signature = input;
    if (!brama_str_next(&signature, '\n', &header) || !brama_str_next(&signature, '\n', &payload) ||
        signature.p == NULL)
        return input;
    brama_b64url_encode(buf, header);
    brama_buf_add_c(buf, '.');
    brama_b64url_encode(buf, payload);
    brama_buf_add_c(buf, '.');
    brama_b64url_encode(buf, signature);
    FUZZ_CHECK(brama_buf_err(buf) == BRAMA_OK);
    return brama_buf_str(buf);
}

static void check_text(struct brama_arena *arena, const struct brama_jwt *jwt)
{
    struct brama_buf again;
    brama_str rest = jwt->token, part, octets;
    unsigned parts = 0;
    brama_buf_init(&again, NULL, BRAMA_JWT_MAX);
    for (; brama_str_next(&rest, '.', &part); parts++) {
        FUZZ_CHECK(part.n != 0);
        FUZZ_CHECK(brama_b64url_decode(&octets, arena, part) == BRAMA_OK);
        if (parts != 0)
            brama_buf_add_c(&again, '.');
        brama_b64url_encode(&again, octets);
    }
    FUZZ_CHECK(parts == 3 && brama_buf_err(&again) == BRAMA_OK);
    FUZZ_CHECK(brama_str_eq(brama_buf_str(&again), jwt->token));
    FUZZ_CHECK(brama_str_eq(octets, jwt->signature));
    FUZZ_CHECK(brama_str_starts(jwt->token, jwt->signing_input));
    FUZZ_CHECK(brama_str_ends(jwt->signing_input, jwt->payload_b64));
    FUZZ_CHECK(brama_str_find_last(jwt->token, '.') == jwt->signing_input.n);
    brama_buf_deinit(&again);
}

static void check_meaning(struct brama_arena *arena, const struct brama_jwt *jwt)
{
    const struct brama_claims *c = &jwt->claims;
    const brama_str *texts;
    size_t count;
    FUZZ_CHECK(jwt->alg != BRAMA_ALG_INVALID && jwt->token.n <= BRAMA_JWT_MAX);
    FUZZ_CHECK(brama_node_get(jwt->header, BRAMA_STR("crit")) == NULL);
    FUZZ_CHECK(c->aud_count <= BRAMA_JWT_AUD_MAX);
    FUZZ_CHECK(c->has_aud == (brama_node_get(c->root, BRAMA_STR("aud")) != NULL));
    FUZZ_CHECK(c->exp.present == (brama_node_get(c->root, BRAMA_STR("exp")) != NULL));
    if (c->exp.present)
        FUZZ_CHECK(brama_claims_check_time(c, c->exp.s + 1, 0) != BRAMA_JWT_OK);
    if (c->nbf.present)
        FUZZ_CHECK(brama_claims_check_time(c, c->nbf.s - 1, 0) == BRAMA_JWT_NOT_YET_VALID);
    if (brama_claims_list(&texts, &count, arena, c, BRAMA_STR("scope"), true))
        for (size_t i = 0; i < count && count > 1; i++)
            FUZZ_CHECK(texts[i].n != 0 ||
                       brama_node_get(c->root, BRAMA_STR("scope"))->kind == BRAMA_NODE_LIST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brama_arena arena;
    struct brama_buf buf;
    struct brama_jwt jwt;
    brama_arena_init(&arena, NULL, 1 << 20);
    brama_buf_init(&buf, NULL, 1 << 24);
    brama_str token = token_of(&buf, (brama_str){(const char *)data, size});
    brama_jwt_read(&jwt, &arena, token);
    FUZZ_CHECK(jwt.detail != NULL && brama_jwt_status_text(jwt.status)[0] != '\0');
    if (jwt.status == BRAMA_JWT_OK) {
        check_text(&arena, &jwt);
        check_meaning(&arena, &jwt);
    }
    brama_buf_deinit(&buf);
    brama_arena_deinit(&arena);
    return 0;
}
