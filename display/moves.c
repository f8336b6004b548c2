/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/moves.h"

#include <string.h>

#include "display/move_votes.h"

#define STRIP ZG_BLOCK_SIDE /* columns that are compared as one */
#define CACHE_LINE_PIXELS 16
#define ROWS_AHEAD 2
#define ROWS_LEAST 4      /* of a part that is worth a move */
#define ROUNDS_MOST 4     /* different shifts in one update */
#define REST_PART 8       /* of the changed pixels; less than that is not searched again */
#define GAIN_PIXELS_LEAST 4096
#define PROBED_ROWS 48
#define PROBES_LEAST 32
#define SHIFTS_KEPT 3
#define MISSES_MOST 2
#define MISS_PERIOD 4
#define EXPECTED_MOST 4 /* updates, one after another, that are not searched for more */

enum { ROW_CLEAN, ROW_DIFFERS, ROW_MOVED };

/* Rows of one strip that match under a shift. */
typedef struct {
    int x0, x1, y0, y1;
    int first, last; /* the rows inside that differ now; last is past the end */
} Part;

/* A part that the next row may make longer. */
typedef struct {
    Part part; /* y0 is -1 when there is none */
    int n_rows; /* that differ */
} Open;

struct ZgMoveFinder {
    /* of the update at work */
    const uint32_t *was, *now;
    int width, height, n_strips;
    int top, bottom;  /* all that differs lies between */
    int64_t n_differ; /* pixels */
    uint8_t *rows;    /* n_strips * height, ROW_... */
    size_t n_rows_room;
    Open *open;        /* of each strip */
    ZgShift matched;   /* the parts are those of this shift; 0, 0: of none */
    int64_t gain;      /* pixels that differ and match */
    int *left, *right; /* of each strip what is compared; empty strips have left == right */
    size_t n_strips_room;
    GArray *parts;
    ZgMoveVotes *votes;
    /* between updates */
    ZgShift kept[SHIFTS_KEPT];
    unsigned n_misses; /* of the search in both directions, one after another */
    ZgShift only;      /* all that was found in the last update; 0, 0: there was more, or nothing */
    unsigned n_expected; /* updates since that was searched for */
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
        g_free(f->open);
        g_free(f);
    }
}

static const uint32_t *
pixel_at(const ZgMoveFinder *f, const uint32_t *picture, int x, int y)
{
    return picture + (size_t)y * (size_t)f->width + (size_t)x;
}

static bool
is_same(ZgShift a, ZgShift b)
{
    return a.dx == b.dx && a.dy == b.dy;
}

static bool
is_none(ZgShift shift)
{
    return shift.dx == 0 && shift.dy == 0;
}

/* Rows are short pieces of memory far apart: no processor guesses the next one by itself. */
static void
fetch_ahead(const ZgMoveFinder *f, int x, int y, ZgShift shift)
{
    const uint32_t *now = pixel_at(f, f->now, x, y + ROWS_AHEAD);
    const uint32_t *was = pixel_at(f, f->was, x + shift.dx, y + shift.dy + ROWS_AHEAD);

    for (int i = 0; i < STRIP; i += CACHE_LINE_PIXELS) {
        __builtin_prefetch(now + i);
        __builtin_prefetch(was + i);
    }
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
        f->open = g_renew(Open, f->open, f->n_strips_room);
    }
    memset(f->rows, ROW_CLEAN, n_rows);
    for (int s = 0; s < f->n_strips; s++) {
        f->left[s] = f->right[s] = s * STRIP;
    }
}

