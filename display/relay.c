/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/relay.h"

#include <string.h>
#include <sys/socket.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/secret.h"
#include "common/net/stream.h"

#define TO_BROKER_HIGH_BYTES (64 * 1024)

struct ZgRelay {
    ZgStream *broker;
    GByteArray *head_bytes; /* of the response until its head is whole */
    bool is_head_request;
    bool has_head;
    bool over;
    enum {
        BODY_NONE,
        BODY_LENGTH,
        BODY_CHUNKED,
        BODY_TO_CLOSE,
    } body;
    uint64_t n_left;
    ZgHttpChunks chunks;
    const ZgRelayHandlers *handlers;
    void *user;
};

static void
clear_relay(gpointer data)
{
    ZgRelay *relay = data;

    g_byte_array_unref(relay->head_bytes);
}

static void
release(ZgRelay *relay)
{
    g_rc_box_release_full(relay, clear_relay);
}

void
zg_relay_free(ZgRelay *relay)
{
    if (relay != NULL) {
        relay->over = true;
        g_clear_pointer(&relay->broker, zg_stream_free);
        release(relay);
    }
}

static void
end(ZgRelay *relay, bool whole)
{
    if (!relay->over) {
        relay->over = true;
        relay->handlers->on_end(whole, relay->user);
    }
}

static void
fail(ZgRelay *relay, const char *text)
{
    g_autoptr(GError) error = g_error_new_literal(ZG_ERROR, ZG_ERROR_UNAVAILABLE, text);

    if (relay->has_head) {
        end(relay, false);
    } else if (!relay->over) {
        relay->over = true;
        relay->handlers->on_failed(error, relay->user);
    }
}

static void
choose_body(ZgRelay *relay, const ZgHttpHead *head)
{
    if (relay->is_head_request || head->status == 204 || head->status == 304) {
        relay->body = BODY_NONE;
    } else if (head->chunked) {
        relay->body = BODY_CHUNKED;
    } else if (head->has_length) {
        relay->body = head->length > 0 ? BODY_LENGTH : BODY_NONE;
        relay->n_left = head->length;
    } else {
        relay->body = BODY_TO_CLOSE;
    }
}

static void
take_body(ZgRelay *relay, const uint8_t *bytes, size_t n_bytes)
{
    size_t n = n_bytes;
    bool last = false;

    if (relay->body == BODY_LENGTH) {
        n = (size_t)MIN((uint64_t)n_bytes, relay->n_left);
        relay->n_left -= n;
        last = relay->n_left == 0;
    } else if (relay->body == BODY_CHUNKED &&
               !zg_http_chunks_feed(&relay->chunks, bytes, n_bytes, &n, &last)) {
        fail(relay, "the broker's answer is broken");
        return;
    }
    if (n > 0) {
        relay->handlers->on_bytes(bytes, n, relay->user);
    }
    if (last) {
        end(relay, true);
    }
}

/* Return: false when more is needed or the relay is over. */
static bool
take_head(ZgRelay *relay, size_t *out_n_used)
{
    g_autoptr(ZgHttpHead) head = NULL;
    g_autoptr(GError) error = NULL;

    if (!zg_http_parse_response(relay->head_bytes->data, relay->head_bytes->len, out_n_used, &head,
                                &error)) {
        fail(relay, error->message);
        return false;
    }
    if (head == NULL) {
        return false;
    }
    if (head->status < 200) {
        /* Interim answers are this hop's own; we asked for none. */
        g_byte_array_remove_range(relay->head_bytes, 0, (guint)*out_n_used);
        return take_head(relay, out_n_used);
    }
    relay->has_head = true;
    choose_body(relay, head);
    relay->handlers->on_head(head, relay->body != BODY_TO_CLOSE, relay->user);
    return !relay->over;
}

static void
on_broker_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    ZgRelay *relay = g_rc_box_acquire(user);
    size_t n_used = 0;

    (void)stream;
    if (relay->has_head) {
        take_body(relay, bytes, n_bytes);
    } else {
        g_byte_array_append(relay->head_bytes, bytes, (guint)n_bytes);
        if (take_head(relay, &n_used)) {
            if (relay->body == BODY_NONE) {
                end(relay, true);
            } else if (relay->head_bytes->len > n_used) {
                take_body(relay, relay->head_bytes->data + n_used,
                          relay->head_bytes->len - n_used);
            }
        }
    }
    release(relay);
}

static void
on_broker_drained(ZgStream *stream, void *user)
{
    ZgRelay *relay = user;

    (void)stream;
    if (!relay->over) {
        relay->handlers->on_room(relay->user);
    }
}

static void
on_broker_closed(ZgStream *stream, const GError *error, void *user)
{
    ZgRelay *relay = g_rc_box_acquire(user);

    (void)stream;
    g_clear_pointer(&relay->broker, zg_stream_free);
    if (relay->has_head && relay->body == BODY_TO_CLOSE && error == NULL) {
        end(relay, true);
    } else {
        fail(relay, error != NULL ? error->message : "the broker closed the connection");
    }
    release(relay);
}

static const ZgStreamHandlers broker_handlers = {
    .on_bytes = on_broker_bytes,
    .on_drained = on_broker_drained,
    .on_closed = on_broker_closed,
};

ZgRelay *
zg_relay_new(const char *path, const ZgHttpHead *request, const char *peer,
             const ZgRelayHandlers *handlers, void *user, GError **error)
{
    g_autoptr(GByteArray) head = g_byte_array_new();
    g_autoptr(GError) refused = NULL;
    int fd = zg_unix_connect(path, SOCK_STREAM, &refused);
    ZgRelay *relay;

    if (fd < 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "%s", refused->message);
        return NULL;
    }
    relay = g_rc_box_new0(ZgRelay);
    relay->head_bytes = g_byte_array_new();
    relay->handlers = handlers;
    relay->user = user;
    relay->is_head_request = g_str_equal(request->method, "HEAD");
    relay->broker = zg_stream_new(fd, &broker_handlers, relay);
    zg_http_write_upstream(request, peer, head);
    /* Nothing is told before this function has returned. */
    relay->over = true;
    if (!zg_stream_write(relay->broker, head->data, head->len)) {
        zg_relay_free(relay);
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "the broker closed the connection");
        relay = NULL;
    } else {
        relay->over = false;
    }
    zg_wipe(head->data, head->len);
    return relay;
}

bool
zg_relay_send(ZgRelay *relay, const uint8_t *bytes, size_t n_bytes)
{
    bool room = true;

    g_rc_box_acquire(relay);
    if (relay->broker != NULL && !zg_stream_write(relay->broker, bytes, n_bytes)) {
        fail(relay, "the broker does not take the request");
    } else if (relay->broker != NULL) {
        room = zg_stream_queued(relay->broker) <= TO_BROKER_HIGH_BYTES;
    }
    release(relay);
    return room;
}

void
zg_relay_set_reading(ZgRelay *relay, bool reading)
{
    if (relay->broker != NULL) {
        zg_stream_set_reading(relay->broker, reading);
    }
}
