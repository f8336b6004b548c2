/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "common/net/tls.h"

#define READ_CHUNK_BYTES (64 * 1024)
/* Chunks per turn of the loop, so that one busy peer does not starve the others. */
#define CHUNKS_PER_TURN 4
/* Queue memory is moved to the front only when this much of it has left. */
#define COMPACT_BYTES (256 * 1024)

typedef struct {
    GSource source;
    ZgStream *stream;
} StreamSource;

struct ZgStream {
    GSource *source;
    gpointer fd_tag;
    ZgFd fd;
    SSL *ssl;
    const ZgStreamHandlers *handlers;
    void *user;
    GByteArray *queue;
    size_t n_sent; /* bytes of the queue that have left */
    size_t queue_limit;
    char *peer_uri;
    guint finish_timer;
    int refs; /* the owner, and each callback in progress */
    GIOCondition watched; /* what the loop waits for */
    bool handshaking;
    bool reading;
    bool finishing;
    bool closed;      /* on_closed was called or the owner freed the stream */
    bool write_wants_read; /* TLS: writing waits for incoming bytes */
    bool read_wants_write;
};

static void
stream_unref(ZgStream *stream)
{
    if (--stream->refs > 0) {
        return;
    }
    g_byte_array_unref(stream->queue);
    SSL_free(stream->ssl);
    zg_fd_clear(&stream->fd);
    g_free(stream->peer_uri);
    g_free(stream);
}

static void
detach(ZgStream *stream)
{
    stream->closed = true;
    g_clear_handle_id(&stream->finish_timer, g_source_remove);
    if (stream->source != NULL) {
        g_source_destroy(stream->source);
        g_source_unref(stream->source);
        stream->source = NULL;
    }
}

static void
close_with(ZgStream *stream, const GError *error)
{
    if (stream->closed) {
        return;
    }
    detach(stream);
    stream->handlers->on_closed(stream, error, stream->user);
}

static void
close_with_text(ZgStream *stream, ZgErrorCode code, const char *text)
{
    g_autoptr(GError) error = g_error_new_literal(ZG_ERROR, code, text);

    close_with(stream, error);
}

static void
watch(ZgStream *stream)
{
    GIOCondition condition = 0;

    if (stream->source == NULL) {
        return;
    }
    if (stream->reading || stream->handshaking || stream->write_wants_read) {
        condition |= G_IO_IN;
    }
    if (stream->queue->len > stream->n_sent && !stream->write_wants_read) {
        condition |= G_IO_OUT;
    }
    if (stream->read_wants_write) {
        condition |= G_IO_OUT;
    }
    if (condition != stream->watched) { /* each change wakes the loop once more */
        stream->watched = condition;
        g_source_modify_unix_fd(stream->source, stream->fd_tag, condition);
    }
}

/* Text of the last OpenSSL error, or of errno. */
static char *
tls_error_text(int result)
{
    unsigned long code = ERR_get_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    if (reason != NULL) {
        return g_strdup_printf("TLS: %s", reason);
    }
    if (result == SSL_ERROR_SYSCALL && errno != 0) {
        return g_strdup_printf("connection: %s", g_strerror(errno));
    }
    return g_strdup("the connection ended in the middle of TLS");
}

/* Why TLS cannot send any more: a peer that refused us said so before it closed. */
static char *
refusal_text(SSL *ssl)
{
    g_autofree char *text = tls_error_text(SSL_ERROR_SYSCALL);
    uint8_t byte;

    if (SSL_read(ssl, &byte, sizeof byte) <= 0 && ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SSL) {
        return tls_error_text(SSL_ERROR_SSL);
    }
    ERR_clear_error();
    return g_steal_pointer(&text);
}

/*
 * One attempt to send. Return: bytes sent, 0 when nothing can leave now, -1 after the stream was
 * closed.
 */
