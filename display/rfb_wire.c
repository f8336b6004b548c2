/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/rfb_wire.h"

#include <string.h>

const ZgPixelFormat zg_pixel_format_native = {
    .bits_per_pixel = 32,
    .depth = 24,
    .true_colour = true,
    .red_max = 255,
    .green_max = 255,
    .blue_max = 255,
    .red_shift = 16,
    .green_shift = 8,
};

const ZgPixelFormat zg_pixel_format_332 = {
    .bits_per_pixel = 8,
    .depth = 8,
    .true_colour = true,
    .red_max = 7,
    .green_max = 7,
    .blue_max = 3,
    .red_shift = 5,
    .green_shift = 2,
};

static bool
colour_fits(unsigned max, unsigned shift, unsigned bits)
{
    /* A maximum is 2^n - 1, so that scaling is a table of at most 65536 entries. */
    return max > 0 && (max & (max + 1)) == 0 && shift < bits &&
           ((uint64_t)max << shift) >> bits == 0;
}

bool
zg_pixel_format_is_valid(const ZgPixelFormat *f)
{
    unsigned bits = f->bits_per_pixel;

    return (bits == 8 || bits == 16 || bits == 32) && f->true_colour && f->depth >= 1 &&
           f->depth <= bits && colour_fits(f->red_max, f->red_shift, bits) &&
           colour_fits(f->green_max, f->green_shift, bits) &&
           colour_fits(f->blue_max, f->blue_shift, bits);
}

bool
zg_pixel_format_equal(const ZgPixelFormat *a, const ZgPixelFormat *b)
{
    return a->bits_per_pixel == b->bits_per_pixel && a->red_max == b->red_max &&
           a->green_max == b->green_max && a->blue_max == b->blue_max &&
           a->red_shift == b->red_shift && a->green_shift == b->green_shift &&
           a->blue_shift == b->blue_shift && a->depth == b->depth &&
           (a->bits_per_pixel == 8 || a->big_endian == b->big_endian);
}

const uint8_t *
zg_rfb_read_bytes(ZgRfbReader *in, size_t n)
{
    const uint8_t *p = in->bytes + in->at;

    if (in->short_of_bytes || n > in->n_bytes - in->at) {
        in->short_of_bytes = true;
        return NULL;
    }
    in->at += n;
    return p;
}

uint8_t
zg_rfb_read_u8(ZgRfbReader *in)
{
    const uint8_t *p = zg_rfb_read_bytes(in, 1);

    return p == NULL ? 0 : p[0];
}

uint16_t
zg_rfb_read_u16(ZgRfbReader *in)
{
    const uint8_t *p = zg_rfb_read_bytes(in, 2);

    return p == NULL ? 0 : (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t
zg_rfb_read_u32(ZgRfbReader *in)
{
    const uint8_t *p = zg_rfb_read_bytes(in, 4);

    return p == NULL ? 0
                     : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int32_t
zg_rfb_read_s32(ZgRfbReader *in)
{
    return (int32_t)zg_rfb_read_u32(in);
}

void
zg_rfb_read_pixel_format(ZgRfbReader *in, ZgPixelFormat *out_format)
{
    ZgPixelFormat f = {.bits_per_pixel = zg_rfb_read_u8(in)};

    f.depth = zg_rfb_read_u8(in);
    f.big_endian = zg_rfb_read_u8(in) != 0;
    f.true_colour = zg_rfb_read_u8(in) != 0;
    f.red_max = zg_rfb_read_u16(in);
    f.green_max = zg_rfb_read_u16(in);
    f.blue_max = zg_rfb_read_u16(in);
    f.red_shift = zg_rfb_read_u8(in);
    f.green_shift = zg_rfb_read_u8(in);
    f.blue_shift = zg_rfb_read_u8(in);
    zg_rfb_read_bytes(in, 3);
    *out_format = f;
}

void
zg_rfb_put_u8(GByteArray *out, uint8_t value)
{
    g_byte_array_append(out, &value, 1);
}

void
zg_rfb_put_u16(GByteArray *out, uint16_t value)
{
    uint8_t b[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    g_byte_array_append(out, b, sizeof b);
}

void
zg_rfb_put_u32(GByteArray *out, uint32_t value)
{
    uint8_t b[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                    (uint8_t)value};

    g_byte_array_append(out, b, sizeof b);
}

void
zg_rfb_put_s32(GByteArray *out, int32_t value)
{
    zg_rfb_put_u32(out, (uint32_t)value);
}

void
zg_rfb_put_zeroes(GByteArray *out, size_t n)
{
    guint at = out->len;

    g_byte_array_set_size(out, at + (guint)n);
    memset(out->data + at, 0, n);
}

void
zg_rfb_put_pixel_format(GByteArray *out, const ZgPixelFormat *f)
{
    zg_rfb_put_u8(out, f->bits_per_pixel);
    zg_rfb_put_u8(out, f->depth);
    zg_rfb_put_u8(out, f->big_endian);
    zg_rfb_put_u8(out, f->true_colour);
    zg_rfb_put_u16(out, f->red_max);
    zg_rfb_put_u16(out, f->green_max);
    zg_rfb_put_u16(out, f->blue_max);
    zg_rfb_put_u8(out, f->red_shift);
    zg_rfb_put_u8(out, f->green_shift);
    zg_rfb_put_u8(out, f->blue_shift);
    zg_rfb_put_zeroes(out, 3);
}

void
zg_rfb_put_rect(GByteArray *out, int x, int y, int width, int height, int32_t encoding)
{
    zg_rfb_put_u16(out, (uint16_t)x);
    zg_rfb_put_u16(out, (uint16_t)y);
    zg_rfb_put_u16(out, (uint16_t)width);
    zg_rfb_put_u16(out, (uint16_t)height);
    zg_rfb_put_s32(out, encoding);
}

void
zg_rfb_put_update(GByteArray *out, unsigned n_rects)
{
    zg_rfb_put_u8(out, ZG_RFB_S_UPDATE);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u16(out, (uint16_t)n_rects);
}

void
zg_rfb_put_update_request(GByteArray *out, bool incremental, int width, int height)
{
    zg_rfb_put_u8(out, ZG_RFB_C_UPDATE_REQUEST);
    zg_rfb_put_u8(out, incremental);
    zg_rfb_put_u32(out, 0);
    zg_rfb_put_u16(out, (uint16_t)width);
    zg_rfb_put_u16(out, (uint16_t)height);
}

void
zg_rfb_put_extended_size(GByteArray *out, int reason, int status, int width, int height)
{
    zg_rfb_put_rect(out, reason, status, width, height, ZG_RFB_EXTENDED_DESKTOP_SIZE);
    zg_rfb_put_u8(out, 1);
    zg_rfb_put_zeroes(out, 3);
    zg_rfb_put_u32(out, 0); /* screen id */
    zg_rfb_put_u32(out, 0); /* x, y */
    zg_rfb_put_u16(out, (uint16_t)width);
    zg_rfb_put_u16(out, (uint16_t)height);
    zg_rfb_put_u32(out, 0); /* flags */
}

void
zg_rfb_put_fence(GByteArray *out, uint32_t flags, const uint8_t *payload, size_t n)
{
    zg_rfb_put_u8(out, ZG_RFB_S_FENCE);
    zg_rfb_put_zeroes(out, 3);
    zg_rfb_put_u32(out, flags);
    zg_rfb_put_u8(out, (uint8_t)n);
    g_byte_array_append(out, payload, (guint)n);
}
