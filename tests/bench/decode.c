/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/decode.h"

#include <string.h>
#include "display/rfb_wire.h"

const uint8_t *
zg_decode_packed(ZgPicture *picture, size_t n)
{
    g_byte_array_set_size(picture->packed, (guint)n);
    zg_wire_read(picture->wire, picture->packed->data, n);
    return picture->packed->data;
}

bool
zg_decode_wants(const ZgPicture *picture, const ZgDecodeRect *r)
{
    const ZgDecodeRect *w = &picture->wanted;

    return w->width == 0 || (r->x < w->x + w->width && w->x < r->x + r->width &&
                             r->y < w->y + w->height && w->y < r->y + r->height);
}

void
zg_decode_fill(ZgPicture *picture, int x, int y, int width, int height, uint32_t colour)
{
    for (int row = y; row < y + height; row++) {
        uint32_t *line = picture->pixels + (size_t)row * (size_t)picture->width;

        for (int column = x; column < x + width; column++) {
            line[column] = colour;
        }
    }
}

static uint32_t *
line_at(ZgPicture *picture, int x, int y)
{
    return picture->pixels + (size_t)y * (size_t)picture->width + x;
}

static void
decode_raw(ZgPicture *picture, const ZgDecodeRect *r)
{
    for (int row = 0; row < r->height; row++) {
        zg_wire_read(picture->wire, line_at(picture, r->x, r->y + row), (size_t)r->width * 4);
    }
}

static void
decode_copy(ZgPicture *picture, const ZgDecodeRect *r)
{
    int from_x = zg_wire_u16(picture->wire), from_y = zg_wire_u16(picture->wire);
    bool down = from_y < r->y;

    if (from_x + r->width > picture->width || from_y + r->height > picture->height) {
        zg_wire_die("a copy from outside the picture");
    }
    if (!zg_decode_wants(picture, r)) {
        return;
    }
    for (int i = 0; i < r->height; i++) {
        int row = down ? r->height - 1 - i : i;

        memmove(line_at(picture, r->x, r->y + row), line_at(picture, from_x, from_y + row),
                (size_t)r->width * 4);
    }
}

static uint32_t
read_pixel(ZgPicture *picture)
{
    uint8_t b[4];

    zg_wire_read(picture->wire, b, 4);
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

static void
decode_hextile(ZgPicture *picture, const ZgDecodeRect *r)
{
    uint32_t paper = 0, ink = 0;

    for (int y = r->y; y < r->y + r->height; y += 16) {
        for (int x = r->x; x < r->x + r->width; x += 16) {
            int width = MIN(16, r->x + r->width - x), height = MIN(16, r->y + r->height - y);
            unsigned mask = zg_wire_u8(picture->wire), n;

            if (mask & 1) {
                ZgDecodeRect tile = {x, y, width, height};
                decode_raw(picture, &tile);
                continue;
            }
            paper = mask & 2 ? read_pixel(picture) : paper;
            zg_decode_fill(picture, x, y, width, height, paper);
            ink = mask & 4 ? read_pixel(picture) : ink;
            n = mask & 8 ? zg_wire_u8(picture->wire) : 0;
            for (unsigned i = 0; i < n; i++) {
                uint32_t colour = mask & 16 ? read_pixel(picture) : ink;
                unsigned at = zg_wire_u8(picture->wire), size = zg_wire_u8(picture->wire);

                zg_decode_fill(picture, x + (int)(at >> 4), y + (int)(at & 15),
                               (int)(size >> 4) + 1, (int)(size & 15) + 1, colour);
            }
        }
    }
}

/* Pixels and mask: the pointer is not part of what is measured. */
static void
skip_cursor(ZgPicture *picture, const ZgDecodeRect *r)
{
    zg_decode_packed(picture, (size_t)r->width * (size_t)r->height * 4 +
                                  (size_t)(r->width + 7) / 8 * (size_t)r->height);
}

bool
zg_decode(ZgPicture *picture, const ZgDecodeRect *r, int32_t encoding)
{
    if (encoding == ZG_RFB_CURSOR) {
        skip_cursor(picture, r);
        return true;
    }
    if (r->x + r->width > picture->width || r->y + r->height > picture->height) {
        zg_wire_die("a rectangle outside the picture");
    }
    switch (encoding) {
    case ZG_RFB_RAW:
        decode_raw(picture, r);
        return true;
    case ZG_RFB_COPYRECT:
        decode_copy(picture, r);
        return true;
    case ZG_RFB_HEXTILE:
        decode_hextile(picture, r);
        return true;
    case ZG_RFB_TIGHT:
        zg_decode_tight(picture, r);
        return true;
    case ZG_RFB_ZRLE:
        zg_decode_zrle(picture, r);
        return true;
    case ZG_RFB_H264:
        zg_decode_h264(picture, r);
        return true;
    case ZG_RFB_ZAGUAN:
        zg_decode_zaguan(picture);
        return true;
    default:
        return false;
    }
}