static ssize_t
send_some(ZgStream *stream, const uint8_t *bytes, size_t n_bytes)
{
    ssize_t n;

    if (stream->ssl == NULL) {
        do {
            n = send(stream->fd, bytes, n_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return 0;
        }
        if (n < 0) {
            g_autofree char *text = g_strdup_printf("connection: %s", g_strerror(errno));

            close_with_text(stream, ZG_ERROR_UNAVAILABLE, text);
        }
        return n;
    }
    stream->write_wants_read = false;
    ERR_clear_error();
    n = SSL_write(stream->ssl, bytes, (int)MIN(n_bytes, (size_t)G_MAXINT));
    if (n > 0) {
        return n;
    }
    switch (SSL_get_error(stream->ssl, (int)n)) {
    case SSL_ERROR_WANT_WRITE:
        return 0;
    case SSL_ERROR_WANT_READ:
        stream->write_wants_read = true;
        return 0;
    default: {
        g_autofree char *text = refusal_text(stream->ssl);

        close_with_text(stream, ZG_ERROR_UNAVAILABLE, text);
        return -1;
    }
    }
}

static void
end_of_writing(ZgStream *stream)
{
    if (stream->ssl != NULL) {
        SSL_shutdown(stream->ssl);
        ERR_clear_error();
    }
    shutdown(stream->fd, SHUT_WR);
}

static bool
flush_queue(ZgStream *stream)
{
    while (stream->queue->len > stream->n_sent && !stream->handshaking) {
        ssize_t n = send_some(stream, stream->queue->data + stream->n_sent,
                              stream->queue->len - stream->n_sent);

        if (n < 0) {
            return false;
        }
        if (n == 0) {
            break;
        }
        stream->n_sent += (size_t)n;
    }
    if (stream->queue->len == stream->n_sent) {
        bool had_bytes = stream->n_sent > 0;

        g_byte_array_set_size(stream->queue, 0);
        stream->n_sent = 0;
        if (stream->finishing && !stream->handshaking) {
            end_of_writing(stream);
        } else if (had_bytes && stream->handlers->on_drained != NULL) {
            stream->handlers->on_drained(stream, stream->user);
        }
    } else if (stream->n_sent > COMPACT_BYTES) {
        g_byte_array_remove_range(stream->queue, 0, (guint)stream->n_sent);
        stream->n_sent = 0;
    }
    return !stream->closed;
}

/* The peer's certificate must carry the URI we expect. */
static bool
peer_is_expected(ZgStream *stream)
{
    g_autofree char *uri = NULL;

    if (stream->peer_uri == NULL) {
        return true;
    }
    uri = zg_tls_peer_uri(stream->ssl);
    return g_strcmp0(uri, stream->peer_uri) == 0;
}

static bool
shake_hands(ZgStream *stream)
{
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_do_handshake(stream->ssl);
    stream->read_wants_write = false;
    if (result == 1) {
        stream->handshaking = false;
        if (!peer_is_expected(stream)) {
            g_autofree char *text =
                g_strdup_printf("the peer's certificate is not that of '%s'", stream->peer_uri);

            close_with_text(stream, ZG_ERROR_DENIED, text);
            return false;
        }
        if (stream->handlers->on_secured != NULL) {
            stream->handlers->on_secured(stream, stream->user);
        }
        return !stream->closed;
    }
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return false;
    case SSL_ERROR_WANT_WRITE:
        stream->read_wants_write = true;
        return false;
    default: {
        long verified = SSL_get_verify_result(stream->ssl);
        g_autofree char *text =
            verified != X509_V_OK
                ? g_strdup_printf("the peer's certificate was refused: %s",
                                  X509_verify_cert_error_string(verified))
                : tls_error_text(SSL_ERROR_SYSCALL);

        ERR_clear_error();
        close_with_text(stream, ZG_ERROR_DENIED, text);
        return false;
    }
    }
}

