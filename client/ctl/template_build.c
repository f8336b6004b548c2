/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/template_build.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include "client/ctl/files.h"
#include "client/ctl/print.h"
#include "client/ctl/programs.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/proto/json.h"

#define MOST_INFO_BYTES 65536

/* "PROGRESS 40 installing packages" moves the bar; anything else is talk. */
static void
take_line(ZgProgress *progress, const char *line)
{
    char *text = NULL;
    long percent;

    if (!g_str_has_prefix(line, "PROGRESS ")) {
        return;
    }
    percent = strtol(line + strlen("PROGRESS "), &text, 10);
    zg_progress_update(progress, (int)CLAMP(percent, 0, 100), g_strchug(text));
}

static bool
run_recipe(const char *program, const char *recipe, const char *output, GError **error)
{
    g_autofree char *helper = zg_program_find("zaguan-session", "hostd/guest", NULL);
    const char *const argv[] = {program, recipe, "--output", output, "--progress",
                                helper ? "--helper" : NULL, helper, NULL};
    g_autoptr(GSubprocess) child =
        g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, error);
    g_autofree char *title = g_strdup_printf("build '%s'", recipe);
    g_autoptr(ZgProgress) progress = NULL;
    g_autoptr(GDataInputStream) lines = NULL;

    if (child == NULL) {
        return false;
    }
    progress = zg_progress_new(title);
    lines = g_data_input_stream_new(g_subprocess_get_stdout_pipe(child));
    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line_utf8(lines, NULL, NULL, NULL);

        if (line == NULL) {
            break;
        }
        take_line(progress, line);
    }
    if (!g_subprocess_wait(child, NULL, error)) {
        return false;
    }
    if (!g_subprocess_get_if_exited(child) || g_subprocess_get_exit_status(child) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "template '%s' could not be built", recipe);
        return false;
    }
    return true;
}

/* `incoming` has plain names only: moves one file up under the build's own name. */
static bool
move_up(const char *output, const char *file, const char *key, json_t *body, GError **error)
{
    g_autofree char *folder = g_path_get_basename(output);
    g_autofree char *incoming = g_path_get_dirname(output);
    g_autofree char *name = g_strdup_printf("%s-%s", folder, file);
    g_autofree char *from = g_build_filename(output, file, NULL);
    g_autofree char *to = g_build_filename(incoming, name, NULL);

    if (g_rename(from, to) != 0) {
        zg_set_errno(error, errno, "move '%s' to '%s'", from, to);
        return false;
    }
    json_object_set_new(body, key, json_string(name));
    return true;
}

static bool
take_result(const char *output, json_t *body, GError **error)
{
    g_autofree char *info_path = g_build_filename(output, "template.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(json_t) info = NULL;
    size_t n_text = 0;

    text = zg_file_read_text(info_path, MOST_INFO_BYTES, &n_text, error);
    info = text ? zg_json_parse(text, n_text, error) : NULL;
    if (info == NULL || !move_up(output, "disk.qcow2", "path", body, error) ||
        !move_up(output, "vmlinux", "kernel", body, error) ||
        !move_up(output, "initrd.img", "initrd", body, error)) {
        return false;
    }
    if (json_is_string(json_object_get(info, "os"))) {
        json_object_set(body, "os", json_object_get(info, "os"));
    }
    g_unlink(info_path);
    g_rmdir(output);
    return true;
}

json_t *
zg_template_build(const char *recipe, const char *incoming, GError **error)
{
    g_autofree char *program =
        zg_data_find("guest/template-build", NULL, "hostd/guest/template-build", error);
    g_autofree char *id = zg_id_new();
    g_autofree char *folder = g_strdup_printf("%s-%.8s", recipe, id);
    g_autofree char *output = g_build_filename(incoming, folder, NULL);
    g_autoptr(json_t) body = json_object();

    if (program == NULL || !run_recipe(program, recipe, output, error) ||
        !take_result(output, body, error)) {
        return NULL;
    }
    return g_steal_pointer(&body);
}
