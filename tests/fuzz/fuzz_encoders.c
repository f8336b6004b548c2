/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any pixels, sizes and formats through ZRLE and Hextile: decoders of the test get them back. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "display/deflate.h"
#include "display/encoder.h"
#include "display/pixel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SIDE_MAX 150

static void
must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- ZRLE ---- */

typedef struct {
    const uint8_t *at, *end;
} In;

static unsigned
u8(In *in)
{
    must(in->at < in->end);
    return *in->at++;
}

static void
pixel(In *in, uint8_t *out, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        out[i] = (uint8_t)u8(in);
    }
}

static unsigned
run_length(In *in)
{
    unsigned n = 1, b;

    do {
        b = u8(in);
        n += b;
    } while (b == 255);
    return n;
}

static void
zrle_tile(In *in, uint8_t *tile, int width, int height, unsigned c)
{
    unsigned sub = u8(in), n = (unsigned)(width * height);
    uint8_t palette[128][4];

    must(sub <= 16 || sub == 128 || sub >= 130);
    for (unsigned i = 0; sub != 0 && i < (sub < 128 ? sub : sub - 128); i++) {
        pixel(in, palette[i], c);
    }
    for (unsigned i = 0; i < n;) {
        if (sub == 0) {
            pixel(in, tile + i++ * c, c);
        } else if (sub == 1) {
            memcpy(tile + i++ * c, palette[0], c);
        } else if (sub < 128) {
            unsigned bits = sub == 2 ? 1 : sub <= 4 ? 2 : 4, value = 0, left = 0;
            for (int x = 0; x < width; x++) {
                value = left == 0 ? u8(in) : value;
                left = left == 0 ? 8 : left;
                left -= bits;
                memcpy(tile + i++ * c, palette[value >> left & ((1u << bits) - 1)], c);
            }
        } else {
            uint8_t colour[4];
            unsigned index = sub > 128 ? u8(in) : 128, length;
            if (sub == 128) {
                pixel(in, colour, c);
            } else {
                must((index & 127) < sub - 128);
                memcpy(colour, palette[index & 127], c);
            }
            length = index & 128 ? run_length(in) : 1;
            must(length <= n - i);
            for (; length > 0; length--) {
                memcpy(tile + i++ * c, colour, c);
            }
        }
    }
}

static void
check_zrle(const ZgBlob *blob, z_stream *z, const uint8_t *expected, int width, int height,
           unsigned c)
{
    ZgRfbReader head = {.bytes = blob->bytes, .n_bytes = blob->n_bytes, .at = blob->stream_at};
    uint32_t n_packed = zg_rfb_read_u32(&head);
    size_t n_room = (size_t)width * (size_t)height * 5 + 1024;
    g_autofree uint8_t *plain = g_malloc(n_room);
    uint8_t tile[64 * 64 * 4];
    In in = {.at = plain};

    must(head.at + n_packed == blob->n_bytes);
    z->next_in = (Bytef *)(blob->bytes + head.at);
    z->avail_in = n_packed;
    z->next_out = plain;
    z->avail_out = (uInt)n_room;
    must(inflate(z, Z_SYNC_FLUSH) == Z_OK && z->avail_in == 0 && z->avail_out > 0);
    in.end = z->next_out;
    for (int y = 0; y < height; y += 64) {
        for (int x = 0; x < width; x += 64) {
            int w = MIN(64, width - x), h = MIN(64, height - y);
            zrle_tile(&in, tile, w, h, c);
            for (int row = 0; row < h; row++) {
                must(memcmp(tile + (size_t)(row * w) * c,
                            expected + (size_t)((y + row) * width + x) * c, (size_t)w * c) == 0);
            }
        }
    }
    must(in.at == in.end);
}

/* ---- Hextile ---- */

static void
fill(uint8_t *picture, int stride, ZgRect r, const uint8_t *colour, unsigned c)
{
    for (int y = r.y; y < r.y + r.height; y++) {
        for (int x = r.x; x < r.x + r.width; x++) {
            memcpy(picture + (size_t)(y * stride + x) * c, colour, c);
        }
    }
}

static void
hextile_tile(In *in, uint8_t *picture, int stride, ZgRect r, uint8_t *back, uint8_t *fore,
             unsigned c)
{
    unsigned mask = u8(in);

    if (mask & 1) {
        for (int i = 0; i < r.width * r.height; i++) {
            int x = r.x + i % r.width, y = r.y + i / r.width;
            pixel(in, picture + (size_t)(y * stride + x) * c, c);
        }
        return;
    }
    if (mask & 2) {
        pixel(in, back, c);
    }
    if (mask & 4) {
        pixel(in, fore, c);
    }
    fill(picture, stride, r, back, c);
    for (unsigned n = mask & 8 ? u8(in) : 0; n > 0; n--) {
        if (mask & 16) {
            pixel(in, fore, c);
        }
        unsigned at = u8(in), size = u8(in);
        ZgRect sub = {(int)(at >> 4), (int)(at & 15), (int)(size >> 4) + 1, (int)(size & 15) + 1};
        must(sub.x + sub.width <= r.width && sub.y + sub.height <= r.height);
        sub.x += r.x;
        sub.y += r.y;
        fill(picture, stride, sub, fore, c);
    }
}

