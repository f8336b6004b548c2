/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a desktop shows while somebody works: drawn frame by frame, the same on every machine. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/rect.h"

#define BENCH_FRAMES_MAX 4096
#define BENCH_CHANGED_MAX 4

/* Frames carry their number as a strip of black and white cells in the upper left corner. */
#define BENCH_STRIPE_CELL 8
#define BENCH_STRIPE_BITS 16
#define BENCH_STRIPE_WIDTH (BENCH_STRIPE_CELL * BENCH_STRIPE_BITS)

typedef struct BenchScene BenchScene;
struct BenchScene {
    int width, height;
    int n_frames;      /* with frame 0, the whole picture */
    int64_t frame_us;  /* from one frame to the next */
    int frame;         /* the one that is drawn now */
    uint32_t *picture; /* 0x00RRGGBB, rows of width pixels */
    ZgRect changed[BENCH_CHANGED_MAX + 1]; /* by the last step, the strip among them */
    int n_changed;
    /* the scene's own */
    void (*draw)(BenchScene *scene);
    uint32_t *stock, *more_stock; /* pictures that are shown in parts, or NULL */
    int stock_width, stock_height;
    uint32_t seed;
    int column, line;
};

/** bench_scene_names: every scene, NULL at the end. */
extern const char *const bench_scene_names[];

/**
 * bench_scene_new() - a scene with frame 0 drawn
 * @name:  one of bench_scene_names
 * @share: 1 for all frames, 3 for a third of them, 0.5 for twice as many
 * Return: the scene, or NULL for an unknown name; bench_scene_free() ends it.
 */
BenchScene *bench_scene_new(const char *name, double share);
void bench_scene_free(BenchScene *scene);

/** bench_scene_step() - draws the next frame; says in @changed where it differs. */
void bench_scene_step(BenchScene *scene);

/** bench_scene_copy_changed() - what the last step changed, into a picture of the same size. */
void bench_scene_copy_changed(const BenchScene *scene, uint32_t *to);

/** bench_stripe_read() - the number in a picture's corner; -1: torn or not there. */
int bench_stripe_read(const uint32_t *picture, int width);
