/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What has only moved on the picture: scrolled pages and terminals, dragged windows. Pure.
 * Every pixel of a move was compared, and no move overwrites what a later one needs.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "display/damage.h"
#include "display/rect.h"

/* @to shows now what was at @from_x, @from_y. */
typedef struct {
    ZgRect to;
    int from_x, from_y;
} ZgMove;

#define ZG_MOVES_MAX 64           /* in one update */
#define ZG_MOVES_PIXELS_LEAST 16384 /* fewer changed pixels are not worth a search */

typedef struct ZgMoveFinder ZgMoveFinder;

/** zg_move_finder_new() - remembers the last good shifts; has scratch memory. */
ZgMoveFinder *zg_move_finder_new(void);
void zg_move_finder_free(ZgMoveFinder *finder); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgMoveFinder, zg_move_finder_free)

/**
 * zg_moves_find() - look for parts of what changed that were elsewhere in @was
 * @was, @now: pictures, rows without gaps
 * @changed:   where the two may differ; tells their size
 * @out_moves: ZgMove, appended: at most ZG_MOVES_MAX, in the order in which to apply them
 * Return: pixels covered by the moves.
 */
int64_t zg_moves_find(ZgMoveFinder *finder, const uint32_t *was, const uint32_t *now,
                      const ZgDamage *changed, GArray *out_moves);
