/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan template … */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "client/ctl/files.h"
#include "client/ctl/template_build.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/id.h"
#include "common/proto/json.h"

#define COPY_BYTES (1024 * 1024)
#define MOST_INFO_BYTES 65536

static const ZgColumn template_columns[] = {
    {"TEMPLATE", "name", false},
    {"OS", "os", false},
    {"CURRENT", "current", true},
    {"VERSIONS", "n_versions", true},
    {NULL, NULL, false},
};

static const ZgColumn version_columns[] = {
    {"VERSION", "version", true}, {"STATE", "state", false},   {"BYTES", "bytes", true},
    {"CREATED", "created_at", false}, {"SHA-256", "sha256", false}, {NULL, NULL, false},
};

static int
template_list(ZgCtl *ctl, GError **error)
{
    g_autoptr(json_t) items = zg_broker_client_list(zg_ctl_client(ctl), "/templates", error);
    size_t i;
    json_t *item;

    if (items == NULL) {
        return -1;
    }
    if (!zg_ctl_json(ctl)) {
        json_array_foreach(items, i, item)
        {
            size_t n = json_array_size(json_object_get(item, "versions"));

            json_object_set_new(item, "n_versions", json_integer((json_int_t)n));
        }
    }
    zg_print_items(zg_ctl_json(ctl), template_columns, items);
    return 0;
}

static int
template_show(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/templates/", zg_ctl_arg(ctl, 0), "");
    g_autoptr(json_t) template = NULL;

    if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", path, NULL, &template, error)) {
        return -1;
    }
    if (zg_ctl_json(ctl) || !json_is_array(json_object_get(template, "versions"))) {
        zg_print_object(zg_ctl_json(ctl), template);
    } else {
        zg_print_items(false, version_columns, json_object_get(template, "versions"));
    }
    return 0;
}

static int
template_delete(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/templates/", zg_ctl_arg(ctl, 0), "");
    g_autofree char *title = g_strdup_printf("delete template '%s'", zg_ctl_arg(ctl, 0));

    return zg_api_operation(ctl, "DELETE", path, NULL, title, error);
}

static bool
copy_bytes(int from, int to, int64_t n_bytes, ZgProgress *progress)
{
    g_autofree char *room = g_malloc(COPY_BYTES);
    int64_t copied = 0;

    for (;;) {
        ssize_t n = read(from, room, COPY_BYTES);

        if (n <= 0) {
            return n == 0;
        }
        for (ssize_t done = 0; done < n;) {
            ssize_t written = write(to, room + done, (size_t)(n - done));

            if (written < 0) {
                return false;
            }
            done += written;
        }
        copied += n;
        zg_progress_update(progress, n_bytes > 0 ? (int)(copied * 100 / n_bytes) : 100, "copying");
    }
}

/*
 * Puts @path into @folder under a name of its own.
 * Return: the name inside the folder; the caller frees.
 */
static char *
bring_in(const char *path, const char *folder, const char *template, GError **error)
{
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *id = zg_id_new();
    g_autofree char *name = g_strdup_printf("%s-%.8s-%s", template, id, base);
    g_autofree char *target = g_build_filename(folder, name, NULL);
    g_auto(ZgFd) from = open(path, O_RDONLY | O_CLOEXEC);
    g_auto(ZgFd) to = -1;
    g_autoptr(ZgProgress) progress = zg_progress_new(base);
    struct stat info;

    if (from < 0 || fstat(from, &info) != 0) {
        zg_set_errno(error, errno, "open '%s'", path);
        return NULL;
    }
    if (!S_ISREG(info.st_mode) || info.st_size == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "'%s' is empty or not a file", path);
        return NULL;
    }
    to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        zg_set_errno(error, errno, "create '%s'", target);
        return NULL;
    }
    if (!copy_bytes(from, to, info.st_size, progress) || fsync(to) != 0) {
        zg_set_errno(error, errno, "copy '%s' to '%s'", path, target);
        g_unlink(target);
        return NULL;
    }
    return g_steal_pointer(&name);
}

/* Brings @path in and names it in @body as @key; what was brought is noted in @brought. */
static bool
bring_in_as(const char *key, const char *path, const char *folder, const char *template,
            json_t *body, GPtrArray *brought, GError **error)
{
    g_autofree char *name = bring_in(path, folder, template, error);

    if (name == NULL) {
        return false;
    }
    json_object_set_new(body, key, json_string(name));
    g_ptr_array_add(brought, g_build_filename(folder, name, NULL));
    return true;
}

/* Disk, kernel and initrd of a folder that template-build made, or the files that were named. */
static bool
bring_all(ZgCtl *ctl, const char *source, const char *folder, const char *template, json_t *body,
          GPtrArray *brought, GError **error)
{
    static const struct {
        const char *key;
        const char *file;
    } parts[] = {{"path", "disk.qcow2"}, {"kernel", "vmlinux"}, {"initrd", "initrd.img"}};
    bool is_folder = g_file_test(source, G_FILE_TEST_IS_DIR);

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *inside = g_build_filename(source, parts[i].file, NULL);
        const char *named = i == 0 ? source : zg_ctl_option(ctl, parts[i].key);
        const char *path = is_folder ? inside : named;

        if (path != NULL &&
            !bring_in_as(parts[i].key, path, folder, template, body, brought, error)) {
            return false;
        }
    }
    return true;
}

