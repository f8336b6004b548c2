/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The encoding of our own: solid areas, pixels and predicted pixels as parts that a viewer's zstd
 * stream packs later (out_zaguan), so that they may refer to what that viewer was sent long before.
 * Pixels go as they are, not as palettes: what comes back then looks the same, wherever it lies. A
 * blob is whole Tight rectangles for photos, then the parts.
 * Source: docs/protocol/zaguan-encoding.md.
 */
#include "display/encoder.h"

#include <string.h>

#include "display/out_zaguan.h"
#include "display/pixel.h"
#include "display/tile_runs.h"

typedef struct {
    ZgEncoder base;
    ZgEncoder *tight; /* for photos; NULL until there is one */
    GByteArray *photos, *parts;
    GByteArray *rows; /* scratch of prediction */
    ZgTileRuns *runs;
} ZaguanEncoder;

static ZgEncoder *
zaguan_create(void)
{
    ZaguanEncoder *z = g_new0(ZaguanEncoder, 1);

    z->base.ops = &zg_encoder_zaguan;
    z->photos = g_byte_array_new();
    z->parts = g_byte_array_new();
    z->rows = g_byte_array_new();
    z->runs = zg_tile_runs_new(false);
    return &z->base;
}

static void
zaguan_free(ZgEncoder *encoder)
{
    ZaguanEncoder *z = (ZaguanEncoder *)encoder;

    if (z->tight != NULL) {
        z->tight->ops->free(z->tight);
    }
    g_byte_array_unref(z->photos);
    g_byte_array_unref(z->parts);
    g_byte_array_unref(z->rows);
    zg_tile_runs_free(z->runs);
    g_free(z);
}

static uint8_t *
put_colour(uint8_t *out, uint32_t colour)
{
    out[0] = (uint8_t)(colour >> 16);
    out[1] = (uint8_t)(colour >> 8);
    out[2] = (uint8_t)colour;
    return out + 3;
}

static uint8_t *
grow(ZaguanEncoder *z, size_t n)
{
    guint at = z->parts->len;

    g_byte_array_set_size(z->parts, at + (guint)n);
    return z->parts->data + at;
}

static void
put_pixels(ZaguanEncoder *z, const uint32_t *pixels, size_t stride, int width, int height)
{
    uint8_t *out = grow(z, (size_t)width * (size_t)height * 3);

    for (int y = 0; y < height; y++, pixels += stride) {
        for (int x = 0; x < width; x++) {
            out = put_colour(out, pixels[x]);
        }
    }
}
/* Of what lies left, above and between: the middle one of left, above and their plane (LOCO-I). */
static int
predict(int left, int above, int corner)
{
    int least = MIN(left, above), most = MAX(left, above);

    return corner >= most ? least : corner <= least ? most : left + above - corner;
}

/* Green, red less green and blue less green, each less what its neighbours foretell. */
static void
put_predicted(ZaguanEncoder *z, const uint32_t *pixels, size_t stride, int width, int height)
{
    size_t n_row = (size_t)width * 3;
    uint8_t *out = grow(z, n_row * (size_t)height);

    g_byte_array_set_size(z->rows, (guint)(2 * (n_row + 3)));
    uint8_t *above = z->rows->data, *row = above + n_row + 3;
    memset(above, 0, 2 * (n_row + 3));
    for (int y = 0; y < height; y++, pixels += stride) {
        for (int x = 0; x < width; x++) {
            uint8_t green = (uint8_t)(pixels[x] >> 8);
            uint8_t *to = row + 3 + (size_t)x * 3, *up = above + 3 + (size_t)x * 3;
            to[0] = (uint8_t)((pixels[x] >> 16) - green);
            to[1] = green;
            to[2] = (uint8_t)(pixels[x] - green);
            for (int c = 0; c < 3; c++) {
                *out++ = (uint8_t)(to[c] - predict((to - 3)[c], up[c], (up - 3)[c]));
            }
        }
        uint8_t *swap = above;
        above = row;
        row = swap;
    }
}

