/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drawing for the scenes: areas, text with soft edges, pictures that look like photos. Pure. */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef struct {
    uint32_t *pixels;
    int width, height;
} BenchPaper;

/** bench_random() - the next of a fixed row of numbers. */
uint32_t bench_random(uint32_t *seed);

void bench_fill(const BenchPaper *on, int x, int y, int w, int h, uint32_t colour);

/** bench_text() - one line, each character 8 * @scale wide; cut at the paper's edges. */
void bench_text(const BenchPaper *on, int x, int y, int scale, uint32_t ink, const char *text);

/** bench_words() - a line of words, at most @n_max characters. The caller frees it. */
char *bench_words(uint32_t *seed, int n_max);

/** bench_photo() - soft shapes with fine grain, like a photo to every encoder. */
void bench_photo(const BenchPaper *on, int x, int y, int w, int h, uint32_t seed);

/** bench_copy() - an area of one paper to another; both must hold it. */
void bench_copy(const BenchPaper *to, int x, int y, const BenchPaper *from, int from_x, int from_y,
                int w, int h);
