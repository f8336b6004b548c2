/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many viewers in one process that only read: they ask for the same as the meter does, answer
 * fences, ask for more, and throw the pictures away unopened, as what viewers do with them is not
 * the server's cost. Prints a line when all have a first update.
 * Usage: bench-crowd QUALITY PORT...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/fd.h"
#include "display/rfb_wire.h"
#include "tests/bench/stage.h"

#define READ_BYTES (256 * 1024)
#define TO_PACK_BYTES 12 /* what is shorter, Tight sends as it is */

typedef struct {
    int fd, port;
    int width, height;
    uint8_t *in; /* READ_BYTES */
    size_t n_in;
    size_t n_skip; /* of a rectangle's body */
    unsigned n_rects; /* still to come in this update */
    bool in_update, continuous;
    uint64_t n_updates;
} Viewer;

/* ---- what is said ---- */

static void
say(Viewer *v, GByteArray *message)
{
    if (send(v->fd, message->data, message->len, MSG_NOSIGNAL) != (ssize_t)message->len) {
        bench_fail("port %d does not read", v->port);
    }
    g_byte_array_unref(message);
}

static void
ask(Viewer *v, bool incremental)
{
    GByteArray *message = g_byte_array_new();

    zg_rfb_put_update_request(message, incremental, v->width, v->height);
    say(v, message);
}

static void
read_all(Viewer *v, void *bytes, size_t n)
{
    if (recv(v->fd, bytes, n, MSG_WAITALL) != (ssize_t)n) {
        bench_fail("port %d left in the handshake", v->port);
    }
}

static unsigned
u16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t
u32(const uint8_t *p)
{
    return (uint32_t)u16(p) << 16 | u16(p + 2);
}

static void
shake_hands(Viewer *v, int quality)
{
    static const int32_t encodings[] = {
        ZG_RFB_H264, ZG_RFB_COPYRECT, ZG_RFB_TIGHT, ZG_RFB_CONTINUOUS_UPDATES, ZG_RFB_FENCE,
        ZG_RFB_LAST_RECT,
    };
    uint8_t bytes[256];
    GByteArray *message = g_byte_array_new();

    read_all(v, bytes, ZG_RFB_VERSION_BYTES);
    g_byte_array_append(message, (const uint8_t *)ZG_RFB_VERSION_TEXT, ZG_RFB_VERSION_BYTES);
    say(v, message);
    read_all(v, bytes, 1);
    read_all(v, bytes, bytes[0]);
    message = g_byte_array_new();
    zg_rfb_put_u8(message, ZG_RFB_SECURITY_NONE);
    zg_rfb_put_u8(message, 1); /* shared */
    say(v, message);
    read_all(v, bytes, 4 + 4 + ZG_RFB_PIXEL_FORMAT_BYTES + 4);
    v->width = (int)u16(bytes + 4);
    v->height = (int)u16(bytes + 6);
    read_all(v, bytes, MIN(u32(bytes + 8 + ZG_RFB_PIXEL_FORMAT_BYTES), sizeof bytes));
    message = g_byte_array_new();
    zg_rfb_put_u32(message, ZG_RFB_C_SET_PIXEL_FORMAT << 24);
    zg_rfb_put_pixel_format(message, &zg_pixel_format_native);
    zg_rfb_put_u16(message, ZG_RFB_C_SET_ENCODINGS << 8);
    zg_rfb_put_u16(message, G_N_ELEMENTS(encodings) + 1);
    for (size_t i = 0; i < G_N_ELEMENTS(encodings); i++) {
        zg_rfb_put_s32(message, encodings[i]);
    }
    zg_rfb_put_s32(message, ZG_RFB_JPEG_QUALITY_0 + quality);
    say(v, message);
    ask(v, false);
}

/* ---- what is read: each returns the bytes taken, 0 when they are not all there ---- */

static size_t
take_length(const uint8_t *p, size_t n, size_t *out_length)
{
    *out_length = 0;
    for (size_t i = 0; i < MIN(n, 3); i++) {
        *out_length |= (size_t)(i < 2 ? p[i] & 127 : p[i]) << 7 * i;
        if (i == 2 || !(p[i] & 128)) {
            return i + 1;
        }
    }
    return 0;
}

static size_t
take_tight(Viewer *v, const uint8_t *p, size_t n, size_t width, size_t height)
{
    size_t at = 1, row_bytes = width * 3, n_length;
    unsigned control = n > 0 ? p[0] >> 4 : 0;

    if (n < 2) {
        return 0;
    }
    if (control == 8) {
        v->n_skip = 3;
        return at;
    }
    if (control < 8 && control & 4 && p[at++] == 1) {
        size_t n_colours = n > at ? p[at] + 1u : 1;

        row_bytes = n_colours <= 2 ? (width + 7) / 8 : width;
        at += 1 + n_colours * 3;
    }
    if (n < at) {
        return 0;
    }
    if (control < 8 && row_bytes * height < TO_PACK_BYTES) {
        v->n_skip = row_bytes * height;
        return at;
    }
    n_length = take_length(p + at, n - at, &v->n_skip);
    return n_length > 0 ? at + n_length : 0;
}

