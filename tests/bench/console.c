/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plays a scene as a virtual machine's console does: RFB on a unix socket, raw pixels, no security.
 * Pixels go from the picture straight into the socket: a frame shown meanwhile may be torn, and
 * comes again. Usage: bench-console SCENE SHARE STAGE SOCKET [SEND_BUFFER_BYTES] */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fd.h"
#include "display/rfb_wire.h"
#include "tests/bench/stage.h"

#define TILE 16 /* QEMU marks what changed in tiles of this width */

typedef struct {
    int listener, viewer; /* -1: nobody yet */
    BenchScene *scene;
    uint32_t *picture; /* as shown; the scene's own is a frame ahead */
    bool *dirty;       /* tiles */
    int columns, rows;
    bool any_dirty, asked;
    GByteArray *in;
    uint8_t *heads; /* of an update and its rectangles */
    size_t n_heads;
    struct iovec *pieces; /* of an update: heads and pixels */
    size_t n_pieces, n_sent; /* whole pieces */
    int send_buffer;
} Console;

/* ---- the picture ---- */

static void
mark(Console *c, ZgRect r)
{
    for (int row = r.y / TILE; row <= (r.y + r.height - 1) / TILE; row++) {
        for (int column = r.x / TILE; column <= (r.x + r.width - 1) / TILE; column++) {
            c->dirty[row * c->columns + column] = true;
        }
    }
    c->any_dirty = true;
}

static void
put_piece(Console *c, void *bytes, size_t n)
{
    struct iovec *last = c->n_pieces > 0 ? &c->pieces[c->n_pieces - 1] : NULL;

    if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == bytes) {
        last->iov_len += n; /* the rows of a full width are one piece */
        return;
    }
    c->pieces[c->n_pieces++] = (struct iovec){bytes, n};
}

static void
put_head(Console *c, const GByteArray *head)
{
    memcpy(c->heads + c->n_heads, head->data, head->len);
    put_piece(c, c->heads + c->n_heads, head->len);
    c->n_heads += head->len;
}

static void
put_pixels(Console *c, ZgRect r)
{
    g_autoptr(GByteArray) head = g_byte_array_new();

    zg_rfb_put_rect(head, r.x, r.y, r.width, r.height, ZG_RFB_RAW);
    put_head(c, head);
    for (int y = r.y; y < r.y + r.height; y++) {
        put_piece(c, c->picture + (size_t)y * (size_t)c->scene->width + r.x, (size_t)r.width * 4);
    }
}

/* One rectangle from @column on: as wide as the tiles there are dirty, and as high. */
static ZgRect
take_rect(Console *c, int column, int row)
{
    int right = column, bottom = row + 1;

    while (right < c->columns && c->dirty[row * c->columns + right]) {
        right++;
    }
    while (bottom < c->rows &&
           memchr(c->dirty + bottom * c->columns + column, 0, (size_t)(right - column)) == NULL) {
        bottom++;
    }
    for (int y = row; y < bottom; y++) {
        memset(c->dirty + y * c->columns + column, 0, (size_t)(right - column));
    }
    return zg_rect_clip(
        (ZgRect){column * TILE, row * TILE, (right - column) * TILE, (bottom - row) * TILE},
        c->scene->width, c->scene->height);
}

static void
answer(Console *c)
{
    g_autoptr(GByteArray) head = NULL;
    unsigned n = 0;

    if (!c->asked || !c->any_dirty || c->n_pieces > 0) {
        return;
    }
    head = g_byte_array_new();
    zg_rfb_put_update(head, 0);
    put_head(c, head);
    for (int row = 0; row < c->rows; row++) {
        for (int column = 0; column < c->columns; column++) {
            if (c->dirty[row * c->columns + column]) {
                put_pixels(c, take_rect(c, column, row));
                n++;
            }
        }
    }
    c->heads[2] = (uint8_t)(n >> 8);
    c->heads[3] = (uint8_t)n;
    c->asked = c->any_dirty = false;
}

/* ---- the viewer, which is the server under test ---- */

static void
read_all(int fd, void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = read(fd, (char *)bytes + done, n - done);
        if (got <= 0) {
            bench_fail("the viewer left in the handshake");
        }
        done += (size_t)got;
    }
}

static void
write_all(int fd, const void *bytes, size_t n)
{
    if (write(fd, bytes, n) != (ssize_t)n) {
        bench_fail("the viewer left in the handshake");
    }
}

static void
shake_hands(Console *c)
{
    uint8_t bytes[ZG_RFB_VERSION_BYTES];
    g_autoptr(GByteArray) init = g_byte_array_new();

    write_all(c->viewer, ZG_RFB_VERSION_TEXT, ZG_RFB_VERSION_BYTES);
    read_all(c->viewer, bytes, ZG_RFB_VERSION_BYTES);
    write_all(c->viewer, "\1\1", 2);
    read_all(c->viewer, bytes, 1);
    write_all(c->viewer, "\0\0\0", 4);
    read_all(c->viewer, bytes, 1);
    zg_rfb_put_u16(init, (uint16_t)c->scene->width);
    zg_rfb_put_u16(init, (uint16_t)c->scene->height);
    zg_rfb_put_pixel_format(init, &zg_pixel_format_native);
    zg_rfb_put_u32(init, 5);
    g_byte_array_append(init, (const uint8_t *)"bench", 5);
    write_all(c->viewer, init->data, init->len);
    zg_fd_set_nonblocking(c->viewer, NULL);
}

