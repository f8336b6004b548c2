/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/tight_runs.h"

#define CELL_SIDE 64        /* what is classified at once */
#define PART_SIDE 8         /* of a cell that is half photo, half something else */
#define PHOTO_SHARE_LEAST 2 /* half of it is photo, or it is not worth another picture */

struct ZgTightRuns {
    GArray *runs;
    GArray *colours;   /* of all runs, one after another */
    ZgPalette palette; /* of the cell at work */
    ZgPalette joined;  /* of the last run with colours */
};

ZgTightRuns *
zg_tight_runs_new(void)
{
    ZgTightRuns *t = g_new0(ZgTightRuns, 1);

    t->runs = g_array_new(FALSE, FALSE, sizeof(ZgTightRun));
    t->colours = g_array_sized_new(FALSE, FALSE, sizeof(uint32_t), ZG_PALETTE_MAX);
    return t;
}

void
zg_tight_runs_free(ZgTightRuns *t)
{
    g_array_unref(t->runs);
    g_array_unref(t->colours);
    g_free(t);
}

const uint32_t *
zg_tight_run_colours(const ZgTightRuns *t, const ZgTightRun *run)
{
    return &g_array_index(t->colours, uint32_t, run->first_colour);
}

bool
zg_tight_runs_have_photo(const GArray *runs)
{
    for (guint i = 0; i < runs->len; i++) {
        if (g_array_index(runs, ZgTightRun, i).kind == ZG_CLASS_PHOTO) {
            return true;
        }
    }
    return false;
}

static ZgTightRun *
last_run(const ZgTightRuns *t)
{
    return &g_array_index(t->runs, ZgTightRun, t->runs->len - 1);
}

/* What was just read into t->palette, for a run that begins with it. */
static void
begin_colours(ZgTightRuns *t, ZgTightRun *run)
{
    run->first_colour = t->colours->len;
    run->n_colours = t->palette.n;
    g_array_append_vals(t->colours, t->palette.colours, t->palette.n);
    t->joined = t->palette;
}

/* The same for the last run; false: that would be too many. */
static bool
join_colours(ZgTightRuns *t, ZgTightRun *run)
{
    if (!zg_palette_add(&t->joined, t->palette.colours, t->palette.n)) {
        return false;
    }
    g_array_append_vals(t->colours, t->joined.colours + run->n_colours,
                        t->joined.n - run->n_colours);
    run->n_colours = t->joined.n;
    return true;
}

static bool
has_colours(const ZgTightRun *run)
{
    return run->kind == ZG_CLASS_EXACT && !run->rich;
}

/* Of one class, whose colours are not too many; these are then those of @into. */
static bool
join_class(ZgTightRuns *t, ZgTightRun *into, const ZgTightRun *run)
{
    if (into->kind != run->kind || into->rich != run->rich) {
        return false;
    }
    if (run->kind == ZG_CLASS_SOLID) {
        return into->colour == run->colour;
    }
    return !has_colours(run) || join_colours(t, into);
}

static bool
join_left(ZgTightRuns *t, ZgTightRun *left, const ZgTightRun *run)
{
    if (left->area.y != run->area.y || left->area.height != run->area.height ||
        left->area.x + left->area.width != run->area.x || !join_class(t, left, run)) {
        return false;
    }
    left->area.width += run->area.width;
    return true;
}

/* Of one cell that is cut in rows. */
static bool
join_below(ZgTightRuns *t, ZgTightRun *above, const ZgTightRun *run)
{
    if (!join_class(t, above, run)) {
        return false;
    }
    above->area.height += run->area.height;
    return true;
}

/* Photos and solid areas also join with the run above; text keeps its own palettes. */
static void
join_up(GArray *runs, guint row_start)
{
    for (guint i = row_start; i < runs->len; i++) {
        ZgTightRun *run = &g_array_index(runs, ZgTightRun, i);
        for (guint k = 0; k < row_start && run->kind != ZG_CLASS_EXACT; k++) {
            ZgTightRun *above = &g_array_index(runs, ZgTightRun, k);
            if (above->kind == run->kind && above->area.x == run->area.x &&
                above->area.width == run->area.width &&
                above->area.y + above->area.height == run->area.y &&
                (run->kind == ZG_CLASS_PHOTO || above->colour == run->colour)) {
                above->area.height += run->area.height;
                g_array_remove_index(runs, i);
                i--;
                break;
            }
        }
    }
}

static ZgTightRun
make_run(ZgTightRuns *t, const ZgTile *tile, ZgRect area, bool photos)
{
    const uint32_t *pixels = tile->pixels + (size_t)area.y * tile->stride + area.x;
    ZgTightRun run = {.area = area};

    run.kind = zg_tile_classify(pixels, tile->stride, area.width, area.height, &t->palette,
                                &run.colour);
    if (run.kind == ZG_CLASS_PHOTO && !photos) {
        run.kind = ZG_CLASS_EXACT;
        run.rich = true;
    } else if (run.kind == ZG_CLASS_EXACT && t->palette.n == 0) {
        zg_palette_read(&t->palette, pixels, tile->stride, area.width, area.height,
                        ZG_PALETTE_MAX);
        run.rich = t->palette.n > ZG_PALETTE_MAX;
    }
    return run;
}

static void
append_run(ZgTightRuns *t, ZgTightRun *run)
{
    if (has_colours(run)) {
        begin_colours(t, run);
    }
    g_array_append_val(t->runs, *run);
}

static void
add_run(ZgTightRuns *t, guint row_start, ZgTightRun *run)
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
count_photo_pixels(ZgTightRuns *t, const ZgTile *tile, ZgRect cell, bool columns)
{
    int n = 0;

    for (int i = 0; i < CELL_SIDE / PART_SIDE; i++) {
        ZgRect part = part_of(cell, columns, i);
        uint32_t colour;
        if (!zg_rect_is_empty(part) &&
            zg_tile_classify(tile->pixels + (size_t)part.y * tile->stride + part.x, tile->stride,
                             part.width, part.height, &t->palette, &colour) == ZG_CLASS_PHOTO) {
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
add_parts(ZgTightRuns *t, const ZgTile *tile, ZgRect cell, guint row_start)
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
            ZgTightRun run = make_run(t, tile, part, true);
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
zg_tight_runs_cut(ZgTightRuns *t, const ZgTile *tile, bool photos)
{
    g_array_set_size(t->runs, 0);
    g_array_set_size(t->colours, 0);
    for (int y = 0; y < tile->area.height; y += CELL_SIDE) {
        guint row_start = t->runs->len;
        for (int x = 0; x < tile->area.width; x += CELL_SIDE) {
            ZgTightRun run = make_run(t, tile,
                               (ZgRect){x, y, MIN(CELL_SIDE, tile->area.width - x),
                                        MIN(CELL_SIDE, tile->area.height - y)},
                               photos);
            if (!photos || !run.rich || !add_parts(t, tile, run.area, row_start)) {
                add_run(t, row_start, &run);
            }
        }
        join_up(t->runs, row_start);
    }
    return t->runs;
}
