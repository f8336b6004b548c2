/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/damage.h"

#include <string.h>

#define COLOUR 0x00ffffffu

void
zg_damage_init(ZgDamage *damage, int width, int height)
{
    *damage = (ZgDamage){
        .width = width,
        .height = height,
        .columns = (width + ZG_BLOCK_SIDE - 1) / ZG_BLOCK_SIDE,
        .rows = (height + ZG_BLOCK_SIDE - 1) / ZG_BLOCK_SIDE,
    };
    damage->boxes = g_new0(ZgBlockBox, (size_t)damage->columns * (size_t)damage->rows);
}

void
zg_damage_clear(ZgDamage *damage)
{
    g_free(damage->boxes);
    *damage = (ZgDamage){0};
}

void
zg_damage_reset(ZgDamage *damage)
{
    if (damage->n_dirty > 0) {
        memset(damage->boxes, 0,
               sizeof *damage->boxes * (size_t)damage->columns * (size_t)damage->rows);
        damage->n_dirty = 0;
    }
}

/* Bits y0 to y1 - 1. */
static uint64_t
rows_between(int y0, int y1)
{
    return (y1 == 64 ? ~(uint64_t)0 : ((uint64_t)1 << y1) - 1) & ~(uint64_t)0 << y0;
}

static void
grow_box(ZgDamage *damage, ZgBlockBox *box, int x0, int y0, int x1, int y1, uint64_t rows)
{
    if (box->x1 == 0) {
        *box = (ZgBlockBox){(uint8_t)x0, (uint8_t)y0, (uint8_t)x1, (uint8_t)y1, 0, rows};
        damage->n_dirty++;
        return;
    }
    box->rows |= rows;
    box->x0 = (uint8_t)MIN(box->x0, x0);
    box->y0 = (uint8_t)MIN(box->y0, y0);
    box->x1 = (uint8_t)MAX(box->x1, x1);
    box->y1 = (uint8_t)MAX(box->y1, y1);
}

void
zg_damage_add(ZgDamage *damage, ZgRect area)
{
    area = zg_rect_clip(area, damage->width, damage->height);
    if (zg_rect_is_empty(area)) {
        return;
    }
    int right = area.x + area.width, bottom = area.y + area.height;
    for (int by = area.y / ZG_BLOCK_SIDE; by * ZG_BLOCK_SIDE < bottom; by++) {
        for (int bx = area.x / ZG_BLOCK_SIDE; bx * ZG_BLOCK_SIDE < right; bx++) {
            int left = bx * ZG_BLOCK_SIDE, top = by * ZG_BLOCK_SIDE;
            int x0 = MAX(area.x - left, 0) & ~(ZG_BLOCK_COLUMN - 1);
            int x1 = (MIN(right - left, ZG_BLOCK_SIDE) + ZG_BLOCK_COLUMN - 1) &
                     ~(ZG_BLOCK_COLUMN - 1);
            int y0 = MAX(area.y - top, 0), y1 = MIN(bottom - top, ZG_BLOCK_SIDE);
            grow_box(damage, &damage->boxes[by * damage->columns + bx], x0, y0, x1, y1,
                     rows_between(y0, y1));
        }
    }
}

static ZgRect
box_rect(const ZgDamage *damage, int bx, int by)
{
    ZgBlockBox b = damage->boxes[by * damage->columns + bx];
    int x = bx * ZG_BLOCK_SIDE + b.x0;

    return (ZgRect){x, by * ZG_BLOCK_SIDE + b.y0,
                    MIN(bx * ZG_BLOCK_SIDE + b.x1, damage->width) - x, b.y1 - b.y0};
}

void
zg_damage_subtract(ZgDamage *damage, ZgRect area)
{
    area = zg_rect_clip(area, damage->width, damage->height);
    for (int by = area.y / ZG_BLOCK_SIDE; by * ZG_BLOCK_SIDE < area.y + area.height; by++) {
        for (int bx = area.x / ZG_BLOCK_SIDE; bx * ZG_BLOCK_SIDE < area.x + area.width; bx++) {
            ZgBlockBox *box = &damage->boxes[by * damage->columns + bx];
            ZgRect r = box_rect(damage, bx, by);
            if (box->x1 != 0 && r.x >= area.x && r.y >= area.y &&
                r.x + r.width <= area.x + area.width && r.y + r.height <= area.y + area.height) {
                *box = (ZgBlockBox){0};
                damage->n_dirty--;
            }
        }
    }
}

