/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/guest/session/identity.h"

#include "hostd/guest/session/run.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYGEN_LIMIT_MS = 30000 };

static bool
credit_seed(const uint8_t seed[ZG_GUEST_SEED_BYTES])
{
    union {
        struct rand_pool_info info;
        uint8_t bytes[sizeof(struct rand_pool_info) + ZG_GUEST_SEED_BYTES];
    } pool = { .info = { .entropy_count = 8 * ZG_GUEST_SEED_BYTES,
                         .buf_size = ZG_GUEST_SEED_BYTES } };
    int fd = open("/dev/random", O_RDWR | O_CLOEXEC);
    bool ok = false;

    if (fd >= 0) {
        memcpy(pool.bytes + offsetof(struct rand_pool_info, buf), seed, ZG_GUEST_SEED_BYTES);
        ok = ioctl(fd, RNDADDENTROPY, &pool.info) == 0 && ioctl(fd, RNDRESEEDCRNG) == 0;
        close(fd);
    }
    explicit_bzero(&pool, sizeof pool);
    return ok;
}

static bool
set_host_name(const char *name)
{
    char text[256];

    snprintf(text, sizeof text, "%s\n", name);
    if (sethostname(name, strlen(name)) != 0 || !zg_write_file("/etc/hostname", text, 0644)) {
        return false;
    }
    snprintf(text, sizeof text,
             "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n",
             name);
    return zg_write_file("/etc/hosts", text, 0644);
}

static bool
set_machine_id(const char *machine_id)
{
    char text[64];

    snprintf(text, sizeof text, "%s\n", machine_id);
    if (!zg_write_file("/etc/machine-id", text, 0444)) {
        return false;
    }
    /* Older programs read D-Bus's own copy. */
    mkdir("/var/lib/dbus", 0755);
    unlink("/var/lib/dbus/machine-id");
    return symlink("/etc/machine-id", "/var/lib/dbus/machine-id") == 0;
}

static void
remove_host_keys(void)
{
    glob_t found;

    if (glob("/etc/ssh/ssh_host_*", 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            unlink(found.gl_pathv[i]);
        }
        globfree(&found);
    }
}

static bool
make_host_key(const char *type, const char *host_name)
{
    char path[64], comment[80];
    const char *const argv[] = {
        "/usr/bin/ssh-keygen", "-q", "-t", type, "-N", "", "-C", comment, "-f", path, NULL
    };

    snprintf(path, sizeof path, "/etc/ssh/ssh_host_%s_key", type);
    snprintf(comment, sizeof comment, "root@%s", host_name);
    return zg_run(argv, KEYGEN_LIMIT_MS) == 0;
}

/* A guest without OpenSSH has no keys to make. */
static bool
renew_host_keys(const char *host_name)
{
    remove_host_keys();
    return access("/usr/bin/ssh-keygen", X_OK) != 0 ||
           (make_host_key("ed25519", host_name) && make_host_key("ecdsa", host_name));
}

int
zg_identity_apply(const ZgGuestIdentity *identity, const char **what)
{
    *what = "crediting the random seed";
    if (!credit_seed(identity->seed)) {
        return -1;
    }
    *what = "setting the host name";
    if (!set_host_name(identity->host_name)) {
        return -1;
    }
    *what = "setting the machine id";
    if (!set_machine_id(identity->machine_id)) {
        return -1;
    }
    *what = "making SSH host keys";
    return !identity->ssh_host_keys || renew_host_keys(identity->host_name) ? 0 : -1;
}
