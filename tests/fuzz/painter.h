/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a hostile console paints goes into a real frame; a size out of bounds is a find. */
#pragma once

#include <stdlib.h>

#include "display/frame.h"

/* Larger screens are legal, but would make the fuzzer measure memset(). */
#define SIDE_MAX 512

typedef struct {
    ZgFrame frame;
    bool too_large;
} Painter;

static void
on_resize(void *user, int width, int height)
{
    Painter *p = user;

    if (!zg_screen_is_allowed(width, height)) {
        abort();
    }
    p->too_large = width > SIDE_MAX || height > SIDE_MAX;
    if (!p->too_large) {
        zg_frame_resize(&p->frame, width, height);
    }
}

static void
on_pixels(void *user, ZgRect area, const uint8_t *bgrx)
{
    Painter *p = user;

    if (!p->too_large) {
        zg_frame_put(&p->frame, area, bgrx);
    }
}
