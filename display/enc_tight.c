/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tight: solid fills, palettes, deflate and JPEG. A compressed part resets its stream, so that a
 * blob needs nothing that was sent before; or it is left open for the viewer's own (out_tight).
 * Source: rfbproto.rst, "Tight Encoding".
 */
#include "display/encoder.h"

#include <string.h>
#include <turbojpeg.h>

#include "display/pixel.h"
#include "display/tile_runs.h"
#include "display/tight_wire.h"
#include "display/tile_class.h"

#define OPEN_PIXELS_MOST 32768
#define OPEN_PALETTE_MOST 2     /* more colours are cheaper as pixels there */
#define OPEN_WIRE 16           /* what is open shrinks about so many times */

typedef struct {
    ZgEncoder base;
    GByteArray *out;   /* the blob being made */
    GByteArray *plain; /* bytes before deflate */
    ZgTileRuns *runs;
    tjhandle jpeg;
    unsigned char *jpeg_bytes; /* room for the largest picture so far */
    unsigned long n_jpeg_room;
    struct isal_zstream deflate;
    uint8_t *deflate_level;
    ZgPalette palette;
} TightEncoder;

/*
 * Smooth photos keep 40 dB at a few levels less. Found on recorded desktops; nothing is given
 * up at the levels that a slow link gets.
 */
#define LEVEL_WITH_ROOM 7
#define LEVEL_BEST 8  /* the next one asks for more than that */
#define NOISE_FINE 48 /* zg_tile_noise() */

static const struct {
    int noise, level; /* less than that */
} smooth_levels[] = {{16, 4}, {24, 5}, {32, 6}};

/*
 * Quality 0..9 about as viewers know it from TurboVNC and TigerVNC. Those give 6 to 8 all of their
 * colour, 79, 86 and 92; these are as good to the eye and as large, for a third less time.
 */
static const struct {
    int quality, subsampling;
} jpeg_levels[10] = {
    {15, TJSAMP_420}, {29, TJSAMP_420}, {41, TJSAMP_420}, {42, TJSAMP_422}, {62, TJSAMP_422},
    {77, TJSAMP_422}, {85, TJSAMP_422}, {89, TJSAMP_422}, {93, TJSAMP_422}, {100, TJSAMP_444},
};

static ZgEncoder *
tight_create(void)
{
    TightEncoder *t = g_new0(TightEncoder, 1);

    t->base.ops = &zg_encoder_tight;
    t->out = g_byte_array_new();
    t->plain = g_byte_array_new();
    t->runs = zg_tile_runs_new(true);
    t->deflate_level = g_malloc(ISAL_DEF_LVL1_DEFAULT);
    zg_tight_deflate_init(&t->deflate, t->deflate_level, ISAL_DEF_LVL1_DEFAULT);
    return &t->base;
}

static void
tight_free(ZgEncoder *encoder)
{
    TightEncoder *t = (TightEncoder *)encoder;

    g_byte_array_unref(t->out);
    g_byte_array_unref(t->plain);
    zg_tile_runs_free(t->runs);
    if (t->jpeg != NULL) {
        tjDestroy(t->jpeg);
        tjFree(t->jpeg_bytes);
    }
    g_free(t->deflate_level);
    g_free(t);
}

static void
put_tpixel(GByteArray *out, const ZgPixelFormat *format, uint32_t colour)
{
    uint8_t bytes[4];

    zg_pixel_convert_tight(format, &colour, 1, bytes);
    g_byte_array_append(out, bytes, zg_pixel_tight_bytes(format));
}

/* Appends t->plain, deflated with its length when it is worth it. */
static void
put_plain(TightEncoder *t, guint control_at)
{
    if (t->plain->len <= ZG_TIGHT_PLAIN_MOST) {
        g_byte_array_append(t->out, t->plain->data, t->plain->len);
        return;
    }
    t->out->data[control_at] |= ZG_TIGHT_RESET_STREAM_0;
    zg_tight_deflate_reset(&t->deflate);
    zg_tight_deflate(&t->deflate, t->plain->data, t->plain->len, t->out);
}

/* Of two colours: one bit each. */
static void
fill_bits(const uint32_t *pixels, int width, uint32_t one, uint8_t *out)
{
    for (int x = 0; x < width; x += 8, out++) {
        int n = MIN(8, width - x);
        *out = 0;
        for (int i = 0; i < n; i++) {
            *out |= (uint8_t)((((pixels[x + i] ^ one) & ZG_PIXEL_RGB) == 0) << (7 - i));
        }
    }
}

