/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/image.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/proto/json.h"
#include "hostd/folder.h"
#include "hostd/image_seal.h"
#include "hostd/qcow2_header.h"
#include "hostd/run.h"
#include "hostd/user.h"

#define STAGING_PREFIX ".staging-"
#define COPY_BYTES (1024 * 1024)
#define CHECK_DEADLINE_MS (10 * 60 * 1000)
#define MAX_META_BYTES 65536
#define MAX_KERNEL_BYTES (512LL * 1024 * 1024)
/* What the templates of hostd/guest boot with. */
#define DEFAULT_CMDLINE                                                                            \
    "root=/dev/vda rw quiet loglevel=3 net.ifnames=0 no_timer_check "                              \
    "vt.global_cursor_default=0 random.trust_cpu=on"

void
zg_image_free(ZgImage *image)
{
    if (image == NULL) {
        return;
    }
    g_free(image->template_name);
    g_free(image->sha256);
    g_free(image->os);
    g_free(image->cmdline);
    g_free(image->disk);
    g_free(image->kernel);
    g_free(image->initrd);
    g_free(image);
}

static void
free_image(gpointer image)
{
    zg_image_free(image);
}

static char *
version_dir(const char *images_dir, const char *template_name, int64_t version)
{
    return g_strdup_printf("%s/%s/%" G_GINT64_FORMAT, images_dir, template_name, version);
}

static char *
existing(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return g_file_test(path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer(&path) : NULL;
}

static bool
read_meta(const char *dir, ZgImage *image, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "meta.json", NULL);
    g_autofree char *text = NULL;
    gsize n_text = 0;
    g_autoptr(json_t) meta = NULL;
    const char *sha256 = NULL;
    const char *os = "";
    const char *cmdline = DEFAULT_CMDLINE;
    ZgJsonReader reader;

    if (!g_file_get_contents(path, &text, &n_text, NULL) || n_text > MAX_META_BYTES) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no whole image in '%s'", dir);
        return false;
    }
    meta = zg_json_parse(text, n_text, error);
    if (meta == NULL) {
        g_prefix_error(error, "'%s': ", path);
        return false;
    }
    zg_json_reader_init(&reader, meta, path);
    zg_json_take_hex(&reader, "sha256", ZG_JSON_REQUIRED, 64, &sha256);
    zg_json_take_int(&reader, "bytes", ZG_JSON_REQUIRED, 1, INT64_MAX, &image->bytes);
    zg_json_take_int(&reader, "virtual_mib", ZG_JSON_REQUIRED, 1, ZG_QCOW2_VIRTUAL_MAX_MIB,
                     &image->virtual_mib);
    zg_json_take_text(&reader, "os", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &os);
    zg_json_take_text(&reader, "cmdline", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES, &cmdline);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return false;
    }
    image->sha256 = g_strdup(sha256);
    image->os = g_strdup(os);
    image->cmdline = g_strdup(cmdline);
    return true;
}

ZgImage *
zg_image_load(const char *images_dir, const char *template_name, int64_t version, GError **error)
{
    g_autoptr(ZgImage) image = g_new0(ZgImage, 1);
    g_autofree char *dir = version_dir(images_dir, template_name, version);

    image->template_name = g_strdup(template_name);
    image->version = version;
    if (!read_meta(dir, image, error)) {
        return NULL;
    }
    image->disk = existing(dir, "disk.qcow2");
    image->kernel = existing(dir, "kernel");
    image->initrd = existing(dir, "initrd");
    if (image->disk == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "'%s' has no disk.qcow2", dir);
        return NULL;
    }
    return g_steal_pointer(&image);
}

static void
list_versions(const char *images_dir, const char *template_name, GPtrArray *out)
{
    g_autofree char *path = g_build_filename(images_dir, template_name, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        g_autoptr(GError) error = NULL;
        gint64 version;
        ZgImage *image;

        if (!g_ascii_string_to_signed(entry, 10, 1, INT64_MAX, &version, NULL)) {
            continue;
        }
        image = zg_image_load(images_dir, template_name, version, &error);
        if (image != NULL) {
            g_ptr_array_add(out, image);
        } else {
            zg_log_warning("image-ignored", template_name, "ignoring it: %s", error->message);
        }
    }
}

GPtrArray *
zg_image_list(const char *images_dir)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(free_image);
    g_autoptr(GDir) dir = g_dir_open(images_dir, 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        if (zg_name_is_valid(entry)) {
            list_versions(images_dir, entry, out);
        }
    }
    return out;
}

/* ---- import ---- */

/* Opens a regular file by its plain name inside @folder; nothing else can be reached. */
static int
open_incoming(const char *folder, const char *name, int64_t *out_bytes, GError **error)
{
    g_auto(ZgFd) dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_auto(ZgFd) fd = -1;
    struct stat about;

    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "'%s': only a file name inside the folder for incoming files", name);
        return -1;
    }
    if (dir < 0) {
        zg_set_errno(error, errno, "open the folder for incoming files '%s'", folder);
        return -1;
    }
    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ELOOP) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "'%s' is a symbolic link", name);
        } else {
            zg_set_errno(error, errno, "open '%s' in '%s'", name, folder);
        }
        return -1;
    }
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "'%s' is not an ordinary file", name);
        return -1;
    }
    *out_bytes = about.st_size;
    return zg_fd_steal(&fd);
}

