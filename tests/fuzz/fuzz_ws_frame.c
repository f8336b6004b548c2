/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's WebSocket bytes, in pieces as long as the first byte says. */
#include <stdint.h>
#include "client/api/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static volatile uint8_t sink;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(ZgWsReader) reader = zg_ws_reader_new();
    size_t piece = n > 0 ? (size_t)data[0] + 1 : 1;

    for (size_t at = 1; at < n; at += piece) {
        ZgWsMessage message;

        zg_ws_reader_push(reader, data + at, MIN(piece, n - at));
        while (zg_ws_reader_next(reader, &message, NULL) == 1) {
            for (size_t i = 0; i < message.n_bytes; i++) {
                sink = message.bytes[i]; /* every byte handed out may be read */
            }
        }
    }
    return 0;
}
