/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/net/channel.h"

#include <stdlib.h>
#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/json.h"

#define LENGTH_BYTES 4

struct ZgChannel {
    ZgStream *stream;
    const ZgChannelHandlers *handlers;
    void *user;
    GByteArray *received;
    bool freed; /* by the owner, inside one of its own handlers */
    unsigned n_busy; /* handlers that run: a write in one may end the channel in another */
    bool ended;
};

GByteArray *
zg_frame_encode(const json_t *message)
{
    char *text = zg_json_text(message);
    size_t n = strlen(text);
    GByteArray *frame = NULL;

    if (n <= ZG_LIMIT_FRAME_BYTES) {
        uint32_t length = GUINT32_TO_BE((uint32_t)n);

        frame = g_byte_array_sized_new((guint)(n + LENGTH_BYTES));
        g_byte_array_append(frame, (const guint8 *)&length, LENGTH_BYTES);
        g_byte_array_append(frame, (const guint8 *)text, (guint)n);
    }
    free(text);
    return frame;
}

bool
zg_frame_decode(const uint8_t *bytes, size_t n_bytes, size_t *out_used, json_t **out_message,
                GError **error)
{
    uint32_t length;
    g_autoptr(GError) cause = NULL;
    json_t *message;

    *out_message = NULL;
    *out_used = 0;
    if (n_bytes < LENGTH_BYTES) {
        return true;
    }
    memcpy(&length, bytes, LENGTH_BYTES);
    length = GUINT32_FROM_BE(length);
    if (length == 0 || length > ZG_LIMIT_FRAME_BYTES) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "a frame of %u bytes; 1 to %d are allowed",
                    length, ZG_LIMIT_FRAME_BYTES);
        return false;
    }
    if (n_bytes - LENGTH_BYTES < length) {
        return true;
    }
    message = zg_json_parse(bytes + LENGTH_BYTES, length, &cause);
    if (message == NULL || json_string_value(json_object_get(message, "type")) == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "a frame is %s",
                    cause != NULL ? cause->message : "without a \"type\"");
        g_clear_pointer(&message, json_decref);
        return false;
    }
    *out_used = LENGTH_BYTES + (size_t)length;
    *out_message = message;
    return true;
}

static void
free_now(ZgChannel *channel)
{
    zg_stream_free(channel->stream);
    g_byte_array_unref(channel->received);
    g_free(channel);
}

/* Return: false when the owner freed the channel inside its handler. */
static bool
leave_handler(ZgChannel *channel)
{
    channel->n_busy--;
    if (channel->freed && channel->n_busy == 0) {
        free_now(channel);
        return false;
    }
    return !channel->freed;
}

static void
end(ZgChannel *channel, const GError *error)
{
    if (channel->ended) {
        return;
    }
    channel->ended = true;
    channel->n_busy++;
    channel->handlers->on_closed(channel, error, channel->user);
    leave_handler(channel);
}

static void
on_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    ZgChannel *channel = user;
    size_t n_done = 0;

    (void)stream;
    g_byte_array_append(channel->received, bytes, (guint)n_bytes);
    while (!channel->ended) {
        g_autoptr(json_t) message = NULL;
        g_autoptr(GError) error = NULL;
        size_t n_used = 0;

        if (!zg_frame_decode(channel->received->data + n_done, channel->received->len - n_done,
                             &n_used, &message, &error)) {
            end(channel, error);
            return;
        }
        if (message == NULL) {
            break;
        }
        n_done += n_used;
        channel->n_busy++;
        channel->handlers->on_message(channel, json_string_value(json_object_get(message, "type")),
                                      message, channel->user);
        if (!leave_handler(channel)) {
            return;
        }
    }
    g_byte_array_remove_range(channel->received, 0, (guint)n_done);
}

static void
on_stream_closed(ZgStream *stream, const GError *error, void *user)
{
    (void)stream;
    end(user, error);
}

static void
on_stream_secured(ZgStream *stream, void *user)
{
    ZgChannel *channel = user;

    (void)stream;
    if (channel->handlers->on_secured != NULL) {
        channel->n_busy++;
        channel->handlers->on_secured(channel, channel->user);
        leave_handler(channel);
    }
}

static const ZgStreamHandlers stream_handlers = {
    .on_bytes = on_bytes,
    .on_closed = on_stream_closed,
    .on_secured = on_stream_secured,
};

ZgChannel *
zg_channel_new(ZgStream *stream, const ZgChannelHandlers *handlers, void *user)
{
    ZgChannel *channel = g_new0(ZgChannel, 1);

    channel->stream = stream;
    channel->handlers = handlers;
    channel->user = user;
    channel->received = g_byte_array_new();
    zg_stream_set_handlers(stream, &stream_handlers, channel);
    return channel;
}

void
zg_channel_free(ZgChannel *channel)
{
    if (channel == NULL) {
        return;
    }
    channel->ended = true;
    if (channel->n_busy > 0) {
        channel->freed = true;
        return;
    }
    free_now(channel);
}

bool
zg_channel_send(ZgChannel *channel, json_t *message)
{
    g_autoptr(json_t) owned = message;
    g_autoptr(GByteArray) frame = channel->ended ? NULL : zg_frame_encode(owned);

    return frame != NULL && zg_stream_write(channel->stream, frame->data, frame->len);
}

void
zg_channel_finish(ZgChannel *channel, unsigned deadline_ms)
{
    zg_stream_finish(channel->stream, deadline_ms);
}

ZgStream *
zg_channel_stream(ZgChannel *channel)
{
    return channel->stream;
}