/* Appends the parts of boxes inside @area. */
static void
parts_inside(const ZgDamage *damage, ZgRect area, GArray *out_parts)
{
    area = zg_rect_clip(area, damage->width, damage->height);
    for (int by = area.y / ZG_BLOCK_SIDE; by * ZG_BLOCK_SIDE < area.y + area.height; by++) {
        for (int bx = area.x / ZG_BLOCK_SIDE; bx * ZG_BLOCK_SIDE < area.x + area.width; bx++) {
            if (damage->boxes[by * damage->columns + bx].x1 != 0) {
                ZgRect part = zg_rect_common(area, box_rect(damage, bx, by));
                if (!zg_rect_is_empty(part)) {
                    g_array_append_val(out_parts, part);
                }
            }
        }
    }
}

void
zg_damage_carry(ZgDamage *damage, ZgRect to, int from_x, int from_y)
{
    g_autoptr(GArray) parts = NULL;

    if (damage->n_dirty == 0) {
        return;
    }
    parts = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    parts_inside(damage, (ZgRect){from_x, from_y, to.width, to.height}, parts);
    zg_damage_subtract(damage, to);
    for (guint i = 0; i < parts->len; i++) {
        ZgRect part = g_array_index(parts, ZgRect, i);
        part.x += to.x - from_x;
        part.y += to.y - from_y;
        zg_damage_add(damage, part);
    }
}

void
zg_damage_copy(ZgDamage *damage, const ZgDamage *from)
{
    g_assert(damage->columns == from->columns && damage->rows == from->rows);
    memcpy(damage->boxes, from->boxes,
           sizeof *damage->boxes * (size_t)from->columns * (size_t)from->rows);
    damage->n_dirty = from->n_dirty;
}

void
zg_damage_merge(ZgDamage *damage, const ZgDamage *from)
{
    g_assert(damage->columns == from->columns && damage->rows == from->rows);
    if (from->n_dirty == 0) {
        return;
    }
    for (int i = 0; i < from->columns * from->rows; i++) {
        ZgBlockBox b = from->boxes[i];
        if (b.x1 != 0) {
            grow_box(damage, &damage->boxes[i], b.x0, b.y0, b.x1, b.y1, b.rows);
        }
    }
}

int64_t
zg_damage_pixels(const ZgDamage *damage)
{
    int64_t n = 0;

    for (int i = 0; damage->n_dirty > 0 && i < damage->columns * damage->rows; i++) {
        ZgBlockBox b = damage->boxes[i];
        n += (b.x1 - b.x0) * (b.y1 - b.y0);
    }
    return n;
}

bool
zg_damage_equal(const ZgDamage *a, const ZgDamage *b)
{
    return a->width == b->width && a->height == b->height && a->n_dirty == b->n_dirty &&
           memcmp(a->boxes, b->boxes,
                  sizeof *a->boxes * (size_t)a->columns * (size_t)a->rows) == 0;
}

static inline bool
pixels_differ(const uint32_t *old, const uint32_t *fresh, int n)
{
    uint32_t difference = 0;

    for (int i = 0; i < n; i++) {
        difference |= old[i] ^ fresh[i];
    }
    return (difference & COLOUR) != 0;
}

/* Nearly all columns are whole: for these the compiler knows the length. */
static bool
column_differs(const uint32_t *old, const uint32_t *fresh, int n)
{
    return n == ZG_BLOCK_COLUMN ? pixels_differ(old, fresh, ZG_BLOCK_COLUMN)
                                : pixels_differ(old, fresh, n);
}

/*
 * One block's part of a row: finds the first and the last 8-pixel column that differ, from both
 * ends, since most of what differs does so everywhere.
 */
