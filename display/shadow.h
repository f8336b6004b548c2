/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The picture as viewers have it: what an encode reads, and where moved parts come from. */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/encoder.h"
#include "display/moves.h"

typedef struct {
    int width, height;
    uint32_t *pixels; /* a g_atomic_rc_box; rows without gaps */
    ZgMoveFinder *finder;
} ZgShadow;

/** zg_shadow_init() - black. */
void zg_shadow_init(ZgShadow *shadow, int width, int height);
void zg_shadow_clear(ZgShadow *shadow);

/** zg_shadow_resize() - black again; who holds the old pixels keeps them. */
void zg_shadow_resize(ZgShadow *shadow, int width, int height);

/**
 * zg_shadow_move() - move what has moved since
 * @frame:     the picture now, of the same size
 * @changed:   where the picture may differ; on success what still does
 * @out_moves: ZgMove, appended
 * Return: false when nothing has moved; then nothing is changed.
 */
bool zg_shadow_move(ZgShadow *shadow, const uint32_t *frame, ZgDamage *changed, GArray *out_moves);

/**
 * zg_shadow_trim() - of small @areas leave what differs from @frame, to the pixel
 * Two changes with little between them stay together.
 */
void zg_shadow_trim(const ZgShadow *shadow, const uint32_t *frame, GArray *areas);

/** zg_shadow_take() - the shadow shows @areas (ZgRect) as @frame does. */
void zg_shadow_take(ZgShadow *shadow, const uint32_t *frame, const GArray *areas);

/** zg_moves_to_blob() - as CopyRect rectangles. */
ZgBlob *zg_moves_to_blob(const GArray *moves);
