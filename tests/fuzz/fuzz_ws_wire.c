/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WebSocket frames of a client: the same events, whole or byte by byte. */
#include <stdlib.h>
#include <string.h>
#include "display/ws_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Reads everything in pieces; returns what came as data, and how it ended in @out_end. */
static GByteArray *
read_all(const uint8_t *data, size_t n, size_t piece, ZgWsEventKind *out_end)
{
    g_autofree uint8_t *copy = g_memdup2(data, n);
    GByteArray *payload = g_byte_array_new();
    size_t at = 0;
    ZgWs ws = {0};

    *out_end = ZG_WS_EVENT_NONE;
    while (at < n) {
        size_t n_used, n_now = MIN(piece, n - at);
        ZgWsEvent event = zg_ws_feed(&ws, copy + at, n_now, &n_used);

        if (n_used > n_now) {
            abort();
        }
        at += n_used;
        if (event.kind == ZG_WS_EVENT_DATA) {
            g_byte_array_append(payload, event.bytes, (guint)event.n_bytes);
        } else if (event.kind == ZG_WS_EVENT_BROKEN || event.kind == ZG_WS_EVENT_CLOSE) {
            *out_end = event.kind;
            break;
        } else if (event.kind == ZG_WS_EVENT_NONE && n_used == 0) {
            abort(); /* no progress */
        }
    }
    return payload;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(GByteArray) whole = NULL;
    g_autoptr(GByteArray) bytewise = NULL;
    ZgWsEventKind whole_end, bytewise_end;

    if (n == 0 || n > 65536) {
        return 0;
    }
    whole = read_all(data, n, n, &whole_end);
    bytewise = read_all(data, n, 1, &bytewise_end);
    if (whole_end != bytewise_end || whole->len != bytewise->len ||
        (whole->len > 0 && memcmp(whole->data, bytewise->data, whole->len) != 0)) {
        abort();
    }
    return 0;
}
