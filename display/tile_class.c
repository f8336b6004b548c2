/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/tile_class.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "display/pixel.h"

/* Below these an area is text or drawing. Found on recorded desktops: anti-aliased text stays over
 * half equal neighbours, photos and video stay below a quarter. */
#define PHOTO_COLOURS_LEAST 128
#define PHOTO_EQUAL_MOST_PCT 35
#define PHOTO_EDGES_MOST_PCT 6
#define EDGE_STEP 96 /* in the green channel */
#define PHOTO_PIXELS_LEAST 256

#define NO_COLOUR 0xffffffffu

static void
clear_palette(ZgPalette *p)
{
    p->n = 0;
    memset(p->slot_colour, 0xff, sizeof p->slot_colour); /* NO_COLOUR */
}

static void
add_colour(ZgPalette *p, uint32_t colour, unsigned most)
{
    unsigned slot = zg_palette_slot(colour);

    while (p->slot_colour[slot] != NO_COLOUR) {
        if (p->slot_colour[slot] == colour) {
            return;
        }
        slot = (slot + 1) & (ZG_PALETTE_SLOTS - 1);
    }
    if (p->n >= most) {
        p->n = ZG_PALETTE_MAX + 1;
        return;
    }
    p->slot_colour[slot] = colour;
    p->colours[p->n] = colour;
    p->slot_index[slot] = (uint16_t)p->n++;
}

/* Nearly every pixel has the colour of the last group, or one that is found at its first slot. */
void
zg_palette_read(ZgPalette *p, const uint32_t *pixels, size_t stride, int width, int height,
                unsigned most)
{
    uint32_t colour = pixels[0] & ZG_PIXEL_RGB;

    clear_palette(p);
    add_colour(p, colour, most);
    for (int y = 0; y < height; y++, pixels += stride) {
        for (int x = 0; x < width; x += ZG_PIXEL_GROUP) {
            int n = MIN(ZG_PIXEL_GROUP, width - x);
            if (n == ZG_PIXEL_GROUP && zg_pixel_group_is(pixels + x, colour)) {
                continue;
            }
            for (int i = 0; i < n; i++) {
                colour = pixels[x + i] & ZG_PIXEL_RGB;
                if (p->slot_colour[zg_palette_slot(colour)] != colour) {
                    add_colour(p, colour, most);
                }
            }
            if (p->n > ZG_PALETTE_MAX) {
                return;
            }
        }
    }
}

bool
zg_palette_add(ZgPalette *p, const uint32_t *colours, unsigned n)
{
    for (unsigned i = 0; i < n && p->n <= ZG_PALETTE_MAX; i++) {
        add_colour(p, colours[i], ZG_PALETTE_MAX);
    }
    return p->n <= ZG_PALETTE_MAX;
}

void
zg_palette_set(ZgPalette *p, const uint32_t *colours, unsigned n)
{
    clear_palette(p);
    zg_palette_add(p, colours, n);
}

static int
compare_colours(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

void
zg_palette_sort(ZgPalette *p)
{
    qsort(p->colours, p->n, sizeof p->colours[0], compare_colours);
    for (unsigned i = 0; i < p->n; i++) {
        unsigned slot = zg_palette_slot(p->colours[i]);
        while (p->slot_colour[slot] != p->colours[i]) {
            slot = (slot + 1) & (ZG_PALETTE_SLOTS - 1);
        }
        p->slot_index[slot] = (uint16_t)i;
    }
}

/* Equal neighbours and hard edges along every second row, in per cent of the pairs. */
static void
measure(const uint32_t *pixels, size_t stride, int width, int height, int *out_equal_pct,
        int *out_edges_pct)
{
    int n_equal = 0, n_edges = 0, n_pairs = 0;

    for (int y = 0; y < height; y += 2, pixels += 2 * stride) {
        for (int x = 1; x < width; x++) {
            int step = (int)(pixels[x - 1] >> 8 & 255) - (int)(pixels[x] >> 8 & 255);
            n_equal += ((pixels[x - 1] ^ pixels[x]) & ZG_PIXEL_RGB) == 0;
            n_edges += (unsigned)(step + EDGE_STEP) > 2 * EDGE_STEP;
        }
        n_pairs += width - 1;
    }
    *out_equal_pct = n_pairs == 0 ? 100 : n_equal * 100 / n_pairs;
    *out_edges_pct = n_pairs == 0 ? 0 : n_edges * 100 / n_pairs;
}

int
zg_tile_noise(const uint32_t *pixels, size_t stride, int width, int height)
{
    int64_t total = 0, n_pairs = 0;

    for (int y = 0; y < height; y += 2, pixels += 2 * stride) {
        int n = 0;
        for (int x = 1; x < width; x++) {
            n += abs((int)(pixels[x - 1] >> 8 & 255) - (int)(pixels[x] >> 8 & 255));
        }
        total += n;
        n_pairs += width - 1;
    }
    return n_pairs == 0 ? 0 : (int)(total * 16 / n_pairs);
}

static bool
is_solid(const uint32_t *pixels, size_t stride, int width, int height)
{
    uint32_t colour = pixels[0];

    for (int y = 0; y < height; y++, pixels += stride) {
        uint32_t difference = 0;
        for (int x = 0; x < width; x++) {
            difference |= pixels[x] ^ colour;
        }
        if ((difference & ZG_PIXEL_RGB) != 0) {
            return false;
        }
    }
    return true;
}

ZgTileClass
zg_tile_classify(const uint32_t *pixels, size_t stride, int width, int height, ZgPalette *scratch,
                 uint32_t *out_colour)
{
    int equal_pct, edges_pct;

    scratch->n = 0;
    *out_colour = pixels[0] & ZG_PIXEL_RGB;
    if (is_solid(pixels, stride, width, height)) {
        return ZG_CLASS_SOLID;
    }
    if (width * height < PHOTO_PIXELS_LEAST) {
        return ZG_CLASS_EXACT;
    }
    measure(pixels, stride, width, height, &equal_pct, &edges_pct);
    if (equal_pct > PHOTO_EQUAL_MOST_PCT || edges_pct > PHOTO_EDGES_MOST_PCT) {
        return ZG_CLASS_EXACT;
    }
    zg_palette_read(scratch, pixels, stride, width, height, PHOTO_COLOURS_LEAST - 1);
    return scratch->n <= ZG_PALETTE_MAX ? ZG_CLASS_EXACT : ZG_CLASS_PHOTO;
}