/* Of more: one byte each. */
static void
fill_bytes(const ZgPalette *palette, const uint32_t *pixels, int width, uint8_t *out)
{
    uint32_t colour = pixels[0] & ZG_PIXEL_RGB;
    uint8_t index = (uint8_t)zg_palette_find(palette, colour);

    for (int x = 0; x < width; x += ZG_PIXEL_GROUP) {
        int n = MIN(ZG_PIXEL_GROUP, width - x);
        if (n == ZG_PIXEL_GROUP && zg_pixel_group_is(pixels + x, colour)) {
            memset(out + x, index, ZG_PIXEL_GROUP);
            continue;
        }
        for (int i = 0; i < n; i++) {
            colour = pixels[x + i] & ZG_PIXEL_RGB;
            out[x + i] = index = (uint8_t)zg_palette_find(palette, colour);
        }
    }
}

/* Indices into the palette. */
static void
fill_indices(TightEncoder *t, const uint32_t *pixels, size_t stride, int width, int height)
{
    size_t row_bytes = t->palette.n == 2 ? ((size_t)width + 7) / 8 : (size_t)width;
    uint8_t *out;

    g_byte_array_set_size(t->plain, (guint)(row_bytes * (size_t)height));
    out = t->plain->data;
    for (int y = 0; y < height; y++, pixels += stride, out += row_bytes) {
        if (t->palette.n == 2) {
            fill_bits(pixels, width, t->palette.colours[1], out);
        } else {
            fill_bytes(&t->palette, pixels, width, out);
        }
    }
}

/* Control byte, t->palette unless it has none or too many, t->plain. Return: where control is. */
static guint
put_head(TightEncoder *t, const uint32_t *pixels, size_t stride, ZgRect r,
         const ZgPixelFormat *format)
{
    size_t row_bytes = (size_t)r.width * zg_pixel_tight_bytes(format);
    guint control_at = t->out->len;

    if (t->palette.n <= ZG_PALETTE_MAX && t->palette.n >= 2 && format->bits_per_pixel > 8) {
        zg_palette_sort(&t->palette);
        zg_rfb_put_u8(t->out, ZG_TIGHT_FILTER);
        zg_rfb_put_u8(t->out, ZG_TIGHT_FILTER_PALETTE);
        zg_rfb_put_u8(t->out, (uint8_t)(t->palette.n - 1));
        for (unsigned i = 0; i < t->palette.n; i++) {
            put_tpixel(t->out, format, t->palette.colours[i]);
        }
        fill_indices(t, pixels, stride, r.width, r.height);
    } else {
        zg_rfb_put_u8(t->out, 0);
        g_byte_array_set_size(t->plain, (guint)(row_bytes * (size_t)r.height));
        for (int y = 0; y < r.height; y++) {
            zg_pixel_convert_tight(format, pixels + (size_t)y * stride, (size_t)r.width,
                                   t->plain->data + (size_t)y * row_bytes);
        }
    }
    return control_at;
}

static void
put_exact(TightEncoder *t, const uint32_t *pixels, size_t stride, const ZgTileRun *run,
          const ZgPixelFormat *format)
{
    zg_palette_set(&t->palette, zg_tile_run_colours(t->runs, run), run->n_colours);
    put_plain(t, put_head(t, pixels, stride, run->area, format));
}

static int
spare_level(int level, int noise)
{
    if (level < LEVEL_WITH_ROOM || level > LEVEL_BEST || noise >= NOISE_FINE) {
        return level;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(smooth_levels); i++) {
        if (noise < smooth_levels[i].noise) {
            return smooth_levels[i].level;
        }
    }
    return LEVEL_WITH_ROOM;
}

static bool
put_jpeg(TightEncoder *t, const uint32_t *pixels, size_t stride, ZgRect r, int quality)
{
    unsigned long n_jpeg, n_room = tjBufSize(r.width, r.height, TJSAMP_444);

    quality = spare_level(quality, zg_tile_noise(pixels, stride, r.width, r.height));
    if (t->jpeg == NULL) {
        t->jpeg = tjInitCompress();
    }
    if (n_room > t->n_jpeg_room) {
        tjFree(t->jpeg_bytes);
        t->jpeg_bytes = tjAlloc((int)n_room);
        t->n_jpeg_room = t->jpeg_bytes == NULL ? 0 : n_room;
    }
    n_jpeg = t->n_jpeg_room;
    if (t->jpeg == NULL || t->jpeg_bytes == NULL ||
        tjCompress2(t->jpeg, (const unsigned char *)pixels, r.width, (int)(stride * 4), r.height,
                    TJPF_BGRX, &t->jpeg_bytes, &n_jpeg, jpeg_levels[quality].subsampling,
                    jpeg_levels[quality].quality,
                    TJFLAG_FASTDCT | TJFLAG_NOREALLOC) != 0) {
        zg_encoder_say_fallback("jpeg", "exact Tight");
        return false;
    }
    zg_rfb_put_u8(t->out, ZG_TIGHT_JPEG);
    zg_tight_put_length(t->out, n_jpeg);
    g_byte_array_append(t->out, t->jpeg_bytes, (guint)n_jpeg);
    return true;
}

