/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a console that only writes to viewers that decode with code of their own. */
#include <malloc.h>
#include "common/base/error.h"
#include "tests/unit/display/desk.h"

static const int32_t raw[] = {ZG_RFB_RAW, ZG_RFB_DESKTOP_SIZE};
static const int32_t tight[] = {ZG_RFB_TIGHT, ZG_RFB_DESKTOP_SIZE};
static const int32_t ours[] = {ZG_RFB_ZAGUAN, ZG_RFB_TIGHT, ZG_RFB_DESKTOP_SIZE};
static const int32_t ours_jpeg[] = {ZG_RFB_ZAGUAN, ZG_RFB_TIGHT, ZG_RFB_JPEG_QUALITY_0 + 6};
static const int32_t tight_jpeg[] = {ZG_RFB_TIGHT, ZG_RFB_JPEG_QUALITY_0 + 6};

static void
viewers_of_every_kind_see_the_same(void **state)
{
    Fixture *f = *state;
    Viewer *one = viewer_open(f, raw, 2), *two = viewer_open(f, tight, 2);
    Viewer *three = viewer_open(f, ours, 3);

    console_fill(f, all, 0x102030);
    console_fill(f, (ZgRect){100, 50, 33, 21}, 0xabcdef);
    WAIT(f, pixel(one, 132, 70) == 0xabcdef && pixel(one, 0, 0) == 0x102030);
    WAIT(f, pixel(two, 132, 70) == 0xabcdef && pixel(two, WIDTH - 1, HEIGHT - 1) == 0x102030);
    WAIT(f, pixel(three, 100, 50) == 0xabcdef && pixel(three, 99, 50) == 0x102030);
    assert_int_equal(f->n_first_frames, 3);
}

static void
inflated_damage_costs_nothing(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, raw, 2);
    uint64_t before;

    console_fill(f, all, 0x102030);
    WAIT(f, pixel(v, WIDTH - 1, HEIGHT - 1) == 0x102030);
    before = v->n_bytes;
    for (int i = 0; i < 20; i++) {
        console_fill(f, all, 0x102030); /* the same again */
    }
    console_fill(f, (ZgRect){0, 0, 1, 1}, 0xffffff);
    WAIT(f, pixel(v, 0, 0) == 0xffffff);
    assert_true(v->n_bytes - before < 200);
}

static void
a_photo_rests(Fixture *f, Viewer *v)
{
    g_autofree uint32_t *photo = g_new(uint32_t, WIDTH * HEIGHT);

    show_photo(f, photo, 0);
    WAIT(f, v->picture.n_jpeg > 0);
    for (int i = 0; i < WIDTH * HEIGHT; i += 97) {
        WAIT(f, pixel(v, i % WIDTH, i / WIDTH) == photo[i]);
    }
}

static void
a_resting_photo_becomes_exact(void **state)
{
    a_photo_rests(*state, viewer_open(*state, tight_jpeg, 2));
}

static void
a_resting_photo_becomes_exact_in_our_own_encoding(void **state)
{
    Viewer *v = viewer_open(*state, ours_jpeg, 3);

    a_photo_rests(*state, v);
    assert_true(v->ours.n_predicted > 0);
    assert_int_equal(v->ours.n_streams, 1);
}

static void
show_page(Fixture *f, uint32_t *page, int at)
{
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        uint32_t x = (uint32_t)(i % WIDTH), y = (uint32_t)(i / WIDTH + at);
        uint32_t h = (x / 3 * 2654435761u ^ y / 2 * 2246822519u) * 3266489917u;
        page[i] = h >> 28 < 4 ? 0x202020 : 0xffffff;
    }
    console_paint(f, all, page);
}

static void
a_scrolled_page_is_moved_for_viewers_in_step_and_exact_for_all(void **state)
{
    static const int32_t moving[] = {ZG_RFB_TIGHT, ZG_RFB_COPYRECT};
    Fixture *f = *state;
    Viewer *one = viewer_open(f, moving, 2), *two = viewer_open(f, moving, 2);
    Viewer *three = viewer_open(f, tight, 1);
    g_autofree uint32_t *page = g_new(uint32_t, WIDTH * HEIGHT);

    show_page(f, page, 0);
    WAIT(f, shows(one, page) && shows(two, page) && shows(three, page));
    for (int i = 1; i < 30; i++) {
        two->stopped = i >= 5 && i < 17; /* falls behind, comes back */
        show_page(f, page, i * 5);
        WAIT(f, shows(one, page) && (two->stopped || i % 7 != 0 || shows(two, page)));
    }
    WAIT(f, shows(one, page) && shows(two, page) && shows(three, page));
    assert_true(one->picture.n_moved >= 20);
    assert_true(two->picture.n_moved >= 2);
    assert_int_equal(three->picture.n_moved, 0);
}

