/* Directives, variables, phases, and what nginx wants to know of a module. */
#include "gateway/gateway.h"

#include <fcntl.h>
#include <sys/prctl.h>

#include "gateway/record.h"
#include "gateway/slot.h"
#include "gateway/subcall.h"

#define KID_WAIT_MS 2000 /* where nothing is said */

static ngx_int_t add_variables(ngx_conf_t *cf);
static ngx_int_t install(ngx_conf_t *cf);
static void *new_main(ngx_conf_t *cf);
static char *init_main(ngx_conf_t *cf, void *data);
static void *new_loc(ngx_conf_t *cf);
static char *merge_loc(ngx_conf_t *cf, void *parent, void *child);
static ngx_int_t open_state(ngx_cycle_t *cycle);
static ngx_int_t start_worker(ngx_cycle_t *cycle);
static void end_worker(ngx_cycle_t *cycle);
static char *set_access_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

static ngx_conf_enum_t keeps[] = {{ngx_string("full"), BRAMA_GW_KEEP_FULL},
                                  {ngx_string("brief"), BRAMA_GW_KEEP_BRIEF},
                                  {ngx_string("off"), BRAMA_GW_KEEP_OFF},
                                  {ngx_null_string, 0}};

static ngx_command_t commands[] = {
    {ngx_string("brama_state"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_str_slot,
     NGX_HTTP_MAIN_CONF_OFFSET, offsetof(struct brama_gw_main, state_dir), NULL},
    {ngx_string("brama_access_log"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_access_log,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL},
    {ngx_string("brama_mark"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_str_slot,
     NGX_HTTP_MAIN_CONF_OFFSET, offsetof(struct brama_gw_main, mark), NULL},
    {ngx_string("brama_kid_wait"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
     NGX_HTTP_MAIN_CONF_OFFSET, offsetof(struct brama_gw_main, kid_wait), NULL},
    {ngx_string("brama_refusals"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_enum_slot,
     NGX_HTTP_MAIN_CONF_OFFSET, offsetof(struct brama_gw_main, keep), keeps},
    {ngx_string("brama"), NGX_HTTP_SRV_CONF | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct brama_gw_loc, on), NULL},
    {ngx_string("brama_admin"), NGX_HTTP_SRV_CONF | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct brama_gw_loc, admin), NULL},
    {ngx_string("brama_upstream"), NGX_HTTP_UPS_CONF | NGX_CONF_NOARGS, brama_gw_upstream_directive,
     NGX_HTTP_SRV_CONF_OFFSET, 0, NULL},
    {ngx_string("brama_call_upstream"), NGX_HTTP_UPS_CONF | NGX_CONF_NOARGS,
     brama_gw_call_directive, NGX_HTTP_SRV_CONF_OFFSET, 0, NULL},
    ngx_null_command};

static ngx_http_module_t context = {
    .preconfiguration = add_variables,
    .postconfiguration = install,
    .create_main_conf = new_main,
    .init_main_conf = init_main,
    .create_loc_conf = new_loc,
    .merge_loc_conf = merge_loc,
};

#pragma GCC visibility push(default)
ngx_module_t ngx_http_brama_module = {
    NGX_MODULE_V1, &context, commands, NGX_HTTP_MODULE, NULL, open_state,
    start_worker,  NULL,     NULL,     end_worker,      NULL, NGX_MODULE_V1_PADDING};

extern ngx_module_t *ngx_modules[];
extern char *ngx_module_names[];
extern char *ngx_module_order[];

ngx_module_t *ngx_modules[] = {&ngx_http_brama_module, NULL};

/* nginx declares these as char *, and never writes them. */
static char module_name[] = "ngx_http_brama_module";
static char copy_filter_name[] = "ngx_http_copy_filter_module";
char *ngx_module_names[] = {module_name, NULL};
/* Before the copy filter in the list means behind it in the chain: our filters see bodies in
 * memory, and stand before those that compress and frame. */
char *ngx_module_order[] = {module_name, copy_filter_name, NULL};
#pragma GCC visibility pop

struct brama_gw_main *brama_gw_main(ngx_http_request_t *r)
{
    return ngx_http_get_module_main_conf(r, ngx_http_brama_module);
}

struct brama_gw_loc *brama_gw_loc(ngx_http_request_t *r)
{
    return ngx_http_get_module_loc_conf(r, ngx_http_brama_module);
}

struct brama_slot *brama_gw_slot(ngx_http_request_t *r)
{
    return brama_gw_main(r)->slot;
}

static void *new_main(ngx_conf_t *cf)
{
    struct brama_gw_main *conf = ngx_pcalloc(cf->pool, sizeof(*conf));

    if (conf != NULL) {
        conf->server_name_index = NGX_ERROR;
        conf->kid_wait = NGX_CONF_UNSET_MSEC;
        conf->keep = NGX_CONF_UNSET_UINT;
    }
    return conf;
}

static char *init_main(ngx_conf_t *cf, void *data)
{
    struct brama_gw_main *conf = data;

    (void)cf;
    ngx_conf_init_msec_value(conf->kid_wait, KID_WAIT_MS);
    ngx_conf_init_uint_value(conf->keep, BRAMA_GW_KEEP_FULL);
    return NGX_CONF_OK;
}

static void *new_loc(ngx_conf_t *cf)
{
    struct brama_gw_loc *conf = ngx_pcalloc(cf->pool, sizeof(*conf));

    if (conf != NULL) {
        conf->on = NGX_CONF_UNSET;
        conf->admin = NGX_CONF_UNSET;
    }
    return conf;
}

static char *merge_loc(ngx_conf_t *cf, void *parent, void *child)
{
    struct brama_gw_loc *prev = parent;
    struct brama_gw_loc *conf = child;
    ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_conf_merge_value(conf->on, prev->on, 0);
    ngx_conf_merge_value(conf->admin, prev->admin, 0);
    /* With "any", one module's yes is everybody's yes. */
    if (conf->on != 0 && core->satisfy == NGX_HTTP_SATISFY_ANY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"satisfy any\" can't stand where brama is on");
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}

static char *set_access_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    struct brama_gw_main *main_conf = conf;
    ngx_str_t *words = cf->args->elts;

    (void)cmd;
    if (main_conf->access_log != NULL || main_conf->log_to_stdout) {
        static char twice[] = "is duplicate";
        return twice;
    }
    /* Inherited, not opened: a socket can't be opened by a path (systemd gives one), and somebody
     * else's pipe only by its owner. */
    if (brama_str_eq(brama_gw_str(words[1]), BRAMA_STR("/dev/stdout"))) {
        main_conf->log_to_stdout = true;
        return NGX_CONF_OK;
    }
    main_conf->access_log = ngx_conf_open_file(cf->cycle, &words[1]);
    return main_conf->access_log != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static ngx_int_t add_variables(ngx_conf_t *cf)
{
    return brama_gw_variables(cf);
}

static ngx_int_t add_handler(ngx_conf_t *cf, ngx_uint_t phase, ngx_http_handler_pt handler)
{
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt *h = ngx_array_push(&core->phases[phase].handlers);

    if (h == NULL)
        return NGX_ERROR;
    *h = handler;
    return NGX_OK;
}

static ngx_int_t install(ngx_conf_t *cf)
{
    static ngx_str_t name = ngx_string("ssl_server_name");
    struct brama_gw_main *conf = ngx_http_conf_get_module_main_conf(cf, ngx_http_brama_module);

    conf->server_name_index = ngx_http_get_variable_index(cf, &name);
    if (conf->server_name_index == NGX_ERROR)
        return NGX_ERROR;
    brama_gw_filter_install();
    if (add_handler(cf, NGX_HTTP_POST_READ_PHASE, brama_gw_strict_handler) != NGX_OK ||
        add_handler(cf, NGX_HTTP_ACCESS_PHASE, brama_gw_access_handler) != NGX_OK ||
        add_handler(cf, NGX_HTTP_CONTENT_PHASE, brama_gw_admin_handler) != NGX_OK ||
        add_handler(cf, NGX_HTTP_LOG_PHASE, brama_gw_log_handler) != NGX_OK)
        return NGX_ERROR;
    return NGX_OK;
}

static struct brama_gw_main *cycle_main(ngx_cycle_t *cycle)
{
    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == NULL)
        return NULL; /* no http block */
    return ngx_http_cycle_get_module_main_conf(cycle, ngx_http_brama_module);
}

static void close_state(void *data)
{
    const int *fd = data;

    (void)close(*fd);
}

/* The master opens the folder while it still has its rights: above it may stand one that workers
 * can't enter (a root's home). They reach it by the descriptor that they inherit. */
static ngx_int_t open_state(ngx_cycle_t *cycle)
{
    struct brama_gw_main *conf = cycle_main(cycle);
    ngx_pool_cleanup_t *end;
    int *fd;

    if (conf == NULL || conf->state_dir.len == 0)
        return NGX_OK;
    end = ngx_pool_cleanup_add(cycle->pool, sizeof(*fd));
    u_char *path = ngx_pnalloc(cycle->pool, sizeof("/proc/self/fd/") + NGX_INT_T_LEN);
    if (end == NULL || path == NULL)
        return NGX_ERROR;
    fd = end->data;
    *fd = open((const char *)conf->state_dir.data, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno, "brama: can't open \"%V\"",
                      &conf->state_dir);
        return NGX_ERROR;
    }
    end->handler = close_state;
    *ngx_sprintf(path, "/proc/self/fd/%d", *fd) = '\0';
    conf->state_dir.data = path;
    conf->state_dir.len = ngx_strlen(path);
    return NGX_OK;
}

static ngx_int_t start_worker(ngx_cycle_t *cycle)
{
    struct brama_gw_main *conf = cycle_main(cycle);

    if (conf == NULL || conf->state_dir.len == 0 ||
        (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE))
        return NGX_OK;
    /* A master that was killed can't tell its workers to drain; the kernel does. */
    if (ngx_process == NGX_PROCESS_WORKER) {
        if (prctl(PR_SET_PDEATHSIG, SIGQUIT) == -1)
            ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno, "prctl(PR_SET_PDEATHSIG) failed");
        if (getppid() != ngx_parent)
            ngx_quit = 1; /* it died before we asked */
    }
    conf->slot = brama_slot_open(cycle, conf->state_dir, conf->mark);
    return conf->slot != NULL ? NGX_OK : NGX_ERROR;
}

static void end_worker(ngx_cycle_t *cycle)
{
    struct brama_gw_main *conf = cycle_main(cycle);

    if (conf == NULL || conf->slot == NULL)
        return;
    brama_slot_close(conf->slot);
    conf->slot = NULL;
}
