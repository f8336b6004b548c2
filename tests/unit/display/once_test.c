/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several viewers want alike is encoded once: calls of JPEG's function are counted. */
#include <turbojpeg.h>
#include "tests/unit/display/desk.h"

static gint n_jpegs; /* atomic */

int __real_tjCompress2(tjhandle handle, const unsigned char *from, int width, int pitch, int height,
                       int format, unsigned char **to, unsigned long *n, int subsampling,
                       int quality, int flags);
int __wrap_tjCompress2(tjhandle handle, const unsigned char *from, int width, int pitch, int height,
                       int format, unsigned char **to, unsigned long *n, int subsampling,
                       int quality, int flags);

int
__wrap_tjCompress2(tjhandle handle, const unsigned char *from, int width, int pitch, int height,
                   int format, unsigned char **to, unsigned long *n, int subsampling, int quality,
                   int flags)
{
    g_atomic_int_inc(&n_jpegs);
    return __real_tjCompress2(handle, from, width, pitch, height, format, to, n, subsampling,
                              quality, flags);
}

static const int32_t tight_6[] = {ZG_RFB_TIGHT, ZG_RFB_JPEG_QUALITY_0 + 6};
static const int32_t tight_9[] = {ZG_RFB_TIGHT, ZG_RFB_JPEG_QUALITY_0 + 9};

/* Each of @n pictures has come to all viewers before the next. Return: JPEG rectangles made. */
static int
show(Fixture *f, uint32_t n)
{
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    int before;

    for (unsigned i = 0; i < f->n_viewers; i++) {
        WAIT(f, f->viewers[i].n_updates > 0);
    }
    before = g_atomic_int_get(&n_jpegs);
    for (uint32_t k = 1; k <= n; k++) {
        unsigned n_shown[VIEWERS];
        for (unsigned i = 0; i < f->n_viewers; i++) {
            n_shown[i] = f->viewers[i].picture.n_jpeg;
        }
        show_photo(f, pixels, k * 30);
        for (unsigned i = 0; i < f->n_viewers; i++) {
            WAIT(f, f->viewers[i].picture.n_jpeg > n_shown[i] && f->viewers[i].n_rects_left == 0);
        }
    }
    return g_atomic_int_get(&n_jpegs) - before;
}

static void
four_viewers_alike_cost_one_encode(void **state)
{
    Fixture *f = *state;
    int one;

    viewer_open(f, tight_6, 2);
    one = show(f, 10);
    assert_true(one >= 10);
    for (int i = 0; i < 3; i++) {
        viewer_open(f, tight_6, 2);
    }
    assert_int_equal(show(f, 10), one);
}

static void
two_wishes_cost_two(void **state)
{
    Fixture *f = *state;
    int one;

    viewer_open(f, tight_6, 2);
    one = show(f, 10);
    viewer_open(f, tight_9, 2);
    viewer_open(f, tight_6, 2);
    viewer_open(f, tight_9, 2);
    assert_int_equal(show(f, 10), 2 * one);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(four_viewers_alike_cost_one_encode),
        TEST(two_wishes_cost_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
