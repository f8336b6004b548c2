/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ZRLE: tiles of 64x64 as palettes and runs, deflated. The protocol has one zlib stream a viewer;
 * each blob is whole deflate blocks that look back at nothing before them, so it fits into any
 * viewer's stream at any place and the only history is whether the stream's header was sent, which
 * the output adds. Source: RFC 6143, 7.7.6.
 */
#include "display/encoder.h"

#include <isa-l/igzip_lib.h>
#include <string.h>

#include "display/pixel.h"
#include "display/tile_class.h"

#define TILE_SIDE 64
#define COLOURS_MOST 127 /* of a palette with runs */
#define PACKED_MOST 16   /* of a palette without */
#define SUB_RAW 0
#define SUB_SOLID 1
#define SUB_RUNS 128

typedef struct {
    ZgEncoder base;
    GByteArray *out, *plain;
    struct isal_zstream deflate;
    uint8_t *deflate_level;
    ZgPalette palette;
    uint32_t tile[TILE_SIDE * TILE_SIDE]; /* colours, without gaps */
} ZrleEncoder;

/* What a tile is made of. */
typedef struct {
    int width, height;
    unsigned n_runs, n_single; /* runs in all; those of one pixel */
    size_t n_run_bytes;        /* their lengths on the wire */
    unsigned colour_bytes;
} TileFacts;

static ZgEncoder *
zrle_create(void)
{
    ZrleEncoder *z = g_new0(ZrleEncoder, 1);

    z->base.ops = &zg_encoder_zrle;
    z->out = g_byte_array_new();
    z->plain = g_byte_array_new();
    z->deflate_level = g_malloc(ISAL_DEF_LVL1_DEFAULT);
    isal_deflate_init(&z->deflate);
    z->deflate.level = 1;
    z->deflate.level_buf = z->deflate_level;
    z->deflate.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    return &z->base;
}

static void
zrle_free(ZgEncoder *encoder)
{
    ZrleEncoder *z = (ZrleEncoder *)encoder;

    g_byte_array_unref(z->out);
    g_byte_array_unref(z->plain);
    g_free(z->deflate_level);
    g_free(z);
}

static void
put_colours(ZrleEncoder *z, const ZgPixelFormat *format, const uint32_t *colours, size_t n)
{
    guint at = z->plain->len;

    g_byte_array_set_size(z->plain, at + (guint)(n * zg_pixel_compact_bytes(format)));
    zg_pixel_convert_compact(format, colours, n, z->plain->data + at);
}

static void
put_run_length(GByteArray *out, unsigned n)
{
    for (n--; n >= 255; n -= 255) {
        zg_rfb_put_u8(out, 255);
    }
    zg_rfb_put_u8(out, (uint8_t)n);
}

/* Copies the tile together and counts its runs. */
static TileFacts
read_tile(ZrleEncoder *z, const uint32_t *pixels, size_t stride, int width, int height)
{
    TileFacts facts = {.width = width, .height = height};
    size_t n = (size_t)width * (size_t)height;

    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            z->tile[y * width + x] = pixels[(size_t)y * stride + (size_t)x] & ZG_PIXEL_RGB;
        }
    }
    for (size_t i = 0; i < n;) {
        size_t start = i;
        while (i < n && z->tile[i] == z->tile[start]) {
            i++;
        }
        facts.n_runs++;
        facts.n_single += i - start == 1;
        facts.n_run_bytes += 1 + (i - start - 1) / 255;
    }
    zg_palette_read(&z->palette, z->tile, (size_t)width, width, height, COLOURS_MOST);
    return facts;
}

static unsigned
packed_bits(unsigned n_colours)
{
    return n_colours == 2 ? 1 : n_colours <= 4 ? 2 : 4;
}

static void
put_packed(ZrleEncoder *z, const TileFacts *facts)
{
    unsigned bits = packed_bits(z->palette.n);

    for (int y = 0; y < facts->height; y++) {
        unsigned value = 0, n_bits = 0;
        for (int x = 0; x < facts->width; x++) {
            value = value << bits | zg_palette_find(&z->palette, z->tile[y * facts->width + x]);
            n_bits += bits;
            if (n_bits == 8) {
                zg_rfb_put_u8(z->plain, (uint8_t)value);
                value = n_bits = 0;
            }
        }
        if (n_bits > 0) {
            zg_rfb_put_u8(z->plain, (uint8_t)(value << (8 - n_bits)));
        }
    }
}

