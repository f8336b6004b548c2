/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/tile_runs.h"

#define CELL_SIDE 64        /* what is classified at once */
#define PART_SIDE 8         /* of a cell that is half photo, half something else */
#define PHOTO_SHARE_LEAST 2 /* half of it is photo, or it is not worth another picture */
#define COLOURS_CELLS_MOST 8 /* without palettes: so that what comes back is cut alike */

struct ZgTileRuns {
    bool palettes;
    GArray *runs;
    GArray *colours;   /* of all runs, one after another */
    ZgPalette palette; /* of the cell at work */
    ZgPalette joined;  /* of the last run with colours */
};

ZgTileRuns *
zg_tile_runs_new(bool palettes)
{
    ZgTileRuns *t = g_new0(ZgTileRuns, 1);

    t->palettes = palettes;
    t->runs = g_array_new(FALSE, FALSE, sizeof(ZgTileRun));
    t->colours = g_array_sized_new(FALSE, FALSE, sizeof(uint32_t), ZG_PALETTE_MAX);
    return t;
}

void
zg_tile_runs_free(ZgTileRuns *t)
{
    g_array_unref(t->runs);
    g_array_unref(t->colours);
    g_free(t);
}

const uint32_t *
zg_tile_run_colours(const ZgTileRuns *t, const ZgTileRun *run)
{
    return &g_array_index(t->colours, uint32_t, run->first_colour);
}

bool
zg_tile_runs_have_photo(const GArray *runs)
{
    for (guint i = 0; i < runs->len; i++) {
        if (g_array_index(runs, ZgTileRun, i).kind == ZG_RUN_PHOTO) {
            return true;
        }
    }
    return false;
}

static ZgTileRun *
last_run(const ZgTileRuns *t)
{
    return &g_array_index(t->runs, ZgTileRun, t->runs->len - 1);
}

/* What was just read into t->palette, for a run that begins with it. */
static void
begin_colours(ZgTileRuns *t, ZgTileRun *run)
{
    run->first_colour = t->colours->len;
    run->n_colours = t->palette.n;
    g_array_append_vals(t->colours, t->palette.colours, t->palette.n);
    t->joined = t->palette;
}

/* The same for the last run; false: that would be too many. */
static bool
join_colours(ZgTileRuns *t, ZgTileRun *run)
{
    if (!zg_palette_add(&t->joined, t->palette.colours, t->palette.n)) {
        return false;
    }
    g_array_append_vals(t->colours, t->joined.colours + run->n_colours,
                        t->joined.n - run->n_colours);
    run->n_colours = t->joined.n;
    return true;
}

/* Of one kind, whose colours are not too many; these are then those of @into. */
static bool
join_kind(ZgTileRuns *t, ZgTileRun *into, const ZgTileRun *run)
{
    if (into->kind != run->kind || into->colour != run->colour) {
        return false;
    }
    if (run->kind != ZG_RUN_COLOURS) {
        return true;
    }
    return t->palettes ? join_colours(t, into)
                       : into->area.width < COLOURS_CELLS_MOST * CELL_SIDE;
}

static bool
join_left(ZgTileRuns *t, ZgTileRun *left, const ZgTileRun *run)
{
    if (left->area.y != run->area.y || left->area.height != run->area.height ||
        left->area.x + left->area.width != run->area.x || !join_kind(t, left, run)) {
        return false;
    }
    left->area.width += run->area.width;
    return true;
}

/* Of one cell that is cut in rows. */
static bool
join_below(ZgTileRuns *t, ZgTileRun *above, const ZgTileRun *run)
{
    if (!join_kind(t, above, run)) {
        return false;
    }
    above->area.height += run->area.height;
    return true;
}

/* All but text also join with the run above: that keeps its own palettes. */
static void
join_up(GArray *runs, guint row_start)
{
    for (guint i = row_start; i < runs->len; i++) {
        ZgTileRun *run = &g_array_index(runs, ZgTileRun, i);
        for (guint k = 0; k < row_start && run->kind != ZG_RUN_COLOURS; k++) {
            ZgTileRun *above = &g_array_index(runs, ZgTileRun, k);
            if (above->kind == run->kind && above->colour == run->colour &&
                above->area.x == run->area.x && above->area.width == run->area.width &&
                above->area.y + above->area.height == run->area.y) {
                above->area.height += run->area.height;
                g_array_remove_index(runs, i);
                i--;
                break;
            }
        }
    }
}

