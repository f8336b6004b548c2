/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How good moving pictures are: what the viewer asked for, bounded by the pool's profile, and less
 * while the link does not carry it. What rests is made exact in any case. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto/profile.h"

typedef struct {
    int jpeg_most;        /* 0..9; -1: everything exact */
    int jpeg_least;       /* the link may bring it down to this */
    int min_interval_us;  /* between pictures that hold the link; 0: none */
    int refine_after_ms;  /* an area rests so long before it is made exact */
} ZgQualityRules;

/** zg_quality_rules() - static. */
const ZgQualityRules *zg_quality_rules(ZgProfile profile);

/* Of one viewer. */
typedef struct {
    int drop;           /* levels below what was asked for */
    int n_moving;       /* lossy updates, one soon after the other */
    int n_easy;         /* of them, that the link carried with ease */
    int64_t last_us;    /* the last lossy update */
} ZgQuality;

/** zg_quality_level() - JPEG quality of the next update; @asked: the viewer's, -1 for none. */
int zg_quality_level(const ZgQuality *quality, const ZgQualityRules *rules, int asked);

/**
 * zg_quality_note() - an update with lossy parts was sent
 * @link_us: how long the link needs for it; 0 when that is not known
 */
void zg_quality_note(ZgQuality *quality, const ZgQualityRules *rules, int asked, int64_t link_us,
                     int64_t now_us);

/* Does much change, does somebody turn page after page? Zeroed: no. */
typedef struct {
    int64_t much_us;           /* when much changed at once for the last time */
    int64_t page_us, shown_us; /* another page came then; the one before was shown so long */
    int64_t until_us;
} ZgBrowsing;

/** zg_browsing_note() - @n_blocks (64x64) of the screen changed. */
void zg_browsing_note(ZgBrowsing *browsing, int n_blocks, int64_t now_us);

/**
 * zg_browsing_rest_us() - how long an area rests before it is made exact
 * A page that is soon gone again need not be, so while page follows page it is until the next one
 * is late, but a second at most; else @rest_us.
 */
int64_t zg_browsing_rest_us(const ZgBrowsing *browsing, int64_t rest_us, int64_t now_us);

/**
 * zg_browsing_over_us() - when to make an area exact that changed at @changed_us
 * @rest_us: of zg_browsing_rest_us()
 * While much moves elsewhere, too, what rests is likely to move again: a dragged window uncovers
 * and covers. It waits for the whole screen then, but ten seconds at most.
 */
int64_t zg_browsing_over_us(const ZgBrowsing *browsing, int64_t changed_us, int64_t rest_us);