static size_t
take_rect(Viewer *v, const uint8_t *p, size_t n)
{
    size_t n_body = 0;

    if (n < ZG_RFB_RECT_HEAD_BYTES) {
        return 0;
    }
    n -= ZG_RFB_RECT_HEAD_BYTES;
    switch ((int32_t)u32(p + 8)) {
    case ZG_RFB_LAST_RECT:
        v->n_rects = 1;
        break;
    case ZG_RFB_COPYRECT:
        v->n_skip = 4;
        break;
    case ZG_RFB_RAW:
        v->n_skip = (size_t)u16(p + 4) * u16(p + 6) * 4;
        break;
    case ZG_RFB_TIGHT:
        n_body = take_tight(v, p + ZG_RFB_RECT_HEAD_BYTES, n, u16(p + 4), u16(p + 6));
        if (n_body == 0) {
            return 0;
        }
        break;
    case ZG_RFB_H264:
        n_body = 8;
        if (n < n_body) {
            return 0;
        }
        v->n_skip = u32(p + ZG_RFB_RECT_HEAD_BYTES);
        break;
    default:
        bench_fail("port %d: encoding %d was not asked for", v->port, (int32_t)u32(p + 8));
    }
    v->n_rects--;
    return ZG_RFB_RECT_HEAD_BYTES + n_body;
}

static size_t
take_fence(Viewer *v, const uint8_t *p, size_t n)
{
    GByteArray *answer;

    if (n < 9 || n < 9u + p[8]) {
        return 0;
    }
    if (u32(p + 4) & ZG_RFB_FENCE_REQUEST) {
        answer = g_byte_array_new();
        zg_rfb_put_u32(answer, (uint32_t)ZG_RFB_C_FENCE << 24);
        zg_rfb_put_u32(answer, u32(p + 4) & 7);
        g_byte_array_append(answer, p + 8, 1u + p[8]);
        say(v, answer);
    }
    return 9u + p[8];
}

static void
go_on(Viewer *v)
{
    GByteArray *message = g_byte_array_new();

    v->continuous = true;
    zg_rfb_put_u16(message, ZG_RFB_C_CONTINUOUS_UPDATES << 8 | 1);
    zg_rfb_put_u32(message, 0);
    zg_rfb_put_u16(message, (uint16_t)v->width);
    zg_rfb_put_u16(message, (uint16_t)v->height);
    say(v, message);
}

static size_t
take_message(Viewer *v, const uint8_t *p, size_t n)
{
    switch (p[0]) {
    case ZG_RFB_S_UPDATE:
        if (n < 4) {
            return 0;
        }
        v->n_rects = u16(p + 2);
        v->in_update = true;
        if (!v->continuous) {
            ask(v, true);
        }
        return 4;
    case ZG_RFB_S_BELL:
        return 1;
    case ZG_RFB_S_CUT_TEXT:
        if (n < 8) {
            return 0;
        }
        v->n_skip = (size_t)ABS((int32_t)u32(p + 4));
        return 8;
    case ZG_RFB_S_END_OF_CONTINUOUS_UPDATES:
        if (!v->continuous) {
            go_on(v);
        }
        return 1;
    case ZG_RFB_S_FENCE:
        return take_fence(v, p, n);
    default:
        bench_fail("port %d: message %u is unknown", v->port, p[0]);
    }
}

static size_t
take(Viewer *v, const uint8_t *p, size_t n)
{
    size_t n_taken;

    if (v->n_skip > 0) {
        n_taken = MIN(n, v->n_skip);
        v->n_skip -= n_taken;
    } else if (v->n_rects > 0) {
        n_taken = take_rect(v, p, n);
    } else {
        n_taken = take_message(v, p, n);
    }
    if (v->in_update && v->n_rects == 0 && v->n_skip == 0) {
        v->in_update = false;
        v->n_updates++;
    }
    return n_taken;
}

static void
read_some(Viewer *v)
{
    ssize_t n = recv(v->fd, v->in + v->n_in, READ_BYTES - v->n_in, MSG_DONTWAIT);
    size_t at = 0, n_taken = 1;

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        bench_fail("port %d has gone", v->port);
    }
    v->n_in += n > 0 ? (size_t)n : 0;
    while (at < v->n_in && n_taken > 0) {
        n_taken = take(v, v->in + at, v->n_in - at);
        at += n_taken;
    }
    v->n_in -= at;
    memmove(v->in, v->in + at, v->n_in);
}

/* ---- all of them ---- */

static void
open_viewer(Viewer *v, int port, int quality)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *v = (Viewer){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .port = port};
    if (v->fd < 0 || connect(v->fd, (struct sockaddr *)&to, sizeof to) != 0) {
        bench_fail("port %d: %s", port, g_strerror(errno));
    }
    setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    v->in = g_malloc(READ_BYTES);
    shake_hands(v, quality);
}

static bool
all_have_seen(const Viewer *viewers, int n)
{
    for (int i = 0; i < n; i++) {
        if (viewers[i].n_updates == 0) {
            return false;
        }
    }
    return true;
}

int
main(int argc, char **argv)
{
    int n = argc - 2;
    g_autofree Viewer *viewers = g_new0(Viewer, MAX(n, 1));
    g_autofree struct pollfd *fds = g_new0(struct pollfd, MAX(n, 1));
    bool said = false;

    if (n < 1) {
        bench_fail("usage: bench-crowd QUALITY PORT...");
    }
    for (int i = 0; i < n; i++) {
        open_viewer(&viewers[i], atoi(argv[2 + i]), atoi(argv[1]));
        fds[i] = (struct pollfd){.fd = viewers[i].fd, .events = POLLIN};
    }
    while (poll(fds, (nfds_t)n, -1) > 0) {
        for (int i = 0; i < n; i++) {
            if (fds[i].revents != 0) {
                read_some(&viewers[i]);
            }
        }
        if (!said && all_have_seen(viewers, n)) {
            said = true;
            puts("all see");
            fflush(stdout);
        }
    }
    return 1;
}
