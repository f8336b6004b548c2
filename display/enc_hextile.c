/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hextile: tiles of 16x16 as a background and rectangles on it; no compressor at all.
 * Source: RFC 6143, 7.7.4.
 */
#include "display/encoder.h"

#include <string.h>

#include "display/pixel.h"

#define TILE_SIDE 16
#define SUB_RAW 1
#define SUB_BACKGROUND 2
#define SUB_FOREGROUND 4
#define SUB_RECTS 8
#define SUB_COLOURED 16
#define RECTS_MOST 255
#define NO_COLOUR 0xffffffffu /* frame pixels are compared without their unused byte */

typedef struct {
    ZgEncoder base;
    GByteArray *out;
    GByteArray *rects; /* of the tile at hand */
    uint32_t tile[TILE_SIDE * TILE_SIDE];
    uint32_t background, foreground; /* as the viewer has them */
} HextileEncoder;

static ZgEncoder *
hextile_create(void)
{
    HextileEncoder *h = g_new0(HextileEncoder, 1);

    h->base.ops = &zg_encoder_hextile;
    h->out = g_byte_array_new();
    h->rects = g_byte_array_new();
    return &h->base;
}

static void
hextile_free(ZgEncoder *encoder)
{
    HextileEncoder *h = (HextileEncoder *)encoder;

    g_byte_array_unref(h->out);
    g_byte_array_unref(h->rects);
    g_free(h);
}

static void
put_pixels(GByteArray *out, const ZgPixelFormat *format, const uint32_t *pixels, size_t n)
{
    guint at = out->len;

    g_byte_array_set_size(out, at + (guint)(n * format->bits_per_pixel / 8));
    zg_pixel_convert(format, pixels, n, out->data + at);
}

/* The more frequent of the first two colours; *out_other is the second, or NO_COLOUR. */
static uint32_t
choose_background(const uint32_t *tile, int n, uint32_t *out_other, bool *out_more)
{
    uint32_t first = tile[0], second = NO_COLOUR;
    int n_first = 0, n_second = 0;

    *out_more = false;
    for (int i = 0; i < n; i++) {
        if (tile[i] == first) {
            n_first++;
        } else if (second == NO_COLOUR || tile[i] == second) {
            second = tile[i];
            n_second++;
        } else {
            *out_more = true;
        }
    }
    *out_other = n_second > n_first ? first : second;
    return n_second > n_first ? second : first;
}

/* The largest rectangle of one colour from @x, @y: first to the right, then down. */
static void
grow(const uint32_t *tile, int width, int height, int x, int y, int *out_w, int *out_h)
{
    uint32_t colour = tile[y * width + x];
    int w = 1, h = 1;

    while (x + w < width && tile[y * width + x + w] == colour) {
        w++;
    }
    for (; y + h < height; h++) {
        int i = 0;
        while (i < w && tile[(y + h) * width + x + i] == colour) {
            i++;
        }
        if (i < w) {
            break;
        }
    }
    *out_w = w;
    *out_h = h;
}

/* Return: rectangles put into h->rects, or RECTS_MOST + 1 when Raw is shorter. */
static unsigned
cut_rects(HextileEncoder *h, const ZgPixelFormat *format, int width, int height,
          uint32_t background, bool coloured)
{
    guint most_bytes = (guint)(width * height) * (format->bits_per_pixel / 8);
    uint32_t left[TILE_SIDE * TILE_SIDE];
    unsigned n = 0;

    memcpy(left, h->tile, sizeof left);
    g_byte_array_set_size(h->rects, 0);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            uint32_t colour = left[y * width + x];
            int w, tall;
            if (colour == background) {
                continue;
            }
            grow(left, width, height, x, y, &w, &tall);
            if (coloured) {
                put_pixels(h->rects, format, &colour, 1);
            }
            zg_rfb_put_u8(h->rects, (uint8_t)(x << 4 | y));
            zg_rfb_put_u8(h->rects, (uint8_t)((w - 1) << 4 | (tall - 1)));
            if (++n > RECTS_MOST || h->rects->len >= most_bytes) {
                return RECTS_MOST + 1;
            }
            for (int i = 0; i < w * tall; i++) {
                left[(y + i / w) * width + x + i % w] = background;
            }
        }
    }
    return n;
}

static void
put_tile(HextileEncoder *h, const ZgPixelFormat *format, int width, int height)
{
    uint32_t other, background;
    bool more;
    uint8_t mask;
    unsigned n_rects;

    background = choose_background(h->tile, width * height, &other, &more);
    n_rects = cut_rects(h, format, width, height, background, more);
    if (n_rects > RECTS_MOST) {
        zg_rfb_put_u8(h->out, SUB_RAW);
        put_pixels(h->out, format, h->tile, (size_t)(width * height));
        h->background = h->foreground = NO_COLOUR; /* as the protocol has it */
        return;
    }
    mask = background != h->background ? SUB_BACKGROUND : 0;
    mask |= n_rects > 0 ? SUB_RECTS : 0;
    mask |= n_rects > 0 && more ? SUB_COLOURED : 0;
    mask |= n_rects > 0 && !more && other != h->foreground ? SUB_FOREGROUND : 0;
    zg_rfb_put_u8(h->out, mask);
    if (mask & SUB_BACKGROUND) {
        put_pixels(h->out, format, &background, 1);
        h->background = background;
    }
    if (mask & SUB_FOREGROUND) {
        put_pixels(h->out, format, &other, 1);
        h->foreground = other;
    }
    if (mask & SUB_COLOURED) {
        h->foreground = NO_COLOUR; /* not carried over from such a tile */
    }
    if (n_rects > 0) {
        zg_rfb_put_u8(h->out, (uint8_t)n_rects);
        g_byte_array_append(h->out, h->rects->data, h->rects->len);
    }
}

static ZgBlob *
hextile_encode(ZgEncoder *encoder, const ZgTile *tile, const ZgEncodeWish *wish)
{
    HextileEncoder *h = (HextileEncoder *)encoder;
    ZgRect a = tile->area;

    g_byte_array_set_size(h->out, 0);
    h->background = h->foreground = NO_COLOUR;
    zg_rfb_put_rect(h->out, a.x, a.y, a.width, a.height, ZG_RFB_HEXTILE);
    for (int y = 0; y < a.height; y += TILE_SIDE) {
        for (int x = 0; x < a.width; x += TILE_SIDE) {
            int width = MIN(TILE_SIDE, a.width - x), height = MIN(TILE_SIDE, a.height - y);
            for (int i = 0; i < width * height; i++) {
                h->tile[i] = tile->pixels[(size_t)(y + i / width) * tile->stride +
                                          (size_t)(x + i % width)] &
                             ZG_PIXEL_RGB;
            }
            put_tile(h, &wish->format, width, height);
        }
    }
    return zg_blob_new(h->out->data, h->out->len, 1, (ZgRect){0});
}

const ZgEncoderOps zg_encoder_hextile = {
    .name = "hextile", .create = hextile_create, .free = hextile_free, .encode = hextile_encode};