static bool
enough_space(const ZgImageImport *job, int64_t n_bytes, GError **error)
{
    struct statvfs about;
    int64_t free_mib;

    if (statvfs(job->images_dir, &about) != 0) {
        zg_set_errno(error, errno, "look at the disk of '%s'", job->images_dir);
        return false;
    }
    free_mib = (int64_t)((uint64_t)about.f_bavail * about.f_frsize >> 20);
    if (free_mib - job->disk_reserve_mib < (n_bytes >> 20)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE,
                    "not enough disk: the image needs %" G_GINT64_FORMAT " MiB, %" G_GINT64_FORMAT
                    " MiB are free and %" G_GINT64_FORMAT " MiB stay reserved",
                    n_bytes >> 20, free_mib, job->disk_reserve_mib);
        return false;
    }
    return true;
}

/* Copies to its end, hashing; zero blocks become holes. */
static bool
copy_hashed(int from, int to, int64_t n_bytes, int *percent, char **out_sha256, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree uint8_t *bytes = g_malloc(COPY_BYTES);
    int64_t done = 0;

    for (;;) {
        ssize_t n_read = read(from, bytes, COPY_BYTES);

        if (n_read == 0) {
            break;
        }
        if (n_read < 0 || done + n_read > n_bytes) {
            zg_set_errno(error, n_read < 0 ? errno : EFBIG, "read the incoming file");
            return false;
        }
        for (ssize_t at = 0; at < n_read;) {
            ssize_t n_written = write(to, bytes + at, (size_t)(n_read - at));

            if (n_written < 0) {
                zg_set_errno(error, errno, "write the image");
                return false;
            }
            at += n_written;
        }
        g_checksum_update(sum, bytes, n_read);
        done += n_read;
        if (percent != NULL && n_bytes > 0) {
            g_atomic_int_set(percent, (int)(done * 80 / n_bytes));
        }
    }
    if (fchmod(to, 0444) != 0 || fsync(to) != 0) {
        zg_set_errno(error, errno, "write the image to disk");
        return false;
    }
    *out_sha256 = g_strdup(g_checksum_get_string(sum));
    return true;
}

static bool
take_file(const ZgImageImport *job, const char *name, const char *target, int64_t most,
          int *percent, int64_t *out_bytes, char **out_sha256, GError **error)
{
    g_auto(ZgFd) from = -1;
    g_auto(ZgFd) to = -1;

    from = open_incoming(job->incoming, name, out_bytes, error);
    if (from < 0) {
        return false;
    }
    if (*out_bytes == 0 || *out_bytes > most) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "'%s' is empty or too large", name);
        return false;
    }
    if (!enough_space(job, *out_bytes, error)) {
        return false;
    }
    to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        zg_set_errno(error, errno, "create '%s'", target);
        return false;
    }
    return copy_hashed(from, to, *out_bytes, percent, out_sha256, error);
}

static bool
check_head(const char *path, int64_t *out_virtual_mib, GError **error)
{
    g_auto(ZgFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree uint8_t *bytes = g_malloc(ZG_QCOW2_HEAD_BYTES);
    ssize_t n_bytes = fd >= 0 ? read(fd, bytes, ZG_QCOW2_HEAD_BYTES) : -1;

    if (n_bytes < 0) {
        zg_set_errno(error, errno, "read '%s'", path);
        return false;
    }
    return zg_qcow2_check_head(bytes, (size_t)n_bytes, out_virtual_mib, error);
}

/* The whole file's structure, by qemu-img as an ordinary user under limits. */
static bool
check_structure(const ZgImageImport *job, const char *path, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func(g_free);
    static const char *const fixed[] = {"prlimit", "--as=4294967296", "--cpu=300", "--fsize=0",
                                        "--core=0", "qemu-img", "check", "-q", "-f", "qcow2"};
    g_autoptr(GError) cause = NULL;

    zg_user_prefix(job->qemu_user, false, argv, owned);
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        g_ptr_array_add(argv, (char *)fixed[i]);
    }
    g_ptr_array_add(argv, (char *)path);
    g_ptr_array_add(argv, NULL);
    if (!zg_run_ok((const char *const *)argv->pdata, CHECK_DEADLINE_MS, NULL, &cause)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "the image is damaged: %s", cause->message);
        return false;
    }
    return true;
}

static bool
write_meta(const char *dir, const ZgImageImport *job, const ZgImage *image, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "meta.json", NULL);
    g_autoptr(json_t) meta = json_pack(
        "{s:s, s:I, s:s, s:I, s:I, s:s, s:s}", "template", job->template_name, "version",
        (json_int_t)job->version, "sha256", image->sha256, "bytes", (json_int_t)image->bytes,
        "virtual_mib", (json_int_t)image->virtual_mib, "os", job->os != NULL ? job->os : "",
        "cmdline", job->cmdline != NULL ? job->cmdline : DEFAULT_CMDLINE);
    char *text = zg_json_text(meta);
    bool ok = g_file_set_contents_full(path, text, -1,
                                       G_FILE_SET_CONTENTS_CONSISTENT |
                                           G_FILE_SET_CONTENTS_DURABLE,
                                       0444, error);

    free(text);
    return ok;
}

