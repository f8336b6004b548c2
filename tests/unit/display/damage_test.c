/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Damage: what differs is covered, what does not costs nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "display/damage.h"
#include "display/frame.h"

static int64_t
covered(const GArray *rects, int x, int y)
{
    int n = 0;

    for (guint i = 0; i < rects->len; i++) {
        ZgRect r = g_array_index(rects, ZgRect, i);
        n += x >= r.x && x < r.x + r.width && y >= r.y && y < r.y + r.height;
    }
    return n;
}

static void
an_equal_picture_is_no_damage(void **state)
{
    ZgFrame frame;
    g_autofree uint32_t *same = g_new0(uint32_t, 200 * 100);

    zg_frame_init(&frame, 200, 100);
    zg_frame_put(&frame, (ZgRect){0, 0, 200, 100}, (const uint8_t *)same);
    assert_int_equal(frame.fresh.n_dirty, 0);
    same[5] = 0xff000000; /* the unused byte */
    zg_frame_put(&frame, (ZgRect){0, 0, 200, 100}, (const uint8_t *)same);
    assert_int_equal(frame.fresh.n_dirty, 0);
    zg_frame_clear(&frame);
}

static void
a_changed_pixel_costs_one_column_of_one_row(void **state)
{
    ZgFrame frame;
    g_autoptr(GArray) rects = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    g_autofree uint32_t *fresh = g_new0(uint32_t, 200 * 100);
    ZgRect r;

    zg_frame_init(&frame, 200, 100);
    fresh[70 * 200 + 130] = 1;
    zg_frame_put(&frame, (ZgRect){0, 0, 200, 100}, (const uint8_t *)fresh);
    assert_int_equal(zg_damage_take(&frame.fresh, 1000000, rects), 8);
    r = g_array_index(rects, ZgRect, 0);
    assert_int_equal(r.x, 128);
    assert_int_equal(r.y, 70);
    assert_int_equal(r.width, 8);
    assert_int_equal(r.height, 1);
    assert_int_equal(frame.fresh.n_dirty, 0);
    zg_frame_clear(&frame);
}

static void
random_damage_is_covered_and_stays_inside(void **state)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(7);

    for (int round = 0; round < 200; round++) {
        int width = g_rand_int_range(random, 1, 300), height = g_rand_int_range(random, 1, 200);
        g_autofree uint32_t *old = g_new0(uint32_t, (size_t)width * (size_t)height);
        g_autofree uint32_t *fresh = g_new0(uint32_t, (size_t)width * (size_t)height);
        g_autoptr(GArray) rects = g_array_new(FALSE, FALSE, sizeof(ZgRect));
        ZgDamage damage;

        zg_damage_init(&damage, width, height);
        for (int i = 0; i < 20; i++) {
            fresh[g_rand_int_range(random, 0, width * height)] = 1;
        }
        for (int y = 0; y < height; y++) {
            zg_damage_compare_row(&damage, 0, y, width, old + y * width, fresh + y * width);
        }
        while (damage.n_dirty > 0) {
            assert_true(zg_damage_take(&damage, 100, rects) > 0); /* in small portions */
        }
        for (int i = 0; i < width * height; i++) {
            if (fresh[i] != 0) {
                assert_true(covered(rects, i % width, i / width) >= 1);
            }
        }
        for (guint i = 0; i < rects->len; i++) {
            ZgRect r = g_array_index(rects, ZgRect, i);
            assert_true(r.x >= 0 && r.y >= 0 && r.width > 0 && r.height > 0 &&
                        r.x + r.width <= width && r.y + r.height <= height);
        }
        zg_damage_clear(&damage);
    }
}

static void
a_whole_picture_is_one_rectangle(void **state)
{
    ZgDamage damage;
    g_autoptr(GArray) rects = g_array_new(FALSE, FALSE, sizeof(ZgRect));

    zg_damage_init(&damage, 1283, 805);
    zg_damage_add(&damage, (ZgRect){-5, -5, 5000, 5000});
    assert_int_equal(zg_damage_take(&damage, G_MAXINT64, rects), 1283 * 805);
    assert_int_equal(rects->len, 1);
    zg_damage_clear(&damage);
}

static void
subtracting_forgets_only_what_lies_inside(void **state)
{
    ZgDamage damage;

    zg_damage_init(&damage, 256, 256);
    zg_damage_add(&damage, (ZgRect){0, 0, 64, 64});
    zg_damage_add(&damage, (ZgRect){64, 0, 64, 64});
    zg_damage_subtract(&damage, (ZgRect){0, 0, 100, 64});
    assert_int_equal(damage.n_dirty, 1);
    zg_damage_subtract(&damage, (ZgRect){64, 0, 64, 64});
    assert_int_equal(damage.n_dirty, 0);
    zg_damage_clear(&damage);
}

static void
copies_inside_the_frame_may_overlap(void **state)
{
    ZgFrame frame;
    uint32_t row[10];

    zg_frame_init(&frame, 10, 10);
    for (uint32_t y = 0; y < 10; y++) {
        for (int x = 0; x < 10; x++) {
            row[x] = y + 1;
        }
        zg_frame_put(&frame, (ZgRect){0, (int)y, 10, 1}, (const uint8_t *)row);
    }
    zg_frame_copy(&frame, (ZgRect){0, 3, 10, 7}, 0, 0); /* downwards */
    assert_int_equal(frame.pixels[9 * 10], 7);
    assert_int_equal(frame.pixels[3 * 10], 1);
    zg_frame_copy(&frame, (ZgRect){0, 0, 10, 7}, 0, 3); /* and up again */
    assert_int_equal(frame.pixels[0], 1);
    assert_int_equal(frame.pixels[6 * 10], 7);
    zg_frame_clear(&frame);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equal_picture_is_no_damage),
        cmocka_unit_test(a_changed_pixel_costs_one_column_of_one_row),
        cmocka_unit_test(random_damage_is_covered_and_stays_inside),
        cmocka_unit_test(a_whole_picture_is_one_rectangle),
        cmocka_unit_test(subtracting_forgets_only_what_lies_inside),
        cmocka_unit_test(copies_inside_the_frame_may_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
