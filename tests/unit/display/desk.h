/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pipeline between a console that only writes and viewers that decode with code of their own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "display/clipboard.h"
#include "display/out_queue.h"
#include "display/pipeline.h"
#include "tests/unit/display/tight_decoder.h"
#include "tests/bench/zaguan_decoder.h"

#define WIDTH 320
#define HEIGHT 200
#define DEADLINE_US (10 * G_USEC_PER_SEC)
#define VIEWERS 4

typedef struct {
    int fd;
    GByteArray *in;
    TightPicture picture;
    ZaguanPicture ours; /* shares the pixels */
    unsigned n_rects_left, n_updates, n_bells;
    uint64_t n_bytes;
    char *text; /* the last classic cut text */
    unsigned n_h264; /* frames of a film, which are shown by: */
    void (*show_h264)(TightPicture *picture, ZgRect area, uint32_t flags, const uint8_t *bytes,
                      size_t n_bytes);
    int64_t link_bytes_per_s, read_us; /* reads so fast; 0: as it comes */
    bool closed, stopped;
} Viewer;

typedef struct {
    ZgPipeline *pipeline;
    int console;
    GByteArray *console_in;
    bool console_blocked;
    Viewer viewers[VIEWERS];
    unsigned n_viewers;
    unsigned n_lost, n_gone, n_first_frames, n_sizes;
    char *gone_reason;
    uint32_t grain; /* of photos and films; a mask */
} Fixture;

/* ---- what the pipeline tells ---- */

static inline void
on_console_lost(void *user, const char *reason)
{
    ((Fixture *)user)->n_lost++;
}

static inline void
on_size(void *user, int width, int height)
{
    ((Fixture *)user)->n_sizes++;
}

static inline void
on_first_frame(void *user, const char *id)
{
    ((Fixture *)user)->n_first_frames++;
}

static inline void
on_viewer_gone(void *user, const char *id, const char *reason)
{
    Fixture *f = user;

    f->n_gone++;
    g_free(f->gone_reason);
    f->gone_reason = g_strdup(reason);
}

static const ZgPipelineEvents events = {
    .console_lost = on_console_lost,
    .size = on_size,
    .first_frame = on_first_frame,
    .viewer_gone = on_viewer_gone,
};

/* ---- the console ---- */

static inline void
console_send(Fixture *f, const GByteArray *bytes)
{
    for (guint at = 0; at < bytes->len;) {
        ssize_t n =
            send(f->console, bytes->data + at, bytes->len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            assert_int_equal(errno, EAGAIN);
            g_main_context_iteration(NULL, FALSE);
            continue;
        }
        at += (guint)n;
    }
}

static inline void
console_open(Fixture *f, int width, int height)
{
    g_autoptr(GByteArray) hello = g_byte_array_new();
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(zg_fd_set_nonblocking(pair[0], NULL));
    f->console = pair[1];
    zg_pipeline_take_console(f->pipeline, pair[0]);
    g_byte_array_append(hello, (const uint8_t *)"RFB 003.008\n\1\1\0\0\0\0", 18);
    zg_rfb_put_u16(hello, (uint16_t)width);
    zg_rfb_put_u16(hello, (uint16_t)height);
    zg_rfb_put_pixel_format(hello, &zg_pixel_format_native);
    zg_rfb_put_u32(hello, 0);
    console_send(f, hello);
}

static inline void
console_paint(Fixture *f, ZgRect area, const uint32_t *pixels)
{
    g_autoptr(GByteArray) update = g_byte_array_new();

    zg_rfb_put_update(update, 1);
    zg_rfb_put_rect(update, area.x, area.y, area.width, area.height, ZG_RFB_RAW);
    g_byte_array_append(update, (const uint8_t *)pixels, (guint)(area.width * area.height * 4));
    console_send(f, update);
}

static inline void
console_fill(Fixture *f, ZgRect area, uint32_t colour)
{
    g_autofree uint32_t *pixels = g_new(uint32_t, area.width * area.height);

    for (int i = 0; i < area.width * area.height; i++) {
        pixels[i] = colour;
    }
    console_paint(f, area, pixels);
}

/* ---- viewers ---- */

static inline void
viewer_send(Viewer *v, const GByteArray *bytes)
{
    assert_int_equal(send(v->fd, bytes->data, bytes->len, MSG_NOSIGNAL), bytes->len);
}

static inline void
viewer_request(Viewer *v, bool incremental)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    zg_rfb_put_update_request(out, incremental, 8192, 8192);
    viewer_send(v, out);
}