static void
a_new_mode_reaches_viewers_that_can_follow_and_the_others_see_what_fits(void **state)
{
    Fixture *f = *state;
    Viewer *can = viewer_open(f, tight, 2), *cannot = viewer_open(f, tight_jpeg, 1);
    g_autoptr(GByteArray) mode = g_byte_array_new();

    console_fill(f, all, 0x102030);
    WAIT(f, pixel(can, 0, 0) == 0x102030 && pixel(cannot, 0, 0) == 0x102030);
    zg_rfb_put_update(mode, 1);
    zg_rfb_put_rect(mode, 0, 0, 1024, 768, ZG_RFB_DESKTOP_SIZE);
    console_send(f, mode);
    console_fill(f, (ZgRect){0, 0, 1024, 768}, 0x998877);
    WAIT(f, can->picture.width == 1024 && pixel(can, 1023, 767) == 0x998877);
    WAIT(f, pixel(cannot, WIDTH - 1, HEIGHT - 1) == 0x998877);
    assert_int_equal(cannot->picture.width, WIDTH);
    g_byte_array_set_size(mode, 0);
    zg_rfb_put_update(mode, 1);
    zg_rfb_put_rect(mode, 0, 0, 100, 80, ZG_RFB_DESKTOP_SIZE);
    console_send(f, mode);
    console_fill(f, (ZgRect){0, 0, 100, 80}, 0x333333);
    WAIT(f, can->picture.width == 100 && pixel(can, 99, 79) == 0x333333);
    WAIT(f, pixel(cannot, 99, 79) == 0x333333);
}

/* A guest that drags its window's corner, or wants to do harm. */
static void
a_hundred_new_modes_leave_the_last_picture(void **state)
{
    Fixture *f = *state;
    Viewer *can = viewer_open(f, tight, 2), *cannot = viewer_open(f, tight_jpeg, 1);
    int width = 0, height = 0;

    for (int i = 0; i < 100; i++) {
        g_autoptr(GByteArray) mode = g_byte_array_new();
        width = 64 + i * 37 % 1900;
        height = 48 + i * 53 % 1100;
        zg_rfb_put_update(mode, 1);
        zg_rfb_put_rect(mode, 0, 0, width, height, ZG_RFB_DESKTOP_SIZE);
        console_send(f, mode);
        console_fill(f, (ZgRect){0, 0, width, height}, 0x010203u * (uint32_t)(i + 1));
    }
    WAIT(f, can->picture.width == width && can->picture.height == height &&
                pixel(can, width - 1, height - 1) == 0x010203u * 100 &&
                pixel(can, 0, 0) == 0x010203u * 100);
    WAIT(f, pixel(cannot, 0, 0) == 0x010203u * 100);
    assert_int_equal(f->n_gone, 0);
}

static void
a_stopped_reader_costs_a_bounded_queue_and_delays_nobody(void **state)
{
    Fixture *f = *state;
    Viewer *slow = viewer_open(f, raw, 2), *quick = viewer_open(f, tight, 2);
    g_autofree uint32_t *noise = g_new(uint32_t, WIDTH * HEIGHT);
    ZgViewerStats stats[2];

    console_fill(f, all, 0);
    WAIT(f, pixel(slow, 0, 0) == 0 && f->n_first_frames == 2);
    slow->stopped = true;
    for (uint32_t round = 1; round <= 40; round++) {
        viewer_request(slow, true); /* asks without reading */
        for (int i = 0; i < WIDTH * HEIGHT; i++) {
            noise[i] = ((uint32_t)i * 2654435761u + round * 40503u) & 0xffffff;
        }
        console_paint(f, all, noise);
        WAIT(f, pixel(quick, 7, 7) == noise[7 * WIDTH + 7]);
        assert_int_equal(zg_pipeline_get_stats(f->pipeline, stats, 2), 2);
        assert_true(stats[0].output.queued_bytes <= ZG_OUT_QUEUE_BYTES_MAX + 65536);
    }
    slow->stopped = false; /* reads again: gets the newest state, not forty old ones */
    WAIT(f, pixel(slow, WIDTH - 1, HEIGHT - 1) == noise[WIDTH * HEIGHT - 1]);
    assert_true(slow->n_updates < 20);
}

static const ZgRect large = {0, 0, 1024, 1024};