static ZgTileClass
classify(ZgTileRuns *t, const ZgTile *tile, ZgRect area, uint32_t *out_colour)
{
    return zg_tile_classify(zg_tile_pixels(tile, area), tile->stride, area.width, area.height,
                            &t->palette, out_colour);
}

static ZgTileRun
make_run(ZgTileRuns *t, const ZgTile *tile, ZgRect area, bool photos)
{
    ZgTileRun run = {.area = area};
    uint32_t colour;

    switch (classify(t, tile, area, &colour)) {
    case ZG_CLASS_SOLID:
        run.kind = ZG_RUN_SOLID;
        run.colour = colour;
        break;
    case ZG_CLASS_EXACT:
        if (t->palette.n == 0) {
            zg_palette_read(&t->palette, zg_tile_pixels(tile, area), tile->stride, area.width,
                            area.height, ZG_PALETTE_MAX);
        }
        run.kind = t->palette.n > ZG_PALETTE_MAX ? ZG_RUN_RICH : ZG_RUN_COLOURS;
        break;
    case ZG_CLASS_PHOTO:
        run.kind = photos ? ZG_RUN_PHOTO : ZG_RUN_RICH;
        break;
    }
    return run;
}

static void
append_run(ZgTileRuns *t, ZgTileRun *run)
{
    if (t->palettes && run->kind == ZG_RUN_COLOURS) {
        begin_colours(t, run);
    }
    g_array_append_val(t->runs, *run);
}

static void
add_run(ZgTileRuns *t, guint row_start, ZgTileRun *run)
{
    if (t->runs->len == row_start || !join_left(t, last_run(t), run)) {
        append_run(t, run);
    }
}

/* The @i-th column or row of a cell; empty past its end. */
static ZgRect
part_of(ZgRect cell, bool columns, int i)
{
    int at = i * PART_SIDE;

    if (columns) {
        return (ZgRect){cell.x + at, cell.y, MIN(PART_SIDE, cell.width - at), cell.height};
    }
    return (ZgRect){cell.x, cell.y + at, cell.width, MIN(PART_SIDE, cell.height - at)};
}

static int
count_photo_pixels(ZgTileRuns *t, const ZgTile *tile, ZgRect cell, bool columns)
{
    int n = 0;

    for (int i = 0; i < CELL_SIDE / PART_SIDE; i++) {
        ZgRect part = part_of(cell, columns, i);
        uint32_t colour;
        if (!zg_rect_is_empty(part) &&
            classify(t, tile, part, &colour) == ZG_CLASS_PHOTO) {
            n += part.width * part.height;
        }
    }
    return n;
}

/*
 * The edge of a photo seldom lies between two cells: one that is not all photo is cut in the
 * better direction. False: it is not worth it.
 */
static bool
add_parts(ZgTileRuns *t, const ZgTile *tile, ZgRect cell, guint row_start)
{
    int by_columns = count_photo_pixels(t, tile, cell, true);
    int by_rows = count_photo_pixels(t, tile, cell, false);
    bool columns = by_columns >= by_rows;

    if (MAX(by_columns, by_rows) * PHOTO_SHARE_LEAST < cell.width * cell.height) {
        return false;
    }
    for (int i = 0; i < CELL_SIDE / PART_SIDE; i++) {
        ZgRect part = part_of(cell, columns, i);
        if (!zg_rect_is_empty(part)) {
            ZgTileRun run = make_run(t, tile, part, true);
            if (columns) {
                add_run(t, row_start, &run);
            } else if (i == 0 || !join_below(t, last_run(t), &run)) {
                append_run(t, &run);
            }
        }
    }
    return true;
}

const GArray *
zg_tile_runs_cut(ZgTileRuns *t, const ZgTile *tile, bool photos)
{
    g_array_set_size(t->runs, 0);
    g_array_set_size(t->colours, 0);
    for (int y = 0; y < tile->area.height; y += CELL_SIDE) {
        guint row_start = t->runs->len;
        for (int x = 0; x < tile->area.width; x += CELL_SIDE) {
            ZgRect cell = {x, y, MIN(CELL_SIDE, tile->area.width - x),
                           MIN(CELL_SIDE, tile->area.height - y)};
            ZgTileRun run = make_run(t, tile, cell, photos);
            if (!photos || run.kind != ZG_RUN_RICH ||
                !add_parts(t, tile, cell, row_start)) {
                add_run(t, row_start, &run);
            }
        }
        join_up(t->runs, row_start);
    }
    return t->runs;
}
