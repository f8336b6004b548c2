/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What player and measuring client share: when each frame was shown. A file, mapped by both, and
 * written by mix.py and tests/e2e/scene.mjs, which know where its parts lie. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/scene.h"

typedef struct {
    atomic_bool ready; /* player: frame 0 is shown */
    _Atomic int64_t begin_us; /* client or runner: when to play (monotonic); 0: not yet */
    _Atomic int64_t shown_us[BENCH_FRAMES_MAX]; /* monotonic; 0: not yet */
} BenchStage;

/** bench_stage_open() - maps the file, which the player creates; exits on failure. */
BenchStage *bench_stage_open(const char *path, bool create);

/** bench_fail() - one line on stderr, then exit 1. */
G_NORETURN void bench_fail(const char *format, ...) G_GNUC_PRINTF(1, 2);

typedef struct {
    /* frame scene->frame is drawn in scene->picture: show it */
    void (*show)(BenchScene *scene, void *user);
    /* wait until @until_us (monotonic), or not quite so long, and do what else there is to do */
    void (*wait)(int64_t until_us, void *user);
    void *user;
} BenchPlayer;

/** bench_wait() - for a player that has nothing else to do. */
void bench_wait(int64_t until_us, void *user);

/** bench_play() - frame 0, then the others at their times once it is said when. */
G_NORETURN void bench_play(BenchScene *scene, BenchStage *stage, const BenchPlayer *player);
