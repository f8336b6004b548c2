/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any method and path: the router neither breaks nor gives a parameter that could leave a folder.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include "broker/portal.h"
#include "broker/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ZgRouteMatch match = {0};
    g_autofree char *path = NULL;
    g_autofree char *file = NULL;

    if (n == 0) {
        return 0;
    }
    path = g_strndup((const char *)data + 1, n - 1);
    if (zg_route_match((ZgMethod)(data[0] % ZG_N_METHODS), path, &match) == ZG_ROUTE_FOUND) {
        for (unsigned i = 0; i < match.n_params; i++) {
            g_assert(strchr(match.params[i], '/') == NULL && match.params[i][0] != '\0');
            g_assert(strcmp(match.params[i], "..") != 0);
        }
    }
    zg_route_match_clear(&match);
    file = zg_portal_file_of(path);
    g_assert(file == NULL || (file[0] != '/' && strstr(file, "..") != file));
    return 0;
}
