/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/base/error.h"

static int
remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    return remove(path);
}

bool
zg_folder_remove(const char *path, GError **error)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 && errno != ENOENT) {
        zg_set_errno(error, errno, "remove '%s'", path);
        return false;
    }
    return true;
}

bool
zg_folder_make(const char *path, GError **error)
{
    /* Also one that was made for us: QEMU's user goes through it to what is its own. */
    if (g_mkdir_with_parents(path, 0711) != 0 || chmod(path, 0711) != 0) {
        zg_set_errno(error, errno, "create '%s'", path);
        return false;
    }
    return true;
}
