/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/connection.h"

#include <errno.h>
#include <glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER_BYTES (256 * 1024)
#define SILENT_MS 60000
#define FRAME_BINARY 2
#define FRAME_CLOSE 8

struct ZgWire {
    int fd;
    SSL *ssl;         /* NULL: plain */
    bool in_frames;   /* WebSocket */
    bool skip;        /* the frame at hand is not ours to read */
    uint64_t n_frame; /* payload bytes left in the frame at hand */
    uint64_t n_received;
    size_t at, n;
    uint8_t buffer[BUFFER_BYTES];
};

void
zg_wire_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void
connect_tcp(ZgWire *wire, const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int on = 1;

    if (getaddrinfo(host, port, &hints, &found) != 0) {
        zg_wire_die("no address for '%s' port %s", host, port);
    }
    wire->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(wire->fd, found->ai_addr, found->ai_addrlen) < 0) {
        zg_wire_die("connect to %s:%s: %s", host, port, strerror(errno));
    }
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    freeaddrinfo(found);
}

static void
connect_unix(ZgWire *wire, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    g_strlcpy(to.sun_path, path, sizeof to.sun_path);
    wire->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(wire->fd, (struct sockaddr *)&to, sizeof to) < 0) {
        zg_wire_die("connect to '%s': %s", path, strerror(errno));
    }
}

static bool
is_readable(ZgWire *wire, int timeout_ms)
{
    struct pollfd one = {wire->fd, POLLIN, 0};

    return wire->at < wire->n || (wire->ssl != NULL && SSL_pending(wire->ssl) > 0) ||
           poll(&one, 1, timeout_ms) > 0;
}

static void
fill(ZgWire *wire)
{
    ssize_t n;

    if (!is_readable(wire, SILENT_MS)) {
        zg_wire_die("the server is silent");
    }
    n = wire->ssl != NULL ? SSL_read(wire->ssl, wire->buffer, sizeof wire->buffer)
                          : recv(wire->fd, wire->buffer, sizeof wire->buffer, 0);
    if (n <= 0) {
        zg_wire_die("the server ended the connection");
    }
    wire->at = 0;
    wire->n = (size_t)n;
    wire->n_received += (uint64_t)n;
}

static void
read_bytes(ZgWire *wire, uint8_t *bytes, size_t n)
{
    while (n > 0) {
        size_t now;

        if (wire->at == wire->n) {
            fill(wire);
        }
        now = MIN(n, wire->n - wire->at);
        memcpy(bytes, wire->buffer + wire->at, now);
        wire->at += now;
        bytes += now;
        n -= now;
    }
}

static void
read_frame_head(ZgWire *wire)
{
    uint8_t head[2], length[8] = {0};
    size_t n_more;

    read_bytes(wire, head, 2);
    if ((head[0] & 15) == FRAME_CLOSE) {
        zg_wire_die("the server closed the WebSocket");
    }
    n_more = (head[1] & 127) == 127 ? 8 : (head[1] & 127) == 126 ? 2 : 0;
    read_bytes(wire, length, n_more);
    wire->n_frame = n_more == 0 ? head[1] & 127 : 0;
    for (size_t i = 0; i < n_more; i++) {
        wire->n_frame = wire->n_frame << 8 | length[i];
    }
    wire->skip = (head[0] & 15) != FRAME_BINARY && (head[0] & 15) != 0;
}

/* Go on to the next payload byte that is ours; text is for pages, not for us. */
static void
find_payload(ZgWire *wire)
{
    uint8_t dropped;

    while (wire->n_frame == 0 || wire->skip) {
        if (wire->n_frame == 0) {
            read_frame_head(wire);
        } else {
            read_bytes(wire, &dropped, 1);
            wire->n_frame--;
        }
    }
}

bool
zg_wire_ready(ZgWire *wire, int timeout_ms)
{
    uint8_t dropped;

    while (is_readable(wire, timeout_ms)) {
        if (!wire->in_frames || (wire->n_frame > 0 && !wire->skip)) {
            return true;
        }
        if (wire->n_frame == 0) {
            read_frame_head(wire);
        }
        for (; wire->skip && wire->n_frame > 0; wire->n_frame--) {
            read_bytes(wire, &dropped, 1);
        }
    }
    return false;
}

