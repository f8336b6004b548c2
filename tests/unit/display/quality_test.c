/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles, the quality of what moves, and the words for what holds pictures up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "display/effort.h"
#include "display/quality.h"

#define MS 1000

static void
every_profile_bounds_what_the_viewer_asks_for(void **state)
{
    static const int nine[ZG_N_PROFILES] = {9, 8, 6, -1};
    ZgQuality fresh = {0};

    for (int i = 0; i < ZG_N_PROFILES; i++) {
        const ZgQualityRules *rules = zg_quality_rules((ZgProfile)i);
        assert_int_equal(zg_quality_level(&fresh, rules, 9), nine[i]);
        assert_int_equal(zg_quality_level(&fresh, rules, -1), -1); /* no JPEG unasked */
        assert_true(zg_quality_level(&fresh, rules, 0) <= 0);
        assert_int_equal(zg_profile_of(zg_profile_names[i]), i);
    }
    assert_int_equal(zg_profile_of("of-next-year"), ZG_PROFILE_LAN);
    assert_int_equal(zg_profile_of(NULL), ZG_PROFILE_LAN);
}

static void
a_moving_picture_that_does_not_fit_gets_worse_until_it_does_and_recovers(void **state)
{
    const ZgQualityRules *rules = zg_quality_rules(ZG_PROFILE_LAN);
    ZgQuality q = {0};
    int64_t now_us = 1000000;

    for (int i = 0; i < 50; i++, now_us += 100 * MS) {
        zg_quality_note(&q, rules, 8, 130 * MS, now_us);
    }
    assert_int_equal(zg_quality_level(&q, rules, 8), rules->jpeg_least);
    for (int i = 0; i < 300; i++, now_us += 20 * MS) {
        zg_quality_note(&q, rules, 8, 10 * MS, now_us);
    }
    assert_int_equal(zg_quality_level(&q, rules, 8), 8);
}

static void
one_page_of_photos_keeps_its_quality(void **state)
{
    const ZgQualityRules *rules = zg_quality_rules(ZG_PROFILE_BRANCH_5MBIT);
    ZgQuality q = {0};

    for (int i = 0; i < 20; i++) { /* a page a second */
        zg_quality_note(&q, rules, 8, 400 * MS, 1000000 + i * 1000 * MS);
        assert_int_equal(zg_quality_level(&q, rules, 8), 8);
    }
}

static void
where_the_link_is_not_known_nothing_gets_worse(void **state)
{
    const ZgQualityRules *rules = zg_quality_rules(ZG_PROFILE_LAN);
    ZgQuality q = {0};

    for (int i = 0; i < 50; i++) {
        zg_quality_note(&q, rules, 6, 0, 1000000 + i * 20 * MS);
    }
    assert_int_equal(zg_quality_level(&q, rules, 6), 6);
}

/* A second of @fps updates, each held up for @ms by @kind. */
static const char *
judge_second(ZgEffortKind kind, unsigned fps, int64_t ms, unsigned *out_fps)
{
    ZgEffort effort;
    int64_t step_us = 1000000 / (fps == 0 ? 1 : fps);

    zg_effort_init(&effort, 0);
    for (unsigned i = 0; i < fps; i++) {
        zg_effort_enter(&effort, kind, i * step_us);
        zg_effort_enter(&effort, ZG_EFFORT_GUEST, i * step_us + ms * MS);
        zg_effort_sent(&effort);
    }
    return zg_effort_judge(&effort, 1000000, out_fps);
}

