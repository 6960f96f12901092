/* Key sets by URL, kept fresh on an event loop. What was once good stays until something better
 * comes: an endpoint that is down, answers nonsense or has no usable key never takes keys away.
 *
 *     err = brama_keysets_new(&sets, &(struct brama_keysets_options){.loop = loop, .news = tell});
 *     err = brama_keysets_want(sets, urls, url_count);
 *     ...
 *     for (size_t i = 0; i < brama_keysets_count(sets); i++) use(brama_keysets_at(sets, i));
 *
 * A URL that ends in /.well-known/openid-configuration is a discovery document (OpenID Connect
 * Discovery 1.0 section 4): its issuer must be the URL without that suffix, and the set is the one
 * at its jwks_uri. Each fetch reads both again.
 *
 * Refresh: after max-age of Cache-Control, at least 60 s and at most 24 h, 300 s where nothing is
 * said; files each second. After a failure 1, 2, 4 .. 60 s. Both a little earlier, by chance
 * (source/turns.h). Out of turn when somebody needs a key
 * that isn't there, as often as source/forced.h lets him. One fetch a set at a time.
 *
 * Its endpoint has to confirm a set once in BRAMA_KEYSET_STALE_S. One that is older counts as never
 * loaded, so that a key that was withdrawn while nobody could be asked doesn't live for ever.
 */
#ifndef BRAMA_SOURCE_KEYSETS_H
#define BRAMA_SOURCE_KEYSETS_H

#include "http/http.h"
#include "jose/jwks.h"

#define BRAMA_KEYSET_STALE_S (24 * 3600)

struct brama_keyset {
    brama_str url;
    const struct brama_jwks *set; /* NULL: none was ever loaded, or it is too old */
    bool expired;                 /* it is too old */
    brama_str problem;            /* of the last fetch; empty: it went well */
    bool asked;                   /* a fetch of this run has ended, well or not */
    int64_t fetched_at_s;         /* the set was last seen; a file's, last changed; UNIX time */
    int64_t next_at_s;            /* the next fetch in turn; 0: not known yet */
    uint64_t version;             /* counts sets that differed; 0: none */
};

/* Each ASKED is followed by one of the others, unless the set isn't wanted any more. */
enum brama_keyset_event {
    BRAMA_KEYSET_ASKED, /* a fetch begins; this one may also come from within a call */
    BRAMA_KEYSET_SAME,  /* it has ended, and nothing is new */
    BRAMA_KEYSET_NEWS   /* it has ended: the set has changed, or what there is to say about it */
};
/* From the loop. */
typedef void brama_keysets_news(void *ctx, const struct brama_keyset *keyset,
                                enum brama_keyset_event event);

struct brama_keysets_options {
    uv_loop_t *loop;
    brama_str dir;                  /* where the last good sets are kept; empty: nowhere */
    int64_t stale_s;                /* 0: BRAMA_KEYSET_STALE_S */
    uint64_t seed;                  /* of chance: another for each process */
    struct brama_http_options http; /* what its resolver points to must outlive the sets */
    brama_keysets_news *news;       /* NULL: nobody */
    void *ctx;
};

struct brama_keysets;
BRAMA_MUST_USE enum brama_err brama_keysets_new(struct brama_keysets **out,
                                                const struct brama_keysets_options *options);
/* The loop must turn once more before it is closed. */
void brama_keysets_free(struct brama_keysets *sets);

/* From now on these, and no others. New ones come with their last good set, if one is kept, and are
 * fetched at once. Repeated URLs count once. BRAMA_ERR_NOMEM: those before are still kept fresh. */
BRAMA_MUST_USE enum brama_err brama_keysets_want(struct brama_keysets *sets, const brama_str *urls,
                                                 size_t count);
/* Somebody has a token of a key that isn't in this set. A wish that comes while a fetch is under
 * way is dropped: whoever still has it when that has ended asks again. Unknown URLs too. */
void brama_keysets_force(struct brama_keysets *sets, brama_str url);
/* How many have still not been asked, of those that are worth waiting for: */
size_t brama_keysets_pending(const struct brama_keysets *sets);
/* from now on only those to come. */
void brama_keysets_wait_no_more(struct brama_keysets *sets);

size_t brama_keysets_count(const struct brama_keysets *sets);
/* Valid until the loop turns or the next want. */
const struct brama_keyset *brama_keysets_at(const struct brama_keysets *sets, size_t i);

#endif
