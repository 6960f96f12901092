/* What the signer's root part does for it, and what it doesn't, whatever it is asked. Where we
 * aren't root there is none. */
#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/write_all.h"
#include "issuer/disk.h"

#define NOBODY 65534

static void put(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || !brama_write_all(fd, brama_str_c(text)) || close(fd) != 0)
        fail_msg("%s: %s", name, strerror(errno));
}

static void put_rules(const char *url)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"tokens\":[{\"issuer\":\"https://a\",\"jwks_url\":\"%s\",\"ttl_ms\":1000}]}", url);
    put("rules.new", text);
    if (rename("rules.new", "rules") != 0)
        fail_msg("rename");
}

static bool opens(struct brama__disk *disk, const char *path, const char *text)
{
    char got[64] = "";
    int fd = brama__disk_file(disk, path);

    if (fd < 0)
        return false;
    bool same = read(fd, got, sizeof(got) - 1) == (ssize_t)strlen(text) && strcmp(got, text) == 0;
    bool writable = write(fd, "x", 1) == 1;
    close(fd);
    return same && !writable;
}

/* In a process of its own, which doesn't come back from being nobody. Says what didn't hold. */
static const char *as_nobody(const char *dir, const struct brama_signer_options *options)
{
    char named[256], other[256];
    struct brama__disk disk;
    struct brama_diag diag = {0};

    snprintf(named, sizeof(named), "%s/named", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    if (!brama__disk_open(&disk, options) || disk.porter < 0)
        return "it isn't there";
    if (geteuid() != NOBODY || getuid() != NOBODY || getegid() != NOBODY || setuid(0) == 0)
        return "we are still root";
    if (open(named, O_RDONLY) >= 0 || open("rules", O_RDONLY) >= 0)
        return "no file is closed to us";
    if (!opens(&disk, named, "secret"))
        return "a key set that a rule names";
    if (brama__disk_file(&disk, other) >= 0 || errno != EACCES)
        return "one that none names";
    if (brama__disk_file(&disk, "named") >= 0 || brama__disk_file(&disk, "/etc/shadow") >= 0)
        return "and by another name";
    if (brama__disk_make_key(&disk, &diag) || access("own", F_OK) == 0)
        return "an own key that no rule needs";
    if (!brama__disk_publish(&disk, BRAMA_STR("public")) || access("jwks", R_OK) != 0)
        return "the public halves";
    if (!brama__disk_publish(&disk, BRAMA_NIL) || access("jwks", F_OK) == 0)
        return "and none";
    if (brama__disk_file(&disk, "own") >= 0 || errno != ENOENT)
        return "what isn't there";
    brama__disk_close(&disk);
    if (waitpid(disk.pid, NULL, 0) >= 0)
        return "it is left behind";
    return NULL;
}

/* The rules change under a porter that lives. */
static const char *as_rules_change(const char *dir, const struct brama_signer_options *options,
                                   int root_may_go_on, int rules_changed)
{
    char named[256], other[256], byte;
    struct brama__disk disk;
    struct brama_diag diag = {0};

    snprintf(named, sizeof(named), "%s/named", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    if (!brama__disk_open(&disk, options) || !opens(&disk, named, "secret"))
        return "before";
    if (write(root_may_go_on, "x", 1) != 1 || read(rules_changed, &byte, 1) != 1)
        return "the test itself";
    if (brama__disk_file(&disk, named) >= 0 || brama__disk_file(&disk, other) >= 0)
        return "a set that is named no more";
    if (!brama__disk_make_key(&disk, &diag) || brama__disk_file(&disk, "own") < 0)
        return "an own key that a rule needs";
    brama__disk_close(&disk);
    return NULL;
}

static void expect_end(pid_t child)
{
    int status;

    EXPECT("it ends well",
           waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int end(const char *why)
{
    if (why != NULL)
        fprintf(stderr, "%s\n", why);
    return why != NULL;
}

static void root_hands_in_what_rules_name_and_nothing_else(void **state)
{
    (void)state;
    char dir[] = "/tmp/brama-porter-XXXXXX", url[256];
    const struct brama_signer_options options = {.rules = "rules",
                                                 .own_key = "own",
                                                 .jwks = "jwks",
                                                 .lock = "lock",
                                                 .listen_fd = -1,
                                                 .uid = NOBODY,
                                                 .gid = NOBODY};
    int go_on[2], changed[2];

    if (geteuid() != 0)
        skip();
    if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0 || chdir(dir) != 0 || pipe(go_on) != 0 ||
        pipe(changed) != 0)
        fail_msg("%s", strerror(errno));
    put("named", "secret");
    put("other", "secret");
    put("lock", "");
    snprintf(url, sizeof(url), "file://%s/named", dir);
    put_rules(url);

    pid_t child = fork();
    if (child == 0)
        _exit(end(as_nobody(dir, &options)));
    expect_end(child);

    child = fork();
    if (child == 0)
        _exit(end(as_rules_change(dir, &options, go_on[1], changed[0])));
    char byte;
    close(go_on[1]); /* so that we don't wait for one that has ended */
    if (read(go_on[0], &byte, 1) == 1) {
        put_rules("");
        EXPECT("told", write(changed[1], "x", 1) == 1);
    }
    expect_end(child);
    EXPECT("the own key is root's alone",
           access("own", F_OK) == 0 && chdir("/") == 0 && chmod(dir, 0700) == 0);
    static const char *const names[] = {"named", "other", "lock", "rules", "own"};
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(names); i++) {
        char path[256];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        EXPECT(names[i], stat(path, &st) == 0 && st.st_uid == 0 && (st.st_mode & 0777) == 0600);
        EXPECT(names[i], unlink(path) == 0);
    }
    EXPECT("nothing else was written", rmdir(dir) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_hands_in_what_rules_name_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