static inline Viewer *
viewer_open(Fixture *f, const int32_t *encodings, unsigned n)
{
    Viewer *v = &f->viewers[f->n_viewers];
    g_autofree char *id = g_strdup_printf("v%u", f->n_viewers++);
    g_autoptr(GByteArray) out = g_byte_array_new();
    ZgViewerOptions options = {.id = id, .start = ZG_RFB_START_CLIENT_INIT};
    uint8_t init[24 + 4]; /* ServerInit with the title "Test" */
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(zg_pipeline_add_viewer(f->pipeline, pair[0], &options, NULL));
    v->fd = pair[1];
    v->in = g_byte_array_new();
    zg_rfb_put_u8(out, 1);
    zg_rfb_put_u8(out, ZG_RFB_C_SET_ENCODINGS);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u16(out, (uint16_t)n);
    for (unsigned i = 0; i < n; i++) {
        zg_rfb_put_s32(out, encodings[i]);
    }
    viewer_send(v, out);
    while (recv(v->fd, init, sizeof init, MSG_PEEK | MSG_DONTWAIT) < (ssize_t)sizeof init) {
        g_main_context_iteration(NULL, FALSE);
    }
    assert_int_equal(recv(v->fd, init, sizeof init, 0), sizeof init);
    v->picture.width = init[0] << 8 | init[1];
    v->picture.height = init[2] << 8 | init[3];
    v->picture.pixels = g_new0(uint32_t, v->picture.width * v->picture.height);
    viewer_request(v, false);
    return v;
}

static inline bool
draw_h264(Viewer *v, ZgRect area, ZgRfbReader *in)
{
    uint32_t n = zg_rfb_read_u32(in), flags = zg_rfb_read_u32(in);
    const uint8_t *bytes = zg_rfb_read_bytes(in, n);

    if (bytes != NULL) {
        v->n_h264++;
        if (v->show_h264 != NULL) {
            v->show_h264(&v->picture, area, flags, bytes, n);
        }
    }
    return bytes != NULL;
}

static inline bool
draw_rect(Viewer *v, ZgRfbReader *in)
{
    ZgRfbReader head = *in;
    int x = zg_rfb_read_u16(&head), y = zg_rfb_read_u16(&head);

    int width = zg_rfb_read_u16(&head), height = zg_rfb_read_u16(&head);
    int32_t encoding = zg_rfb_read_s32(&head);
    if (encoding == ZG_RFB_ZAGUAN && !head.short_of_bytes) {
        v->ours.pixels = v->picture.pixels;
        v->ours.width = v->picture.width;
        v->ours.height = v->picture.height;
        *in = head;
        return zaguan_picture_draw(&v->ours, in);
    }
    if (encoding == ZG_RFB_H264 && !head.short_of_bytes) {
        *in = head;
        return draw_h264(v, (ZgRect){x, y, width, height}, in);
    }
    if (encoding != ZG_RFB_DESKTOP_SIZE || head.short_of_bytes) {
        return tight_picture_draw_rect(&v->picture, in);
    }
    *in = head;
    v->picture.width = width;
    v->picture.height = height;
    g_free(v->picture.pixels);
    v->picture.pixels = g_new0(uint32_t, width * height);
    return true;
}

static inline void
answer_fence(Viewer *v, ZgRfbReader *in)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint32_t flags;
    uint8_t n;
    const uint8_t *payload;

    zg_rfb_read_bytes(in, 3);
    flags = zg_rfb_read_u32(in);
    n = zg_rfb_read_u8(in);
    payload = zg_rfb_read_bytes(in, n);
    if (!in->short_of_bytes && flags & ZG_RFB_FENCE_REQUEST) {
        zg_rfb_put_fence(out, flags & ~ZG_RFB_FENCE_REQUEST, payload, n);
        viewer_send(v, out);
    }
}

/* To a viewer that has announced it. */
static inline void
viewer_go_on(Viewer *v)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    zg_rfb_put_u8(out, ZG_RFB_C_CONTINUOUS_UPDATES);
    zg_rfb_put_u8(out, 1);
    zg_rfb_put_zeroes(out, 8);
    viewer_send(v, out);
}

/* One message or rectangle. Return: false when not all of it is there. */
static inline bool
viewer_take(Viewer *v, ZgRfbReader *in)
{
    if (v->n_rects_left > 0) {
        if (!draw_rect(v, in)) {
            assert_true(in->short_of_bytes); /* else it is wrong */
            return false;
        }
        if (--v->n_rects_left == 0) {
            v->n_updates++;
            viewer_request(v, true);
        }
        return true;
    }
    switch (zg_rfb_read_u8(in)) {
    case ZG_RFB_S_UPDATE:
        zg_rfb_read_u8(in);
        v->n_rects_left = zg_rfb_read_u16(in);
        break;
    case ZG_RFB_S_BELL:
        v->n_bells++;
        break;
    case ZG_RFB_S_CUT_TEXT: {
        zg_rfb_read_bytes(in, 3);
        uint32_t n = zg_rfb_read_u32(in);
        const uint8_t *text = zg_rfb_read_bytes(in, n);
        if (text != NULL) {
            g_free(v->text);
            v->text = zg_clip_from_latin1(text, n);
        }
        break;
    }
    case ZG_RFB_S_FENCE:
        answer_fence(v, in);
        break;
    case ZG_RFB_S_END_OF_CONTINUOUS_UPDATES:
        break;
    default:
        fail_msg("a message that was not expected");
    }
    return !in->short_of_bytes;
}

