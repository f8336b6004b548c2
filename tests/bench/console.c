/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plays a scene as a virtual machine's console does: RFB on a unix socket, raw pixels, no security.
 * Usage: bench-console SCENE SHARE STAGE SOCKET */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
    GByteArray *in, *out;
    size_t n_sent;
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
put_pixels(Console *c, ZgRect r)
{
    zg_rfb_put_rect(c->out, r.x, r.y, r.width, r.height, ZG_RFB_RAW);
    for (int y = r.y; y < r.y + r.height; y++) {
        const uint32_t *row = c->picture + (size_t)y * (size_t)c->scene->width;
        g_byte_array_append(c->out, (const uint8_t *)(row + r.x), (guint)r.width * 4);
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
    unsigned n = 0;

    if (!c->asked || !c->any_dirty || c->out->len > 0) {
        return;
    }
    zg_rfb_put_update(c->out, 0);
    for (int row = 0; row < c->rows; row++) {
        for (int column = 0; column < c->columns; column++) {
            if (c->dirty[row * c->columns + column]) {
                put_pixels(c, take_rect(c, column, row));
                n++;
            }
        }
    }
    c->out->data[2] = (uint8_t)(n >> 8);
    c->out->data[3] = (uint8_t)n;
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
    ssize_t n = write(c->viewer, c->out->data + c->n_sent, c->out->len - c->n_sent);

    if (n < 0 && errno != EAGAIN) {
        exit(0);
    }
    c->n_sent += n > 0 ? (size_t)n : 0;
    if (c->n_sent == c->out->len) {
        g_byte_array_set_size(c->out, 0);
        c->n_sent = 0;
    }
}

/* ---- playing ---- */

static void
show(BenchScene *scene, void *user)
{
    Console *c = user;

    for (int i = 0; i < scene->n_changed; i++) {
        ZgRect r = scene->changed[i];
        for (int y = r.y; y < r.y + r.height; y++) {
            size_t at = (size_t)y * (size_t)scene->width + (size_t)r.x;
            memcpy(c->picture + at, scene->picture + at, (size_t)r.width * 4);
        }
        mark(c, r);
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
        fds[1].events = (short)(POLLIN | (c->out->len > 0 ? POLLOUT : 0));
    }
    if (ppoll(fds, 2, &timeout, NULL) <= 0) {
        return;
    }
    if (fds[0].revents != 0) {
        c->viewer = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
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
    if (argc != 5 || (c.scene = bench_scene_new(argv[1], atoi(argv[2]))) == NULL) {
        bench_fail("usage: bench-console SCENE SHARE STAGE SOCKET");
    }
    stage = bench_stage_open(argv[3], true);
    c.columns = (c.scene->width + TILE - 1) / TILE;
    c.rows = (c.scene->height + TILE - 1) / TILE;
    c.dirty = g_new0(bool, (size_t)c.columns * (size_t)c.rows);
    c.picture = g_new0(uint32_t, (size_t)c.scene->width * (size_t)c.scene->height);
    c.in = g_byte_array_new();
    c.out = g_byte_array_new();
    c.listener = zg_unix_listen(argv[4], SOCK_STREAM, 0600, NULL);
    if (c.listener < 0) {
        bench_fail("cannot listen on '%s'", argv[4]);
    }
    bench_play(c.scene, stage, &player);
}
