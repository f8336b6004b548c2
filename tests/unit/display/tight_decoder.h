/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small decoder of Raw and Tight rectangles, written from rfbproto.rst for the tests. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <turbojpeg.h>
#include <zlib.h>

#include "display/rfb_wire.h"

typedef struct {
    uint32_t *pixels;
    int width, height;
    unsigned n_jpeg, n_fill, n_palette, n_copy, n_raw, n_moved; /* rectangles by kind */
    z_stream streams[2]; /* of four: 0 is begun anew by a bit, 1 with its first bytes */
    bool has_stream[2];
} TightPicture;

static inline void
end_stream(TightPicture *picture, unsigned no)
{
    if (picture->has_stream[no]) {
        inflateEnd(&picture->streams[no]);
    }
    picture->has_stream[no] = false;
    memset(&picture->streams[no], 0, sizeof picture->streams[no]);
}

/* Lets go of the streams, not of the pixels. */
static inline void
tight_picture_end(TightPicture *picture)
{
    end_stream(picture, 0);
    end_stream(picture, 1);
}

static inline uint32_t
decode_length(ZgRfbReader *in)
{
    uint32_t b = zg_rfb_read_u8(in), n = b & 0x7f;

    if (b & 0x80) {
        b = zg_rfb_read_u8(in);
        n |= (b & 0x7f) << 7;
        if (b & 0x80) {
            n |= (uint32_t)zg_rfb_read_u8(in) << 14;
        }
    }
    return n;
}

/* @n plain bytes, inflated when there are at least 12. */
static inline bool
decode_plain(ZgRfbReader *in, uint8_t *out, size_t n, uint8_t control, TightPicture *picture)
{
    unsigned no = control >> 4 & 3;
    const uint8_t *packed;
    uint32_t n_packed;
    z_stream *z = &picture->streams[no & 1];
    bool reset = (control & 1) != 0;
    int rc;

    if (n < 12) {
        packed = zg_rfb_read_bytes(in, n);
        if (packed != NULL) {
            memcpy(out, packed, n);
        }
        return packed != NULL;
    }
    n_packed = decode_length(in);
    packed = zg_rfb_read_bytes(in, n_packed);
    if (packed == NULL) {
        return false;
    }
    if (no > 1 || (no == 1) == reset) { /* ours: each part of 0 resets it, 1 is never reset */
        return false;
    }
    if (reset || !picture->has_stream[no]) {
        end_stream(picture, no);
        picture->has_stream[no] = inflateInit(z) == Z_OK;
    }
    z->next_in = (Bytef *)packed;
    z->avail_in = n_packed;
    z->next_out = out;
    z->avail_out = (uInt)n;
    rc = inflate(z, Z_SYNC_FLUSH);
    return (rc == Z_OK || rc == Z_STREAM_END) && z->avail_out == 0;
}

static inline uint32_t
decode_rgb(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline bool
decode_basic(ZgRfbReader *in, uint32_t *out, int width, int height, uint8_t control,
             TightPicture *picture)
{
    size_t n = (size_t)width * (size_t)height, row_bytes;
    uint8_t filter = control & 0x40 ? zg_rfb_read_u8(in) : 0;
    uint32_t palette[256];
    unsigned n_colours;
    g_autofree uint8_t *plain = NULL;

    if (filter == 0) {
        picture->n_copy++;
        plain = g_malloc(n * 3);
        if (!decode_plain(in, plain, n * 3, control, picture)) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            out[i] = decode_rgb(plain + i * 3);
        }
        return true;
    }
    if (filter != 1) {
        return false;
    }
    picture->n_palette++;
    n_colours = zg_rfb_read_u8(in) + 1u;
    for (unsigned i = 0; i < n_colours; i++) {
        const uint8_t *p = zg_rfb_read_bytes(in, 3);
        if (p == NULL) {
            return false;
        }
        palette[i] = decode_rgb(p);
    }
    row_bytes = n_colours == 2 ? ((size_t)width + 7) / 8 : (size_t)width;
    plain = g_malloc(row_bytes * (size_t)height);
    if (!decode_plain(in, plain, row_bytes * (size_t)height, control, picture)) {
        return false;
    }
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            const uint8_t *row = plain + (size_t)y * row_bytes;
            unsigned i = n_colours == 2 ? row[x / 8] >> (7 - (x & 7)) & 1u : row[x];
            if (i >= n_colours) {
                return false;
            }
            out[y * width + x] = palette[i];
        }
    }
    return true;
}

