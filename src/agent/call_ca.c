#include "agent/call_ca.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";

static bool copy(FILE *to, FILE *from)
{
    char part[4096];
    size_t n;

    while ((n = fread(part, 1, sizeof(part), from)) != 0)
        if (fwrite(part, 1, n, to) != n)
            return false;
    return ferror(from) == 0 && fputc('\n', to) != EOF;
}

static enum brama_err cannot(struct brama_diag *diag, enum brama_err err, const char *path)
{
    brama_diag_set(diag, (struct brama_where){.file = brama_str_c(path)}, "%s", strerror(errno));
    return err;
}

static enum brama_err write_both(const char *out, const char *ours, struct brama_diag *diag)
{
    FILE *given = fopen(ours, "rbe"), *all = NULL;

    if (given == NULL)
        return cannot(diag, BRAMA_ERR_NOT_FOUND, ours);
    all = fopen(out, "wbe");
    FILE *system = fopen(system_ca, "rbe"); /* a system without one is fine: then only ours count */
    bool done = all != NULL && copy(all, given) && (system == NULL || copy(all, system));
    if (all != NULL && fclose(all) != 0)
        done = false;
    enum brama_err err = done ? BRAMA_OK : cannot(diag, BRAMA_ERR_IO, out);
    (void)fclose(given);
    if (system != NULL)
        (void)fclose(system);
    return err;
}

void brama__call_ca_path(char out[PATH_MAX], const char *dir, brama_str ca_file)
{
    int n = ca_file.n != 0
                ? snprintf(out, PATH_MAX, "%s/%s", dir, BRAMA__CALL_CA)
                : snprintf(out, PATH_MAX, "%s", access(system_ca, R_OK) == 0 ? system_ca : "");
    if (n < 0 || n >= PATH_MAX)
        out[0] = '\0';
}

enum brama_err brama__call_ca_write(const char *path, brama_str ca_file, struct brama_diag *diag)
{
    char ours[PATH_MAX];

    if (ca_file.n == 0 || path[0] == '\0')
        return BRAMA_OK;
    int n = snprintf(ours, sizeof(ours), "%.*s", BRAMA_FMT(ca_file));
    if (n < 0 || (size_t)n >= sizeof(ours)) {
        errno = ENAMETOOLONG;
        return cannot(diag, BRAMA_ERR_IO, path);
    }
    return write_both(path, ours, diag);
}
