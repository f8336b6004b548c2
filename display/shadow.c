/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/shadow.h"

#include <string.h>

#define TRIM_PIXELS_MOST 16384
#define TRIM_GAP_ROWS 8     /* fewer rows, or */
#define TRIM_GAP_PIXELS 512 /* fewer pixels, are cheaper than another rectangle */

static uint32_t *
new_pixels(int width, int height)
{
    return g_atomic_rc_box_alloc0((size_t)width * (size_t)height * 4);
}

void
zg_shadow_init(ZgShadow *shadow, int width, int height)
{
    *shadow = (ZgShadow){.width = width, .height = height, .pixels = new_pixels(width, height)};
}

void
zg_shadow_clear(ZgShadow *shadow)
{
    if (shadow->pixels != NULL) {
        g_atomic_rc_box_release(shadow->pixels);
    }
    zg_move_finder_free(shadow->finder);
    *shadow = (ZgShadow){0};
}

void
zg_shadow_resize(ZgShadow *shadow, int width, int height)
{
    g_atomic_rc_box_release(shadow->pixels);
    shadow->pixels = new_pixels(width, height);
    shadow->width = width;
    shadow->height = height;
}

static uint32_t *
shadow_at(const ZgShadow *shadow, int x, int y)
{
    return shadow->pixels + (size_t)y * (size_t)shadow->width + (size_t)x;
}

static void
apply_move(ZgShadow *shadow, const ZgMove *move)
{
    ZgRect to = move->to;
    bool downwards = to.y > move->from_y; /* the last row first, as memmove() would */

    for (int i = 0; i < to.height; i++) {
        int dy = downwards ? to.height - 1 - i : i;
        memmove(shadow_at(shadow, to.x, to.y + dy),
                shadow_at(shadow, move->from_x, move->from_y + dy), (size_t)to.width * 4);
    }
}

/* The end of the move that covers @x, @y, or, with *@out_next, where the next one begins. */
static int
skip_moved(const GArray *moves, int x, int y, int end, int *out_next)
{
    *out_next = end;
    for (guint i = 0; i < moves->len; i++) {
        ZgRect to = g_array_index(moves, ZgMove, i).to;
        if (y < to.y || y >= to.y + to.height || to.x + to.width <= x) {
            continue;
        }
        if (to.x <= x) {
            return MIN(to.x + to.width, end);
        }
        *out_next = MIN(*out_next, to.x);
    }
    return x;
}

/* What still differs outside the moves, which are exact. */
static void
find_rest(ZgShadow *shadow, const uint32_t *frame, ZgDamage *changed, const GArray *moves)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    ZgDamage rest;

    zg_damage_take(changed, INT64_MAX, areas);
    zg_damage_init(&rest, shadow->width, shadow->height);
    for (guint i = 0; i < areas->len; i++) {
        ZgRect r = g_array_index(areas, ZgRect, i);
        for (int y = r.y; y < r.y + r.height; y++) {
            for (int x = r.x, end = r.x + r.width, next; x < end;) {
                int from = skip_moved(moves, x, y, end, &next);
                if (from == x) {
                    zg_damage_compare_row(&rest, x, y, next - x, shadow_at(shadow, x, y),
                                          frame + (size_t)y * (size_t)shadow->width + (size_t)x);
                    from = next;
                }
                x = from;
            }
        }
    }
    zg_damage_copy(changed, &rest);
    zg_damage_clear(&rest);
}

bool
zg_shadow_move(ZgShadow *shadow, const uint32_t *frame, ZgDamage *changed, GArray *out_moves)
{
    g_autoptr(GArray) moves = g_array_new(FALSE, FALSE, sizeof(ZgMove));

    if (shadow->finder == NULL) {
        shadow->finder = zg_move_finder_new();
    }
    zg_moves_find(shadow->finder, shadow->pixels, frame, changed, moves);
    if (moves->len == 0) {
        return false;
    }
    for (guint i = 0; i < moves->len; i++) {
        apply_move(shadow, &g_array_index(moves, ZgMove, i));
    }
    find_rest(shadow, frame, changed, moves);
    g_array_append_vals(out_moves, moves->data, moves->len);
    return true;
}

/* Grows @x0 to @x1 by what differs in a row of @n pixels. Return: does anything? */
static bool
widen(const uint32_t *old, const uint32_t *fresh, int n, int *x0, int *x1)
{
    if (memcmp(old, fresh, (size_t)n * 4) == 0) {
        return false;
    }
    for (int x = 0; x < *x0 && x < n; x++) {
        if (old[x] != fresh[x]) {
            *x0 = x;
        }
    }
    for (int x = n - 1; x >= *x1; x--) {
        if (old[x] != fresh[x]) {
            *x1 = x + 1;
        }
    }
    return true;
}

/* Appends what differs inside @r, in bands between which many rows are equal. */
static void
trim(const ZgShadow *shadow, const uint32_t *frame, ZgRect r, GArray *out_areas)
{
    int gap = MAX(TRIM_GAP_ROWS, TRIM_GAP_PIXELS / r.width), top = -1, bottom = -1;
    int x0 = r.width, x1 = 0;

    for (int y = 0; y <= r.height; y++) {
        if (top >= 0 && (y == r.height || y - bottom >= gap)) {
            ZgRect band = {r.x + x0, r.y + top, x1 - x0, bottom - top};
            g_array_append_val(out_areas, band);
            top = -1;
            x0 = r.width;
            x1 = 0;
        }
        if (y < r.height &&
            widen(shadow_at(shadow, r.x, r.y + y),
                  frame + (size_t)(r.y + y) * (size_t)shadow->width + (size_t)r.x, r.width, &x0,
                  &x1)) {
            top = top < 0 ? y : top;
            bottom = y + 1;
        }
    }
}

void
zg_shadow_trim(const ZgShadow *shadow, const uint32_t *frame, GArray *areas)
{
    guint n = areas->len;

    for (guint i = 0; i < n; i++) {
        ZgRect r = g_array_index(areas, ZgRect, i);
        if (r.width * r.height <= TRIM_PIXELS_MOST) {
            trim(shadow, frame, r, areas);
        } else {
            g_array_append_val(areas, r);
        }
    }
    g_array_remove_range(areas, 0, n);
}

void
zg_shadow_take(ZgShadow *shadow, const uint32_t *frame, const GArray *areas)
{
    for (guint i = 0; i < areas->len; i++) {
        ZgRect r = g_array_index(areas, ZgRect, i);
        for (int y = r.y; y < r.y + r.height; y++) {
            memcpy(shadow_at(shadow, r.x, y),
                   frame + (size_t)y * (size_t)shadow->width + (size_t)r.x, (size_t)r.width * 4);
        }
    }
}

ZgBlob *
zg_moves_to_blob(const GArray *moves)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    for (guint i = 0; i < moves->len; i++) {
        const ZgMove *m = &g_array_index(moves, ZgMove, i);
        zg_rfb_put_rect(out, m->to.x, m->to.y, m->to.width, m->to.height, ZG_RFB_COPYRECT);
        zg_rfb_put_u16(out, (uint16_t)m->from_x);
        zg_rfb_put_u16(out, (uint16_t)m->from_y);
    }
    return zg_blob_new(out->data, out->len, moves->len, (ZgRect){0});
}