/* Bytes of the message at the front, 0 when its length is not known yet. */
static size_t
message_length(const GByteArray *in)
{
    switch (in->data[0]) {
    case ZG_RFB_C_SET_PIXEL_FORMAT:
        return 20;
    case ZG_RFB_C_SET_ENCODINGS:
        return in->len < 4 ? 0 : 4 + 4 * ((size_t)in->data[2] << 8 | in->data[3]);
    case ZG_RFB_C_UPDATE_REQUEST:
        return 10;
    case ZG_RFB_C_KEY:
        return 8;
    case ZG_RFB_C_POINTER:
        return 6;
    default:
        bench_fail("message %u is not understood", in->data[0]);
    }
}

static void
take_messages(Console *c)
{
    size_t n;

    while (c->in->len > 0 && (n = message_length(c->in)) > 0 && n <= c->in->len) {
        if (c->in->data[0] == ZG_RFB_C_UPDATE_REQUEST) {
            c->asked = true;
            if (c->in->data[1] == 0) {
                mark(c, (ZgRect){0, 0, c->scene->width, c->scene->height});
            }
        }
        g_byte_array_remove_range(c->in, 0, (guint)n);
    }
}

static void
read_viewer(Console *c)
{
    uint8_t bytes[4096];
    ssize_t n = read(c->viewer, bytes, sizeof bytes);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        exit(0);
    }
    if (n > 0) {
        g_byte_array_append(c->in, bytes, (guint)n);
        take_messages(c);
    }
}

static void
write_viewer(Console *c)
{
    ssize_t n = writev(c->viewer, c->pieces + c->n_sent,
                       (int)MIN(c->n_pieces - c->n_sent, (size_t)IOV_MAX));

    if (n < 0 && errno != EAGAIN) {
        exit(0);
    }
    while (n > 0) {
        struct iovec *piece = &c->pieces[c->n_sent];
        size_t n_gone = MIN((size_t)n, piece->iov_len);

        *piece = (struct iovec){(uint8_t *)piece->iov_base + n_gone, piece->iov_len - n_gone};
        c->n_sent += piece->iov_len == 0;
        n -= (ssize_t)n_gone;
    }
    if (c->n_sent == c->n_pieces) {
        c->n_pieces = c->n_sent = c->n_heads = 0;
    }
}

/* ---- playing ---- */

static void
show(BenchScene *scene, void *user)
{
    Console *c = user;

    bench_scene_copy_changed(scene, c->picture);
    for (int i = 0; i < scene->n_changed; i++) {
        mark(c, scene->changed[i]);
    }
}

static void
wait_until(int64_t until_us, void *user)
{
    Console *c = user;
    struct pollfd fds[2] = {{.fd = c->listener, .events = POLLIN}, {.fd = c->viewer}};
    int64_t left = MAX(until_us - zg_clock_mono_us(), 0);
    struct timespec timeout = {left / G_USEC_PER_SEC, left % G_USEC_PER_SEC * 1000};

    if (c->viewer >= 0) {
        answer(c);
        fds[0].fd = -1;
        fds[1].events = (short)(POLLIN | (c->n_pieces > 0 ? POLLOUT : 0));
    }
    if (ppoll(fds, 2, &timeout, NULL) <= 0) {
        return;
    }
    if (fds[0].revents != 0) {
        c->viewer = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
        if (c->send_buffer > 0) {
            setsockopt(c->viewer, SOL_SOCKET, SO_SNDBUFFORCE, &c->send_buffer,
                       sizeof c->send_buffer);
        }
        shake_hands(c);
        return;
    }
    if (fds[1].revents & POLLOUT) {
        write_viewer(c);
    }
    if (fds[1].revents & (POLLIN | POLLHUP)) {
        read_viewer(c);
    }
}

int
main(int argc, char **argv)
{
    Console c = {.viewer = -1};
    BenchPlayer player = {.show = show, .wait = wait_until, .user = &c};
    BenchStage *stage;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 5 || argc > 6 ||
        (c.scene = bench_scene_new(argv[1], g_ascii_strtod(argv[2], NULL))) == NULL) {
        bench_fail("usage: bench-console SCENE SHARE STAGE SOCKET [SEND_BUFFER_BYTES]");
    }
    c.send_buffer = argc == 6 ? atoi(argv[5]) : 0;
    stage = bench_stage_open(argv[3], true);
    c.columns = (c.scene->width + TILE - 1) / TILE;
    c.rows = (c.scene->height + TILE - 1) / TILE;
    c.dirty = g_new0(bool, (size_t)c.columns * (size_t)c.rows);
    c.picture = g_new0(uint32_t, (size_t)c.scene->width * (size_t)c.scene->height);
    c.in = g_byte_array_new();
    c.heads = g_malloc(4 + (size_t)c.columns * (size_t)c.rows * ZG_RFB_RECT_HEAD_BYTES);
    c.pieces = g_new(struct iovec, 1 + (gsize)c.columns * (gsize)c.rows * (1 + TILE));
    c.listener = zg_unix_listen(argv[4], SOCK_STREAM, 0600, NULL);
    if (c.listener < 0) {
        bench_fail("cannot listen on '%s'", argv[4]);
    }
    bench_play(c.scene, stage, &player);
}
