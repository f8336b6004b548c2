/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/film.h"

#define PAUSE_US 300000   /* between changes of one film at most */
#define LAST_US 250000    /* it must have played so long */
#define CHANGES_LEAST 5
#define OVER_US 600000    /* without a change: it has ended */
#define SEARCH_US 100000
#define FULL_PCT 90       /* of the blocks in the rectangle play */

void
zg_film_init(ZgFilm *f, int width, int height)
{
    *f = (ZgFilm){
        .width = width,
        .height = height,
        .columns = (width + ZG_BLOCK_SIDE - 1) / ZG_BLOCK_SIDE,
        .rows = (height + ZG_BLOCK_SIDE - 1) / ZG_BLOCK_SIDE,
    };
    f->blocks = g_new0(ZgFilmBlock, (size_t)f->columns * (size_t)f->rows);
}

void
zg_film_clear(ZgFilm *f)
{
    g_free(f->blocks);
    *f = (ZgFilm){0};
}

static void
note_block(ZgFilm *f, int bx, int by, ZgRect area, int64_t now_us)
{
    ZgFilmBlock *b = &f->blocks[by * f->columns + bx];
    int left = bx * ZG_BLOCK_SIDE, top = by * ZG_BLOCK_SIDE;
    ZgRect r = zg_rect_common(area, (ZgRect){left, top, ZG_BLOCK_SIDE, ZG_BLOCK_SIDE});

    if (now_us - b->last_us > PAUSE_US) {
        *b = (ZgFilmBlock){.first_us = now_us, .box = {64, 64, 0, 0, 0, 0}};
    }
    b->n += b->last_us != now_us;
    b->last_us = now_us;
    b->box.x0 = (uint8_t)MIN(b->box.x0, r.x - left);
    b->box.y0 = (uint8_t)MIN(b->box.y0, r.y - top);
    b->box.x1 = (uint8_t)MAX(b->box.x1, r.x + r.width - left);
    b->box.y1 = (uint8_t)MAX(b->box.y1, r.y + r.height - top);
}

static bool
plays(const ZgFilm *f, int bx, int by, int64_t now_us)
{
    const ZgFilmBlock *b = &f->blocks[by * f->columns + bx];

    return b->n >= CHANGES_LEAST && b->last_us - b->first_us >= LAST_US &&
           now_us - b->last_us <= PAUSE_US;
}

/* The rectangle of playing blocks that begins at bx, by: rightwards, then down. */
static ZgRect
grow(const ZgFilm *f, int bx, int by, int64_t now_us, int *out_n)
{
    int right = bx, bottom = by, x0 = f->width, y0 = f->height, x1 = 0, y1 = 0;

    while (right < f->columns && plays(f, right, by, now_us)) {
        right++;
    }
    for (int n = right - bx; bottom < f->rows && n * 100 >= (right - bx) * FULL_PCT;) {
        n = 0;
        for (int x = bx; bottom + 1 < f->rows && x < right; x++) {
            n += plays(f, x, bottom + 1, now_us);
        }
        bottom++;
    }
    *out_n = 0;
    for (int y = by; y < bottom; y++) {
        for (int x = bx; x < right; x++) {
            const ZgFilmBlock *b = &f->blocks[y * f->columns + x];
            if (plays(f, x, y, now_us)) {
                x0 = MIN(x0, x * ZG_BLOCK_SIDE + b->box.x0);
                y0 = MIN(y0, y * ZG_BLOCK_SIDE + b->box.y0);
                x1 = MAX(x1, x * ZG_BLOCK_SIDE + b->box.x1);
                y1 = MAX(y1, y * ZG_BLOCK_SIDE + b->box.y1);
                ++*out_n;
            }
        }
    }
    return (ZgRect){x0, y0, (x1 - x0) & ~1, (y1 - y0) & ~1};
}

static ZgRect
find_largest(const ZgFilm *f, int64_t now_us)
{
    ZgRect best = {0};

    for (int by = 0; by < f->rows; by++) {
        for (int bx = 0; bx < f->columns; bx++) {
            int n;
            bool starts = plays(f, bx, by, now_us) && (bx == 0 || !plays(f, bx - 1, by, now_us)) &&
                          (by == 0 || !plays(f, bx, by - 1, now_us));
            ZgRect r = starts ? grow(f, bx, by, now_us, &n) : (ZgRect){0};
            if (r.width * r.height > best.width * best.height) {
                best = r;
            }
        }
    }
    return best.width * best.height >= ZG_FILM_PIXELS_LEAST ? best : (ZgRect){0};
}

static int
changed_inside(const ZgFilm *f, const GArray *areas)
{
    int n = 0;

    for (guint i = 0; i < areas->len; i++) {
        ZgRect r = zg_rect_common(f->area, g_array_index(areas, ZgRect, i));
        n += zg_rect_is_empty(r) ? 0 : r.width * r.height;
    }
    return n;
}

bool
zg_film_note(ZgFilm *f, const GArray *areas, int64_t now_us)
{
    ZgRect before = f->area, found;

    for (guint i = 0; i < areas->len; i++) {
        ZgRect r = g_array_index(areas, ZgRect, i);
        for (int by = r.y / ZG_BLOCK_SIDE; by * ZG_BLOCK_SIDE < r.y + r.height; by++) {
            for (int bx = r.x / ZG_BLOCK_SIDE; bx * ZG_BLOCK_SIDE < r.x + r.width; bx++) {
                note_block(f, bx, by, r, now_us);
            }
        }
    }
    if (!zg_rect_is_empty(f->area) && changed_inside(f, areas) * 2 > before.width * before.height) {
        f->seen_us = now_us;
    }
    if (!zg_rect_is_empty(f->area) && now_us - f->seen_us > OVER_US) {
        f->area = (ZgRect){0};
    }
    if (now_us - f->searched_us >= SEARCH_US) {
        f->searched_us = now_us;
        found = find_largest(f, now_us);
        if (found.width * found.height > f->area.width * f->area.height * 5 / 4) {
            f->area = found;
            f->seen_us = now_us;
        }
    }
    return before.x != f->area.x || before.y != f->area.y || before.width != f->area.width ||
           before.height != f->area.height;
}

void
zg_film_reject(ZgFilm *f)
{
    for (int i = 0; i < f->columns * f->rows; i++) {
        f->blocks[i] = (ZgFilmBlock){0};
    }
    f->area = (ZgRect){0};
}

static void
add_part(GArray *out, int x0, int y0, int x1, int y1)
{
    if (x0 < x1 && y0 < y1) {
        ZgRect r = {x0, y0, x1 - x0, y1 - y0};
        g_array_append_val(out, r);
    }
}

void
zg_rects_subtract(const GArray *areas, ZgRect hole, GArray *out_rest)
{
    for (guint i = 0; i < areas->len; i++) {
        ZgRect r = g_array_index(areas, ZgRect, i), in = zg_rect_common(r, hole);
        int right = r.x + r.width, bottom = r.y + r.height;
        if (zg_rect_is_empty(in)) {
            g_array_append_val(out_rest, r);
            continue;
        }
        add_part(out_rest, r.x, r.y, right, in.y);
        add_part(out_rest, r.x, in.y, in.x, in.y + in.height);
        add_part(out_rest, in.x + in.width, in.y, right, in.y + in.height);
        add_part(out_rest, r.x, in.y + in.height, right, bottom);
    }
}
