/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a viewer's line is, as front, host and broker tell one another (`stats`). Pure. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdint.h>

/* What holds pictures up: none, link, encoder, viewer, guest; then NULL. */
extern const char *const zg_line_bottlenecks[];

typedef struct {
    char *desktop;
    char *session;
    int64_t rtt_us;    /* there and back without queues; 0 unknown */
    int64_t rate_kbit; /* what the link carries; 0 unknown */
    int64_t fps;
    int64_t bytes_out;
    int64_t idle_s; /* since anybody typed, pointed or came to this desktop */
    char **encodings;       /* in use; never NULL */
    const char *bottleneck; /* one of the above */
} ZgLine;

void zg_line_free(ZgLine *line);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgLine, zg_line_free)

/** zg_line_read() - from a `stats` message; ZG_ERROR_INVALID. Other fields are skipped. */
ZgLine *zg_line_read(const json_t *message, GError **error);

/** zg_line_write() - the `stats` message. */
json_t *zg_line_write(const ZgLine *line);
