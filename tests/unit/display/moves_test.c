/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scrolls and drags are found, noise is not; a viewer that applies all of it is exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "display/moves.h"
#include "display/pixel.h"
#include "display/shadow.h"

#define WIDTH 400
#define HEIGHT 300

typedef struct {
    uint32_t was[WIDTH * HEIGHT], now[WIDTH * HEIGHT];
    uint64_t seed;
} Pictures;

static uint32_t
next(Pictures *p, uint32_t below)
{
    p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(p->seed >> 33) % below;
}

/* Something like text: the same at x, y for ever. */
static uint32_t
ink(int x, int y)
{
    uint32_t h = (uint32_t)(x / 2) * 2654435761u ^ (uint32_t)(y + 5000) * 2246822519u;

    return (y & 15) < 4 || (h ^ h >> 15) % 5 != 0 ? 0xffffff : h & 0xff;
}

static void
draw(uint32_t *picture, ZgRect r, int dx, int dy)
{
    for (int y = r.y; y < r.y + r.height; y++) {
        for (int x = r.x; x < r.x + r.width; x++) {
            picture[y * WIDTH + x] = ink(x + dx, y + dy);
        }
    }
}

static int
set_up(void **state)
{
    Pictures *p = g_new0(Pictures, 1);

    p->seed = 42;
    draw(p->was, (ZgRect){0, 0, WIDTH, HEIGHT}, 0, 0);
    memcpy(p->now, p->was, sizeof p->now);
    *state = p;
    return 0;
}

static int
tear_down(void **state)
{
    g_free(*state);
    return 0;
}

/* As the frame does it while the console paints @area. */
static void
note_changes(const Pictures *p, ZgRect area, ZgDamage *out_changed)
{
    zg_damage_init(out_changed, WIDTH, HEIGHT);
    for (int y = area.y; y < area.y + area.height; y++) {
        zg_damage_compare_row(out_changed, area.x, y, area.width, p->was + y * WIDTH + area.x,
                              p->now + y * WIDTH + area.x);
    }
}

static GArray *
find(Pictures *p, ZgRect area, int64_t *out_pixels)
{
    g_autoptr(ZgMoveFinder) finder = zg_move_finder_new();
    GArray *moves = g_array_new(FALSE, FALSE, sizeof(ZgMove));
    ZgDamage changed;

    note_changes(p, area, &changed);
    *out_pixels = zg_moves_find(finder, p->was, p->now, &changed, moves);
    zg_damage_clear(&changed);
    for (guint i = 0; i < moves->len; i++) { /* every one is true */
        ZgMove m = g_array_index(moves, ZgMove, i);
        for (int y = 0; y < m.to.height; y++) {
            assert_memory_equal(p->now + (m.to.y + y) * WIDTH + m.to.x,
                                p->was + (m.from_y + y) * WIDTH + m.from_x,
                                (size_t)m.to.width * 4);
        }
    }
    return moves;
}

static const ZgRect all = {0, 0, WIDTH, HEIGHT};

static void
a_scrolled_page_is_found_beside_a_scroll_bar_and_below_a_sticky_header(void **state)
{
    Pictures *p = *state;
    int64_t n;
    ZgRect page = {0, 40, WIDTH - 15, HEIGHT - 40};

    draw(p->now, page, 0, 23);
    for (int y = 100; y < 180; y++) { /* the thumb moves the other way */
        memset(p->was + y * WIDTH + WIDTH - 15, 1, 60);
        memset(p->now + (y + 9) * WIDTH + WIDTH - 15, 1, 60);
    }
    g_autoptr(GArray) moves = find(p, all, &n);
    assert_true(n > (int64_t)page.width * (page.height - 23) * 8 / 10);
    assert_int_equal(g_array_index(moves, ZgMove, 0).from_y - g_array_index(moves, ZgMove, 0).to.y,
                     23);
}

static void
panes_that_scroll_by_different_steps_are_both_found(void **state)
{
    Pictures *p = *state;
    int64_t n;

    draw(p->now, (ZgRect){0, 0, 180, HEIGHT}, 0, 17);
    draw(p->now, (ZgRect){190, 0, 200, HEIGHT}, 0, -31);
    g_autoptr(GArray) moves = find(p, all, &n);
    assert_true(n > (int64_t)380 * (HEIGHT - 31) * 7 / 10);
}

static void
a_dragged_window_is_found_in_both_directions(void **state)
{
    Pictures *p = *state;
    int64_t n;

    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        p->was[i] = p->now[i] = next(p, 0xffffff); /* the background is noise */
    }
    draw(p->was, (ZgRect){60, 50, 240, 160}, 0, 0);
    draw(p->now, (ZgRect){73, 45, 240, 160}, -13, 5);
    g_autoptr(GArray) moves = find(p, (ZgRect){56, 40, 264, 175}, &n);
    assert_true(n > 240 * 160 * 9 / 10);
    assert_int_equal(g_array_index(moves, ZgMove, 0).from_x - g_array_index(moves, ZgMove, 0).to.x,
                     -13);
}

