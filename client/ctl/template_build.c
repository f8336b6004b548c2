/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/template_build.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include "client/ctl/files.h"
#include "client/ctl/print.h"
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
    g_autoptr(GSubprocess) child =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, error, program, recipe, "--output",
                         output, "--progress", NULL);
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

json_t *
zg_template_build(const char *recipe, const char *incoming, GError **error)
{
    g_autofree char *program = zg_data_find("guest/template-build", NULL,
                                            "hostd/guest/template-build", error);
    g_autofree char *id = zg_id_new();
    g_autofree char *folder = g_strdup_printf("%s-%.8s", recipe, id);
    g_autofree char *output = g_build_filename(incoming, folder, NULL);
    g_autofree char *info_path = g_build_filename(output, "template.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(json_t) info = NULL;
    size_t n_text = 0;

    if (program == NULL || !run_recipe(program, recipe, output, error)) {
        return NULL;
    }
    text = zg_file_read_text(info_path, MOST_INFO_BYTES, &n_text, error);
    info = text ? zg_json_parse(text, n_text, error) : NULL;
    if (info == NULL) {
        return NULL;
    }
    return json_pack("{s:s+, s:s+, s:s+, s:s*}", "path", folder, "/disk.qcow2", "kernel", folder,
                     "/vmlinux", "initrd", folder, "/initrd.img", "os",
                     json_string_value(json_object_get(info, "os")));
}
