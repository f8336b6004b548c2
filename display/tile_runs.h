/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a tile is cut for its encoder: into runs of one colour, text, rich things, photo. Pure. */
#pragma once

#include <glib.h>

#include "display/encoder.h"
#include "display/tile_class.h"

typedef enum {
    ZG_RUN_SOLID,
    ZG_RUN_COLOURS, /* text, lines, drawn things: of no more colours than a palette holds */
    ZG_RUN_RICH,    /* to be exact, of more than that */
    ZG_RUN_PHOTO,
} ZgTileRunKind;

/* A part of a tile. */
typedef struct {
    ZgRect area; /* inside the tile */
    ZgTileRunKind kind;
    uint32_t colour;               /* of ZG_RUN_SOLID */
    guint first_colour, n_colours; /* of ZG_RUN_COLOURS; see zg_tile_run_colours() */
} ZgTileRun;

typedef struct ZgTileRuns ZgTileRuns;

/**
 * zg_tile_runs_new()
 * @palettes: a run of few colours is as long as a palette holds them; else it is cut so that what
 *            comes back is cut alike
 */
ZgTileRuns *zg_tile_runs_new(bool palettes);
void zg_tile_runs_free(ZgTileRuns *runs);

/**
 * zg_tile_runs_cut() - runs that cover the tile, none over another
 * @photos: photos are told from what is rich; else there are none
 * Return:  of ZgTileRun, the object's, until the next cut
 */
const GArray *zg_tile_runs_cut(ZgTileRuns *runs, const ZgTile *tile, bool photos);

/** zg_tile_run_colours() - all colours of that run, run->n_colours; until the next cut. */
const uint32_t *zg_tile_run_colours(const ZgTileRuns *runs, const ZgTileRun *run);

bool zg_tile_runs_have_photo(const GArray *runs);

/** zg_tile_pixels() - where that part of the tile begins. */
static inline const uint32_t *
zg_tile_pixels(const ZgTile *tile, ZgRect part)
{
    return tile->pixels + (size_t)part.y * tile->stride + (size_t)part.x;
}
