/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When pictures leave: at once after idle, exact ones only from what the link has to spare. */
#include "tests/unit/display/desk.h"

#define INIT_BYTES 28 /* of ServerInit, read before */
#define SLOW_BYTES_PER_S 100000
#define RESTS_US 250000   /* of lan */
#define INTERVAL_US 66000 /* of branch-2mbit */

static const int32_t tight_jpeg[] = {ZG_RFB_TIGHT, ZG_RFB_JPEG_QUALITY_0 + 9};
static const int32_t with_fences[] = {ZG_RFB_TIGHT, ZG_RFB_JPEG_QUALITY_0 + 9, ZG_RFB_FENCE,
                                      ZG_RFB_CONTINUOUS_UPDATES};

static uint64_t
bytes_given(Fixture *f)
{
    ZgViewerStats stats;

    assert_int_equal(zg_pipeline_get_stats(f->pipeline, &stats, 1), 1);
    return stats.output.bytes_out + stats.output.queued_bytes;
}

static void
what_rests_becomes_exact_once_the_link_is_free(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, with_fences, G_N_ELEMENTS(with_fences));
    g_autofree uint32_t *photo = g_new(uint32_t, WIDTH * HEIGHT);
    uint64_t before, sent;
    int64_t begun_us;
    unsigned n_jpeg;

    viewer_go_on(v);
    f->grain = 63;
    WAIT(f, v->n_updates > 0);
    v->link_bytes_per_s = SLOW_BYTES_PER_S;
    for (uint32_t i = 0; i < 3; i++) { /* a link is learnt */
        uint64_t n_bytes = bytes_given(f);
        show_photo(f, photo, i * 20);
        WAIT(f, bytes_given(f) > n_bytes + 20000 &&
                    v->n_bytes + INIT_BYTES == bytes_given(f));
    }
    n_jpeg = v->picture.n_jpeg;
    before = bytes_given(f);
    show_photo(f, photo, 100);
    WAIT(f, bytes_given(f) > before + 20000);
    begun_us = zg_clock_mono_us();
    sent = bytes_given(f);
    while (v->n_bytes < before + (sent - before) / 2) {
        pump(f);
        assert_in_range(bytes_given(f), sent, sent + 200);
    }
    assert_true(zg_clock_mono_us() - begun_us > RESTS_US); /* it was the link that held it up */
    v->link_bytes_per_s = 0;
    WAIT(f, shows(v, photo));
    assert_true(v->picture.n_jpeg > n_jpeg);
}

static void
what_moves_is_not_made_exact(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, tight_jpeg, G_N_ELEMENTS(tight_jpeg));
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    unsigned n_exact;

    play_film(f, pixels, 5, 33000);
    n_exact = v->picture.n_copy;
    play_film(f, pixels, 40, 33000);
    assert_int_equal(v->picture.n_copy, n_exact);
    WAIT(f, shows(v, pixels));
    assert_true(v->picture.n_copy > n_exact);
}

/* The clock of pictures is not one that ticks: only after a picture the next one waits. */
static void
after_idle_a_picture_leaves_at_once_and_the_next_one_waits(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, tight_jpeg, G_N_ELEMENTS(tight_jpeg));
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    unsigned n_at_once = 0, n_soon_again = 0;

    zg_pipeline_set_profile(f->pipeline, ZG_PROFILE_BRANCH_2MBIT);
    for (uint32_t i = 0; i < 8; i++) {
        int64_t idle_us, begun_us, first_us;
        unsigned n = 0;

        idle_us = zg_clock_mono_us();
        WAIT(f, zg_clock_mono_us() - idle_us > INTERVAL_US + i * 7919); /* at any time of a clock */
        begun_us = zg_clock_mono_us();
        n = v->n_updates;
        show_photo(f, pixels, i * 40 + 10);
        WAIT(f, v->n_updates > n);
        first_us = zg_clock_mono_us();
        n_at_once += first_us - begun_us < INTERVAL_US / 2;
        n = v->n_updates;
        show_photo(f, pixels, i * 40 + 20);
        WAIT(f, v->n_updates > n);
        n_soon_again += zg_clock_mono_us() - begun_us < INTERVAL_US - 2000;
    }
    assert_true(n_at_once >= 5);
    assert_int_equal(n_soon_again, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_rests_becomes_exact_once_the_link_is_free),
        TEST(what_moves_is_not_made_exact),
        TEST(after_idle_a_picture_leaves_at_once_and_the_next_one_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