static inline bool
decode_tight(ZgRfbReader *in, uint32_t *out, int width, int height, TightPicture *picture)
{
    uint8_t control = zg_rfb_read_u8(in);

    if (control == 0x80) {
        const uint8_t *p = zg_rfb_read_bytes(in, 3);
        picture->n_fill++;
        for (int i = 0; p != NULL && i < width * height; i++) {
            out[i] = decode_rgb(p);
        }
        return p != NULL;
    }
    if (control == 0x90) {
        uint32_t n = decode_length(in);
        const uint8_t *jpeg = zg_rfb_read_bytes(in, n);
        tjhandle h = tjInitDecompress();
        int rc = jpeg == NULL ? -1
                              : tjDecompress2(h, jpeg, n, (unsigned char *)out, width, 0, height,
                                              TJPF_BGRX, 0);
        picture->n_jpeg++;
        tjDestroy(h);
        return rc == 0;
    }
    return (control & 0x80) == 0 && decode_basic(in, out, width, height, control, picture);
}

/* CopyRect: @out gets the pixels that go to the new place. */
static inline bool
decode_copyrect(ZgRfbReader *in, uint32_t *out, int width, int height, TightPicture *picture)
{
    int x = zg_rfb_read_u16(in), y = zg_rfb_read_u16(in);

    picture->n_moved++;
    if (in->short_of_bytes || x + width > picture->width || y + height > picture->height) {
        return false;
    }
    for (int row = 0; row < height; row++) {
        memcpy(out + (size_t)row * (size_t)width,
               picture->pixels + (size_t)(y + row) * (size_t)picture->width + x,
               (size_t)width * 4);
    }
    return true;
}

/* Draws the next rectangle. Return: false when it is wrong or not all of it is there. */
static inline bool
tight_picture_draw_rect(TightPicture *picture, ZgRfbReader *in)
{
    int x = zg_rfb_read_u16(in), y = zg_rfb_read_u16(in);
    int width = zg_rfb_read_u16(in), height = zg_rfb_read_u16(in);
    int32_t encoding = zg_rfb_read_s32(in);
    g_autofree uint32_t *out = g_new0(uint32_t, (size_t)width * (size_t)height + 1);

    if (in->short_of_bytes || x + width > picture->width || y + height > picture->height) {
        return false;
    }
    if (encoding == ZG_RFB_RAW) {
        const uint8_t *p = zg_rfb_read_bytes(in, (size_t)width * (size_t)height * 4);
        picture->n_raw++;
        if (p == NULL) {
            return false;
        }
        memcpy(out, p, (size_t)width * (size_t)height * 4);
    } else if (encoding == ZG_RFB_COPYRECT) {
        if (!decode_copyrect(in, out, width, height, picture)) {
            return false;
        }
    } else if (encoding != ZG_RFB_TIGHT || !decode_tight(in, out, width, height, picture)) {
        return false;
    }
    for (int row = 0; row < height; row++) {
        memcpy(picture->pixels + (size_t)(y + row) * (size_t)picture->width + x,
               out + (size_t)row * (size_t)width, (size_t)width * 4);
    }
    return true;
}

/* Draws @n_rects rectangles in the native format. Return: all bytes were understood and used. */
static inline bool
tight_picture_draw(TightPicture *picture, const uint8_t *bytes, size_t n_bytes, unsigned n_rects)
{
    ZgRfbReader in = {.bytes = bytes, .n_bytes = n_bytes};

    while (n_rects-- > 0) {
        if (!tight_picture_draw_rect(picture, &in)) {
            return false;
        }
    }
    return !in.short_of_bytes && in.at == in.n_bytes;
}
