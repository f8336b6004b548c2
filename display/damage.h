/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What has changed on a picture: one box in each 64x64 block, its sides on 8-pixel columns.
 * Pure. Comparing new pixels with old ones makes a console's inflated damage cost nothing.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/rect.h"

#define ZG_BLOCK_SIDE 64
#define ZG_BLOCK_COLUMN 8

typedef struct {
    uint8_t x0, y0, x1, y1; /* inside the block, 0..64; empty when x1 is 0 */
    uint32_t zero;
    uint64_t rows;          /* bit y: something may have changed in row y of the block */
} ZgBlockBox;

typedef struct {
    int width, height;   /* of the picture, pixels */
    int columns, rows;   /* blocks */
    unsigned n_dirty;    /* blocks with a box */
    ZgBlockBox *boxes;   /* columns * rows */
} ZgDamage;

/** zg_damage_init() - nothing is changed on a picture of this size. */
void zg_damage_init(ZgDamage *damage, int width, int height);

/** zg_damage_clear() - release; an empty or cleared one is fine. */
void zg_damage_clear(ZgDamage *damage);

/** zg_damage_reset() - nothing is changed any more. */
void zg_damage_reset(ZgDamage *damage);

/** zg_damage_add() - @area (clipped) has changed. */
void zg_damage_add(ZgDamage *damage, ZgRect area);

/** zg_damage_subtract() - forget the boxes that lie wholly inside @area. */
void zg_damage_subtract(ZgDamage *damage, ZgRect area);

/** zg_damage_carry() - the picture at @from_x, @from_y was copied to @to, and its boxes with it. */
void zg_damage_carry(ZgDamage *damage, ZgRect to, int from_x, int from_y);

/** zg_damage_copy() - the same boxes as @from, a picture of the same size. */
void zg_damage_copy(ZgDamage *damage, const ZgDamage *from);

/** zg_damage_merge() - add all of @from, a picture of the same size. */
void zg_damage_merge(ZgDamage *damage, const ZgDamage *from);

/** zg_damage_pixels() - of all boxes. */
int64_t zg_damage_pixels(const ZgDamage *damage);

/** zg_damage_equal() - do both mean the same boxes? */
bool zg_damage_equal(const ZgDamage *a, const ZgDamage *b);

/**
 * zg_damage_compare_row() - add where @fresh differs from @old
 * @x, @y, @n: the row's place on the picture, inside it
 * The unused byte of a pixel is not compared.
 */
void zg_damage_compare_row(ZgDamage *damage, int x, int y, int n, const uint32_t *old,
                           const uint32_t *fresh);

/**
 * zg_damage_take() - rectangles of ZgRect that cover the damage, joined where that is cheap
 * @max_pixels: stop before this many pixels (at least one rectangle is given); what was not given
 *              stays in @damage
 * @out_rects:  GArray of ZgRect, appended
 * Return: pixels given.
 */
int64_t zg_damage_take(ZgDamage *damage, int64_t max_pixels, GArray *out_rects);
