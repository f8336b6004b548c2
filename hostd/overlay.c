/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/overlay.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/error.h"
#include "hostd/folder.h"
#include "hostd/run.h"
#include "hostd/user.h"

#define CREATE_DEADLINE_MS 30000

char *
zg_overlay_path(const char *desktops_dir, const char *id, int64_t generation)
{
    return g_strdup_printf("%s/%s/%" G_GINT64_FORMAT "/disk.qcow2", desktops_dir, id, generation);
}

/* From STATE/desktops/ID/GENERATION to STATE/images/T/V/disk.qcow2. */
static char *
relative_backing(const char *image_disk)
{
    const char *images = strstr(image_disk, "/images/");

    return images != NULL ? g_strconcat("../../..", images, NULL) : g_strdup(image_disk);
}

bool
zg_overlay_create(const char *path, const char *image_disk, int64_t size_mib,
                  const char *qemu_user, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *backing = relative_backing(image_disk);
    g_autofree char *size = g_strdup_printf("%" G_GINT64_FORMAT "M", size_mib);
    const char *const argv[] = {"qemu-img", "create",  "-q", "-f", "qcow2", "-F",
                                "qcow2",    "-b", backing, path, size,    NULL};
    uid_t uid;
    gid_t gid;

    if (!zg_folder_make(dir, error)) {
        return false;
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        zg_set_errno(error, errno, "remove the old '%s'", path);
        return false;
    }
    if (!zg_run_ok(argv, CREATE_DEADLINE_MS, NULL, error)) {
        return false;
    }
    if (qemu_user != NULL && geteuid() == 0 && (!zg_user_find(qemu_user, &uid, &gid, error) ||
                           chown(path, uid, gid) != 0)) {
        if (error != NULL && *error == NULL) {
            zg_set_errno(error, errno, "give '%s' to '%s'", path, qemu_user);
        }
        return false;
    }
    if (chmod(path, 0600) != 0) {
        zg_set_errno(error, errno, "protect '%s'", path);
        return false;
    }
    return true;
}

int64_t
zg_overlay_used_mib(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 ? ((int64_t)about.st_blocks * 512 + (1 << 20) - 1) >> 20 : 0;
}