static void
a_sideways_scroll_is_found(void **state)
{
    Pictures *p = *state;
    int64_t n;

    draw(p->now, all, 30, 0);
    g_autoptr(GArray) moves = find(p, all, &n);
    assert_true(n > (int64_t)(WIDTH - 30) * HEIGHT * 8 / 10);
}

static void
noise_and_small_changes_are_not_moves(void **state)
{
    Pictures *p = *state;
    int64_t n;

    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        p->now[i] = next(p, 0xffffff);
    }
    g_autoptr(GArray) moves = find(p, all, &n);
    assert_int_equal(n, 0);
    assert_int_equal(moves->len, 0);
    draw(p->now, all, 0, 0);
    draw(p->now, (ZgRect){0, 0, 100, 100}, 0, 3);
    g_autoptr(GArray) small = find(p, (ZgRect){0, 0, 100, 100}, &n);
    assert_int_equal(small->len, 0);
}

/* A step of a random desktop: windows move, scroll, are drawn over. */
static void
change(Pictures *p)
{
    for (uint32_t i = next(p, 4); i < 4; i++) {
        ZgRect r = {(int)next(p, WIDTH - 64), (int)next(p, HEIGHT - 64), 0, 0};
        r.width = 64 + (int)next(p, (uint32_t)(WIDTH - 64 - r.x) + 1);
        r.height = 64 + (int)next(p, (uint32_t)(HEIGHT - 64 - r.y) + 1);
        int x = (int)next(p, (uint32_t)(WIDTH - r.width) + 1);
        int y = (int)next(p, (uint32_t)(HEIGHT - r.height) + 1);
        for (int row = 0; row < r.height; row++) {
            memmove(p->now + (y + row) * WIDTH + x, p->now + (r.y + row) * WIDTH + r.x,
                    (size_t)r.width * 4);
        }
        if (next(p, 3) == 0) {
            draw(p->now, r, (int)next(p, 40), (int)next(p, 40));
        }
    }
}

static void
a_viewer_that_moves_and_paints_what_is_left_is_exact(void **state)
{
    Pictures *p = *state;
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    g_autoptr(GArray) moves = g_array_new(FALSE, FALSE, sizeof(ZgMove));
    g_autofree uint32_t *viewer = g_memdup2(p->was, sizeof p->was);
    unsigned n_moved = 0;
    ZgShadow shadow;
    ZgDamage changed;

    zg_shadow_init(&shadow, WIDTH, HEIGHT);
    memcpy(shadow.pixels, viewer, sizeof p->was);
    for (int step = 0; step < 300; step++) {
        change(p);
        g_array_set_size(areas, 0);
        g_array_set_size(moves, 0);
        note_changes(p, all, &changed);
        n_moved += zg_shadow_move(&shadow, p->now, &changed, moves);
        zg_damage_take(&changed, INT64_MAX, areas);
        zg_damage_clear(&changed);
        memcpy(p->was, p->now, sizeof p->was);
        zg_shadow_take(&shadow, p->now, areas);
        for (guint i = 0; i < moves->len; i++) {
            ZgMove m = g_array_index(moves, ZgMove, i);
            g_autofree uint32_t *part = g_new(uint32_t, m.to.width * m.to.height);
            for (int y = 0; y < m.to.height; y++) {
                memcpy(part + y * m.to.width, viewer + (m.from_y + y) * WIDTH + m.from_x,
                       (size_t)m.to.width * 4);
            }
            for (int y = 0; y < m.to.height; y++) {
                memcpy(viewer + (m.to.y + y) * WIDTH + m.to.x, part + y * m.to.width,
                       (size_t)m.to.width * 4);
            }
        }
        for (guint i = 0; i < areas->len; i++) {
            ZgRect r = g_array_index(areas, ZgRect, i);
            for (int y = r.y; y < r.y + r.height; y++) {
                memcpy(viewer + y * WIDTH + r.x, p->now + y * WIDTH + r.x, (size_t)r.width * 4);
            }
        }
        assert_memory_equal(viewer, p->now, sizeof p->now);
        assert_memory_equal(shadow.pixels, p->now, sizeof p->now);
    }
    assert_true(n_moved > 50);
    zg_shadow_clear(&shadow);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_scrolled_page_is_found_beside_a_scroll_bar_and_below_a_sticky_header),
        TEST(panes_that_scroll_by_different_steps_are_both_found),
        TEST(a_dragged_window_is_found_in_both_directions),
        TEST(a_sideways_scroll_is_found),
        TEST(noise_and_small_changes_are_not_moves),
        TEST(a_viewer_that_moves_and_paints_what_is_left_is_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