static void
put_exact(ZaguanEncoder *z, const ZgTile *tile, const ZgTileRun *run)
{
    ZgRect r = run->area;
    const uint32_t *pixels = zg_tile_pixels(tile, r);

    zg_rfb_put_u16(z->parts, (uint16_t)(tile->area.x + r.x));
    zg_rfb_put_u16(z->parts, (uint16_t)(tile->area.y + r.y));
    zg_rfb_put_u16(z->parts, (uint16_t)r.width);
    zg_rfb_put_u16(z->parts, (uint16_t)r.height);
    if (run->kind == ZG_RUN_SOLID) {
        zg_rfb_put_u8(z->parts, ZG_ZAGUAN_SOLID);
        put_colour(grow(z, 3), run->colour);
    } else if (run->kind == ZG_RUN_COLOURS) {
        zg_rfb_put_u8(z->parts, ZG_ZAGUAN_PIXELS);
        put_pixels(z, pixels, tile->stride, r.width, r.height);
    } else {
        zg_rfb_put_u8(z->parts, ZG_ZAGUAN_PREDICTED);
        put_predicted(z, pixels, tile->stride, r.width, r.height);
    }
}

/*
 * About what a run takes once packed, without anything to refer to: about a byte for each pixel
 * that is like neither its left nor its upper neighbour, and more where most are.
 */
static size_t
guess(const ZgTile *tile, const ZgTileRun *run)
{
    const uint32_t *row = zg_tile_pixels(tile, run->area);
    size_t n_pixels = (size_t)run->area.width * (size_t)run->area.height, n_new = 0;

    if (run->kind != ZG_RUN_COLOURS) {
        return run->kind == ZG_RUN_SOLID ? 4 : n_pixels * 2;
    }
    for (int y = 1; y < run->area.height; y++) {
        const uint32_t *above = row;
        row += tile->stride;
        for (int x = 1; x < run->area.width; x++) {
            bool is_new = ((row[x] ^ row[x - 1]) & ZG_PIXEL_RGB) != 0 &&
                          ((row[x] ^ above[x]) & ZG_PIXEL_RGB) != 0;
            n_new += is_new;
        }
    }
    return n_new < n_pixels / 4 ? n_new : n_new * 3;
}

/* Return: rectangles. */
static unsigned
put_photo(ZaguanEncoder *z, const ZgTile *tile, ZgRect r, const ZgEncodeWish *wish, ZgRect *lossy)
{
    ZgTile photo = {.area = {tile->area.x + r.x, tile->area.y + r.y, r.width, r.height},
                    .pixels = zg_tile_pixels(tile, r),
                    .stride = tile->stride};
    ZgBlob *blob;
    unsigned n_rects;

    if (z->tight == NULL) {
        z->tight = zg_encoder_tight.create();
    }
    blob = z->tight->ops->encode(z->tight, &photo, wish);
    n_rects = blob->n_rects;
    g_byte_array_append(z->photos, blob->bytes, (guint)blob->n_bytes);
    *lossy = zg_rect_around(*lossy, blob->lossy);
    zg_blob_unref(blob);
    return n_rects;
}

static ZgBlob *
zaguan_encode(ZgEncoder *encoder, const ZgTile *tile, const ZgEncodeWish *wish)
{
    ZaguanEncoder *z = (ZaguanEncoder *)encoder;
    bool photos = wish->jpeg_quality >= 0 && wish->format.bits_per_pixel > 8;
    ZgRect lossy = {0};
    size_t n_guess = 0;
    unsigned n_rects = 0;
    const GArray *runs;
    ZgBlob *blob;

    g_byte_array_set_size(z->photos, 0);
    g_byte_array_set_size(z->parts, 0);
    runs = zg_tile_runs_cut(z->runs, tile, photos);
    for (guint i = 0; i < runs->len; i++) {
        const ZgTileRun *run = &g_array_index(runs, ZgTileRun, i);
        if (run->kind == ZG_RUN_PHOTO) {
            n_rects += put_photo(z, tile, run->area, wish, &lossy);
        } else {
            put_exact(z, tile, run);
            n_guess += guess(tile, run);
        }
    }
    n_guess += z->photos->len;
    g_byte_array_append(z->photos, z->parts->data, z->parts->len);
    blob = zg_blob_new(z->photos->data, z->photos->len, n_rects, lossy);
    blob->n_parts = z->parts->len;
    blob->n_wire = MIN(n_guess, blob->n_bytes);
    return blob;
}

const ZgEncoderOps zg_encoder_zaguan = {.name = "zaguan",
                                        .create = zaguan_create,
                                        .free = zaguan_free,
                                        .encode = zaguan_encode};
