/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/moves.h"

#include <string.h>

#include "display/move_votes.h"

#define STRIP 64          /* columns that are compared as one */
#define ROWS_LEAST 4      /* of a part that is worth a move */
#define ROUNDS_MOST 4     /* different shifts in one update */
#define GAIN_PIXELS_LEAST 4096
#define SHIFTS_KEPT 3
#define MISSES_MOST 4     /* then the search in both directions is made now and then only */
#define MISS_PERIOD 4

enum { ROW_CLEAN, ROW_DIFFERS, ROW_MOVED };

/* Rows of one strip that match under a shift. */
typedef struct {
    int x0, x1, y0, y1;
    int first, last; /* the rows inside that differ now; last is past the end */
} Part;

struct ZgMoveFinder {
    /* of the update at work */
    const uint32_t *was, *now;
    int width, height, n_strips;
    int top, bottom;  /* all that differs lies between */
    int64_t n_differ; /* pixels */
    uint8_t *rows;    /* n_strips * height, ROW_... */
    size_t n_rows_room;
    int *left, *right; /* of each strip what is compared; empty strips have left == right */
    size_t n_strips_room;
    GArray *parts;
    ZgMoveVotes *votes;
    /* between updates */
    ZgShift kept[SHIFTS_KEPT];
    unsigned n_misses;
};

ZgMoveFinder *
zg_move_finder_new(void)
{
    ZgMoveFinder *f = g_new0(ZgMoveFinder, 1);

    f->parts = g_array_new(FALSE, FALSE, sizeof(Part));
    f->votes = zg_move_votes_new();
    return f;
}

void
zg_move_finder_free(ZgMoveFinder *f)
{
    if (f != NULL) {
        g_array_unref(f->parts);
        zg_move_votes_free(f->votes);
        g_free(f->rows);
        g_free(f->left);
        g_free(f->right);
        g_free(f);
    }
}

static const uint32_t *
pixel_at(const ZgMoveFinder *f, const uint32_t *picture, int x, int y)
{
    return picture + (size_t)y * (size_t)f->width + (size_t)x;
}

static bool
row_equal(const ZgMoveFinder *f, int x0, int x1, int y, ZgShift shift)
{
    return memcmp(pixel_at(f, f->now, x0, y), pixel_at(f, f->was, x0 + shift.dx, y + shift.dy),
                  (size_t)(x1 - x0) * 4) == 0;
}

/* ---- what differs ---- */

static void
make_room(ZgMoveFinder *f)
{
    size_t n_rows = (size_t)f->n_strips * (size_t)f->height;

    if (n_rows > f->n_rows_room) {
        g_free(f->rows);
        f->rows = g_malloc(n_rows);
        f->n_rows_room = n_rows;
    }
    if ((size_t)f->n_strips > f->n_strips_room) {
        f->n_strips_room = (size_t)f->n_strips;
        f->left = g_renew(int, f->left, f->n_strips_room);
        f->right = g_renew(int, f->right, f->n_strips_room);
    }
    memset(f->rows, ROW_CLEAN, n_rows);
    for (int s = 0; s < f->n_strips; s++) {
        f->left[s] = f->right[s] = s * STRIP;
    }
}

static void
mark_area(ZgMoveFinder *f, ZgRect r)
{
    for (int s = r.x / STRIP; s * STRIP < r.x + r.width; s++) {
        int x0 = MAX(r.x, s * STRIP), x1 = MIN(r.x + r.width, (s + 1) * STRIP);
        if (f->left[s] == f->right[s]) {
            f->left[s] = x0;
            f->right[s] = x1;
        }
        f->left[s] = MIN(f->left[s], x0);
        f->right[s] = MAX(f->right[s], x1);
        for (int y = r.y; y < r.y + r.height; y++) {
            uint8_t *row = &f->rows[s * f->height + y];
            if (*row == ROW_CLEAN && !row_equal(f, x0, x1, y, (ZgShift){0, 0})) {
                *row = ROW_DIFFERS;
                f->n_differ += x1 - x0;
                f->top = MIN(f->top, y);
                f->bottom = MAX(f->bottom, y + 1);
            }
        }
    }
}

