/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a pixel format, as pixels in it, and as numbers read one after the other. */
#include <stdlib.h>
#include <string.h>

#include "display/pixel.h"

#define PIXELS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A valid format can be told to a viewer, and every pixel has its place in it. */
static void
use_format(const ZgPixelFormat *format, const uint8_t *data, size_t n)
{
    g_autoptr(GByteArray) told = g_byte_array_new();
    g_autofree uint8_t *out = NULL;
    uint32_t pixels[PIXELS] = {0};
    ZgPixelFormat again;
    ZgRfbReader in;

    zg_rfb_put_pixel_format(told, format);
    in = (ZgRfbReader){.bytes = told->data, .n_bytes = told->len};
    zg_rfb_read_pixel_format(&in, &again);
    if (told->len != ZG_RFB_PIXEL_FORMAT_BYTES || in.short_of_bytes ||
        !zg_pixel_format_equal(format, &again)) {
        abort();
    }
    memcpy(pixels, data, MIN(n, sizeof pixels));
    out = g_malloc((size_t)PIXELS * format->bits_per_pixel / 8); /* one byte more is ASan's */
    zg_pixel_convert(format, pixels, PIXELS, out);
    g_free(out);
    out = g_malloc((size_t)PIXELS * zg_pixel_tight_bytes(format));
    zg_pixel_convert_tight(format, pixels, PIXELS, out);
}

/* Numbers past the end are zeroes, and the reader says so; it never moves past the end. */
static void
read_numbers(ZgRfbReader *in)
{
    for (unsigned i = 0; !in->short_of_bytes; i++) {
        size_t before = in->at;

        switch (i % 5) {
        case 0:
            zg_rfb_read_u8(in);
            break;
        case 1:
            zg_rfb_read_u16(in);
            break;
        case 2:
            zg_rfb_read_u32(in);
            break;
        case 3:
            zg_rfb_read_s32(in);
            break;
        default:
            zg_rfb_read_bytes(in, i);
        }
        if (in->at > in->n_bytes || in->at < before) {
            abort();
        }
    }
    if (zg_rfb_read_u32(in) != 0 && in->at == in->n_bytes) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ZgRfbReader in = {.bytes = data, .n_bytes = n};
    ZgPixelFormat format;

    zg_rfb_read_pixel_format(&in, &format);
    if (!in.short_of_bytes && zg_pixel_format_is_valid(&format)) {
        use_format(&format, data + in.at, n - in.at);
    }
    read_numbers(&in);
    return 0;
}
