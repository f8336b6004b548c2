/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An encoder that fails: pictures go on in a simpler encoding, and the log says so once. The
 * libraries' functions are replaced when this is linked. One test a process, named by its argument.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <turbojpeg.h>
#include <x264.h>
#include <zstd.h>
#include "tests/unit/display/desk.h"

/* Calls that still work. */
static unsigned jpeg_works, zstd_works, frames_work;
static unsigned n_frames; /* that were asked for */
static bool no_x264;

int __real_tjCompress2(tjhandle handle, const unsigned char *from, int width, int pitch, int height,
                       int format, unsigned char **to, unsigned long *n, int subsampling,
                       int quality, int flags);
int __wrap_tjCompress2(tjhandle handle, const unsigned char *from, int width, int pitch, int height,
                       int format, unsigned char **to, unsigned long *n, int subsampling,
                       int quality, int flags);
int __real_x264_param_apply_profile(x264_param_t *params, const char *profile);
int __wrap_x264_param_apply_profile(x264_param_t *params, const char *profile);
int __real_x264_encoder_encode(x264_t *x264, x264_nal_t **nals, int *n_nals, x264_picture_t *in,
                               x264_picture_t *out);
int __wrap_x264_encoder_encode(x264_t *x264, x264_nal_t **nals, int *n_nals, x264_picture_t *in,
                               x264_picture_t *out);
size_t __real_ZSTD_compressStream2(ZSTD_CCtx *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
                                   ZSTD_EndDirective how);
size_t __wrap_ZSTD_compressStream2(ZSTD_CCtx *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
                                   ZSTD_EndDirective how);

static bool
works(unsigned *n_left)
{
    *n_left -= *n_left > 0 && *n_left != UINT_MAX;
    return *n_left > 0;
}

int
__wrap_tjCompress2(tjhandle handle, const unsigned char *from, int width, int pitch, int height,
                   int format, unsigned char **to, unsigned long *n, int subsampling, int quality,
                   int flags)
{
    return works(&jpeg_works) ? __real_tjCompress2(handle, from, width, pitch, height, format, to,
                                                   n, subsampling, quality, flags)
                              : -1;
}

int
__wrap_x264_param_apply_profile(x264_param_t *params, const char *profile)
{
    return no_x264 ? -1 : __real_x264_param_apply_profile(params, profile);
}

int
__wrap_x264_encoder_encode(x264_t *x264, x264_nal_t **nals, int *n_nals, x264_picture_t *in,
                           x264_picture_t *out)
{
    n_frames++;
    return works(&frames_work) ? __real_x264_encoder_encode(x264, nals, n_nals, in, out) : -1;
}

size_t
__wrap_ZSTD_compressStream2(ZSTD_CCtx *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
                            ZSTD_EndDirective how)
{
    return works(&zstd_works) ? __real_ZSTD_compressStream2(context, out, in, how)
                              : (size_t)-1; /* an error: generic */
}

/* ---- what the log says ---- */

static FILE *log_file;
static int held_stderr = -1;

static int
set_up_log(void **state)
{
    jpeg_works = zstd_works = frames_work = UINT_MAX;
    log_file = tmpfile();
    held_stderr = dup(STDERR_FILENO);
    dup2(fileno(log_file), STDERR_FILENO);
    return set_up(state);
}

static int
tear_down_log(void **state)
{
    dup2(held_stderr, STDERR_FILENO);
    close(held_stderr);
    fclose(log_file);
    return tear_down(state);
}

/* Lines of failed encoders, which all name @encoder. */
static unsigned
count_lines(const char *encoder)
{
    char line[1024];
    unsigned n = 0;

    rewind(log_file);
    while (fgets(line, sizeof line, log_file) != NULL) {
        if (strstr(line, " encoder-failed") != NULL) {
            assert_non_null(strstr(line, encoder));
            n++;
        }
    }
    return n;
}

/* ---- the tests ---- */

static const int32_t tight_jpeg[] = {ZG_RFB_TIGHT, ZG_RFB_JPEG_QUALITY_0 + 6};
static const int32_t film[] = {ZG_RFB_TIGHT, ZG_RFB_H264, ZG_RFB_JPEG_QUALITY_0 + 6};
static const int32_t ours[] = {ZG_RFB_ZAGUAN, ZG_RFB_TIGHT};

static void
without_jpeg_photos_are_exact_at_once(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, tight_jpeg, 2);
    g_autofree uint32_t *photo = g_new(uint32_t, WIDTH * HEIGHT);

    jpeg_works = 0;
    for (uint32_t i = 0; i < 4; i++) {
        show_photo(f, photo, i * 20);
        WAIT(f, shows(v, photo));
    }
    assert_int_equal(v->picture.n_jpeg, 0);
    assert_int_equal(count_lines("'jpeg'"), 1);
}

static void
without_x264_a_film_is_jpeg(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, film, 3);
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);

    no_x264 = true;
    play_film(f, pixels, 40, 33000);
    assert_true(v->picture.n_jpeg > 5);
    WAIT(f, shows(v, pixels));
    play_film(f, pixels, 40, 33000);
    WAIT(f, shows(v, pixels));
    assert_int_equal(v->n_h264, 0);
    assert_int_equal(count_lines("'h264'"), 1);
}

static void
a_film_whose_encoder_fails_goes_on_as_jpeg(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, film, 3);
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    unsigned n_jpeg, n_asked;

    frames_work = 10;
    for (int i = 0; i < 8 && n_frames <= 10; i++) { /* it is found later where time is short */
        play_film(f, pixels, 40, 33000);
    }
    assert_in_range(n_frames, 11, 19);
    assert_in_range(v->n_h264, 1, 10);
    n_jpeg = v->picture.n_jpeg;
    n_asked = n_frames;
    play_film(f, pixels, 40, 33000);
    assert_true(v->picture.n_jpeg > n_jpeg + 5);
    assert_in_range(v->n_h264, 1, 10);
    assert_true(n_frames - n_asked < 15); /* tried again, but not with each frame */
    WAIT(f, shows(v, pixels));
    assert_int_equal(count_lines("'h264'"), 1);
}

static void
without_zstd_parts_go_as_they_are(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, ours, 2);
    g_autofree uint32_t *photo = g_new(uint32_t, WIDTH * HEIGHT);

    show_photo(f, photo, 0);
    WAIT(f, shows(v, photo));
    for (uint32_t i = 1; i < 4; i++) {
        zstd_works = 0;
        show_photo(f, photo, i * 20);
        WAIT(f, shows(v, photo));
    }
    assert_int_equal(v->ours.n_streams, 1);
    assert_int_equal(count_lines("'zstd'"), 1);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_log, tear_down_log)
        TEST(without_jpeg_photos_are_exact_at_once),
        TEST(without_x264_a_film_is_jpeg),
        TEST(a_film_whose_encoder_fails_goes_on_as_jpeg),
        TEST(without_zstd_parts_go_as_they_are),
    };

    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
