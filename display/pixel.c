/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/pixel.h"

#include <string.h>

static uint32_t
pixel_value(const ZgPixelFormat *f, uint32_t p)
{
    uint32_t r = p >> 16 & 255, g = p >> 8 & 255, b = p & 255;

    return (uint32_t)((uint64_t)r * f->red_max + 127) / 255 << f->red_shift |
           (uint32_t)((uint64_t)g * f->green_max + 127) / 255 << f->green_shift |
           (uint32_t)((uint64_t)b * f->blue_max + 127) / 255 << f->blue_shift;
}

static bool
is_native(const ZgPixelFormat *f)
{
    return f->bits_per_pixel == 32 && !f->big_endian && f->red_max == 255 && f->green_max == 255 &&
           f->blue_max == 255 && f->red_shift == 16 && f->green_shift == 8 && f->blue_shift == 0;
}

static void
put_value(const ZgPixelFormat *f, uint32_t v, uint8_t *out)
{
    unsigned n = f->bits_per_pixel / 8;

    for (unsigned i = 0; i < n; i++) {
        unsigned shift = f->big_endian ? 8 * (n - 1 - i) : 8 * i;
        out[i] = (uint8_t)(v >> shift);
    }
}

void
zg_pixel_convert(const ZgPixelFormat *format, const uint32_t *pixels, size_t n, uint8_t *out)
{
    unsigned n_bytes = format->bits_per_pixel / 8;

    if (is_native(format)) {
        memcpy(out, pixels, n * 4);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        put_value(format, pixel_value(format, pixels[i]), out + i * n_bytes);
    }
}

bool
zg_pixel_is_tight_rgb(const ZgPixelFormat *f)
{
    return f->bits_per_pixel == 32 && f->depth == 24 && f->red_max == 255 && f->green_max == 255 &&
           f->blue_max == 255;
}

unsigned
zg_pixel_tight_bytes(const ZgPixelFormat *format)
{
    return zg_pixel_is_tight_rgb(format) ? 3 : format->bits_per_pixel / 8;
}

void
zg_pixel_convert_tight(const ZgPixelFormat *format, const uint32_t *pixels, size_t n, uint8_t *out)
{
    if (!zg_pixel_is_tight_rgb(format)) {
        zg_pixel_convert(format, pixels, n, out);
        return;
    }
    for (size_t i = 0; i < n; i++, out += 3) {
        out[0] = (uint8_t)(pixels[i] >> 16);
        out[1] = (uint8_t)(pixels[i] >> 8);
        out[2] = (uint8_t)pixels[i];
    }
}

/* ZRLE leaves out the byte of a 32-bit pixel that no colour reaches. Source: RFC 6143, 7.7.5. */
static bool
compact_offset(const ZgPixelFormat *f, unsigned *out_offset)
{
    uint64_t used = (uint64_t)f->red_max << f->red_shift |
                    (uint64_t)f->green_max << f->green_shift |
                    (uint64_t)f->blue_max << f->blue_shift;
    bool low = used < 1u << 24, high = (used & 0xff) == 0;

    if (f->bits_per_pixel != 32 || f->depth > 24 || !(low || high)) {
        return false;
    }
    *out_offset = low == f->big_endian ? 1 : 0; /* where the three bytes begin in memory */
    return true;
}

unsigned
zg_pixel_compact_bytes(const ZgPixelFormat *format)
{
    unsigned offset;

    return compact_offset(format, &offset) ? 3 : format->bits_per_pixel / 8;
}

void
zg_pixel_convert_compact(const ZgPixelFormat *format, const uint32_t *pixels, size_t n,
                         uint8_t *out)
{
    unsigned offset;

    if (!compact_offset(format, &offset)) {
        zg_pixel_convert(format, pixels, n, out);
        return;
    }
    for (size_t i = 0; i < n; i++, out += 3) {
        uint8_t bytes[4];
        zg_pixel_convert(format, &pixels[i], 1, bytes);
        memcpy(out, bytes + offset, 3);
    }
}
