/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shape of the mouse pointer: what the console sent, and rectangles for viewers. Pure. */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "display/rfb_wire.h"

#define ZG_CURSOR_SIDE_MAX 256

typedef struct {
    int width, height; /* 0..ZG_CURSOR_SIDE_MAX; 0 hides the pointer */
    int hot_x, hot_y;  /* 0..width-1, 0..height-1 */
    GBytes *rgba;      /* width * height * 4 bytes R G B A, colours multiplied by alpha; or NULL */
} ZgCursor;

/** zg_cursor_clear() - release the pixels; the cursor is then hidden. */
void zg_cursor_clear(ZgCursor *cursor);

/** zg_cursor_set() - copy @width x @height pixels R G B A; the hot spot is moved inside. */
void zg_cursor_set(ZgCursor *cursor, int width, int height, int hot_x, int hot_y,
                   const uint8_t *rgba);

/** zg_cursor_set_masked() - from a frame's pixels (B G R X) and a bit mask, rows of whole bytes. */
void zg_cursor_set_masked(ZgCursor *cursor, int width, int height, int hot_x, int hot_y,
                          const uint8_t *bgrx, const uint8_t *mask);

/** zg_cursor_put() - one CursorWithAlpha (@with_alpha) or Cursor rectangle. */
void zg_cursor_put(const ZgCursor *cursor, bool with_alpha, const ZgPixelFormat *format,
                   GByteArray *out);
