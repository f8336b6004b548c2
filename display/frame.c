/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/frame.h"

#include <string.h>

#include "common/base/limits.h"

void
zg_frame_init(ZgFrame *frame, int width, int height)
{
    g_assert(width > 0 && height > 0 && width <= ZG_LIMIT_SCREEN_SIDE &&
             height <= ZG_LIMIT_SCREEN_SIDE);
    *frame = (ZgFrame){.width = width, .height = height, .generation = 1};
    frame->pixels = g_new0(uint32_t, (size_t)width * (size_t)height);
    zg_damage_init(&frame->fresh, width, height);
}

void
zg_frame_clear(ZgFrame *frame)
{
    g_free(frame->pixels);
    zg_damage_clear(&frame->fresh);
    *frame = (ZgFrame){0};
}

void
zg_frame_resize(ZgFrame *frame, int width, int height)
{
    uint64_t generation = frame->generation;

    zg_frame_clear(frame);
    zg_frame_init(frame, width, height);
    frame->generation = generation + 1;
    zg_damage_add(&frame->fresh, (ZgRect){0, 0, width, height});
}

static void
put_row(ZgFrame *frame, int x, int y, int n, const uint32_t *fresh)
{
    uint32_t *row = frame->pixels + (size_t)y * (size_t)frame->width + (size_t)x;

    zg_damage_compare_row(&frame->fresh, x, y, n, row, fresh);
    memcpy(row, fresh, (size_t)n * 4);
}

void
zg_frame_put(ZgFrame *frame, ZgRect area, const uint8_t *bgrx)
{
    g_autofree uint32_t *aligned = NULL;
    size_t row_bytes = (size_t)area.width * 4;

    if ((uintptr_t)bgrx % 4 != 0) {
        aligned = g_malloc(row_bytes);
    }
    for (int y = area.y; y < area.y + area.height; y++, bgrx += row_bytes) {
        const void *row = bgrx;
        if (aligned != NULL) {
            row = memcpy(aligned, bgrx, row_bytes);
        }
        put_row(frame, area.x, y, area.width, row);
    }
}

void
zg_frame_copy(ZgFrame *frame, ZgRect to, int from_x, int from_y)
{
    g_autofree uint32_t *row = g_new(uint32_t, (size_t)to.width);
    bool upwards = to.y > from_y; /* copy the last row first, as memmove() would */

    for (int i = 0; i < to.height; i++) {
        int dy = upwards ? to.height - 1 - i : i;
        memcpy(row,
               frame->pixels + (size_t)(from_y + dy) * (size_t)frame->width + (size_t)from_x,
               (size_t)to.width * 4);
        put_row(frame, to.x, to.y + dy, to.width, row);
    }
}
