/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pixels from the frame's own layout (bytes B G R X) into a viewer's. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "display/rfb_wire.h"

#define ZG_PIXEL_RGB 0x00ffffffu /* the bits of a frame's pixel that are colour */

#define ZG_PIXEL_GROUP 8 /* pixels that are looked at together */

/** zg_pixel_group_is() - have all ZG_PIXEL_GROUP pixels the colour @colour? */
static inline bool
zg_pixel_group_is(const uint32_t *pixels, uint32_t colour)
{
    uint32_t difference = 0;

    for (int i = 0; i < ZG_PIXEL_GROUP; i++) {
        difference |= pixels[i] ^ colour;
    }
    return (difference & ZG_PIXEL_RGB) == 0;
}

/**
 * zg_pixel_convert() - write @n pixels in @format
 * @format: valid, see zg_pixel_format_is_valid()
 * @out:    n * bits_per_pixel / 8 bytes
 */
void zg_pixel_convert(const ZgPixelFormat *format, const uint32_t *pixels, size_t n, uint8_t *out);

/** zg_pixel_compact_bytes() - bytes of one CPIXEL of ZRLE: 1, 2, 3 or 4. */
unsigned zg_pixel_compact_bytes(const ZgPixelFormat *format);

/** zg_pixel_convert_compact() - write @n CPIXELs, n * zg_pixel_compact_bytes() bytes. */
void zg_pixel_convert_compact(const ZgPixelFormat *format, const uint32_t *pixels, size_t n,
                              uint8_t *out);

/** zg_pixel_is_tight_rgb() - does Tight send this format as three bytes R, G, B? */
bool zg_pixel_is_tight_rgb(const ZgPixelFormat *format);

/** zg_pixel_tight_bytes() - bytes of one TPIXEL: 1, 2, 3 or 4. */
unsigned zg_pixel_tight_bytes(const ZgPixelFormat *format);

/** zg_pixel_convert_tight() - write @n TPIXELs, n * zg_pixel_tight_bytes() bytes. */
void zg_pixel_convert_tight(const ZgPixelFormat *format, const uint32_t *pixels, size_t n,
                            uint8_t *out);