static void
put_runs(ZrleEncoder *z, const TileFacts *facts, const ZgPixelFormat *format, bool palette)
{
    size_t n = (size_t)facts->width * (size_t)facts->height;

    for (size_t i = 0; i < n;) {
        size_t start = i;
        while (i < n && z->tile[i] == z->tile[start]) {
            i++;
        }
        if (!palette) {
            put_colours(z, format, &z->tile[start], 1);
            put_run_length(z->plain, (unsigned)(i - start));
        } else if (i - start == 1) {
            zg_rfb_put_u8(z->plain, (uint8_t)zg_palette_find(&z->palette, z->tile[start]));
        } else {
            zg_rfb_put_u8(z->plain, (uint8_t)(zg_palette_find(&z->palette, z->tile[start]) | 128));
            put_run_length(z->plain, (unsigned)(i - start));
        }
    }
}

/* The shortest form before deflate. */
static void
put_tile(ZrleEncoder *z, const TileFacts *facts, const ZgPixelFormat *format)
{
    size_t n = (size_t)facts->width * (size_t)facts->height, c = facts->colour_bytes;
    unsigned n_colours = z->palette.n;
    bool has_palette = n_colours <= COLOURS_MOST;
    size_t raw = n * c, runs = facts->n_runs * c + facts->n_run_bytes;
    size_t palette_runs = n_colours * c + facts->n_run_bytes + facts->n_runs - facts->n_single;
    size_t packed = n_colours * c + ((size_t)facts->width * packed_bits(n_colours) + 7) / 8 *
                                        (size_t)facts->height;

    if (n_colours == 1) {
        zg_rfb_put_u8(z->plain, SUB_SOLID);
        put_colours(z, format, z->palette.colours, 1);
    } else if (has_palette && n_colours <= PACKED_MOST && packed <= MIN(palette_runs, raw)) {
        zg_rfb_put_u8(z->plain, (uint8_t)n_colours);
        put_colours(z, format, z->palette.colours, n_colours);
        put_packed(z, facts);
    } else if (has_palette && palette_runs <= MIN(runs, raw)) {
        zg_rfb_put_u8(z->plain, (uint8_t)(SUB_RUNS + n_colours));
        put_colours(z, format, z->palette.colours, n_colours);
        put_runs(z, facts, format, true);
    } else if (runs < raw) {
        zg_rfb_put_u8(z->plain, SUB_RUNS);
        put_runs(z, facts, format, false);
    } else {
        zg_rfb_put_u8(z->plain, SUB_RAW);
        put_colours(z, format, z->tile, n);
    }
}

/* Appends z->plain as deflate blocks that end on a byte, with the length before them. */
static void
put_deflated(ZrleEncoder *z)
{
    struct isal_zstream *s = &z->deflate;
    size_t n_room = z->plain->len + z->plain->len / 8 + 1024;
    guint at = z->out->len + 4;
    uint32_t n_packed;

    g_byte_array_set_size(z->out, at + (guint)n_room);
    isal_deflate_reset(s);
    s->gzip_flag = IGZIP_DEFLATE;
    s->flush = SYNC_FLUSH;
    s->end_of_stream = 0;
    s->next_in = z->plain->data;
    s->avail_in = z->plain->len;
    s->next_out = z->out->data + at;
    s->avail_out = (uint32_t)n_room;
    isal_deflate(s);
    g_assert(s->avail_in == 0 && s->avail_out > 0); /* the room is enough for stored blocks */
    n_packed = (uint32_t)n_room - s->avail_out;
    g_byte_array_set_size(z->out, at + n_packed);
    for (int i = 0; i < 4; i++) {
        z->out->data[at - 4 + (guint)i] = (uint8_t)(n_packed >> (24 - 8 * i));
    }
}

static ZgBlob *
zrle_encode(ZgEncoder *encoder, const ZgTile *tile, const ZgEncodeWish *wish)
{
    ZrleEncoder *z = (ZrleEncoder *)encoder;
    ZgRect a = tile->area;
    ZgBlob *blob;

    g_byte_array_set_size(z->out, 0);
    g_byte_array_set_size(z->plain, 0);
    zg_rfb_put_rect(z->out, a.x, a.y, a.width, a.height, ZG_RFB_ZRLE);
    for (int y = 0; y < a.height; y += TILE_SIDE) {
        for (int x = 0; x < a.width; x += TILE_SIDE) {
            TileFacts facts = read_tile(z, tile->pixels + (size_t)y * tile->stride + (size_t)x,
                                        tile->stride, MIN(TILE_SIDE, a.width - x),
                                        MIN(TILE_SIDE, a.height - y));
            facts.colour_bytes = zg_pixel_compact_bytes(&wish->format);
            put_tile(z, &facts, &wish->format);
        }
    }
    put_deflated(z);
    blob = zg_blob_new(z->out->data, z->out->len, 1, (ZgRect){0});
    blob->stream_at = ZG_RFB_RECT_HEAD_BYTES;
    return blob;
}

const ZgEncoderOps zg_encoder_zrle = {
    .name = "zrle", .create = zrle_create, .free = zrle_free, .encode = zrle_encode};
