/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Server-sent events: bytes in, events out. Pure. Source: WHATWG HTML, "Server-sent events". */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct ZgSse ZgSse;

/* One event; texts are borrowed for the call. false stops reading. */
typedef bool (*ZgSseFunc)(const char *kind, const char *data, const char *id, void *user_data);

/** zg_sse_new() - an empty reader; zg_sse_free(). */
ZgSse *zg_sse_new(ZgSseFunc on_event, void *user_data);

/**
 * zg_sse_feed() - read more bytes, cut anywhere
 * @error: ZG_ERROR_TOO_LARGE when one event has more than ZG_LIMIT_FRAME_BYTES
 * Return: false with @error, or without when the callback said stop.
 */
bool zg_sse_feed(ZgSse *sse, const char *bytes, size_t n_bytes, GError **error);

/** zg_sse_last_id() - id of the last event, "" before the first; borrowed. */
const char *zg_sse_last_id(const ZgSse *sse);

/** zg_sse_free() - accepts NULL. */
void zg_sse_free(ZgSse *sse);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgSse, zg_sse_free)
