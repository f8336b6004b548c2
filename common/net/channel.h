/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON messages on a stream: a 4-byte big-endian length, then one object. Loop thread only. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include "common/net/stream.h"

typedef struct ZgChannel ZgChannel;

typedef struct {
    /* One message; @type is its "type"; both borrowed. Freeing the channel here is allowed. */
    void (*on_message)(ZgChannel *channel, const char *type, const json_t *message, void *user);
    /* The stream ended; @error NULL at a clean end. Called at most once. */
    void (*on_closed)(ZgChannel *channel, const GError *error, void *user);
    /* TLS stands. Optional. */
    void (*on_secured)(ZgChannel *channel, void *user);
} ZgChannelHandlers;

/**
 * zg_channel_new() - speak messages over @stream
 * @stream:   handed over; TLS may be started before or after
 * @handlers: static table
 *
 * A frame that is too large, not JSON or without a text "type" closes the channel with
 * ZG_ERROR_PROTOCOL.
 */
ZgChannel *zg_channel_new(ZgStream *stream, const ZgChannelHandlers *handlers, void *user);

/** zg_channel_free() - close at once without callbacks; accepts NULL. */
void zg_channel_free(ZgChannel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgChannel, zg_channel_free)

/**
 * zg_channel_send() - send one object
 * @message: handed over
 * Return: false when the peer's queue is full or the channel ended; the caller frees the channel.
 */
bool zg_channel_send(ZgChannel *channel, json_t *message);

/** zg_channel_finish() - send what is queued, then end; on_closed follows within @deadline_ms. */
void zg_channel_finish(ZgChannel *channel, unsigned deadline_ms);

/** zg_channel_stream() - the stream below, borrowed. */
ZgStream *zg_channel_stream(ZgChannel *channel);

/** zg_frame_encode() - length and text of one object, the caller frees; NULL when too large. */
GByteArray *zg_frame_encode(const json_t *message);

/**
 * zg_frame_decode() - one frame from the start of @bytes; pure
 * @out_used:    bytes to drop when a frame was there
 * @out_message: new reference, or NULL when more bytes are needed
 * Return: false with ZG_ERROR_PROTOCOL when this can never become a frame.
 */
bool zg_frame_decode(const uint8_t *bytes, size_t n_bytes, size_t *out_used, json_t **out_message,
                     GError **error);
