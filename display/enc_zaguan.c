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
#include "display/tile_class.h"

#define CELL_SIDE 64    /* what is classified at once */
#define PIXELS_CELLS_MOST 8 /* joined sideways, so that what comes back is cut alike */

typedef enum {
    RUN_SOLID,
    RUN_PIXELS,    /* text, lines, drawn things */
    RUN_PREDICTED, /* like a photo, but to be exact */
    RUN_PHOTO,     /* may be a JPEG */
} RunKind;

typedef struct {
    ZgRect area; /* inside the tile */
    RunKind kind;
    uint32_t colour; /* of a solid one */
} Run;

typedef struct {
    ZgEncoder base;
    ZgEncoder *tight; /* for photos; NULL until there is one */
    GByteArray *photos, *parts;
    GByteArray *rows; /* scratch of prediction */
    GArray *runs;
    ZgPalette palette; /* scratch of classification */
} ZaguanEncoder;

static ZgEncoder *
zaguan_create(void)
{
    ZaguanEncoder *z = g_new0(ZaguanEncoder, 1);

    z->base.ops = &zg_encoder_zaguan;
    z->photos = g_byte_array_new();
    z->parts = g_byte_array_new();
    z->rows = g_byte_array_new();
    z->runs = g_array_new(FALSE, FALSE, sizeof(Run));
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
    g_array_unref(z->runs);
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

static const uint32_t *
first_pixel(const ZgTile *tile, ZgRect r)
{
    return tile->pixels + (size_t)r.y * tile->stride + (size_t)r.x;
}

static void
put_exact(ZaguanEncoder *z, const ZgTile *tile, const Run *run)
{
    ZgRect r = run->area;
    const uint32_t *pixels = first_pixel(tile, r);

    zg_rfb_put_u16(z->parts, (uint16_t)(tile->area.x + r.x));
    zg_rfb_put_u16(z->parts, (uint16_t)(tile->area.y + r.y));
    zg_rfb_put_u16(z->parts, (uint16_t)r.width);
    zg_rfb_put_u16(z->parts, (uint16_t)r.height);
    if (run->kind == RUN_SOLID) {
        zg_rfb_put_u8(z->parts, ZG_ZAGUAN_SOLID);
        put_colour(grow(z, 3), run->colour);
    } else if (run->kind == RUN_PIXELS) {
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
guess(const ZgTile *tile, const Run *run)
{
    const uint32_t *row = first_pixel(tile, run->area);
    size_t n_pixels = (size_t)run->area.width * (size_t)run->area.height, n_new = 0;

    if (run->kind != RUN_PIXELS) {
        return run->kind == RUN_SOLID ? 4 : n_pixels * 2;
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

/* ---- cutting a tile into runs ---- */

static bool
join_left(Run *left, const Run *run)
{
    if (left->area.y != run->area.y || left->area.x + left->area.width != run->area.x ||
        left->kind != run->kind || left->colour != run->colour) {
        return false;
    }
    if (run->kind == RUN_PIXELS && left->area.width >= PIXELS_CELLS_MOST * CELL_SIDE) {
        return false;
    }
    left->area.width += run->area.width;
    return true;
}

/* All but pixels also join with the run above. */
static void
join_up(GArray *runs, guint row_start)
{
    for (guint i = row_start; i < runs->len; i++) {
        Run *run = &g_array_index(runs, Run, i);
        for (guint k = 0; k < row_start && run->kind != RUN_PIXELS; k++) {
            Run *above = &g_array_index(runs, Run, k);
            if (above->kind == run->kind && above->area.x == run->area.x &&
                above->area.width == run->area.width &&
                above->area.y + above->area.height == run->area.y &&
                above->colour == run->colour) {
                above->area.height += run->area.height;
                g_array_remove_index(runs, i);
                i--;
                break;
            }
        }
    }
}

static Run
read_cell(ZaguanEncoder *z, const ZgTile *tile, int x, int y, bool photos)
{
    Run run = {.area = {x, y, MIN(CELL_SIDE, tile->area.width - x),
                        MIN(CELL_SIDE, tile->area.height - y)}};
    uint32_t colour;

    switch (zg_tile_classify(first_pixel(tile, run.area), tile->stride, run.area.width,
                             run.area.height, &z->palette, &colour)) {
    case ZG_CLASS_SOLID:
        run.kind = RUN_SOLID;
        run.colour = colour & ZG_PIXEL_RGB;
        break;
    case ZG_CLASS_EXACT:
        zg_palette_read(&z->palette, first_pixel(tile, run.area), tile->stride, run.area.width,
                        run.area.height, ZG_PALETTE_MAX);
        run.kind = z->palette.n > ZG_PALETTE_MAX ? RUN_PREDICTED : RUN_PIXELS;
        break;
    case ZG_CLASS_PHOTO:
        run.kind = photos ? RUN_PHOTO : RUN_PREDICTED;
        break;
    }
    return run;
}

static void
cut_into_runs(ZaguanEncoder *z, const ZgTile *tile, bool photos)
{
    g_array_set_size(z->runs, 0);
    for (int y = 0; y < tile->area.height; y += CELL_SIDE) {
        guint row_start = z->runs->len;
        for (int x = 0; x < tile->area.width; x += CELL_SIDE) {
            Run run = read_cell(z, tile, x, y, photos);
            if (z->runs->len == row_start ||
                !join_left(&g_array_index(z->runs, Run, z->runs->len - 1), &run)) {
                g_array_append_val(z->runs, run);
            }
        }
        join_up(z->runs, row_start);
    }
}

static void
grow_lossy(ZgRect *lossy, ZgRect r)
{
    int x1 = MAX(lossy->x + lossy->width, r.x + r.width);
    int y1 = MAX(lossy->y + lossy->height, r.y + r.height);

    if (zg_rect_is_empty(*lossy)) {
        *lossy = r;
        return;
    }
    lossy->x = MIN(lossy->x, r.x);
    lossy->y = MIN(lossy->y, r.y);
    lossy->width = x1 - lossy->x;
    lossy->height = y1 - lossy->y;
}

/* Return: rectangles. */
static unsigned
put_photo(ZaguanEncoder *z, const ZgTile *tile, ZgRect r, const ZgEncodeWish *wish, ZgRect *lossy)
{
    ZgTile photo = {.area = {tile->area.x + r.x, tile->area.y + r.y, r.width, r.height},
                    .pixels = first_pixel(tile, r),
                    .stride = tile->stride};
    ZgBlob *blob;
    unsigned n_rects;

    if (z->tight == NULL) {
        z->tight = zg_encoder_tight.create();
    }
    blob = z->tight->ops->encode(z->tight, &photo, wish);
    n_rects = blob->n_rects;
    g_byte_array_append(z->photos, blob->bytes, (guint)blob->n_bytes);
    if (!zg_rect_is_empty(blob->lossy)) {
        grow_lossy(lossy, blob->lossy);
    }
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
    ZgBlob *blob;

    g_byte_array_set_size(z->photos, 0);
    g_byte_array_set_size(z->parts, 0);
    cut_into_runs(z, tile, photos);
    for (guint i = 0; i < z->runs->len; i++) {
        const Run *run = &g_array_index(z->runs, Run, i);
        if (run->kind == RUN_PHOTO) {
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