/* Return: bytes read, 0 at the end, -1 nothing now, -2 after the stream was closed. */
static ssize_t
receive_some(ZgStream *stream, uint8_t *buffer, size_t n_buffer)
{
    ssize_t n;

    if (stream->ssl == NULL) {
        do {
            n = recv(stream->fd, buffer, n_buffer, MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        if (n >= 0) {
            return n;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return -1;
        }
        if (errno != ECONNRESET) {
            g_autofree char *text = g_strdup_printf("connection: %s", g_strerror(errno));

            close_with_text(stream, ZG_ERROR_UNAVAILABLE, text);
            return -2;
        }
        close_with_text(stream, ZG_ERROR_UNAVAILABLE, "the peer reset the connection");
        return -2;
    }
    ERR_clear_error();
    errno = 0;
    n = SSL_read(stream->ssl, buffer, (int)n_buffer);
    if (n > 0) {
        return n;
    }
    switch (SSL_get_error(stream->ssl, (int)n)) {
    case SSL_ERROR_WANT_READ:
        return -1;
    case SSL_ERROR_WANT_WRITE:
        stream->read_wants_write = true;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default: {
        g_autofree char *text = tls_error_text(SSL_ERROR_SYSCALL);

        close_with_text(stream, ZG_ERROR_UNAVAILABLE, text);
        return -2;
    }
    }
}

/* Is there more to read now, as far as we know without asking the kernel? */
static bool
has_more(const ZgStream *stream, size_t n_read)
{
    return stream->ssl != NULL ? SSL_has_pending(stream->ssl) : n_read == READ_CHUNK_BYTES;
}

static void
read_turn(ZgStream *stream)
{
    /* Loop thread only. Taken while in use: a handler may run a turn of another stream. */
    static uint8_t *spare;
    g_autofree uint8_t *buffer = spare != NULL ? g_steal_pointer(&spare)
                                               : g_malloc(READ_CHUNK_BYTES);
    bool more = true;

    for (int i = 0; more && i < CHUNKS_PER_TURN; i++) {
        ssize_t n;

        if (stream->closed || stream->handshaking || !(stream->reading || stream->finishing)) {
            more = false;
            break;
        }
        n = receive_some(stream, buffer, READ_CHUNK_BYTES);
        if (n <= 0) {
            if (n == 0) {
                close_with(stream, NULL);
            }
            more = false;
            break;
        }
        if (!stream->finishing) {
            stream->handlers->on_bytes(stream, buffer, (size_t)n, stream->user);
        }
        more = has_more(stream, (size_t)n);
    }
    if (more && stream->source != NULL && stream->ssl != NULL) {
        g_source_set_ready_time(stream->source, 0); /* bytes in OpenSSL raise no poll event */
    }
    if (spare == NULL) {
        spare = g_steal_pointer(&buffer);
    }
}

static gboolean
stream_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    ZgStream *stream = ((StreamSource *)source)->stream;
    GIOCondition seen = g_source_query_unix_fd(source, stream->fd_tag);

    (void)callback;
    (void)user_data;
    g_source_set_ready_time(source, -1);
    stream->refs++;
    if (stream->handshaking && !shake_hands(stream)) {
        goto out;
    }
    if ((seen & (G_IO_OUT | G_IO_ERR)) || stream->write_wants_read) {
        stream->write_wants_read = false;
        if (!flush_queue(stream)) {
            goto out;
        }
    }
    stream->read_wants_write = false;
    read_turn(stream);
    if (!stream->closed && !stream->reading && !stream->finishing &&
        (seen & (G_IO_HUP | G_IO_ERR))) {
        /* Nobody reads now, yet the peer is gone for good: without this the loop would spin. */
        close_with(stream, NULL);
    }
out:
    if (!stream->closed) {
        watch(stream);
    }
    stream_unref(stream);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs stream_source_funcs = {.dispatch = stream_dispatch};

ZgStream *
zg_stream_new(int fd, const ZgStreamHandlers *handlers, void *user)
{
    ZgStream *stream = g_new0(ZgStream, 1);
    int on = 1;

    zg_fd_set_nonblocking(fd, NULL);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* refused on unix sockets: fine */
    stream->fd = fd;
    stream->handlers = handlers;
    stream->user = user;
    stream->queue = g_byte_array_new();
    stream->queue_limit = ZG_LIMIT_STREAM_QUEUE_BYTES;
    stream->reading = true;
    stream->refs = 1;
    stream->source = g_source_new(&stream_source_funcs, sizeof(StreamSource));
    ((StreamSource *)stream->source)->stream = stream;
    /* No handler runs the loop; blocking the source meanwhile would wake the loop twice more. */
    g_source_set_can_recurse(stream->source, TRUE);
    stream->fd_tag = g_source_add_unix_fd(stream->source, fd, G_IO_IN);
    stream->watched = G_IO_IN;
    g_source_attach(stream->source, NULL);
    return stream;
}

void
zg_stream_free(ZgStream *stream)
{
    if (stream != NULL) {
        detach(stream);
        if (stream->ssl != NULL && !stream->handshaking) {
            SSL_shutdown(stream->ssl);
            ERR_clear_error();
        }
        stream_unref(stream);
    }
}

void
zg_stream_set_handlers(ZgStream *stream, const ZgStreamHandlers *handlers, void *user)
{
    stream->handlers = handlers;
    stream->user = user;
}

void
zg_stream_start_tls(ZgStream *stream, SSL_CTX *context, ZgStreamSide side, const char *peer_uri)
{
    g_assert(stream->ssl == NULL && stream->queue->len == 0);
    stream->ssl = SSL_new(context);
    g_assert(stream->ssl != NULL);
    SSL_set_fd(stream->ssl, stream->fd);
    SSL_set_read_ahead(stream->ssl, 1); /* a record in one call, not in two */
    if (side == ZG_STREAM_SERVER) {
        SSL_set_accept_state(stream->ssl);
    } else {
        SSL_set_connect_state(stream->ssl);
    }
    stream->peer_uri = g_strdup(peer_uri);
    stream->handshaking = true;
    g_source_set_ready_time(stream->source, 0);
    watch(stream);
}

bool
zg_stream_write(ZgStream *stream, const void *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes;
    size_t n_left = n_bytes;

    if (stream->closed || stream->finishing) {
        return false;
    }
    if (zg_stream_queued(stream) + n_bytes > stream->queue_limit) {
        return false;
    }
    stream->refs++;
    while (stream->queue->len == 0 && !stream->handshaking && n_left > 0) {
        ssize_t n = send_some(stream, at, n_left);

        if (n < 0) {
            stream_unref(stream);
            return false;
        }
        if (n == 0) {
            break;
        }
        at += n;
        n_left -= (size_t)n;
    }
    if (n_left > 0) {
        g_byte_array_append(stream->queue, at, (guint)n_left);
    }
    watch(stream);
    stream_unref(stream);
    return true;
}

void
zg_stream_set_queue_limit(ZgStream *stream, size_t n_bytes)
{
    stream->queue_limit = n_bytes;
}

size_t
zg_stream_queued(const ZgStream *stream)
{
    return stream->queue->len - stream->n_sent;
}

void
zg_stream_set_reading(ZgStream *stream, bool reading)
{
    stream->reading = reading;
    if (reading && stream->ssl != NULL && stream->source != NULL) {
        g_source_set_ready_time(stream->source, 0);
    }
    watch(stream);
}

static gboolean
on_finish_deadline(gpointer data)
{
    ZgStream *stream = data;

    stream->finish_timer = 0;
    close_with(stream, NULL);
    return G_SOURCE_REMOVE;
}

void
zg_stream_finish(ZgStream *stream, unsigned deadline_ms)
{
    if (stream->closed || stream->finishing) {
        return;
    }
    stream->finishing = true;
    stream->finish_timer = g_timeout_add(deadline_ms, on_finish_deadline, stream);
    if (stream->queue->len == stream->n_sent && !stream->handshaking) {
        end_of_writing(stream);
    }
    stream->reading = true;
    watch(stream);
}

int
zg_stream_fd(const ZgStream *stream)
{
    return stream->fd;
}

X509 *
zg_stream_peer_certificate(const ZgStream *stream)
{
    return stream->ssl != NULL && SSL_get_verify_result(stream->ssl) == X509_V_OK
               ? SSL_get1_peer_certificate(stream->ssl)
               : NULL;
}

SSL *
zg_stream_ssl(const ZgStream *stream)
{
    return stream->ssl;
}

char *
zg_stream_peer_text(int fd)
{
    struct sockaddr_storage storage = {0};
    socklen_t n_storage = sizeof storage;
    char text[INET6_ADDRSTRLEN] = "";

    if (getpeername(fd, (struct sockaddr *)&storage, &n_storage) == 0) {
        if (storage.ss_family == AF_INET) {
            inet_ntop(AF_INET, &((struct sockaddr_in *)&storage)->sin_addr, text, sizeof text);
        } else if (storage.ss_family == AF_INET6) {
            const struct in6_addr *v6 = &((struct sockaddr_in6 *)&storage)->sin6_addr;

            if (IN6_IS_ADDR_V4MAPPED(v6)) {
                inet_ntop(AF_INET, &v6->s6_addr[12], text, sizeof text);
            } else {
                inet_ntop(AF_INET6, v6, text, sizeof text);
            }
        }
    }
    return g_strdup(text[0] != '\0' ? text : "unix");
}