/* Strips with a neighbour are compared in full, so that their parts join. */
static void
widen_strips(ZgMoveFinder *f)
{
    for (int s = 0; s < f->n_strips; s++) {
        bool dirty = f->left[s] < f->right[s];
        if (dirty && s > 0 && f->left[s - 1] < f->right[s - 1]) {
            f->left[s] = s * STRIP;
        }
        if (dirty && s + 1 < f->n_strips && f->left[s + 1] < f->right[s + 1]) {
            f->right[s] = (s + 1) * STRIP;
        }
    }
}

/* ---- one shift ---- */

static void
add_part(ZgMoveFinder *f, const Part *part, int n_rows)
{
    if (n_rows >= ROWS_LEAST) {
        g_array_append_val(f->parts, *part);
    }
}

static void
match_strip(ZgMoveFinder *f, int s, ZgShift shift)
{
    int x0 = f->left[s], x1 = f->right[s], n_rows = 0;
    int y0 = MAX(f->top, -shift.dy), y1 = MIN(f->bottom, f->height - shift.dy);
    const uint8_t *rows = f->rows + s * f->height;
    Part part = {.x0 = x0, .x1 = x1, .y0 = -1};

    if (x0 == x1 || x0 + shift.dx < 0 || x1 + shift.dx > f->width) {
        return;
    }
    for (int y = y0; y < y1; y++) {
        if (rows[y] == ROW_MOVED || !row_equal(f, x0, x1, y, shift)) {
            if (part.y0 >= 0) {
                add_part(f, &part, n_rows);
            }
            part.y0 = -1;
            continue;
        }
        if (part.y0 < 0) {
            part.y0 = y;
            part.first = f->height;
            part.last = n_rows = 0;
        }
        part.y1 = y + 1;
        if (rows[y] == ROW_DIFFERS) {
            part.first = MIN(part.first, y);
            part.last = y + 1;
            n_rows++;
        }
    }
    if (part.y0 >= 0) {
        add_part(f, &part, n_rows);
    }
}

static int64_t
match_all(ZgMoveFinder *f, ZgShift shift)
{
    int64_t gain = 0;

    g_array_set_size(f->parts, 0);
    for (int s = 0; s < f->n_strips; s++) {
        match_strip(f, s, shift);
    }
    for (guint i = 0; i < f->parts->len; i++) {
        const Part *part = &g_array_index(f->parts, Part, i);
        const uint8_t *rows = f->rows + part->x0 / STRIP * f->height;
        for (int y = part->first; y < part->last; y++) {
            gain += rows[y] == ROW_DIFFERS ? part->x1 - part->x0 : 0;
        }
    }
    return gain;
}

static void
join_parts(ZgMoveFinder *f)
{
    GArray *parts = f->parts;
    guint n = 0;

    for (guint i = 0; i < parts->len; i++) {
        Part part = g_array_index(parts, Part, i);
        bool joined = false;
        for (guint k = 0; k < n && !joined; k++) {
            Part *left = &g_array_index(parts, Part, k);
            int y0 = MAX(left->y0, part.y0), y1 = MIN(left->y1, part.y1);
            int first = MIN(left->first, part.first), last = MAX(left->last, part.last);
            if (left->x1 == part.x0 && y0 <= first && y1 >= last) {
                *left = (Part){left->x0, part.x1, y0, y1, first, last};
                joined = true;
            }
        }
        if (!joined) {
            g_array_index(parts, Part, n++) = part;
        }
    }
    g_array_set_size(parts, n);
}