/* What template-build noted about a folder, unless the person says otherwise. */
static void
take_os(ZgCtl *ctl, const char *source, json_t *body)
{
    g_autofree char *path = g_build_filename(source, "template.json", NULL);
    const char *typed = zg_ctl_option(ctl, "os");
    g_autofree char *text = NULL;
    g_autoptr(json_t) info = NULL;
    size_t n_text = 0;

    if (typed != NULL) {
        json_object_set_new(body, "os", json_string(typed));
        return;
    }
    text = zg_file_read_text(path, MOST_INFO_BYTES, &n_text, NULL);
    info = text != NULL ? zg_json_parse(text, n_text, NULL) : NULL;
    if (json_is_string(json_object_get(info, "os"))) {
        json_object_set(body, "os", json_object_get(info, "os"));
    }
}

static int
post_version(ZgCtl *ctl, const char *template, const json_t *body, GError **error)
{
    g_autofree char *path = zg_api_path("/templates/", template, "/versions");
    g_autofree char *title = g_strdup_printf("import template '%s'", template);

    return zg_api_operation(ctl, "POST", path, body, title, error);
}

static char *
incoming_folder(ZgCtl *ctl, GError **error)
{
    const char *typed = zg_ctl_option(ctl, "dir");
    const char *dir = typed ? typed : zg_ctl_context(ctl)->dir;
    g_autofree char *folder = dir ? g_build_filename(dir, "incoming", NULL) : NULL;

    if (dir == NULL) {
        zg_misuse(error, "which installation? give --dir DIR, the folder that `zaguan init` made");
        return NULL;
    }
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
        zg_misuse(error, "'%s' is not there; is --dir the folder that `zaguan init` made?", folder);
        return NULL;
    }
    return g_steal_pointer(&folder);
}

static void
remove_brought(GPtrArray *brought)
{
    for (guint i = 0; i < brought->len; i++) {
        g_unlink(brought->pdata[i]); /* the host has its own sealed copy, or the import failed */
    }
}

static int
template_import(ZgCtl *ctl, GError **error)
{
    const char *template = zg_ctl_arg(ctl, 0);
    g_autofree char *folder = incoming_folder(ctl, error);
    g_autoptr(json_t) body = json_object();
    g_autoptr(GPtrArray) brought = g_ptr_array_new_with_free_func(g_free);
    int status = -1;

    if (folder == NULL) {
        return -1;
    }
    if (!zg_name_is_valid(template)) {
        return zg_misuse(error, "'%s' cannot be a template's name: lower-case letters, digits and "
                                "inner hyphens, a letter first", template);
    }
    take_os(ctl, zg_ctl_arg(ctl, 1), body);
    if (bring_all(ctl, zg_ctl_arg(ctl, 1), folder, template, body, brought, error)) {
        status = post_version(ctl, template, body, error);
    }
    if (zg_ctl_option(ctl, "no-wait") == NULL || status != 0) {
        remove_brought(brought);
    }
    return status;
}

static int
template_build(ZgCtl *ctl, GError **error)
{
    const char *recipe = zg_ctl_arg(ctl, 0);
    const char *template = zg_ctl_option(ctl, "name") ? zg_ctl_option(ctl, "name") : recipe;
    g_autofree char *folder = incoming_folder(ctl, error);
    g_autoptr(json_t) body = NULL;

    if (folder == NULL) {
        return -1;
    }
    if (!zg_name_is_valid(recipe) || !zg_name_is_valid(template)) {
        return zg_misuse(error, "'%s' cannot be a template's name",
                         zg_name_is_valid(recipe) ? template : recipe);
    }
    body = zg_template_build(recipe, folder, error);
    return body ? post_version(ctl, template, body, error) : -1;
}

const ZgCommand zg_cmd_template_list = {
    .name = "template list", .usage = "", .help = "Show templates.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = template_list,
};

const ZgCommand zg_cmd_template_show = {
    .name = "template show", .usage = "TEMPLATE", .help = "Show the versions of a template.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .run = template_show,
};

static const ZgCtlOption build_options[] = {
    {"dir", "DIR", "folder of the installation (default: that of `zaguan login --ca`)"},
    {"name", "TEMPLATE", "name of the template (default: the recipe's)"},
    ZG_OPERATION_OPTIONS,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_template_build = {
    .name = "template build", .usage = "RECIPE [--dir DIR] [--name TEMPLATE]",
    .help = "Build a template from Debian packages and import it; RECIPE is debian-tiny or "
            "debian-desktop.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .options = build_options,
    .run = template_build,
};

static const ZgCtlOption import_options[] = {
    {"dir", "DIR", "folder of the installation (default: that of `zaguan login --ca`)"},
    {"kernel", "FILE", "kernel to boot the image with, when it has no boot loader"},
    {"initrd", "FILE", "first file system for that kernel"},
    {"os", "TEXT", "what runs in it, e.g. debian-12"},
    ZG_OPERATION_OPTIONS,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_template_import = {
    .name = "template import",
    .usage = "TEMPLATE FILE|FOLDER [--dir DIR] [--kernel FILE --initrd FILE]",
    .help = "Import a qcow2 image, or a folder made by template-build, as a new version.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 2, .max_args = 2, .options = import_options,
    .run = template_import,
};

static const ZgCtlOption delete_options[] = {
    ZG_OPERATION_OPTIONS,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_template_delete = {
    .name = "template delete", .usage = "TEMPLATE",
    .help = "Delete a template that no pool uses.", .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1,
    .max_args = 1, .options = delete_options, .run = template_delete,
};
