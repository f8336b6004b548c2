/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kind of picture a small area is: decides how it is encoded. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    ZG_CLASS_SOLID, /* one colour */
    ZG_CLASS_EXACT, /* text, lines, drawn things: kept exact */
    ZG_CLASS_PHOTO, /* natural picture: many colours, few equal neighbours, few hard edges */
} ZgTileClass;

#define ZG_PALETTE_MAX 256
#define ZG_PALETTE_SLOTS 1024 /* power of two, at least 2 * ZG_PALETTE_MAX */

/* The colours of an area in order of appearance, with a hash to find one's index. */
typedef struct {
    unsigned n; /* 0..ZG_PALETTE_MAX, or ZG_PALETTE_MAX + 1: too many */
    uint32_t colours[ZG_PALETTE_MAX];
    uint32_t slot_colour[ZG_PALETTE_SLOTS]; /* what no colour can be: free */
    uint16_t slot_index[ZG_PALETTE_SLOTS];
} ZgPalette;

/** zg_palette_read() - count the colours; stops once there are more than @most. */
void zg_palette_read(ZgPalette *palette, const uint32_t *pixels, size_t stride, int width,
                     int height, unsigned most);

/** zg_palette_add() - more colours. Return: false when there are more than ZG_PALETTE_MAX then. */
bool zg_palette_add(ZgPalette *palette, const uint32_t *colours, unsigned n);

/** zg_palette_set() - these colours and no others; at most ZG_PALETTE_MAX. */
void zg_palette_set(ZgPalette *palette, const uint32_t *colours, unsigned n);

/** zg_palette_sort() - by value, so that like areas get like indices. */
void zg_palette_sort(ZgPalette *palette);

static inline unsigned
zg_palette_slot(uint32_t colour)
{
    return colour * 2654435761u >> 22 & (ZG_PALETTE_SLOTS - 1);
}

/** zg_palette_find() - index of a colour that is in the palette. */
static inline unsigned
zg_palette_find(const ZgPalette *palette, uint32_t colour)
{
    unsigned slot = zg_palette_slot(colour);

    while (palette->slot_colour[slot] != colour) {
        slot = (slot + 1) & (ZG_PALETTE_SLOTS - 1);
    }
    return palette->slot_index[slot];
}

/**
 * zg_tile_classify()
 * @scratch:    is overwritten; its n is 0 when the colours need not be counted
 * @out_colour: the colour of a solid area
 */
ZgTileClass zg_tile_classify(const uint32_t *pixels, size_t stride, int width, int height,
                             ZgPalette *scratch, uint32_t *out_colour);

/**
 * zg_tile_noise() - how much a photo changes from pixel to pixel: 16 times the mean step in green
 * The more, the more a JPEG of one quality loses: found on recorded desktops.
 */
int zg_tile_noise(const uint32_t *pixels, size_t stride, int width, int height);