static void
what_holds_pictures_up_has_a_word(void **state)
{
    unsigned fps;

    assert_string_equal(judge_second(ZG_EFFORT_LINK, 8, 100, &fps), "link");
    assert_int_equal(fps, 8);
    assert_string_equal(judge_second(ZG_EFFORT_ENCODER, 10, 60, &fps), "encoder");
    assert_string_equal(judge_second(ZG_EFFORT_VIEWER, 5, 90, &fps), "viewer");
    assert_string_equal(judge_second(ZG_EFFORT_LINK, 10, 2, &fps), "guest");
    assert_string_equal(judge_second(ZG_EFFORT_LINK, 30, 30, &fps), "none"); /* fluent */
    assert_string_equal(judge_second(ZG_EFFORT_LINK, 1, 20, &fps), "none");  /* a caret */
    assert_string_equal(judge_second(ZG_EFFORT_LINK, 0, 0, &fps), "none");
    assert_int_equal(fps, 0);
}

static void
each_period_is_judged_by_itself(void **state)
{
    ZgEffort effort;
    unsigned fps;

    zg_effort_init(&effort, 0);
    zg_effort_enter(&effort, ZG_EFFORT_LINK, 0);
    zg_effort_sent(&effort);
    assert_string_equal(zg_effort_judge(&effort, 1000000, &fps), "link");
    zg_effort_enter(&effort, ZG_EFFORT_GUEST, 1000000);
    assert_string_equal(zg_effort_judge(&effort, 2000000, &fps), "none");
    assert_int_equal(fps, 0);
}

static void
page_after_page_rests_until_the_next_one_is_late(void **state)
{
    ZgBrowsing b = {0};
    int64_t now_us = 10000000;

    zg_browsing_note(&b, 200, now_us);
    assert_int_equal(zg_browsing_rest_us(&b, 250000, now_us), 250000); /* one page is read */
    zg_browsing_note(&b, 200, now_us += 40000); /* a film, or the rest of the page */
    zg_browsing_note(&b, 5, now_us += 500000); /* a word */
    assert_int_equal(zg_browsing_rest_us(&b, 250000, now_us), 250000);
    zg_browsing_note(&b, 200, now_us += 300000);
    assert_int_equal(zg_browsing_rest_us(&b, 250000, now_us), 900000);
    zg_browsing_note(&b, 200, now_us += 1100000);
    assert_int_equal(zg_browsing_rest_us(&b, 250000, now_us), 1000000); /* never later */
    assert_int_equal(zg_browsing_rest_us(&b, 2000000, now_us), 2000000);
    zg_browsing_note(&b, 200, now_us += 200000);
    assert_int_equal(zg_browsing_rest_us(&b, 250000, now_us), 800000);
    assert_int_equal(zg_browsing_rest_us(&b, 250000, now_us + 3000000), 250000);
}

static void
what_rests_is_made_exact_once_the_screen_rests_or_after_a_while(void **state)
{
    ZgBrowsing b = {0};
    int64_t start_us = 10000000, now_us = start_us + 700000;

    assert_int_equal(zg_browsing_over_us(&b, start_us, 700000), now_us);
    zg_browsing_note(&b, 5, now_us - 100000); /* a word */
    assert_int_equal(zg_browsing_over_us(&b, start_us, 700000), now_us);
    for (; now_us < start_us + 10000000; now_us += 33000) {
        zg_browsing_note(&b, 12, now_us); /* a window is dragged */
        assert_true(zg_browsing_over_us(&b, start_us, 700000) > now_us);
    }
    assert_int_equal(zg_browsing_over_us(&b, start_us, 700000), start_us + 10000000);
    assert_int_equal(zg_browsing_over_us(&b, start_us, 15000000), start_us + 15000000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_profile_bounds_what_the_viewer_asks_for),
        cmocka_unit_test(a_moving_picture_that_does_not_fit_gets_worse_until_it_does_and_recovers),
        cmocka_unit_test(one_page_of_photos_keeps_its_quality),
        cmocka_unit_test(where_the_link_is_not_known_nothing_gets_worse),
        cmocka_unit_test(what_holds_pictures_up_has_a_word),
        cmocka_unit_test(each_period_is_judged_by_itself),
        cmocka_unit_test(page_after_page_rests_until_the_next_one_is_late),
        cmocka_unit_test(what_rests_is_made_exact_once_the_screen_rests_or_after_a_while),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
