/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/programs.h"

#include <unistd.h>
#include "common/base/error.h"

char *
zg_program_find(const char *name, const char *build_folder, GError **error)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *here = self != NULL ? g_path_get_dirname(self) : g_strdup(".");
    g_autofree char *in_build = g_build_filename(here, "..", "..", build_folder, name, NULL);
    char *const candidates[] = {
        g_build_filename(here, name, NULL),
        g_canonicalize_filename(in_build, NULL),
        g_build_filename(here, "..", "libexec", "zaguan", name, NULL),
    };
    char *found = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(candidates); i++) {
        if (found == NULL && access(candidates[i], X_OK) == 0) {
            found = candidates[i];
        } else {
            g_free(candidates[i]);
        }
    }
    if (found == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND,
                    "the program '%s' is not beside '%s'; is Zaguan installed whole?", name, self);
    }
    return found;
}
