/* The configuration that turns nginx into the engine around our module. What stands here and why:
 * docs/architecture.md, and the lines' own comments in the generated file.
 */
#include "agent/nginx_conf.h"

#include "policy/pages.h"

static void line(struct brama_buf *out, const char *text)
{
    brama_buf_add(out, brama_str_c(text));
    brama_buf_add_c(out, '\n');
}

static void escaped(struct brama_buf *out, brama_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            brama_buf_add_c(out, '\\');
        brama_buf_add_c(out, s.p[i]);
    }
}

/* name "value"; quoted, since a path may have spaces, semicolons or braces. */
static void directive(struct brama_buf *out, const char *name, brama_str value)
{
    brama_buf_printf(out, "%s \"", name);
    escaped(out, value);
    line(out, "\";");
}

static void state_directive(struct brama_buf *out, const char *name, brama_str dir,
                            const char *file, const char *more)
{
    brama_buf_printf(out, "%s \"", name);
    escaped(out, dir);
    brama_buf_printf(out, "/%s\"%s;\n", file, more);
}

static void main_block(struct brama_buf *out, const struct brama_nginx_options *o)
{
    line(out, "# Written by brama at each start; changes are lost.");
    directive(out, "load_module", o->module);
    line(out, "daemon off;");
    line(out, "master_process on;");
    brama_buf_printf(out, "worker_processes %u;\n", o->workers);
    brama_buf_printf(out, "worker_shutdown_timeout %us;\n", o->drain_s);
    line(out, "worker_rlimit_nofile 16384;");
    line(out, "worker_rlimit_core 0; # tokens and TLS keys are in memory");
    if (o->user.n != 0)
        directive(out, "user", o->user);
    state_directive(out, "pid", o->state_dir, BRAMA_STATE_NGINX_PID, "");
    line(out,
         "# Not below error: what nginx says of requests before the module sees them names their");
    line(out, "# query, which may hold a token; those lines are info.");
    state_directive(out, "error_log", o->state_dir, BRAMA_STATE_ERROR_LOG, " error");
    line(out, "events { worker_connections 4096; }");
}

static void http_settings(struct brama_buf *out, const struct brama_nginx_options *o)
{
    static const char *const temp[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};

    directive(out, "brama_state", o->state_dir);
    directive(out, "brama_mark", o->mark);
    directive(out, "brama_access_log", o->access_log);
    brama_buf_printf(out, "brama_kid_wait %ums;\n", o->kid_wait_ms);
    brama_buf_printf(out, "brama_refusals %.*s;\n", BRAMA_FMT(o->refusals));
    line(out, "access_log off;");
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(temp); i++) {
        brama_buf_printf(out, "%s_temp_path \"", temp[i]);
        escaped(out, o->state_dir);
        brama_buf_printf(out, "/tmp-%s\";\n", temp[i]);
    }
    line(out, "server_tokens off;");
    line(out, "default_type application/octet-stream;");
    line(out, "request_pool_size 8k;");
    line(out, "tcp_nodelay on;");
    line(out, "keepalive_timeout 3600s;");
    line(out, "keepalive_requests 1000000;");
    line(out, "keepalive_time 24h;");
    line(out, "client_header_timeout 10s;");
    line(out, "client_body_timeout 60s;");
    line(out, "send_timeout 60s;");
    line(out, "reset_timedout_connection on;");
    line(out, "# The module refuses above 60 KiB with 431; nginx must be able to read that far.");
    line(out, "large_client_header_buffers 4 64k;");
    line(out, "client_max_body_size 0;");
    line(out, "# All header names reach the module, which judges and drops them itself.");
    line(out, "ignore_invalid_headers off;");
    line(out, "underscores_in_headers on;");
    line(out, "merge_slashes off;");
    line(out, "absolute_redirect off;");
    line(out, "max_ranges 0;");
}

static void proxy_location(struct brama_buf *out)
{
    line(out, "location / {");
    line(out, "proxy_pass http://brama;");
    line(out, "proxy_http_version 1.1;");
    line(out, "proxy_set_header Host $brama_host;");
    line(out, "proxy_set_header Connection $brama_connection;");
    line(out, "proxy_set_header Upgrade $brama_upgrade;");
    line(out, "# Streaming in both directions, nothing on disk.");
    line(out, "proxy_request_buffering off;");
    line(out, "proxy_buffering off;");
    line(out, "proxy_buffer_size 32k;");
    line(out, "proxy_buffers 8 32k;");
    line(out, "proxy_max_temp_file_size 0;");
    line(out, "proxy_connect_timeout 10s;");
    line(out,
         "# The route's timeout is the module's; these only bound what it doesn't: an upgraded");
    line(out, "# connection's silence. Longer than any timeout of a rule (3900 s).");
    line(out, "proxy_read_timeout 4000s;");
    line(out, "proxy_send_timeout 4000s;");
    line(out, "proxy_next_upstream error timeout;");
    line(out, "proxy_intercept_errors off;");
    line(out, "proxy_redirect off;");
    line(out, "# A workload doesn't steer the gateway, and its headers aren't ours to hide.");
    line(out, "proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate");
    line(out, "    X-Accel-Buffering X-Accel-Charset Expires Cache-Control Set-Cookie Vary;");
    line(out, "proxy_pass_header X-Accel-Redirect;");
    line(out, "proxy_pass_header X-Accel-Expires;");
    line(out, "proxy_pass_header X-Accel-Limit-Rate;");
    line(out, "proxy_pass_header X-Accel-Buffering;");
    line(out, "proxy_pass_header X-Accel-Charset;");
    line(out, "proxy_pass_header X-Pad;");
    line(out, "proxy_pass_header Date;");
    line(out, "}");
}

