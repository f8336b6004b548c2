/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A console's descriptor on the loop: bytes in pieces to a pure parser, and its answers back. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZgSourceStream ZgSourceStream;

typedef struct {
    /* As zg_rfb_source_feed(): what is not used comes again with more. */
    bool (*feed)(void *user, const uint8_t *bytes, size_t n_bytes, size_t *out_used,
                 GByteArray *out, GError **error);
    /* A descriptor came with the bytes that are fed next; handed over. NULL: it is closed. */
    void (*passed)(void *user, int fd);
    /* It has ended; called once, and last: the stream may be freed here. */
    void (*lost)(void *user, const char *reason);
    size_t input_max; /* the most bytes that may wait for more */
} ZgSourceStreamOps;

/**
 * zg_source_stream_new() - begin to read
 * @fd:  handed over; made non-blocking
 * @ops: borrowed for the life of the stream
 */
ZgSourceStream *zg_source_stream_new(int fd, const ZgSourceStreamOps *ops, void *user);

/** zg_source_stream_free() - close; accepts NULL. */
void zg_source_stream_free(ZgSourceStream *stream);

/** zg_source_stream_fd() - borrowed. */
int zg_source_stream_fd(const ZgSourceStream *stream);

/** zg_source_stream_out() - what is to be sent: append, then flush. Borrowed. */
GByteArray *zg_source_stream_out(ZgSourceStream *stream);

/** zg_source_stream_flush() - send now what can leave; a failure is told by `lost`, later. */
void zg_source_stream_flush(ZgSourceStream *stream);
