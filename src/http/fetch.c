#include "http/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/address.h"
#include "http/dial.h"

#define TOTAL_MS 5000
#define CONNECT_MS 1000
#define BODY_BYTES ((size_t)256 * 1024)
#define URL_BYTES 4096
#define HEADER_BYTES ((size_t)64 * 1024) /* of all header lines of one answer */
#define REDIRECTS 3
#define CA_BYTES ((size_t)4 * 1024 * 1024) /* Debian's bundle has 220 KiB */
#define MAX_AGE_S ((int64_t)365 * 24 * 3600)

#define PROBLEM(f, ...) snprintf((f)->problem, sizeof((f)->problem), __VA_ARGS__)

/* libcurl takes "Name:" for "leave it out", and "Name;" for an empty one. */
static bool copy_headers(struct fetch *f, const struct brama_http_options *options)
{
    for (size_t i = 0; i < options->header_count; i++) {
        const struct brama_http_header *h = &options->headers[i];
        struct brama_buf line;
        brama_buf_init(&line, NULL, HEADER_BYTES);
        brama_buf_printf(&line, h->value.n != 0 ? "%.*s: " : "%.*s;", BRAMA_FMT(h->name));
        brama_buf_add(&line, h->value);
        brama_buf_add_c(&line, '\0');
        struct curl_slist *more =
            brama_buf_err(&line) == BRAMA_OK ? curl_slist_append(f->headers, line.p) : NULL;
        brama_buf_deinit(&line);
        if (more == NULL)
            return false;
        f->headers = more;
    }
    return true;
}

struct fetch *brama__fetch_new(brama_str url, const struct brama_http_options *options)
{
    static const struct brama_http_options none = {0};
    if (options == NULL)
        options = &none;
    struct fetch *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    f->url = brama_str_dup(brama_str_head(url, URL_BYTES + 1));
    f->ca_file = options->ca_file.n != 0 ? brama_str_dup(options->ca_file) : NULL;
    brama_str post = options->method.n != 0 ? options->body : options->post_json;
    f->post = post.n != 0 ? brama_str_dup(post) : NULL;
    f->post_bytes = post.n;
    f->method = options->method.n != 0 ? brama_str_dup(options->method) : NULL;
    bool headers = copy_headers(f, options);
    f->resolver = options->resolver;
    f->total_ms = options->total_ms != 0 ? options->total_ms : TOTAL_MS;
    f->connect_ms = options->connect_ms != 0 ? options->connect_ms : CONNECT_MS;
    f->max_age_s = -1;
    brama_buf_init(&f->body, NULL, options->max_body != 0 ? options->max_body : BODY_BYTES);
    brama_buf_init(&f->head, NULL, HEADER_BYTES);
    if (f->url == NULL || !headers || (options->method.n != 0 && f->method == NULL) ||
        (options->ca_file.n != 0 && f->ca_file == NULL) ||
        (f->post_bytes != 0 && f->post == NULL)) {
        brama__fetch_free(f);
        return NULL;
    }
    for (size_t i = 0; i < url.n && i <= URL_BYTES; i++) {
        if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7f)
            PROBLEM(f, "the URL has a blank or a control");
    }
    if (url.n > URL_BYTES)
        PROBLEM(f, "the URL has more than %d bytes", URL_BYTES);
    return f;
}

void brama__fetch_free(struct fetch *f)
{
    if (f == NULL)
        return;
    if (f->easy != NULL)
        curl_easy_cleanup(f->easy);
    curl_slist_free_all(f->connect_to);
    curl_slist_free_all(f->headers);
    brama_buf_deinit(&f->body);
    brama_buf_deinit(&f->head);
    free(f->post);
    free(f->method);
    free(f->url);
    free(f->ca_file);
    free(f);
}