/* Without a slash in front no client's URI is one of these. */
static void call_location(struct brama_buf *out, const struct brama_nginx_options *o, bool tls)
{
    brama_buf_printf(out, "location = brama-call%s {\n", tls ? "-tls" : "");
    line(out, "internal;");
    if (tls && o->call_ca.n == 0) {
        line(out, "return 502; # nobody's certificate can be trusted: there is no CA file");
        line(out, "}");
        return;
    }
    brama_buf_printf(out, "proxy_pass %s://brama_call$brama_call_target;\n",
                     tls ? "https" : "http");
    line(out, "proxy_http_version 1.1;");
    line(out, "proxy_set_header Host $brama_call_host;");
    line(out, "proxy_set_header Connection $brama_call_connection;");
    line(out, "proxy_set_header Accept-Encoding identity;");
    line(out, "proxy_buffering off;");
    line(out, "proxy_buffer_size 32k;");
    line(out, "proxy_buffers 8 32k;");
    line(out, "proxy_max_temp_file_size 0;");
    line(out, "# What may be asked once more is the module's to say.");
    line(out, "proxy_next_upstream error timeout non_idempotent;");
    line(out, "proxy_intercept_errors off;");
    line(out, "proxy_redirect off;");
    line(out, "proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate");
    line(out, "    X-Accel-Buffering X-Accel-Charset Expires Cache-Control Set-Cookie Vary;");
    if (tls) {
        line(out, "proxy_ssl_server_name on;");
        line(out, "proxy_ssl_name $brama_call_name;");
        line(out, "proxy_ssl_protocols TLSv1.2 TLSv1.3;");
        line(out, "proxy_ssl_verify on;");
        line(out, "proxy_ssl_verify_depth 5;");
        line(out, "proxy_ssl_session_reuse off; # one session would be everybody's");
        directive(out, "proxy_ssl_trusted_certificate", o->call_ca);
    }
    line(out, "}");
}

static void gateway_server(struct brama_buf *out, const struct brama_nginx_options *o)
{
    if (o->listen.n == 0 && o->tls_listen.n == 0)
        return;
    line(out, "server {");
    if (o->listen.n != 0)
        brama_buf_printf(out, "listen %.*s default_server;\n", BRAMA_FMT(o->listen));
    if (o->tls_listen.n != 0) {
        brama_buf_printf(out, "listen %.*s ssl http2 default_server;\n", BRAMA_FMT(o->tls_listen));
        line(out, "ssl_certificate data:$brama_tls_chain;");
        line(out, "ssl_certificate_key data:$brama_tls_key;");
        line(out, "ssl_protocols TLSv1.2 TLSv1.3;");
        line(out, "ssl_session_cache shared:brama_tls:4m;");
        line(out, "ssl_session_tickets off;");
    }
    line(out, "brama on;");
    proxy_location(out);
    call_location(out, o, false);
    call_location(out, o, true);
    line(out, "}");
}

static void admin_server(struct brama_buf *out, const struct brama_nginx_options *o)
{
    if (o->admin.n == 0)
        return;
    line(out, "server {");
    brama_buf_printf(out, "listen %.*s default_server;\n", BRAMA_FMT(o->admin));
    line(out, "brama_admin on;");
    line(out, "keepalive_timeout 30s;");
    line(out, "# A request to be explained, in memory: it may hold a token.");
    line(out, "client_max_body_size 256k;");
    line(out, "client_body_buffer_size 256k;");
    line(out, "}");
}

void brama_nginx_conf(struct brama_buf *out, const struct brama_nginx_options *options)
{
    main_block(out, options);
    line(out, "http {");
    http_settings(out, options);
    line(out, "upstream brama { brama_upstream; }");
    line(out, "upstream brama_call { brama_call_upstream; }");
    gateway_server(out, options);
    admin_server(out, options);
    line(out, "}");
}
