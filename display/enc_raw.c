/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Raw: for viewers that know nothing better. */
#include "display/encoder.h"
#include "display/pixel.h"

typedef struct {
    ZgEncoder base;
    GByteArray *out;
} RawEncoder;

static ZgEncoder *
raw_create(void)
{
    RawEncoder *raw = g_new0(RawEncoder, 1);

    raw->base.ops = &zg_encoder_raw;
    raw->out = g_byte_array_new();
    return &raw->base;
}

static void
raw_free(ZgEncoder *encoder)
{
    g_byte_array_unref(((RawEncoder *)encoder)->out);
    g_free(encoder);
}

static ZgBlob *
raw_encode(ZgEncoder *encoder, const ZgTile *tile, const ZgEncodeWish *wish)
{
    GByteArray *out = ((RawEncoder *)encoder)->out;
    ZgRect a = tile->area;
    size_t row_bytes = (size_t)a.width * (wish->format.bits_per_pixel / 8);

    g_byte_array_set_size(out, 0);
    zg_rfb_put_rect(out, a.x, a.y, a.width, a.height, ZG_RFB_RAW);
    guint at = out->len;
    g_byte_array_set_size(out, at + (guint)(row_bytes * (size_t)a.height));
    for (int y = 0; y < a.height; y++) {
        zg_pixel_convert(&wish->format, tile->pixels + (size_t)y * tile->stride, (size_t)a.width,
                         out->data + at + (size_t)y * row_bytes);
    }
    return zg_blob_new(out->data, out->len, 1, (ZgRect){0});
}

const ZgEncoderOps zg_encoder_raw = {
    .name = "raw", .create = raw_create, .free = raw_free, .encode = raw_encode};
