/* What a workload says before its answer: RFC 9110 section 15.2. nginx 1.22 takes the first head
 * that comes for the answer, so interim ones are taken out before its parser looks.
 *
 *     while (brama_interim_scan(bytes, &n) == BRAMA_INTERIM)
 *         bytes = brama_str_from(bytes, n);
 */
#ifndef BRAMA_GATEWAY_INTERIM_H
#define BRAMA_GATEWAY_INTERIM_H

#include "base/str.h"

enum brama_interim_kind {
    BRAMA_INTERIM_NOT = 0, /* something else begins here: the parser's to judge */
    BRAMA_INTERIM,         /* a whole interim head */
    BRAMA_INTERIM_OPEN     /* its beginning, or too little to say */
};

/* Does the text begin with a head of status 1xx other than 101? *n: its bytes, where it is whole.
 * Every line must end in CR LF: a head whose end two readers see at two places is none. O(bytes).
 */
enum brama_interim_kind brama_interim_scan(brama_str bytes, size_t *n);

#endif
