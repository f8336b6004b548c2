/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The picture of one desktop as last shown by its console. Loop thread only. */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/rect.h"

typedef struct {
    int width, height;  /* pixels, both at least 1 */
    uint32_t *pixels;   /* rows without gaps; 0x00RRGGBB in the machine's order (bytes B G R X) */
    ZgDamage fresh;     /* changed that the pipeline has not taken yet */
    uint64_t generation; /* +1 whenever such changes are taken */
} ZgFrame;

/** zg_frame_init() - black; @width and @height are within common/base/limits.h. */
void zg_frame_init(ZgFrame *frame, int width, int height);

/** zg_frame_clear() - release the pixels. */
void zg_frame_clear(ZgFrame *frame);

/** zg_frame_resize() - a new, black picture; everything is changed. */
void zg_frame_resize(ZgFrame *frame, int width, int height);

/** zg_frame_put() - rows of pixels without gaps; @area lies inside. What differs is noted. */
void zg_frame_put(ZgFrame *frame, ZgRect area, const uint8_t *bgrx);

/** zg_frame_copy() - copy inside the picture; both areas lie inside and may overlap. */
void zg_frame_copy(ZgFrame *frame, ZgRect to, int from_x, int from_y);
