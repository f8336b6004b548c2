/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rectangle of pixels. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"

typedef struct {
    int x, y, width, height; /* pixels; empty when width or height is not positive */
} ZgRect;

static inline bool
zg_rect_is_empty(ZgRect r)
{
    return r.width <= 0 || r.height <= 0;
}

static inline bool
zg_rect_overlaps(ZgRect a, ZgRect b)
{
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height &&
           b.y < a.y + a.height;
}

/** zg_rect_common() - what lies in both; may be empty. */
static inline ZgRect
zg_rect_common(ZgRect a, ZgRect b)
{
    int x = a.x > b.x ? a.x : b.x, y = a.y > b.y ? a.y : b.y;
    int x1 = a.x + a.width < b.x + b.width ? a.x + a.width : b.x + b.width;
    int y1 = a.y + a.height < b.y + b.height ? a.y + a.height : b.y + b.height;

    return (ZgRect){x, y, x1 - x, y1 - y};
}

/** zg_rect_around() - the smallest that holds both; an empty one does not count. */
static inline ZgRect
zg_rect_around(ZgRect a, ZgRect b)
{
    int x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
    int x1 = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    int y1 = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;

    if (zg_rect_is_empty(a) || zg_rect_is_empty(b)) {
        return zg_rect_is_empty(a) ? b : a;
    }
    return (ZgRect){x, y, x1 - x, y1 - y};
}

/** zg_rect_clip() - the part of @r inside 0,0 .. @width,@height; may be empty. */
static inline ZgRect
zg_rect_clip(ZgRect r, int width, int height)
{
    int x1 = r.x + r.width < width ? r.x + r.width : width;
    int y1 = r.y + r.height < height ? r.y + r.height : height;

    r.x = r.x < 0 ? 0 : r.x;
    r.y = r.y < 0 ? 0 : r.y;
    r.width = x1 - r.x;
    r.height = y1 - r.y;
    return r;
}

/** zg_screen_is_allowed() - a size that a console may have. */
static inline bool
zg_screen_is_allowed(int64_t width, int64_t height)
{
    return width > 0 && height > 0 && width <= ZG_LIMIT_SCREEN_SIDE &&
           height <= ZG_LIMIT_SCREEN_SIDE && width * height <= ZG_LIMIT_SCREEN_PIXELS;
}
