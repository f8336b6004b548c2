/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/image_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/log.h"

#define READ_BYTES (1024 * 1024)

/* Every change through the file system changes the last of these. */
static char *
look_of(const struct stat *info)
{
    return g_strdup_printf("%ju %jd %jd.%09ld %jd.%09ld\n", (uintmax_t)info->st_ino,
                           (intmax_t)info->st_size, (intmax_t)info->st_mtim.tv_sec,
                           info->st_mtim.tv_nsec, (intmax_t)info->st_ctim.tv_sec,
                           info->st_ctim.tv_nsec);
}

static char *
seal_path(const ZgImage *image)
{
    g_autofree char *dir = g_path_get_dirname(image->disk);

    return g_build_filename(dir, "sealed", NULL);
}

static void
note(const ZgImage *image, const struct stat *info)
{
    g_autofree char *path = seal_path(image);
    g_autofree char *look = look_of(info);

    if (!g_file_set_contents_full(path, look, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0444, NULL)) {
        zg_log_debug("seal-not-noted", image->template_name, "it is read again next time");
    }
}

void
zg_image_seal(const ZgImage *image)
{
    struct stat info;

    if (stat(image->disk, &info) == 0) {
        note(image, &info);
    }
}

static char *
hash_of(int fd, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree uint8_t *bytes = g_malloc(READ_BYTES);
    ssize_t n_read;

    while ((n_read = read(fd, bytes, READ_BYTES)) > 0) {
        g_checksum_update(sum, bytes, n_read);
    }
    if (n_read < 0) {
        zg_set_errno(error, errno, "read the image");
        return NULL;
    }
    return g_strdup(g_checksum_get_string(sum));
}

bool
zg_image_check_seal(const ZgImage *image, GError **error)
{
    g_auto(ZgFd) fd = open(image->disk, O_RDONLY | O_CLOEXEC);
    g_autofree char *path = seal_path(image);
    g_autofree char *noted = NULL;
    g_autofree char *look = NULL;
    g_autofree char *hash = NULL;
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0) {
        zg_set_errno(error, errno, "open '%s'", image->disk);
        return false;
    }
    look = look_of(&info);
    if (g_file_get_contents(path, &noted, NULL, NULL) && g_str_equal(noted, look)) {
        return true;
    }
    hash = hash_of(fd, error);
    if (hash == NULL) {
        return false;
    }
    if (!g_str_equal(hash, image->sha256)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED,
                    "template '%s' version %" G_GINT64_FORMAT " is damaged on this host: the "
                    "SHA-256 of its disk is not that of the import; import the template again",
                    image->template_name, image->version);
        return false;
    }
    note(image, &info);
    return true;
}