/* The last look before connecting: here the address is what the kernel will be given, whatever name
 * or notation it came from. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *f = ctx;
    if (purpose != CURLSOCKTYPE_IPCXN || brama__address_refused(&address->addr)) {
        PROBLEM(f, "the host has a link-local or metadata address, which is never connected to");
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  address->protocol);
}

static void read_cache_control(struct fetch *f, brama_str value)
{
    brama_str piece;
    while (brama_str_next(&value, ',', &piece)) {
        uint64_t age;
        size_t at = brama_str_find(piece, '=');
        brama_str name = brama_str_trim(brama_str_head(piece, at));
        brama_str number = brama_str_trim(brama_str_from(piece, at + 1));
        if (number.n >= 2 && number.p[0] == '"' && number.p[number.n - 1] == '"')
            number = brama_str_head(brama_str_from(number, 1), number.n - 2);
        if (brama_str_eq_nocase(name, BRAMA_STR("no-store")) ||
            brama_str_eq_nocase(name, BRAMA_STR("no-cache")))
            f->max_age_s = 0;
        else if (brama_str_eq_nocase(name, BRAMA_STR("max-age")) && f->max_age_s != 0 &&
                 brama_str_u64(number, &age))
            f->max_age_s = age < (uint64_t)MAX_AGE_S ? (int64_t)age : MAX_AGE_S;
    }
}

/* A coding would have to be undone before the body's size is known: refused unread. */
static bool refuse_coding(struct fetch *f, const char *header, brama_str value, brama_str allowed)
{
    if (value.n == 0 || brama_str_eq_nocase(value, BRAMA_STR("identity")) ||
        brama_str_eq_nocase(value, allowed))
        return false;
    PROBLEM(f, "%s: %.*s wasn't asked for", header, (int)(value.n < 64 ? value.n : 64), value.p);
    return true;
}

static size_t take_header(char *p, size_t size, size_t count, void *ctx)
{
    struct fetch *f = ctx;
    brama_str line = {p, size * count};
    f->header_bytes += line.n;
    if (f->header_bytes > HEADER_BYTES) {
        PROBLEM(f, "the answer's header has more than %zu bytes", HEADER_BYTES);
        return 0;
    }
    if (brama_str_starts(line, BRAMA_STR("HTTP/"))) { /* a final answer after an interim one */
        f->max_age_s = -1;
        brama_buf_reset(&f->head);
        return line.n;
    }
    brama_buf_add(&f->head, line);
    size_t colon = brama_str_find(line, ':');
    brama_str name = brama_str_head(line, colon);
    brama_str value = brama_str_trim(brama_str_from(line, colon + 1));
    if (brama_str_eq_nocase(name, BRAMA_STR("content-encoding")) &&
        refuse_coding(f, "Content-Encoding", value, BRAMA_NIL))
        return 0;
    if (brama_str_eq_nocase(name, BRAMA_STR("transfer-encoding")) &&
        refuse_coding(f, "Transfer-Encoding", value, BRAMA_STR("chunked")))
        return 0;
    if (brama_str_eq_nocase(name, BRAMA_STR("cache-control")))
        read_cache_control(f, value);
    return line.n;
}

static size_t take_body(char *p, size_t size, size_t count, void *ctx)
{
    struct fetch *f = ctx;
    brama_buf_add(&f->body, (brama_str){p, size * count});
    if (brama_buf_err(&f->body) == BRAMA_OK)
        return size * count;
    f->too_big = true;
    PROBLEM(f, "the answer has more than %zu bytes", f->body.max_bytes);
    return 0;
}

