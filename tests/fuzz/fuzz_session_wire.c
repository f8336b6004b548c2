/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a guest says on its session port, in chunks cut by the data itself. */
#include <stdint.h>
#include "hostd/session_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
on_message(const ZgSessionMessage *message, void *user)
{
    *(unsigned *)user += message->unix_name != NULL ? 1 : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ZgSessionWire wire = {0};
    unsigned n_names = 0;
    size_t at = 0;

    while (at < n) {
        size_t n_chunk = 1 + data[at] % 97;

        n_chunk = n_chunk < n - at ? n_chunk : n - at;
        if (!zg_session_wire_feed(&wire, data + at, n_chunk, on_message, &n_names, NULL)) {
            break;
        }
        at += n_chunk;
    }
    zg_session_wire_clear(&wire);
    return 0;
}