static void
enlarge(Fixture *f)
{
    g_autoptr(GByteArray) mode = g_byte_array_new();

    zg_rfb_put_update(mode, 1);
    zg_rfb_put_rect(mode, 0, 0, large.width, large.height, ZG_RFB_DESKTOP_SIZE);
    console_send(f, mode);
}

/* Every other row of photo-like noise, so that no encoding finds much to save. */
static void
show_noise(Fixture *f, uint32_t *pixels, uint32_t round)
{
    for (int i = 0; i < large.width * large.height; i++) {
        uint32_t h = ((uint32_t)i * 2654435761u ^ round * 40503u) * 2246822519u;
        pixels[i] = (h ^ h >> 15) & 0xffffff;
    }
    console_paint(f, large, pixels);
}

static void
copy_text(Fixture *f, uint32_t round, size_t n)
{
    g_autofree char *text = g_malloc(n + 1);
    g_autoptr(GByteArray) message = g_byte_array_new();

    for (size_t i = 0; i < n; i++) {
        text[i] = (char)('0' + (((uint32_t)i * 2654435761u ^ round) * 2246822519u >> 26));
    }
    text[n] = '\0';
    zg_clip_put_latin1(message, ZG_RFB_S_CUT_TEXT, text);
    console_send(f, message);
}

static size_t
heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* In @f->viewers[0], while the other reads on and all changes all the time. */
static void
stop_one(Fixture *f, const int32_t *encodings, unsigned n)
{
    const size_t n_text = 500000;
    Viewer *slow = viewer_open(f, encodings, n), *quick = viewer_open(f, encodings, n);
    g_autofree uint32_t *noise = g_new(uint32_t, large.width * large.height);
    size_t before = 0, most = 0;
    ZgViewerStats stats[2];

    enlarge(f);
    WAIT(f, slow->picture.width == large.width && quick->picture.width == large.width);
    for (uint32_t round = 0; round < 16; round++) {
        show_noise(f, noise, round);
        copy_text(f, round, n_text);
        WAIT(f, pixel(quick, 1023, 1023) == noise[1024 * 1024 - 1]);
        WAIT(f, quick->text != NULL);
        g_clear_pointer(&quick->text, g_free);
        if (round < 4) {
            WAIT(f, pixel(slow, 1023, 1023) == noise[1024 * 1024 - 1]);
            before = heap_bytes();
            continue;
        }
        slow->stopped = true;
        viewer_request(slow, true);
        most = MAX(most, heap_bytes());
        assert_int_equal(zg_pipeline_get_stats(f->pipeline, stats, 2), 2);
        assert_true(stats[0].output.queued_bytes <= ZG_OUT_QUEUE_BYTES_MAX);
    }
    assert_true(stats[0].output.queued_bytes > 0);
    assert_in_range(most, 0, before + ZG_OUT_QUEUE_BYTES_MAX + n_text);
    slow->stopped = false;
    WAIT(f, pixel(slow, 1023, 1023) == noise[1024 * 1024 - 1] && slow->text != NULL);
    assert_int_equal(f->n_gone, 0);
}

static void
a_stopped_reader_costs_a_megabyte_in_raw(void **state)
{
    stop_one(*state, raw, 2);
}

static void
a_stopped_reader_costs_a_megabyte_in_tight(void **state)
{
    stop_one(*state, tight, 2);
}

static void
a_stopped_reader_costs_a_megabyte_in_our_own_encoding(void **state)
{
    stop_one(*state, ours, 3);
}

/* What a key has drawn is seen before the rest of a picture that changed everywhere. */
static void
an_echo_overtakes_a_backlog(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, raw, 2);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    ZgViewerStats stats;

    enlarge(f);
    console_fill(f, large, 0x111111);
    WAIT(f, v->picture.width == large.width && pixel(v, 1023, 1023) == 0x111111);
    v->stopped = true;
    console_fill(f, large, 0x222222);
    WAIT(f, zg_pipeline_get_stats(f->pipeline, &stats, 1) == 1 && stats.output.queued_bytes > 0);
    g_byte_array_set_size(f->console_in, 0);
    g_byte_array_set_size(bytes, 0);
    zg_rfb_put_u8(bytes, ZG_RFB_C_KEY);
    zg_rfb_put_u8(bytes, 1);
    zg_rfb_put_u16(bytes, 0);
    zg_rfb_put_u32(bytes, 0x61);
    viewer_send(v, bytes);
    WAIT(f, memchr(f->console_in->data, ZG_RFB_C_KEY, f->console_in->len) != NULL);
    console_fill(f, (ZgRect){1000, 1000, 16, 16}, 0xabcdef);
    for (int i = 0; i < 20; i++) {
        pump(f); /* the console's update is taken */
    }
    v->stopped = false;
    WAIT(f, pixel(v, 1008, 1008) == 0xabcdef);
    assert_int_equal(pixel(v, 5, 0), 0x222222);
    assert_int_equal(pixel(v, 5, 900), 0x111111); /* later */
    WAIT(f, pixel(v, 5, 1023) == 0x222222);
    assert_int_equal(pixel(v, 1008, 1008), 0xabcdef);
}