/* The system's certificates and ours as one text: libcurl takes one or the other. */
static bool set_ca(struct fetch *f)
{
    static const char *const fallback = "/etc/ssl/certs/ca-certificates.crt";
    char problem[BRAMA_HTTP_PROBLEM_BYTES];
    char *system = NULL;
    struct brama_buf pem;
    bool done = false;

    curl_easy_getinfo(f->easy, CURLINFO_CAINFO, &system);
    brama_buf_init(&pem, NULL, CA_BYTES);
    if (!brama__file_read(&pem, f->ca_file, problem))
        PROBLEM(f, "the CA file %.100s %.100s", f->ca_file, problem);
    else if (brama_str_find_str(brama_buf_str(&pem), BRAMA_STR("-----BEGIN CERTIFICATE-----")) ==
             brama_buf_str(&pem).n)
        PROBLEM(f, "the CA file %.150s has no certificate", f->ca_file);
    else
        done = true;
    if (done) {
        brama_buf_add_c(&pem, '\n');
        /* A system without a bundle is fine: then only ours counts. */
        (void)!brama__file_read(&pem, system != NULL ? system : fallback, problem);
        struct curl_blob blob = {.data = pem.p, .len = pem.n, .flags = CURL_BLOB_COPY};
        done = brama_buf_err(&pem) == BRAMA_OK &&
               curl_easy_setopt(f->easy, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
        if (!done)
            PROBLEM(f, "the CA file %.150s is too large", f->ca_file);
    }
    brama_buf_deinit(&pem);
    return done;
}

/* A request of somebody's own making: nothing of libcurl's goes along. */
static bool set_own(struct fetch *f)
{
    static const char *const not_ours[] = {"User-Agent:", "Accept:", "Expect:"};

    for (size_t i = 0; i < BRAMA_ARRAY_LEN(not_ours); i++) {
        struct curl_slist *more = curl_slist_append(f->headers, not_ours[i]);
        if (more == NULL)
            return false;
        f->headers = more;
    }
    return (f->post == NULL ||
            (curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->post_bytes) ==
                 CURLE_OK &&
             curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, f->post) == CURLE_OK)) &&
           curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, f->method) == CURLE_OK &&
           curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK;
}

static bool set_post(struct fetch *f)
{
    f->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (f->headers != NULL &&
        curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->post_bytes) ==
            CURLE_OK &&
        curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, f->post) == CURLE_OK &&
        curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK)
        return true;
    PROBLEM(f, "the HTTP library refuses to post");
    return false;
}

static bool set_options(struct fetch *f)
{
    CURL *e = f->easy;
    bool bad = false;
#define SET(option, value) bad |= curl_easy_setopt(e, option, value) != CURLE_OK
    SET(CURLOPT_PRIVATE, f);
    SET(CURLOPT_ERRORBUFFER, f->detail);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PROXY, ""); /* also against the environment */
    SET(CURLOPT_USERAGENT, "brama");
    SET(CURLOPT_FOLLOWLOCATION, 0L); /* each step is judged by brama__fetch_finished() */
    SET(CURLOPT_FRESH_CONNECT, 1L);  /* so that every fetch passes open_socket() */
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L); /* a changed address is met by the next fetch */
    SET(CURLOPT_QUICK_EXIT, 1L);        /* a timeout needn't wait for the resolver's thread */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)f->connect_ms);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->body.max_bytes);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, f);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, f);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, f);
#undef SET
    if (bad) {
        PROBLEM(f, "the HTTP library refuses an option");
        return false;
    }
    if (f->method != NULL && !set_own(f)) {
        PROBLEM(f, "the HTTP library refuses the request");
        return false;
    }
    return (f->method != NULL || f->post == NULL || set_post(f)) &&
           (f->ca_file == NULL || set_ca(f));
}

