/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A decoder of our own encoding as a viewer would have it, written from
 * docs/protocol/zaguan-encoding.md. Nothing a server sends makes it leave its bounds: it refuses.
 * Photos come as Tight rectangles: see tests/unit/display/tight_decoder.h.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "display/rfb_wire.h"

#define ZAGUAN_PLAIN_MAX (4u * 1024 * 1024)
#define ZAGUAN_PACKED_MAX (ZAGUAN_PLAIN_MAX + 64u * 1024)
#define ZAGUAN_WINDOW_LOG_MAX 22

typedef struct {
    uint32_t *pixels; /* width * height, 0x00RRGGBB; borrowed */
    int width, height;
    ZSTD_DCtx *stream; /* NULL until one has begun, and after one broke */
    uint8_t *plain; /* room for the largest rectangle so far */
    size_t n_room;
    unsigned n_rects, n_streams, n_solid, n_pixels, n_predicted; /* what was drawn */
} ZaguanPicture;

/* Lets go of the stream, not of the pixels. */
static inline void
zaguan_picture_end(ZaguanPicture *p)
{
    ZSTD_freeDCtx(p->stream);
    g_free(p->plain);
    p->stream = NULL;
    p->plain = NULL;
    p->n_room = 0;
}

static inline uint32_t
zaguan_colour(const uint8_t *rgb)
{
    return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

static inline int
zaguan_foretell(int left, int above, int corner)
{
    int least = MIN(left, above), most = MAX(left, above);

    return corner >= most ? least : corner <= least ? most : left + above - corner;
}

/* Rows of red less green, green, blue less green; each less what its neighbours foretell. */
static inline void
zaguan_draw_predicted(uint32_t *to, size_t stride, const uint8_t *from, int width, int height)
{
    size_t n_row = (size_t)width * 3 + 3; /* with zeroes to the left */
    g_autofree uint8_t *rows = g_malloc0(n_row * 2);

    for (int y = 0; y < height; y++, to += stride) {
        uint8_t *row = rows + (y & 1 ? n_row : 0), *above = rows + (y & 1 ? 0 : n_row);
        for (size_t i = 3; i < n_row; i++) {
            row[i] = (uint8_t)(*from++ + zaguan_foretell(row[i - 3], above[i], above[i - 3]));
        }
        for (size_t x = 0; x < (size_t)width; x++) {
            const uint8_t *p = row + 3 + x * 3;
            uint8_t rgb[3] = {(uint8_t)(p[0] + p[1]), p[1], (uint8_t)(p[2] + p[1])};
            to[x] = zaguan_colour(rgb);
        }
    }
}

/* The area is inside the picture. Return: false when the part is not whole or wrong. */
static inline bool
zaguan_draw_part(ZaguanPicture *p, ZgRfbReader *in, int x, int y, int width, int height)
{
    uint8_t kind = zg_rfb_read_u8(in);
    size_t n_pixel = kind == 0 ? 0 : 3;
    const uint8_t *from =
        zg_rfb_read_bytes(in, kind == 0 ? 3 : 3 * (size_t)width * (size_t)height);
    uint32_t *to = p->pixels + (size_t)y * (size_t)p->width + x;

    if (kind > 2 || from == NULL) {
        return false;
    }
    p->n_solid += kind == 0;
    p->n_pixels += kind == 1;
    p->n_predicted += kind == 2;
    if (kind == 2) {
        zaguan_draw_predicted(to, (size_t)p->width, from, width, height);
        return true;
    }
    for (int row = 0; row < height; row++, to += p->width) {
        for (int i = 0; i < width; i++, from += n_pixel) {
            to[i] = zaguan_colour(from);
        }
    }
    return true;
}

static inline bool
zaguan_draw_parts(ZaguanPicture *p, const uint8_t *plain, size_t n_plain)
{
    ZgRfbReader in = {.bytes = plain, .n_bytes = n_plain};

    while (in.at < in.n_bytes) {
        int x = zg_rfb_read_u16(&in), y = zg_rfb_read_u16(&in);
        int width = zg_rfb_read_u16(&in), height = zg_rfb_read_u16(&in);
        if (in.short_of_bytes || width == 0 || height == 0 || x + width > p->width ||
            y + height > p->height || !zaguan_draw_part(p, &in, x, y, width, height)) {
            return false;
        }
    }
    return true;
}

static inline bool
zaguan_unpack(ZaguanPicture *p, const uint8_t *packed, size_t n_packed, size_t n_plain)
{
    ZSTD_inBuffer in = {packed, n_packed, 0};
    ZSTD_outBuffer out = {p->plain, n_plain, 0};
    uint8_t more;
    ZSTD_outBuffer rest = {&more, 1, 0};

    while (out.pos < n_plain) {
        size_t in_was = in.pos, out_was = out.pos, rc = ZSTD_decompressStream(p->stream, &out, &in);
        if (ZSTD_isError(rc) || rc == 0 || (in.pos == in_was && out.pos == out_was)) {
            return false; /* 0: a frame that ends, which ours never does */
        }
    }
    if (in.pos < n_packed || n_plain == 0) { /* what is left must give nothing */
        size_t rc = ZSTD_decompressStream(p->stream, &rest, &in);
        return !ZSTD_isError(rc) && rc != 0 && in.pos == n_packed && rest.pos == 0;
    }
    return true;
}

static inline bool
zaguan_begin(ZaguanPicture *p)
{
    if (p->stream == NULL) {
        p->stream = ZSTD_createDCtx();
    }
    p->n_streams++;
    return p->stream != NULL &&
           !ZSTD_isError(ZSTD_DCtx_reset(p->stream, ZSTD_reset_session_only)) &&
           !ZSTD_isError(ZSTD_DCtx_setParameter(p->stream, ZSTD_d_windowLogMax,
                                                ZAGUAN_WINDOW_LOG_MAX));
}

/*
 * Draws one rectangle, the head already read. Return: false when it is wrong or not all there;
 * then the connection must be ended.
 */
static inline bool
zaguan_picture_draw(ZaguanPicture *p, ZgRfbReader *in)
{
    uint8_t flags = zg_rfb_read_u8(in);
    uint32_t n_plain = zg_rfb_read_u32(in), n_packed = zg_rfb_read_u32(in);
    const uint8_t *packed;

    if (in->short_of_bytes || n_plain > ZAGUAN_PLAIN_MAX || n_packed > ZAGUAN_PACKED_MAX ||
        flags > 2) {
        return false;
    }
    packed = zg_rfb_read_bytes(in, n_packed);
    if (packed == NULL) {
        return false;
    }
    p->n_rects++;
    if (flags == 2) {
        return n_packed == n_plain && zaguan_draw_parts(p, packed, n_packed);
    }
    if (flags == 1 && !zaguan_begin(p)) {
        return false;
    }
    if (p->stream == NULL) {
        return false;
    }
    if (p->plain == NULL || n_plain > p->n_room) {
        p->plain = g_realloc(p->plain, n_plain + 1);
        p->n_room = n_plain;
    }
    return zaguan_unpack(p, packed, n_packed, n_plain) &&
           zaguan_draw_parts(p, p->plain, n_plain);
}
