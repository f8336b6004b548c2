/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A console channel: WebSocket over TLS on the GLib loop, ticket or resume secret first. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZgWsClient ZgWsClient;

typedef struct {
    /* The front let us in; from here on the RFB stream flows. */
    void (*on_open)(ZgWsClient *client, void *user);
    void (*on_bytes)(ZgWsClient *client, const uint8_t *bytes, size_t n_bytes, void *user);
    /* JSON text for the person, e.g. {"type":"message","text":"…"}. */
    void (*on_text)(ZgWsClient *client, const char *text, void *user);
    /* The queue towards the front is empty again after zg_ws_client_send() was asked to rest. */
    void (*on_drained)(ZgWsClient *client, void *user);
    /*
     * No more will come. @code is the close code of docs/protocol/console.md, 0 when the transport
     * was lost. At most once. Only this handler may free the client.
     */
    void (*on_closed)(ZgWsClient *client, unsigned code, const char *reason, void *user);
} ZgWsClientHandlers;

/* The first message. Exactly one of the two. Borrowed for the call. */
typedef struct {
    const char *ticket;
    const char *resume;
    const char *terminal; /* shown when the desktop is taken over; may be NULL */
} ZgWsHello;

/**
 * zg_ws_client_new() - dial (blocks for at most 5 s), then go on on the default loop
 * @url:      https://HOST:PORT
 * @ca_pem:   as zg_broker_client_new()
 * @handlers: static; all required; borrowed
 * on_open or on_closed follows within 15 s.
 */
ZgWsClient *zg_ws_client_new(const char *url, const char *ca_pem, const ZgWsHello *hello,
                             const ZgWsClientHandlers *handlers, void *user, GError **error);

/** zg_ws_client_free() - close at once; accepts NULL. */
void zg_ws_client_free(ZgWsClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgWsClient, zg_ws_client_free)

/**
 * zg_ws_client_send() - one binary message
 * Return: false when so much is queued that the caller rests until on_drained (these are taken).
 */
bool zg_ws_client_send(ZgWsClient *client, const void *bytes, size_t n_bytes);

/** zg_ws_client_set_reading() - false lets the front feel that we do not keep up. */
void zg_ws_client_set_reading(ZgWsClient *client, bool reading);

/** zg_ws_client_close() - say goodbye on purpose; on_closed follows within 2 s. */
void zg_ws_client_close(ZgWsClient *client);

/** zg_ws_client_resume() - secret for the next channel; NULL before on_open; borrowed. */
const char *zg_ws_client_resume(const ZgWsClient *client);

/** zg_ws_client_held_ms() - for how long the front keeps the session after a loss. */
int64_t zg_ws_client_held_ms(const ZgWsClient *client);

/** zg_ws_client_title() - title of the desktop; "" before on_open; borrowed. */
const char *zg_ws_client_title(const ZgWsClient *client);