static void
check_hextile(const ZgBlob *blob, const uint8_t *expected, int width, int height, unsigned c)
{
    In in = {blob->bytes + ZG_RFB_RECT_HEAD_BYTES, blob->bytes + blob->n_bytes};
    uint8_t back[4] = {0}, fore[4] = {0};
    g_autofree uint8_t *picture = g_malloc0((size_t)(width * height) * c);

    for (int y = 0; y < height; y += 16) {
        for (int x = 0; x < width; x += 16) {
            ZgRect r = {x, y, MIN(16, width - x), MIN(16, height - y)};
            hextile_tile(&in, picture, width, r, back, fore, c);
        }
    }
    must(in.at == in.end);
    must(memcmp(picture, expected, (size_t)(width * height) * c) == 0);
}

/* Two times, so that it is also found in what came before. */
static void
check_deflate(const uint8_t *picture, size_t n, size_t pixel_bytes, size_t row_bytes)
{
    ZgDeflate *deflate = zg_deflate_new();
    g_autoptr(GByteArray) packed = g_byte_array_new();
    g_autofree uint8_t *back = g_malloc(n + 1);
    z_stream z = {0};

    must(inflateInit(&z) == Z_OK);
    for (int i = 0; i < 2; i++) {
        g_byte_array_set_size(packed, 0);
        zg_deflate_put(deflate, picture, n, pixel_bytes, row_bytes, packed);
        z.next_in = packed->data;
        z.avail_in = packed->len;
        z.next_out = back;
        z.avail_out = (uInt)n + 1;
        must(inflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_in == 0 && z.avail_out == 1);
        must(memcmp(back, picture, n) == 0);
    }
    inflateEnd(&z);
    zg_deflate_free(deflate);
}

static const ZgPixelFormat formats[] = {
    {32, 24, false, true, 255, 255, 255, 16, 8, 0}, {32, 24, true, true, 255, 255, 255, 16, 8, 0},
    {32, 24, false, true, 255, 255, 255, 24, 16, 8}, {32, 32, false, true, 255, 255, 255, 16, 8, 0},
    {16, 16, false, true, 31, 63, 31, 11, 5, 0},    {8, 8, false, true, 7, 7, 3, 5, 2, 0},
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ZgEncoderSet encoders = {0};
    ZgEncodeWish wish = {.jpeg_quality = -1};
    z_stream z = {0};
    g_autofree uint32_t *pixels = NULL;
    g_autofree uint8_t *expected = NULL;
    ZgTile tile;
    int width, height;
    size_t n_pixel;

    if (n < 8) {
        return 0;
    }
    wish.format = formats[data[0] % G_N_ELEMENTS(formats)];
    width = data[1] % SIDE_MAX + 1;
    height = data[2] % SIDE_MAX + 1;
    pixels = g_new(uint32_t, (size_t)(width * height));
    expected = g_malloc((size_t)(width * height) * 4);
    for (int i = 0; i < width * height; i++) { /* the input again and again, in steps of data[3] */
        size_t at = 4 + (size_t)i / (data[3] + 1u) % (n - 4);
        pixels[i] = (data[at] * 0x010203u +
                     (data[3] & 1) * data[4 + (at + 1) % (n - 4)] * 0x100u) &
                    ZG_PIXEL_RGB;
    }
    tile = (ZgTile){.area = {0, 0, width, height}, .pixels = pixels, .stride = (size_t)width};
    must(inflateInit2(&z, -15) == Z_OK); /* one stream for all, without the header */
    for (int round = 0; round < 2; round++) {
        wish.zrle = true;
        wish.hextile = false;
        ZgBlob *zrle = zg_encoder_set_encode(&encoders, &tile, &wish);
        zg_pixel_convert_compact(&wish.format, pixels, (size_t)(width * height), expected);
        check_zrle(zrle, &z, expected, width, height, zg_pixel_compact_bytes(&wish.format));
        n_pixel = zg_pixel_compact_bytes(&wish.format);
        check_deflate(expected, (size_t)(width * height) * n_pixel, n_pixel,
                      (size_t)width * n_pixel);
        zg_blob_unref(zrle);
        wish.zrle = false;
        wish.hextile = true;
        ZgBlob *hextile = zg_encoder_set_encode(&encoders, &tile, &wish);
        zg_pixel_convert(&wish.format, pixels, (size_t)(width * height), expected);
        check_hextile(hextile, expected, width, height, wish.format.bits_per_pixel / 8);
        zg_blob_unref(hextile);
        pixels[width * height / 2] ^= 0x00ff00;
    }
    inflateEnd(&z);
    zg_encoder_set_clear(&encoders);
    return 0;
}
