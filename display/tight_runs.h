/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How Tight cuts a tile: runs of one colour, of text with its palette, of photo. Pure. */
#pragma once

#include <glib.h>

#include "display/encoder.h"
#include "display/tile_class.h"

/* A part of a tile with one class. */
typedef struct {
    ZgRect area; /* inside the tile */
    ZgTileClass kind;
    bool rich;       /* exact, of more colours than a palette holds */
    uint32_t colour; /* of one that is solid */
    guint first_colour, n_colours; /* exact and not rich; see zg_tight_run_colours() */
} ZgTightRun;

typedef struct ZgTightRuns ZgTightRuns;

ZgTightRuns *zg_tight_runs_new(void);
void zg_tight_runs_free(ZgTightRuns *runs);

/**
 * zg_tight_runs_cut() - runs that cover the tile, none over another
 * @photos: photos are told from other areas of many colours; else those are all exact and rich
 * Return:  of ZgTightRun, the object's, until the next cut
 */
const GArray *zg_tight_runs_cut(ZgTightRuns *runs, const ZgTile *tile, bool photos);

/** zg_tight_run_colours() - all colours of that run, run->n_colours; until the next cut. */
const uint32_t *zg_tight_run_colours(const ZgTightRuns *runs, const ZgTightRun *run);

bool zg_tight_runs_have_photo(const GArray *runs);