static void
mark_block(ZgMoveFinder *f, int s, int top, const ZgBlockBox *box)
{
    bool is_empty = f->left[s] == f->right[s];
    int x0 = s * STRIP + box->x0, x1 = s * STRIP + box->x1;

    f->left[s] = is_empty ? x0 : MIN(f->left[s], x0);
    f->right[s] = is_empty ? x1 : MAX(f->right[s], x1);
    f->top = MIN(f->top, top + box->y0);
    f->bottom = MAX(f->bottom, top + box->y1);
    f->n_differ += (x1 - x0) * __builtin_popcountll(box->rows);
    for (int y = box->y0; y < box->y1; y++) {
        f->rows[s * f->height + top + y] = box->rows >> y & 1 ? ROW_DIFFERS : ROW_CLEAN;
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

/* The next row of a strip, which matches or not; @part is what is open there. */
static void
match_row(ZgMoveFinder *f, Open *open, int y, int x0, int x1, bool matches, bool differs)
{
    if (!matches) {
        if (open->part.y0 >= 0) {
            add_part(f, &open->part, open->n_rows);
        }
        open->part.y0 = -1;
        return;
    }
    if (open->part.y0 < 0) {
        *open = (Open){.part = {.x0 = x0, .x1 = x1, .y0 = y, .first = f->height}};
    }
    open->part.y1 = y + 1;
    if (differs) {
        open->part.first = MIN(open->part.first, y);
        open->part.last = y + 1;
        open->n_rows++;
        f->gain += x1 - x0;
    }
}

/* Row by row, as the pictures lie in memory. Return: pixels that differ and match. */
static int64_t
match_all(ZgMoveFinder *f, ZgShift shift)
{
    int y0 = MAX(f->top, -shift.dy), y1 = MIN(f->bottom, f->height - shift.dy);

    if (is_same(f->matched, shift)) {
        return f->gain;
    }
    g_array_set_size(f->parts, 0);
    f->matched = shift;
    f->gain = 0;
    for (int s = 0; s < f->n_strips; s++) {
        f->open[s].part.y0 = -1;
    }
    for (int y = y0; y <= y1; y++) { /* the last turn closes what is open */
        for (int s = 0; s < f->n_strips; s++) {
            int x0 = f->left[s], x1 = f->right[s];
            uint8_t row = y < y1 ? f->rows[s * f->height + y] : ROW_MOVED;
            if (x0 < x1) {
                fetch_ahead(f, x0, y, shift);
                match_row(f, &f->open[s], y, x0, x1,
                          row != ROW_MOVED && x0 + shift.dx >= 0 && x1 + shift.dx <= f->width &&
                              row_equal(f, x0, x1, y, shift),
                          row == ROW_DIFFERS);
            }
        }
    }
    return f->gain;
}

static int
compare_parts(gconstpointer a, gconstpointer b)
{
    const Part *left = a, *right = b;

    return left->x0 != right->x0 ? left->x0 - right->x0 : left->y0 - right->y0;
}

static void
join_parts(ZgMoveFinder *f)
{
    GArray *parts = f->parts;
    guint n = 0;

    g_array_sort(parts, compare_parts);
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
    f->matched = (ZgShift){0, 0};
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
        int n = 0, back = step < 0 ? most - 1 : 0;
        if (memcmp(now - back, was - back, (size_t)most * 4) == 0) {
            continue;
        }
        while (n < most && now[n * step] == was[n * step]) {
            n++;
        }
        most = n;
    }
    return MAX(most, 0);
}

/* How far the part may grow before it meets another of the same shift. */
static int
room_beside(const ZgMoveFinder *f, const Part *part, int step)
{
    int room = STRIP - 1;

    for (guint i = 0; i < f->parts->len; i++) {
        const Part *other = &g_array_index(f->parts, Part, i);
        if (other != part && other->first < part->last && part->first < other->last) {
            int gap = step < 0 ? part->x0 - other->x1 : other->x0 - part->x1;
            room = gap >= 0 ? MIN(room, gap) : room;
        }
    }
    return room;
}

static void
put_moves(ZgMoveFinder *f, ZgShift shift, GArray *out_moves)
{
    for (guint i = 0; i < f->parts->len && out_moves->len < ZG_MOVES_MAX; i++) {
        Part *part = &g_array_index(f->parts, Part, i);
        part->x0 -= count_beside(f, part, shift, -1, room_beside(f, part, -1));
        part->x1 += count_beside(f, part, shift, 1, room_beside(f, part, 1));
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

    while (i < SHIFTS_KEPT - 1 && !is_same(f->kept[i], shift)) {
        i++;
    }
    memmove(f->kept + 1, f->kept, i * sizeof f->kept[0]);
    f->kept[0] = shift;
}

/* Some of the rows that differ are looked at before all are: would the shift explain @least? */
static bool
is_promising(const ZgMoveFinder *f, ZgShift shift, int64_t least)
{
    int n_seen = 0, n_equal = 0, step = MAX((f->bottom - f->top) / PROBED_ROWS, 1);

    for (int y = f->top + step / 2; y < f->bottom; y += step) {
        for (int s = 0; s < f->n_strips; s++) {
            int x0 = f->left[s], x1 = f->right[s];
            if (x0 < x1 && f->rows[s * f->height + y] == ROW_DIFFERS) {
                n_seen++;
                n_equal += x0 + shift.dx >= 0 && x1 + shift.dx <= f->width && y + shift.dy >= 0 &&
                           y + shift.dy < f->height && row_equal(f, x0, x1, y, shift);
            }
        }
    }
    return n_seen < PROBES_LEAST || n_equal * f->n_differ * 2 >= n_seen * least;
}

/* Takes the shift when it explains at least @least pixels. */
static bool
try_shift(ZgMoveFinder *f, ZgShift shift, int64_t least, GArray *out_moves)
{
    if (is_none(shift) || !is_promising(f, shift, least) ||
        match_all(f, shift) < least) {
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
vote_rows(ZgMoveFinder *f, ZgShift expected, ZgShift *out_shift)
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
                                    f->right, f->rows, expected, out_shift);
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

static int64_t
measure(ZgMoveFinder *f, ZgShift shift, int64_t least)
{
    return is_promising(f, shift, least) ? match_all(f, shift) : 0;
}

/*
 * A shift in both directions, when it explains more than @gain. Costs most of a search and finds
 * little but windows that are dragged: after a few misses it is made now and then only.
 */
static void
search_both_ways(ZgMoveFinder *f, int64_t least, int64_t gain, ZgShift *out_shift)
{
    bool looks = f->n_misses < MISSES_MOST || f->n_misses % MISS_PERIOD == 0;
    ZgShift shift;

    if (looks && vote_points(f, &shift) && measure(f, shift, least) > gain) {
        f->n_misses = 0;
        *out_shift = shift;
        return;
    }
    f->n_misses++;
}

/*
 * A window that is dragged has blank rows that also fit a vertical shift: the better one counts.
 * @expected: when the rows vote for this again, as they do for page after page, that is it; or 0, 0
 */
static bool
search(ZgMoveFinder *f, bool first, ZgShift expected, GArray *out_moves)
{
    int64_t least = MAX(first ? f->n_differ / 16 : f->n_differ / 2, GAIN_PIXELS_LEAST), gain = 0;
    ZgShift shift = {0, 0};

    if (vote_rows(f, expected, &shift)) {
        gain = measure(f, shift, least);
    }
    if (first && gain < f->n_differ / 8 * 7 && !(gain > 0 && zg_shift_is_near(shift, expected))) {
        search_both_ways(f, least, gain, &shift);
    }
    return try_shift(f, shift, least, out_moves);
}

/* ---- order ---- */

static bool
spoils_later(const GArray *moves, guint first, guint i)
{
    ZgRect to = g_array_index(moves, ZgMove, i).to;

    for (guint k = first; k < moves->len; k++) {
        ZgMove other = g_array_index(moves, ZgMove, k);
        ZgRect from = {other.from_x, other.from_y, other.to.width, other.to.height};
        if (k != i && zg_rect_overlaps(to, from)) {
            return true;
        }
    }
    return false;
}

/* First what nobody needs any more as a source; of a circle one is left out. */
static void
order_moves(GArray *moves)
{
    for (guint first = 0; first + 1 < moves->len; first++) {
        guint i = first;
        while (i < moves->len && spoils_later(moves, first, i)) {
            i++;
        }
        if (i == moves->len) {
            g_array_remove_index_fast(moves, first--);
            continue;
        }
        ZgMove move = g_array_index(moves, ZgMove, i);
        g_array_index(moves, ZgMove, i) = g_array_index(moves, ZgMove, first);
        g_array_index(moves, ZgMove, first) = move;
    }
}

static int64_t
count_pixels(const ZgDamage *changed)
{
    int64_t n = 0;

    for (int i = 0; i < changed->columns * changed->rows; i++) {
        const ZgBlockBox *box = &changed->boxes[i];
        n += (box->x1 - box->x0) * (box->y1 - box->y0);
    }
    return n;
}

static void
begin(ZgMoveFinder *f, const uint32_t *was, const uint32_t *now, const ZgDamage *changed)
{
    f->was = was;
    f->now = now;
    f->width = changed->width;
    f->height = changed->height;
    f->n_strips = changed->columns;
    f->top = changed->height;
    f->bottom = 0;
    f->n_differ = 0;
    f->matched = (ZgShift){0, 0};
    make_room(f);
    for (int by = 0; by < changed->rows; by++) {
        for (int bx = 0; bx < changed->columns; bx++) {
            const ZgBlockBox *box = &changed->boxes[by * changed->columns + bx];
            if (box->x1 != 0) {
                mark_block(f, bx, by * ZG_BLOCK_SIDE, box);
            }
        }
    }
    f->bottom = MIN(f->bottom, f->height);
    widen_strips(f);
    for (int s = 0; s < f->n_strips; s++) {
        f->right[s] = MIN(f->right[s], f->width);
    }
}

/* Shift after shift; what one update showed alone is not searched beside in the next few. */
static void
find_shifts(ZgMoveFinder *f, int64_t n_pixels, GArray *out_moves)
{
    ZgShift expected = f->n_expected < EXPECTED_MOST ? f->only : (ZgShift){0, 0};
    int round = 0;

    for (; round < ROUNDS_MOST; round++) {
        if (round > 0 && f->n_differ < MAX(n_pixels / REST_PART, ZG_MOVES_PIXELS_LEAST)) {
            break; /* what is left is new */
        }
        if (!try_kept(f, out_moves) && !search(f, round == 0, expected, out_moves)) {
            break;
        }
        if (round == 0 && zg_shift_is_near(f->kept[0], expected)) {
            f->n_expected++;
            return;
        }
    }
    f->only = round == 1 ? f->kept[0] : (ZgShift){0, 0};
    f->n_expected = 0;
}

int64_t
zg_moves_find(ZgMoveFinder *f, const uint32_t *was, const uint32_t *now, const ZgDamage *changed,
              GArray *out_moves)
{
    int64_t n_pixels = count_pixels(changed);
    guint n_before = out_moves->len;

    if (n_pixels < ZG_MOVES_PIXELS_LEAST) {
        return 0;
    }
    begin(f, was, now, changed);
    zg_move_votes_forget(f->votes);
    find_shifts(f, n_pixels, out_moves);
    order_moves(out_moves);
    n_pixels = 0;
    for (guint i = n_before; i < out_moves->len; i++) {
        ZgRect to = g_array_index(out_moves, ZgMove, i).to;
        n_pixels += (int64_t)to.width * to.height;
    }
    return n_pixels;
}