/* What the link has brought since. */
static inline size_t
bytes_come(Viewer *v, size_t most)
{
    int64_t now_us = zg_clock_mono_us(), n = 0;

    if (v->link_bytes_per_s == 0) {
        return most;
    }
    n = (now_us - v->read_us) * v->link_bytes_per_s / G_USEC_PER_SEC;
    if (v->read_us == 0 || n > 0) {
        v->read_us = now_us;
    }
    return (size_t)MIN(n, (int64_t)most);
}

static inline void
viewer_pump(Viewer *v)
{
    uint8_t buffer[65536];
    size_t n_come = bytes_come(v, sizeof buffer);
    ssize_t n = n_come == 0 ? -1 : recv(v->fd, buffer, n_come, MSG_DONTWAIT);

    v->closed |= n == 0;
    if (n > 0) {
        g_byte_array_append(v->in, buffer, (guint)n);
        v->n_bytes += (uint64_t)n;
    }
    while (v->in->len > 0) {
        ZgRfbReader in = {.bytes = v->in->data, .n_bytes = v->in->len};
        if (!viewer_take(v, &in)) {
            break;
        }
        g_byte_array_remove_range(v->in, 0, (guint)in.at);
    }
}

/* ---- running ---- */

static inline void
pump(Fixture *f)
{
    uint8_t buffer[4096];
    ssize_t n = f->console < 0 ? 0 : recv(f->console, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n > 0) {
        g_byte_array_append(f->console_in, buffer, (guint)n);
    }
    for (unsigned i = 0; i < f->n_viewers; i++) {
        if (!f->viewers[i].closed && !f->viewers[i].stopped) {
            viewer_pump(&f->viewers[i]);
        }
    }
    if (!g_main_context_iteration(NULL, FALSE)) {
        poll(NULL, 0, 1);
    }
}

#define WAIT(f, condition)                                                                         \
    do {                                                                                           \
        int64_t until_us = zg_clock_mono_us() + DEADLINE_US;                                       \
        while (!(condition)) {                                                                     \
            assert_true(zg_clock_mono_us() < until_us);                                            \
            pump(f);                                                                               \
        }                                                                                          \
    } while (0)

static inline uint32_t
pixel(const Viewer *v, int x, int y)
{
    return v->picture.pixels[y * v->picture.width + x] & 0xffffff;
}

static inline int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->console_in = g_byte_array_new();
    f->pipeline = zg_pipeline_new("Test", &events, f);
    f->console = -1;
    f->grain = 15;
    console_open(f, WIDTH, HEIGHT);
    WAIT(f, f->n_sizes == 1);
    *state = f;
    return 0;
}

static inline int
tear_down(void **state)
{
    Fixture *f = *state;

    zg_pipeline_free(f->pipeline);
    if (f->console >= 0) {
        close(f->console);
    }
    for (unsigned i = 0; i < f->n_viewers; i++) {
        close(f->viewers[i].fd);
        g_byte_array_unref(f->viewers[i].in);
        tight_picture_end(&f->viewers[i].picture);
        zaguan_picture_end(&f->viewers[i].ours);
        g_free(f->viewers[i].picture.pixels);
        g_free(f->viewers[i].text);
    }
    g_byte_array_unref(f->console_in);
    g_free(f->gone_reason);
    g_free(f);
    return 0;
}

/* ---- scenes on the whole screen ---- */

static const ZgRect all = {0, 0, WIDTH, HEIGHT};

/* @pixels: WIDTH x HEIGHT, filled in. */
static inline void
show_photo(Fixture *f, uint32_t *pixels, uint32_t step)
{
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        uint32_t x = (uint32_t)(i % WIDTH) + step * 3, y = (uint32_t)(i / WIDTH);
        uint32_t n = (x * 7919 + y * 104729) >> 4 & f->grain;
        pixels[i] = (x / 2 % 192 + n) << 16 | (y / 2 + n) << 8 | n;
    }
    console_paint(f, all, pixels);
}

/* Until @pixels is the last of @n_frames. */
static inline void
play_film(Fixture *f, uint32_t *pixels, uint32_t n_frames, int64_t frame_us)
{
    for (uint32_t i = 0; i < n_frames; i++) {
        int64_t next_us = zg_clock_mono_us() + frame_us;
        show_photo(f, pixels, i);
        WAIT(f, zg_clock_mono_us() >= next_us);
    }
}

static inline bool
shows(const Viewer *v, const uint32_t *pixels)
{
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        if ((v->picture.pixels[i] & 0xffffff) != pixels[i]) {
            return false;
        }
    }
    return true;
}