/* Point the handle at f->url. False: a problem. */
static bool aim(struct fetch *f)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool done = false;

    if (u == NULL || curl_url_set(u, CURLUPART_URL, f->url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        PROBLEM(f, "not a URL with a scheme and a host");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        PROBLEM(f, "only http, https and file URLs can be fetched");
    else if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0' ||
             curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        PROBLEM(f, "not a URL with a scheme and a host");
    else if (f->https && strcmp(scheme, "https") != 0)
        PROBLEM(f, "a redirect leads from https to http");
    else {
        f->https = strcmp(scheme, "https") == 0;
        done = curl_easy_setopt(f->easy, CURLOPT_URL, f->url) == CURLE_OK &&
               brama__dial_first(f, host, port);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return done;
}

bool brama__fetch_prepare(struct fetch *f, uint64_t now_ms)
{
    f->started_ms = now_ms;
    if (f->problem[0] != '\0')
        return false;
    if (strncasecmp(f->url, "file://", 7) == 0) {
        if (brama__file_url_read(&f->body, brama_str_c(f->url), f->problem))
            f->status = 200;
        return false;
    }
    f->easy = curl_easy_init();
    if (f->easy == NULL) {
        PROBLEM(f, "%s", brama_err_text(BRAMA_ERR_NOMEM));
        return false;
    }
    return set_options(f) && aim(f) &&
           curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)f->total_ms) == CURLE_OK;
}

/* In the time that is left. */
static bool start_over(struct fetch *f, uint64_t now_ms)
{
    uint64_t spent_ms = now_ms - f->started_ms;
    brama_buf_reset(&f->body);
    f->header_bytes = 0;
    f->max_age_s = -1;
    return curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)(f->total_ms - spent_ms)) ==
           CURLE_OK;
}

/* True: f->url is the next one. */
static bool follow(struct fetch *f, uint64_t now_ms)
{
    char *target = NULL;
    uint64_t spent_ms = now_ms - f->started_ms;

    curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_URL, &target);
    if (target == NULL)
        return false; /* no Location: the status is the answer */
    f->status = 0;
    if (f->redirects++ == REDIRECTS) {
        PROBLEM(f, "more than %d redirects", REDIRECTS);
        return false;
    }
    if (strlen(target) > URL_BYTES) {
        PROBLEM(f, "a redirect to a URL of more than %d bytes", URL_BYTES);
        return false;
    }
    if (spent_ms >= f->total_ms) {
        PROBLEM(f, "no answer within %" PRIu64 " ms", f->total_ms);
        return false;
    }
    char *url = strdup(target);
    if (url == NULL) {
        PROBLEM(f, "%s", brama_err_text(BRAMA_ERR_NOMEM));
        return false;
    }
    free(f->url);
    f->url = url;
    return aim(f) && start_over(f, now_ms);
}

/* Nothing was sent yet: the next address may do. */
static bool dial_again(struct fetch *f, CURLcode code, uint64_t now_ms)
{
    return now_ms - f->started_ms < f->total_ms && brama__dial_next(f, code) &&
           start_over(f, now_ms);
}

bool brama__fetch_finished(struct fetch *f, CURLcode code, uint64_t now_ms)
{
    long status = 0;
    if (f->problem[0] != '\0')
        return false; /* a callback of ours stopped it and said why */
    if (code != CURLE_OK && dial_again(f, code, now_ms))
        return true;
    f->timed_out = code == CURLE_OPERATION_TIMEDOUT;
    if (code == CURLE_OPERATION_TIMEDOUT) {
        PROBLEM(f, "no answer within %" PRIu64 " ms", f->total_ms);
        return false;
    }
    if (code == CURLE_FILESIZE_EXCEEDED) {
        f->too_big = true;
        PROBLEM(f, "the answer has more than %zu bytes", f->body.max_bytes);
        return false;
    }
    if (code != CURLE_OK) {
        /* Other details differ from fetch to fetch. */
        bool plain = code != CURLE_PEER_FAILED_VERIFICATION || f->detail[0] == '\0';
        PROBLEM(f, "%.200s", plain ? curl_easy_strerror(code) : f->detail);
        return false;
    }
    brama__dial_worked(f);
    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    f->status = status > 0 && status <= 999 ? (uint16_t)status : 0;
    if (status >= 300 && status <= 399 && f->method == NULL && follow(f, now_ms))
        return true;
    if (f->problem[0] == '\0' && (status < 200 || status > 299))
        PROBLEM(f, "answered with status %ld", status);
    return false;
}
