/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/cursor.h"

#include <string.h>

#include "display/pixel.h"

void
zg_cursor_clear(ZgCursor *cursor)
{
    g_clear_pointer(&cursor->rgba, g_bytes_unref);
    *cursor = (ZgCursor){0};
}

static void
take_rgba(ZgCursor *cursor, int width, int height, int hot_x, int hot_y, uint8_t *rgba)
{
    zg_cursor_clear(cursor);
    if (width <= 0 || height <= 0 || width > ZG_CURSOR_SIDE_MAX || height > ZG_CURSOR_SIDE_MAX) {
        g_free(rgba);
        return;
    }
    *cursor = (ZgCursor){
        .width = width,
        .height = height,
        .hot_x = CLAMP(hot_x, 0, width - 1),
        .hot_y = CLAMP(hot_y, 0, height - 1),
        .rgba = g_bytes_new_take(rgba, (size_t)width * (size_t)height * 4),
    };
}

void
zg_cursor_set(ZgCursor *cursor, int width, int height, int hot_x, int hot_y, const uint8_t *rgba)
{
    uint8_t *copy = g_memdup2(rgba, (size_t)width * (size_t)height * 4);

    take_rgba(cursor, width, height, hot_x, hot_y, copy);
}

void
zg_cursor_set_masked(ZgCursor *cursor, int width, int height, int hot_x, int hot_y,
                     const uint8_t *bgrx, const uint8_t *mask)
{
    uint8_t *rgba = g_malloc0((size_t)width * (size_t)height * 4);
    size_t mask_stride = ((size_t)width + 7) / 8;

    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            size_t at = ((size_t)y * (size_t)width + (size_t)x) * 4;
            if (mask[(size_t)y * mask_stride + (size_t)x / 8] & (0x80 >> (x & 7))) {
                rgba[at] = bgrx[at + 2];
                rgba[at + 1] = bgrx[at + 1];
                rgba[at + 2] = bgrx[at];
                rgba[at + 3] = 255;
            }
        }
    }
    take_rgba(cursor, width, height, hot_x, hot_y, rgba);
}

static void
put_masked(const ZgCursor *cursor, const uint8_t *rgba, const ZgPixelFormat *format,
           GByteArray *out)
{
    size_t n = (size_t)cursor->width * (size_t)cursor->height, n_pixel = format->bits_per_pixel / 8;
    size_t mask_stride = ((size_t)cursor->width + 7) / 8;
    guint at = out->len;

    zg_rfb_put_zeroes(out, n * n_pixel + mask_stride * (size_t)cursor->height);
    for (size_t i = 0; i < n; i++, rgba += 4) {
        uint32_t alpha = rgba[3];
        size_t x = i % (size_t)cursor->width, y = i / (size_t)cursor->width;
        if (alpha >= 128) {
            uint32_t r = MIN(255u, rgba[0] * 255u / alpha), g = MIN(255u, rgba[1] * 255u / alpha);
            uint32_t pixel = r << 16 | g << 8 | MIN(255u, rgba[2] * 255u / alpha);
            zg_pixel_convert(format, &pixel, 1, out->data + at + i * n_pixel);
            out->data[at + n * n_pixel + y * mask_stride + x / 8] |= (uint8_t)(0x80 >> (x & 7));
        }
    }
}

void
zg_cursor_put(const ZgCursor *cursor, bool with_alpha, const ZgPixelFormat *format,
              GByteArray *out)
{
    const uint8_t *rgba = cursor->rgba == NULL ? NULL : g_bytes_get_data(cursor->rgba, NULL);

    zg_rfb_put_rect(out, cursor->hot_x, cursor->hot_y, cursor->width, cursor->height,
                    with_alpha ? ZG_RFB_CURSOR_ALPHA : ZG_RFB_CURSOR);
    if (with_alpha) {
        zg_rfb_put_s32(out, ZG_RFB_RAW);
    }
    if (rgba == NULL) {
        return;
    }
    if (with_alpha) {
        g_byte_array_append(out, rgba, (guint)g_bytes_get_size(cursor->rgba));
    } else {
        put_masked(cursor, rgba, format, out);
    }
}
