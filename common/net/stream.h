/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A byte stream on the GLib loop: plain at first, TLS (OpenSSL) from any moment on, which is what
 * VeNCrypt and links need. Loop thread only.
 */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ZgStream ZgStream;

typedef struct {
    /* Bytes arrived; all are consumed by the callee. Required. */
    void (*on_bytes)(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user);
    /* TLS stands and the peer was checked. Optional. */
    void (*on_secured)(ZgStream *stream, void *user);
    /* The queue became empty after a write that could not leave at once. Optional. */
    void (*on_drained)(ZgStream *stream, void *user);
    /* No more will come; @error is NULL at a clean end. Called at most once. Required; freeing the
     * stream here is allowed, as it is in every other handler. */
    void (*on_closed)(ZgStream *stream, const GError *error, void *user);
} ZgStreamHandlers;

typedef enum {
    ZG_STREAM_CLIENT,
    ZG_STREAM_SERVER,
} ZgStreamSide;

/**
 * zg_stream_new() - begin reading from a connected socket
 * @fd:       handed over; made non-blocking
 * @handlers: borrowed for the life of the stream; static tables
 * @user:     passed to the handlers
 */
ZgStream *zg_stream_new(int fd, const ZgStreamHandlers *handlers, void *user);

/** zg_stream_free() - close without further callbacks; queued bytes are dropped; accepts NULL. */
void zg_stream_free(ZgStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgStream, zg_stream_free)

/** zg_stream_set_handlers() - another owner takes over, e.g. after sniffing the first bytes. */
void zg_stream_set_handlers(ZgStream *stream, const ZgStreamHandlers *handlers, void *user);

/**
 * zg_stream_start_tls() - from here on everything is TLS
 * @context:  from zg_tls_*_context(); a reference is taken
 * @peer_uri: NULL, or the subjectAltName URI that the peer's certificate must carry
 *
 * Nothing may be queued yet. on_secured or on_closed follows; the caller sets its own deadline.
 */
void zg_stream_start_tls(ZgStream *stream, SSL_CTX *context, ZgStreamSide side,
                         const char *peer_uri);

/**
 * zg_stream_write() - send now what can leave, queue the rest
 * Return: false when the queue would pass its limit (the peer does not read): the caller ends the
 * connection. False also after the end.
 */
bool zg_stream_write(ZgStream *stream, const void *bytes, size_t n_bytes);

/** zg_stream_set_queue_limit() - bytes; ZG_LIMIT_STREAM_QUEUE_BYTES at first. */
void zg_stream_set_queue_limit(ZgStream *stream, size_t n_bytes);

/** zg_stream_queued() - bytes waiting to leave. */
size_t zg_stream_queued(const ZgStream *stream);

/** zg_stream_set_reading() - false stops reading, so that the peer feels back-pressure. */
void zg_stream_set_reading(ZgStream *stream, bool reading);

/**
 * zg_stream_finish() - send what is queued, then close_notify and end of stream; on_closed follows
 * (without error), at the latest after @deadline_ms.
 */
void zg_stream_finish(ZgStream *stream, unsigned deadline_ms);

/** zg_stream_fd() - the socket, borrowed (for SO_PEERCRED, getpeername). */
int zg_stream_fd(const ZgStream *stream);

/** zg_stream_peer_certificate() - verified peer certificate, X509_free() by the caller, or NULL. */
X509 *zg_stream_peer_certificate(const ZgStream *stream);

/** zg_stream_ssl() - the TLS state, borrowed, or NULL while plain. */
SSL *zg_stream_ssl(const ZgStream *stream);

/** zg_stream_peer_text() - "192.0.2.7" or "unix" for the log and the throttle; caller frees. */
char *zg_stream_peer_text(int fd);
