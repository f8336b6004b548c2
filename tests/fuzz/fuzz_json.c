/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Outside JSON: parse, and print what was accepted. */
#include <stdint.h>
#include <stdlib.h>
#include "common/proto/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(json_t) value = zg_json_parse(data, n, NULL);

    if (value != NULL) {
        free(zg_json_text(value));
    }
    return 0;
}
