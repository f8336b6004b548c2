/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A person's manifest: read, and compare what was accepted with itself. */
#include <stdint.h>
#include <stdlib.h>
#include "client/ctl/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(GPtrArray) found = zg_manifest_parse("fuzz", (const char *)data, n, NULL);

    for (guint i = 0; found != NULL && i < found->len; i++) {
        const ZgManifest *manifest = found->pdata[i];

        if (manifest->name == NULL || zg_manifest_differs(manifest->object, manifest->object)) {
            abort();
        }
    }
    return 0;
}