/*
 * Small, and like text as a whole. Not for a photo of enc_zaguan, which takes whole rectangles
 * only. @out_rich: more colours than a palette holds; a photo with text beside it looks so, too.
 */
static bool
is_like_text(TightEncoder *t, const ZgTile *tile, const ZgEncodeWish *wish, bool *out_rich)
{
    ZgRect r = tile->area;
    uint32_t colour;

    if (wish->zaguan || r.width * r.height > OPEN_PIXELS_MOST ||
        zg_tile_classify(tile->pixels, tile->stride, r.width, r.height, &t->palette, &colour) !=
            ZG_CLASS_EXACT) {
        return false;
    }
    zg_palette_read(&t->palette, tile->pixels, tile->stride, r.width, r.height, ZG_PALETTE_MAX);
    *out_rich = t->palette.n > ZG_PALETTE_MAX;
    return true;
}

/* One rectangle whose bytes are left to the viewer's own stream. */
static ZgBlob *
make_open(TightEncoder *t, const ZgTile *tile, const ZgEncodeWish *wish)
{
    ZgRect r = tile->area;
    ZgBlob *blob;

    zg_rfb_put_rect(t->out, r.x, r.y, r.width, r.height, ZG_RFB_TIGHT);
    if (t->palette.n > OPEN_PALETTE_MOST) { /* read to tell that it is like text */
        t->palette.n = 0;
    }
    put_head(t, tile->pixels, tile->stride, r, &wish->format);
    g_byte_array_append(t->out, t->plain->data, t->plain->len);
    blob = zg_blob_new(t->out->data, t->out->len, 1, (ZgRect){0});
    if (t->plain->len > ZG_TIGHT_PLAIN_MOST) {
        blob->n_open = t->plain->len;
        blob->open_row = t->plain->len / (size_t)r.height;
        blob->open_pixel = MAX(blob->open_row / (size_t)r.width, 1);
        blob->n_wire = blob->n_bytes - blob->n_open + blob->n_open / OPEN_WIRE;
    }
    return blob;
}

static ZgBlob *
tight_encode(ZgEncoder *encoder, const ZgTile *tile, const ZgEncodeWish *wish)
{
    TightEncoder *t = (TightEncoder *)encoder;
    bool photos = wish->jpeg_quality >= 0 && wish->format.bits_per_pixel > 8;
    bool rich = true, like_text = is_like_text(t, tile, wish, &rich);
    ZgRect lossy = {0};
    const GArray *runs;

    g_byte_array_set_size(t->out, 0);
    if (like_text && !(photos && rich)) {
        return make_open(t, tile, wish);
    }
    runs = zg_tile_runs_cut(t->runs, tile, photos);
    if (like_text && !zg_tile_runs_have_photo(runs)) {
        return make_open(t, tile, wish);
    }
    for (guint i = 0; i < runs->len; i++) {
        const ZgTileRun *run = &g_array_index(runs, ZgTileRun, i);
        ZgRect place = run->area;
        const uint32_t *pixels = zg_tile_pixels(tile, place);

        place.x += tile->area.x;
        place.y += tile->area.y;
        zg_rfb_put_rect(t->out, place.x, place.y, place.width, place.height, ZG_RFB_TIGHT);
        if (run->kind == ZG_RUN_SOLID) {
            zg_rfb_put_u8(t->out, ZG_TIGHT_FILL);
            put_tpixel(t->out, &wish->format, run->colour);
        } else if (run->kind == ZG_RUN_PHOTO &&
                   put_jpeg(t, pixels, tile->stride, place, wish->jpeg_quality)) {
            lossy = zg_rect_around(lossy, place);
        } else {
            put_exact(t, pixels, tile->stride, run, &wish->format);
        }
    }
    return zg_blob_new(t->out->data, t->out->len, runs->len, lossy);
}

const ZgEncoderOps zg_encoder_tight = {
    .name = "tight", .create = tight_create, .free = tight_free, .encode = tight_encode};
