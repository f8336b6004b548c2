/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How true pictures are while they move and once they rest: by profile, by encoding, decoded. */
#include <libavcodec/avcodec.h>
#include <libyuv.h>
#include <math.h>
#include "tests/unit/display/desk.h"

#define FILM_DB_LEAST 36.0

static const int32_t tight_film[] = {ZG_RFB_TIGHT, ZG_RFB_H264, ZG_RFB_JPEG_QUALITY_0 + 9};
static const int32_t ours_film[] = {ZG_RFB_ZAGUAN, ZG_RFB_TIGHT, ZG_RFB_H264,
                                    ZG_RFB_JPEG_QUALITY_0 + 9};
static const int32_t tight_jpeg[] = {ZG_RFB_TIGHT, ZG_RFB_JPEG_QUALITY_0 + 9};

/* ---- a film, decoded ---- */

static AVCodecContext *codec;

static void
put_frame(TightPicture *picture, ZgRect area, const AVFrame *frame)
{
    assert_int_equal(frame->width, area.width);
    assert_int_equal(frame->height, area.height);
    J420ToARGB(frame->data[0], frame->linesize[0], frame->data[1], frame->linesize[1],
               frame->data[2], frame->linesize[2],
               (uint8_t *)(picture->pixels + area.y * picture->width + area.x), picture->width * 4,
               area.width, area.height);
}

static void
show_h264(TightPicture *picture, ZgRect area, uint32_t flags, const uint8_t *bytes, size_t n_bytes)
{
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();

    assert_int_equal(av_new_packet(packet, (int)n_bytes), 0);
    memcpy(packet->data, bytes, n_bytes);
    if (flags != 0) {
        avcodec_free_context(&codec);
    }
    if (codec == NULL) {
        codec = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
        codec->flags |= AV_CODEC_FLAG_LOW_DELAY;
        codec->thread_count = 1;
        assert_int_equal(avcodec_open2(codec, NULL, NULL), 0);
    }
    assert_int_equal(avcodec_send_packet(codec, packet), 0);
    assert_int_equal(avcodec_receive_frame(codec, frame), 0);
    put_frame(picture, area, frame);
    av_frame_free(&frame);
    av_packet_free(&packet);
}

static double
psnr_db(const Viewer *v, const uint32_t *pixels)
{
    double sum = 0;

    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        for (int shift = 0; shift < 24; shift += 8) {
            int d = (int)(v->picture.pixels[i] >> shift & 255) - (int)(pixels[i] >> shift & 255);
            sum += d * d;
        }
    }
    return 10 * log10(255.0 * 255 * 3 * WIDTH * HEIGHT / MAX(sum, 1));
}

static void
a_film_looks_good_and_is_exact_once_it_has_ended(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, tight_film, G_N_ELEMENTS(tight_film));
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    unsigned n;

    v->show_h264 = show_h264;
    play_film(f, pixels, 45, 33000);
    n = v->n_h264;
    assert_true(n > 10);
    show_photo(f, pixels, 50);
    WAIT(f, v->n_h264 > n && v->n_rects_left == 0);
    assert_false(shows(v, pixels));
    assert_true(psnr_db(v, pixels) >= FILM_DB_LEAST);
    WAIT(f, shows(v, pixels));
    avcodec_free_context(&codec);
}

/* ---- profiles ---- */

static void
lossless_is_exact(Fixture *f, const int32_t *encodings, unsigned n)
{
    Viewer *v = viewer_open(f, encodings, n);
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);

    zg_pipeline_set_profile(f->pipeline, ZG_PROFILE_LOSSLESS);
    show_photo(f, pixels, 0);
    WAIT(f, shows(v, pixels));
    play_film(f, pixels, 40, 33000);
    assert_true(v->n_updates > 5);
    WAIT(f, shows(v, pixels));
    assert_int_equal(v->picture.n_jpeg, 0);
    assert_int_equal(v->n_h264, 0);
}

static void
lossless_is_exact_whatever_a_stock_viewer_asks_for(void **state)
{
    lossless_is_exact(*state, tight_film, G_N_ELEMENTS(tight_film));
}

static void
lossless_is_exact_whatever_our_own_viewer_asks_for(void **state)
{
    lossless_is_exact(*state, ours_film, G_N_ELEMENTS(ours_film));
}

typedef struct {
    double updates_per_s, bytes_per_update;
} Measured;

/* Of a picture that moves 60 times a second, as JPEG, for a viewer that wants the best. */
static Measured
measure(Fixture *f, Viewer *v, ZgProfile profile)
{
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    int64_t begun_us;
    unsigned n_updates;
    uint64_t n_bytes;

    zg_pipeline_set_profile(f->pipeline, profile);
    play_film(f, pixels, 5, 16000);
    begun_us = zg_clock_mono_us();
    n_updates = v->n_updates;
    n_bytes = v->n_bytes;
    play_film(f, pixels, 90, 16000);
    n_updates = v->n_updates - n_updates;
    return (Measured){.updates_per_s = n_updates * 1e6 / (double)(zg_clock_mono_us() - begun_us),
                      .bytes_per_update = (double)(v->n_bytes - n_bytes) / n_updates};
}

static void
branches_get_fewer_and_smaller_pictures(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, tight_jpeg, G_N_ELEMENTS(tight_jpeg));
    f->grain = 63; /* a smooth one keeps 40 dB at a level less */
    Measured lan = measure(f, v, ZG_PROFILE_LAN);
    Measured five = measure(f, v, ZG_PROFILE_BRANCH_5MBIT);
    Measured two = measure(f, v, ZG_PROFILE_BRANCH_2MBIT);

    assert_true(v->picture.n_jpeg > 50);
    assert_true(five.updates_per_s <= 31);
    assert_true(two.updates_per_s <= 16);
    assert_true(lan.updates_per_s > two.updates_per_s);
    assert_true(five.bytes_per_update < 0.95 * lan.bytes_per_update);
    assert_true(two.bytes_per_update < 0.8 * five.bytes_per_update);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_film_looks_good_and_is_exact_once_it_has_ended),
        TEST(lossless_is_exact_whatever_a_stock_viewer_asks_for),
        TEST(lossless_is_exact_whatever_our_own_viewer_asks_for),
        TEST(branches_get_fewer_and_smaller_pictures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