static void
clipboard_goes_both_ways(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, raw, 2);
    g_autoptr(GByteArray) text = g_byte_array_new();

    console_fill(f, all, 0x102030);
    WAIT(f, pixel(v, 0, 0) == 0x102030);
    zg_clip_put_latin1(text, ZG_RFB_S_CUT_TEXT, "desde la máquina");
    console_send(f, text);
    WAIT(f, v->text != NULL);
    assert_string_equal(v->text, "desde la máquina");
    g_byte_array_set_size(text, 0);
    zg_clip_put_latin1(text, ZG_RFB_C_CUT_TEXT, "hacia ella");
    g_byte_array_set_size(f->console_in, 0);
    viewer_send(v, text);
    WAIT(f, memmem(f->console_in->data, f->console_in->len, "hacia ella", 10) != NULL);
}

static void
a_lost_console_leaves_picture_and_viewers(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, tight, 2);

    console_fill(f, all, 0x102030);
    WAIT(f, pixel(v, 0, 0) == 0x102030);
    close(f->console);
    f->console = -1;
    WAIT(f, f->n_lost == 1);
    assert_false(zg_pipeline_has_console(f->pipeline));
    viewer_request(v, false); /* the kept picture can be asked for again */
    memset(v->picture.pixels, 0, WIDTH * HEIGHT * 4);
    WAIT(f, pixel(v, WIDTH - 1, 0) == 0x102030);
    console_open(f, WIDTH, HEIGHT);
    console_fill(f, all, 0x010203);
    WAIT(f, pixel(v, 5, 5) == 0x010203);
    assert_false(v->closed);
}

static void
a_second_viewer_with_the_same_id_is_refused(void **state)
{
    Fixture *f = *state;
    ZgViewerOptions options = {.id = "v0"};
    g_autoptr(GError) error = NULL;
    int pair[2];

    viewer_open(f, raw, 2);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_false(zg_pipeline_add_viewer(f->pipeline, pair[0], &options, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_CONFLICT));
    close(pair[1]);
}

static void
a_cut_viewer_hears_a_bell_sees_why_and_is_closed(void **state)
{
    Fixture *f = *state;
    Viewer *v = viewer_open(f, tight, 2);
    bool ink = false;

    console_fill(f, all, 0x102030);
    WAIT(f, pixel(v, 0, 0) == 0x102030);
    assert_true(zg_pipeline_cut(f->pipeline, "v0", "taken-over", "Adiós"));
    assert_false(zg_pipeline_cut(f->pipeline, "nobody", "x", ""));
    WAIT(f, v->closed && f->n_gone == 1);
    assert_int_equal(v->n_bells, 1);
    assert_string_equal(f->gone_reason, "taken-over");
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        ink |= (v->picture.pixels[i] & 0xffffff) == 0xffffff;
    }
    assert_true(ink);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(viewers_of_every_kind_see_the_same),
        TEST(inflated_damage_costs_nothing),
        TEST(a_resting_photo_becomes_exact),
        TEST(a_resting_photo_becomes_exact_in_our_own_encoding),
        TEST(a_scrolled_page_is_moved_for_viewers_in_step_and_exact_for_all),
        TEST(a_new_mode_reaches_viewers_that_can_follow_and_the_others_see_what_fits),
        TEST(a_hundred_new_modes_leave_the_last_picture),
        TEST(a_stopped_reader_costs_a_bounded_queue_and_delays_nobody),
        TEST(a_stopped_reader_costs_a_megabyte_in_raw),
        TEST(a_stopped_reader_costs_a_megabyte_in_tight),
        TEST(a_stopped_reader_costs_a_megabyte_in_our_own_encoding),
        TEST(an_echo_overtakes_a_backlog),
        TEST(clipboard_goes_both_ways),
        TEST(a_lost_console_leaves_picture_and_viewers),
        TEST(a_second_viewer_with_the_same_id_is_refused),
        TEST(a_cut_viewer_hears_a_bell_sees_why_and_is_closed),
    };

    mallopt(M_ARENA_MAX, 1); /* all that both threads take is counted */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