static bool
fill_staging(const ZgImageImport *job, const char *dir, ZgImage *image, GError **error)
{
    g_autofree char *disk = g_build_filename(dir, "disk.qcow2", NULL);
    g_autofree char *kernel = g_build_filename(dir, "kernel", NULL);
    g_autofree char *initrd = g_build_filename(dir, "initrd", NULL);
    g_autofree char *unused_kernel = NULL;
    g_autofree char *unused_initrd = NULL;
    int64_t n_bytes = 0;

    if (!take_file(job, job->path, disk, INT64_MAX, job->percent, &image->bytes, &image->sha256,
                   error) ||
        !check_head(disk, &image->virtual_mib, error) || !check_structure(job, disk, error)) {
        return false;
    }
    g_atomic_int_set(job->percent, 90);
    if (job->kernel != NULL && !take_file(job, job->kernel, kernel, MAX_KERNEL_BYTES, NULL,
                                          &n_bytes, &unused_kernel, error)) {
        return false;
    }
    if (job->initrd != NULL && !take_file(job, job->initrd, initrd, MAX_KERNEL_BYTES, NULL,
                                          &n_bytes, &unused_initrd, error)) {
        return false;
    }
    return write_meta(dir, job, image, error);
}

/* From staging to its name; the folder above is synced, so that a crash shows all or nothing. */
static bool
publish(const char *staging, const char *target, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(target);
    g_auto(ZgFd) fd = -1;

    if (g_mkdir_with_parents(parent, 0755) != 0 || chmod(staging, 0755) != 0) {
        zg_set_errno(error, errno, "create '%s'", parent);
        return false;
    }
    if (rename(staging, target) != 0) {
        zg_set_errno(error, errno, "name the image '%s'", target);
        return false;
    }
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        zg_set_errno(error, errno, "write '%s' to disk", parent);
        return false;
    }
    return true;
}

static ZgImage *
same_or_conflict(ZgImage *there, const ZgImage *made, GError **error)
{
    if (g_str_equal(there->sha256, made->sha256)) {
        return there;
    }
    g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                "template '%s' has a version %" G_GINT64_FORMAT " with another content already",
                there->template_name, there->version);
    zg_image_free(there);
    return NULL;
}

ZgImage *
zg_image_import(const ZgImageImport *job, GError **error)
{
    g_autofree char *target = version_dir(job->images_dir, job->template_name, job->version);
    g_autofree char *staging = g_strconcat(job->images_dir, "/" STAGING_PREFIX "XXXXXX", NULL);
    g_autoptr(ZgImage) made = g_new0(ZgImage, 1);
    g_autoptr(ZgImage) there = NULL;

    if (!zg_name_is_valid(job->template_name) || job->version < 1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "template '%s' version %" G_GINT64_FORMAT
                    ": not a name and a version", job->template_name, job->version);
        return NULL;
    }
    if (g_mkdtemp_full(staging, 0711) == NULL) {
        zg_set_errno(error, errno, "create a folder in '%s'", job->images_dir);
        return NULL;
    }
    if (!fill_staging(job, staging, made, error)) {
        zg_folder_remove(staging, NULL);
        return NULL;
    }
    there = zg_image_load(job->images_dir, job->template_name, job->version, NULL);
    if (there != NULL) {
        zg_folder_remove(staging, NULL);
        return same_or_conflict(g_steal_pointer(&there), made, error);
    }
    zg_folder_remove(target, NULL); /* without meta.json: not an image */
    if (!publish(staging, target, error)) {
        zg_folder_remove(staging, NULL);
        return NULL;
    }
    there = zg_image_load(job->images_dir, job->template_name, job->version, error);
    if (there != NULL) {
        zg_image_seal(there);
    }
    return g_steal_pointer(&there);
}

bool
zg_image_remove(const char *images_dir, const char *template_name, int64_t version, GError **error)
{
    g_autofree char *dir = version_dir(images_dir, template_name, version);
    g_autofree char *meta = g_build_filename(dir, "meta.json", NULL);

    if (!zg_name_is_valid(template_name) || version < 1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "not a template and a version");
        return false;
    }
    if (unlink(meta) != 0 && errno != ENOENT) {
        zg_set_errno(error, errno, "remove '%s'", meta);
        return false;
    }
    return zg_folder_remove(dir, error);
}

void
zg_image_sweep(const char *images_dir)
{
    g_autoptr(GDir) dir = g_dir_open(images_dir, 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name(dir)) != NULL) {
        if (g_str_has_prefix(entry, STAGING_PREFIX)) {
            g_autofree char *path = g_build_filename(images_dir, entry, NULL);

            zg_folder_remove(path, NULL);
        }
    }
}