static void
take_rows(ZgMoveFinder *f)
{
    for (guint i = 0; i < f->parts->len; i++) {
        const Part *part = &g_array_index(f->parts, Part, i);
        for (int s = part->x0 / STRIP; s * STRIP < part->x1; s++) {
            for (int y = part->first; y < part->last; y++) {
                uint8_t *row = &f->rows[s * f->height + y];
                if (*row == ROW_DIFFERS) {
                    *row = ROW_MOVED;
                    f->n_differ -= f->right[s] - f->left[s];
                }
            }
        }
    }
}

/* How many pixels beside the part, towards @step, match in every row of it; at most @most. */
static int
count_beside(const ZgMoveFinder *f, const Part *part, ZgShift shift, int step, int most)
{
    int x = step < 0 ? part->x0 - 1 : part->x1;

    most = MIN(most, step < 0 ? MIN(x + 1, x + shift.dx + 1)
                              : MIN(f->width - x, f->width - x - shift.dx));
    for (int y = part->first; y < part->last && most > 0; y++) {
        const uint32_t *now = pixel_at(f, f->now, x, y);
        const uint32_t *was = pixel_at(f, f->was, x + shift.dx, y + shift.dy);
        int n = 0;
        while (n < most && now[n * step] == was[n * step]) {
            n++;
        }
        most = n;
    }
    return MAX(most, 0);
}

static void
put_moves(ZgMoveFinder *f, ZgShift shift, GArray *out_moves)
{
    for (guint i = 0; i < f->parts->len && out_moves->len < ZG_MOVES_MAX; i++) {
        Part *part = &g_array_index(f->parts, Part, i);
        part->x0 -= count_beside(f, part, shift, -1, STRIP - 1);
        part->x1 += count_beside(f, part, shift, 1, STRIP - 1);
        ZgMove move = {.to = {part->x0, part->first, part->x1 - part->x0,
                              part->last - part->first},
                       .from_x = part->x0 + shift.dx,
                       .from_y = part->first + shift.dy};
        g_array_append_val(out_moves, move);
    }
}

static void
keep_shift(ZgMoveFinder *f, ZgShift shift)
{
    unsigned i = 0;

    while (i < SHIFTS_KEPT - 1 && (f->kept[i].dx != shift.dx || f->kept[i].dy != shift.dy)) {
        i++;
    }
    memmove(f->kept + 1, f->kept, i * sizeof f->kept[0]);
    f->kept[0] = shift;
}

/* Takes the shift when it explains at least @least pixels. */
static bool
try_shift(ZgMoveFinder *f, ZgShift shift, int64_t least, GArray *out_moves)
{
    if ((shift.dx == 0 && shift.dy == 0) || match_all(f, shift) < least) {
        return false;
    }
    join_parts(f);
    take_rows(f);
    put_moves(f, shift, out_moves);
    keep_shift(f, shift);
    return true;
}

/* ---- which shifts to try ---- */

static bool
try_kept(ZgMoveFinder *f, GArray *out_moves)
{
    for (unsigned i = 0; i < SHIFTS_KEPT; i++) {
        if (try_shift(f, f->kept[i], MAX(f->n_differ / 2, GAIN_PIXELS_LEAST), out_moves)) {
            return true;
        }
    }
    return false;
}

/* The strips with the most rows that differ vote for a vertical shift. */
static bool
vote_rows(ZgMoveFinder *f, ZgShift *out_shift)
{
    zg_move_votes_start_rows(f->votes, f->height);
    for (int s = 0; s < f->n_strips; s++) {
        int n = 0;
        for (int y = f->top; y < f->bottom; y++) {
            n += f->rows[s * f->height + y] == ROW_DIFFERS;
        }
        if (n >= 16 && f->right[s] - f->left[s] >= 16) {
            zg_move_votes_offer_strip(f->votes, (ZgMoveStrip){s, n});
        }
    }
    return zg_move_votes_count_rows(f->votes, f->was, f->now, f->width, f->top, f->bottom, f->left,
                                    f->right, f->rows, out_shift);
}

