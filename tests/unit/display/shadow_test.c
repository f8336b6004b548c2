/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small areas are cut to what differs from the picture that viewers have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "display/canvas.h"
#include "display/frame.h"

#define SIDE 256

typedef struct {
    ZgShadow shadow;
    uint32_t frame[SIDE * SIDE];
    GArray *areas;
} Fixture;

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    zg_shadow_init(&f->shadow, SIDE, SIDE);
    f->areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    zg_shadow_clear(&f->shadow);
    g_array_unref(f->areas);
    g_free(f);
    return 0;
}

static void
paint(Fixture *f, int x, int y)
{
    f->frame[y * SIDE + x] = 0xffffff;
}

static void
trim(Fixture *f, ZgRect area)
{
    g_array_append_val(f->areas, area);
    zg_shadow_trim(&f->shadow, f->frame, f->areas);
}

static void
assert_area(Fixture *f, guint i, ZgRect expected)
{
    assert_memory_equal(&g_array_index(f->areas, ZgRect, i), &expected, sizeof expected);
}

static void
a_small_area_is_cut_to_the_pixel(void **state)
{
    Fixture *f = *state;

    paint(f, 19, 40);
    paint(f, 35, 44);
    paint(f, 27, 47);
    trim(f, (ZgRect){16, 32, 24, 30});
    assert_int_equal(f->areas->len, 1);
    assert_area(f, 0, (ZgRect){19, 40, 17, 8});
}

static void
the_whole_of_an_area_that_differs_stays(void **state)
{
    Fixture *f = *state;

    for (int y = 8; y < 20; y++) {
        for (int x = 8; x < 24; x++) {
            paint(f, x, y);
        }
    }
    trim(f, (ZgRect){8, 8, 16, 12});
    assert_int_equal(f->areas->len, 1);
    assert_area(f, 0, (ZgRect){8, 8, 16, 12});
}

static void
changes_far_apart_are_two_areas_and_near_ones_stay_together(void **state)
{
    Fixture *f = *state;

    paint(f, 3, 0);
    paint(f, 60, 2);
    paint(f, 33, 9);
    paint(f, 40, 50);
    trim(f, (ZgRect){0, 0, 64, 64});
    assert_int_equal(f->areas->len, 2);
    assert_area(f, 0, (ZgRect){3, 0, 58, 10});
    assert_area(f, 1, (ZgRect){40, 50, 1, 1});
}

static void
what_does_not_differ_is_left_out_and_large_areas_are_not_looked_at(void **state)
{
    Fixture *f = *state;
    ZgRect large = {0, 0, SIDE, SIDE};

    g_array_append_val(f->areas, large);
    trim(f, (ZgRect){16, 32, 24, 30});
    assert_int_equal(f->areas->len, 1);
    assert_area(f, 0, large);
}

/* A caret that came and went while the viewer could not be sent anything. */
static void
a_change_that_was_undone_is_no_update(void **state)
{
    static const uint32_t white[1] = {0xffffff}, black[1] = {0};
    ZgEncodeWish wish = {.tight = true, .jpeg_quality = -1};
    ZgCanvas canvas;
    ZgFrame frame;
    ZgView view = {.width = SIDE, .height = SIDE};
    ZgRect pixel = {20, 20, 1, 1};

    zg_canvas_init(&canvas, SIDE, SIDE);
    zg_frame_init(&frame, SIDE, SIDE);
    zg_view_start_over(&view, SIDE, SIDE);
    zg_encode_job_unref(zg_canvas_next_job(&canvas, &frame, &view, &wish, INT64_MAX, true));
    for (int i = 0; i < 2; i++) {
        g_autoptr(ZgEncodeJob) job = NULL;
        zg_damage_reset(&frame.fresh);
        zg_frame_put(&frame, pixel, (const uint8_t *)white);
        if (i == 0) {
            zg_frame_put(&frame, pixel, (const uint8_t *)black);
        }
        zg_canvas_note(&canvas, &frame.fresh, i);
        zg_damage_merge(&view.dirty, &frame.fresh);
        assert_int_equal(view.dirty.n_dirty, 1);
        job = zg_canvas_next_job(&canvas, &frame, &view, &wish, INT64_MAX, true);
        assert_int_equal(view.dirty.n_dirty, 0);
        assert_int_equal(job != NULL, i == 1);
    }
    zg_view_clear(&view);
    zg_frame_clear(&frame);
    zg_canvas_clear(&canvas);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_small_area_is_cut_to_the_pixel),
        TEST(the_whole_of_an_area_that_differs_stays),
        TEST(changes_far_apart_are_two_areas_and_near_ones_stay_together),
        TEST(a_change_that_was_undone_is_no_update),
        TEST(what_does_not_differ_is_left_out_and_large_areas_are_not_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
