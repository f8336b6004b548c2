/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of disk images that somebody brings. */
#include <stdint.h>
#include <stdlib.h>
#include "hostd/qcow2_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int64_t virtual_mib = 0;

    if (zg_qcow2_check_head(data, n, &virtual_mib, NULL) &&
        (virtual_mib < 1 || virtual_mib > ZG_QCOW2_VIRTUAL_MAX_MIB)) {
        abort();
    }
    return 0;
}