static bool
vote_points(ZgMoveFinder *f, ZgShift *out_shift)
{
    int x0 = f->width, x1 = 0;

    for (int s = 0; s < f->n_strips; s++) {
        if (f->left[s] < f->right[s]) {
            x0 = MIN(x0, f->left[s]);
            x1 = MAX(x1, f->right[s]);
        }
    }
    return zg_move_votes_count_points(f->votes, f->was, f->now, f->width, f->height,
                                      (ZgRect){x0, f->top, x1 - x0, f->bottom - f->top},
                                      f->rows, out_shift);
}

static bool
search(ZgMoveFinder *f, bool both_ways, GArray *out_moves)
{
    int64_t least = MAX(f->n_differ / 16, GAIN_PIXELS_LEAST);
    ZgShift shift;

    if (vote_rows(f, &shift) && try_shift(f, shift, least, out_moves)) {
        return true;
    }
    return both_ways && vote_points(f, &shift) && try_shift(f, shift, least, out_moves);
}

/* ---- order ---- */

static bool
overlaps(ZgRect a, ZgRect b)
{
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height &&
           b.y < a.y + a.height;
}

static bool
spoils_later(const GArray *moves, guint first, guint i)
{
    ZgRect to = g_array_index(moves, ZgMove, i).to;

    for (guint k = first; k < moves->len; k++) {
        ZgMove other = g_array_index(moves, ZgMove, k);
        if (k != i &&
            overlaps(to, (ZgRect){other.from_x, other.from_y, other.to.width, other.to.height})) {
            return true;
        }
    }
    return false;
}

/* First what nobody needs any more as a source; a circle is left as it is and costs pixels. */
static void
order_moves(GArray *moves)
{
    for (guint first = 0; first + 1 < moves->len; first++) {
        for (guint i = first; i < moves->len; i++) {
            if (!spoils_later(moves, first, i)) {
                ZgMove move = g_array_index(moves, ZgMove, i);
                g_array_index(moves, ZgMove, i) = g_array_index(moves, ZgMove, first);
                g_array_index(moves, ZgMove, first) = move;
                break;
            }
        }
    }
}

static void
begin(ZgMoveFinder *f, const uint32_t *was, const uint32_t *now, int width, int height,
      const GArray *areas)
{
    f->was = was;
    f->now = now;
    f->width = width;
    f->height = height;
    f->n_strips = (width + STRIP - 1) / STRIP;
    f->top = height;
    f->bottom = 0;
    f->n_differ = 0;
    make_room(f);
    for (guint i = 0; i < areas->len; i++) {
        mark_area(f, g_array_index(areas, ZgRect, i));
    }
    widen_strips(f);
    for (int s = 0; s < f->n_strips; s++) {
        f->right[s] = MIN(f->right[s], width);
    }
}

int64_t
zg_moves_find(ZgMoveFinder *f, const uint32_t *was, const uint32_t *now, int width, int height,
              const GArray *areas, GArray *out_moves)
{
    int64_t n_pixels = 0;
    bool both_ways;
    guint n_before = out_moves->len;

    for (guint i = 0; i < areas->len; i++) {
        const ZgRect *r = &g_array_index(areas, ZgRect, i);
        n_pixels += (int64_t)r->width * r->height;
    }
    if (n_pixels < ZG_MOVES_PIXELS_LEAST) {
        return 0;
    }
    begin(f, was, now, width, height, areas);
    both_ways = f->n_misses < MISSES_MOST || f->n_misses % MISS_PERIOD == 0;
    for (int round = 0; round < ROUNDS_MOST && f->n_differ >= ZG_MOVES_PIXELS_LEAST / 2; round++) {
        if (!try_kept(f, out_moves) && !search(f, both_ways, out_moves)) {
            break;
        }
    }
    f->n_misses = out_moves->len > n_before ? 0 : f->n_misses + 1;
    order_moves(out_moves);
    n_pixels = 0;
    for (guint i = n_before; i < out_moves->len; i++) {
        ZgRect to = g_array_index(out_moves, ZgMove, i).to;
        n_pixels += (int64_t)to.width * to.height;
    }
    return n_pixels;
}
