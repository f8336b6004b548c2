/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/pace.h"

#define COST_LEAST 0.002    /* one colour costs next to nothing, but the next area may not */
#define MARGIN 2 /* what is too much after all is encoded again later; a cut picture is torn */
#define PIXELS_LEAST 65536
#define PIXELS_NO_MATTER 2048 /* updates so small say little about the picture */

double
zg_pace_cost(double old, size_t n_bytes, int64_t n_pixels)
{
    double cost;

    if (n_pixels < PIXELS_NO_MATTER) {
        return old;
    }
    cost = (double)n_bytes / (double)n_pixels;
    return old <= 0 ? cost : old + (cost - old) / 4;
}

int64_t
zg_pace_pixels(size_t n_bytes, double bytes_per_pixel)
{
    double cost = bytes_per_pixel < COST_LEAST ? COST_LEAST : bytes_per_pixel;
    double n = MARGIN * (double)n_bytes / cost;

    if (bytes_per_pixel <= 0 || n > (double)INT32_MAX) {
        return INT32_MAX;
    }
    return n < PIXELS_LEAST ? PIXELS_LEAST : (int64_t)n;
}