void
zg_wire_read(ZgWire *wire, void *bytes, size_t n)
{
    uint8_t *at = bytes;

    while (n > 0) {
        size_t now = n;

        if (wire->in_frames) {
            find_payload(wire);
            now = (size_t)MIN((uint64_t)n, wire->n_frame);
            wire->n_frame -= now;
        }
        read_bytes(wire, at, now);
        at += now;
        n -= now;
    }
}

uint8_t
zg_wire_u8(ZgWire *wire)
{
    uint8_t byte;

    zg_wire_read(wire, &byte, 1);
    return byte;
}

uint16_t
zg_wire_u16(ZgWire *wire)
{
    uint8_t b[2];

    zg_wire_read(wire, b, 2);
    return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t
zg_wire_u32(ZgWire *wire)
{
    uint32_t high = zg_wire_u16(wire);

    return high << 16 | zg_wire_u16(wire);
}

static void
write_bytes(ZgWire *wire, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t now = wire->ssl != NULL ? SSL_write(wire->ssl, bytes, (int)n)
                                        : send(wire->fd, bytes, n, MSG_NOSIGNAL);
        if (now <= 0) {
            zg_wire_die("the server does not take what is sent");
        }
        bytes += now;
        n -= (size_t)now;
    }
}

void
zg_wire_write(ZgWire *wire, const void *bytes, size_t n)
{
    g_autoptr(GByteArray) frame = NULL;
    uint8_t head[8] = {0x80 | FRAME_BINARY, (uint8_t)(0x80 | n)}; /* a mask of zeroes */
    guint n_head = 6;

    if (!wire->in_frames) {
        write_bytes(wire, bytes, n);
        return;
    }
    g_assert(n <= 0xffff);
    if (n > 125) {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        n_head = 8;
    }
    frame = g_byte_array_new();
    g_byte_array_append(frame, head, n_head);
    g_byte_array_append(frame, bytes, (guint)n);
    write_bytes(wire, frame->data, frame->len);
}

static void
start_tls(ZgWire *wire)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    wire->ssl = SSL_new(context);
    SSL_set_fd(wire->ssl, wire->fd);
    if (SSL_connect(wire->ssl) != 1) {
        zg_wire_die("TLS does not stand");
    }
}

static void
start_frames(ZgWire *wire, const char *host, const char *path, const char *ticket)
{
    g_autofree char *request = g_strdup_printf(
        "GET /%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: binary\r\n\r\n",
        path, host);
    char last[5] = "";
    g_autofree char *first = NULL;

    write_bytes(wire, (const uint8_t *)request, strlen(request));
    while (strcmp(last, "\r\n\r\n") != 0) {
        memmove(last, last + 1, 3);
        read_bytes(wire, (uint8_t *)last + 3, 1);
    }
    wire->in_frames = true;
    if (ticket != NULL) {
        first = g_strdup_printf("{\"ticket\":\"%s\",\"terminal\":\"bench\"}", ticket);
        zg_wire_write(wire, first, strlen(first));
        while (zg_wire_u8(wire) != '}') { /* the answer is one flat object */
        }
    }
}

ZgWire *
zg_wire_open(const char *address, const char *ticket)
{
    ZgWire *wire = g_new0(ZgWire, 1);
    g_auto(GStrv) parts = g_strsplit(address, ":", 3);

    if (g_strv_length(parts) == 2 && strcmp(parts[0], "unix") == 0) {
        connect_unix(wire, parts[1]);
    } else if (g_strv_length(parts) == 3) {
        g_auto(GStrv) port = g_strsplit(parts[2], "/", 2);

        connect_tcp(wire, parts[1], port[0]);
        if (strcmp(parts[0], "wss") == 0) {
            start_tls(wire);
        }
        if (g_str_has_prefix(parts[0], "ws")) {
            start_frames(wire, parts[1], port[1] != NULL ? port[1] : "", ticket);
        }
    } else {
        zg_wire_die("'%s' is no address", address);
    }
    return wire;
}

uint64_t
zg_wire_received(const ZgWire *wire)
{
    return wire->n_received;
}