static void
compare_part(ZgDamage *damage, int x, int y, int n, const uint32_t *old, const uint32_t *fresh)
{
    int at = 0, end = n, left = x & ~(ZG_BLOCK_SIDE - 1), row = y & (ZG_BLOCK_SIDE - 1);
    ZgBlockBox *box = &damage->boxes[y / ZG_BLOCK_SIDE * damage->columns + x / ZG_BLOCK_SIDE];

    if (x - left >= box->x0 && x - left + n <= box->x1) { /* wherever it is, it lies in there */
        grow_box(damage, box, box->x0, row, box->x1, row + 1, (uint64_t)1 << row);
        return;
    }
    while (at < n) {
        int step = MIN(ZG_BLOCK_COLUMN - ((x + at) & (ZG_BLOCK_COLUMN - 1)), n - at);
        if (column_differs(old + at, fresh + at, step)) {
            break;
        }
        at += step;
    }
    if (at == n) {
        return;
    }
    for (;;) {
        int start = MAX(((x + end - 1) & ~(ZG_BLOCK_COLUMN - 1)) - x, 0);
        if (start <= at || column_differs(old + start, fresh + start, end - start)) {
            break;
        }
        end = start;
    }
    grow_box(damage, box, (x + at - left) & ~(ZG_BLOCK_COLUMN - 1), row,
             ((x + end - 1 - left) & ~(ZG_BLOCK_COLUMN - 1)) + ZG_BLOCK_COLUMN, row + 1,
             (uint64_t)1 << row);
}

void
zg_damage_compare_row(ZgDamage *damage, int x, int y, int n, const uint32_t *old,
                      const uint32_t *fresh)
{
    for (int i = 0; i < n;) {
        int step = MIN(ZG_BLOCK_SIDE - ((x + i) & (ZG_BLOCK_SIDE - 1)), n - i);
        if (memcmp(old + i, fresh + i, (size_t)step * 4) != 0) {
            compare_part(damage, x + i, y, step, old + i, fresh + i);
        }
        i += step;
    }
}

/* Joining may cover at most an eighth more pixels than both parts. */
static bool
try_join(ZgRect *into, ZgRect r)
{
    ZgRect around = zg_rect_around(*into, r);
    int64_t sum = (int64_t)into->width * into->height + (int64_t)r.width * r.height;

    if ((int64_t)around.width * around.height > sum + sum / 8) {
        return false;
    }
    *into = around;
    return true;
}

static void
join_last_up(GArray *rects, guint first)
{
    ZgRect last = g_array_index(rects, ZgRect, rects->len - 1);

    for (guint i = first; i + 1 < rects->len; i++) {
        ZgRect *above = &g_array_index(rects, ZgRect, i);
        if (above->x == last.x && above->width == last.width &&
            above->y + above->height == last.y) {
            above->height += last.height;
            g_array_set_size(rects, rects->len - 1);
            return;
        }
    }
}

int64_t
zg_damage_take(ZgDamage *damage, int64_t max_pixels, GArray *out_rects)
{
    guint first = out_rects->len;
    int64_t given = 0;

    for (int by = 0; by < damage->rows && damage->n_dirty > 0; by++) {
        for (int bx = 0; bx < damage->columns;) {
            if (damage->boxes[by * damage->columns + bx].x1 == 0) {
                bx++;
                continue;
            }
            ZgRect run = box_rect(damage, bx, by);
            int end = bx + 1;
            while (end < damage->columns && damage->boxes[by * damage->columns + end].x1 != 0 &&
                   try_join(&run, box_rect(damage, end, by))) {
                end++;
            }
            if (given > 0 && given + (int64_t)run.width * run.height > max_pixels) {
                return given;
            }
            given += (int64_t)run.width * run.height;
            for (; bx < end; bx++) {
                damage->boxes[by * damage->columns + bx] = (ZgBlockBox){0};
                damage->n_dirty--;
            }
            g_array_append_val(out_rects, run);
            join_last_up(out_rects, first);
        }
    }
    return given;
}
