/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much of the picture one update may hold, from what pixels have cost of late. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** zg_pace_cost() - bytes per pixel, smoothed; @old is 0 when nothing was sent yet. */
double zg_pace_cost(double old, size_t n_bytes, int64_t n_pixels);

/** zg_pace_pixels() - how many pixels about fit into @n_bytes; never so few that nothing moves. */
int64_t zg_pace_pixels(size_t n_bytes, double bytes_per_pixel);
