/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A film is found where it plays; its H.264 rectangles say when a viewer must begin anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "display/canvas.h"
#include "display/film.h"

#define WIDTH 640
#define HEIGHT 480
#define FRAME_US 40000

static const ZgRect screen = {100, 70, 320, 240};

static bool
rect_is(ZgRect a, int x, int y, int width, int height)
{
    return a.x == x && a.y == y && a.width == width && a.height == height;
}

static void
play(ZgFilm *film, ZgRect area, int n_frames, int64_t *now_us)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));

    g_array_append_val(areas, area);
    for (int i = 0; i < n_frames; i++) {
        *now_us += FRAME_US;
        zg_film_note(film, areas, *now_us);
    }
}

static void
a_rectangle_that_keeps_changing_is_a_film_until_it_stops(void **state)
{
    g_autoptr(GArray) blink = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    ZgRect cursor = {600, 400, 8, 16};
    int64_t now_us = 1000000;
    ZgFilm film;

    zg_film_init(&film, WIDTH, HEIGHT);
    play(&film, screen, 5, &now_us);
    assert_true(zg_rect_is_empty(film.area)); /* not long enough */
    play(&film, screen, 20, &now_us);
    assert_true(rect_is(film.area, 100, 70, 320, 240));
    g_array_append_val(blink, cursor);
    for (int i = 0; i < 10; i++) {
        now_us += 100000;
        zg_film_note(&film, blink, now_us);
    }
    assert_true(zg_rect_is_empty(film.area));
    zg_film_clear(&film);
}

static void
page_after_page_and_small_animations_are_no_films(void **state)
{
    int64_t now_us = 1000000;
    ZgFilm film;

    zg_film_init(&film, WIDTH, HEIGHT);
    for (int i = 0; i < 20; i++) {
        play(&film, (ZgRect){0, 0, WIDTH, HEIGHT}, 1, &now_us);
        now_us += 700000;
    }
    assert_true(zg_rect_is_empty(film.area));
    play(&film, (ZgRect){10, 10, 100, 100}, 60, &now_us);
    assert_true(zg_rect_is_empty(film.area));
    zg_film_clear(&film);
}

static void
a_smaller_film_that_becomes_larger_is_followed(void **state)
{
    int64_t now_us = 1000000;
    ZgFilm film;

    zg_film_init(&film, WIDTH, HEIGHT);
    play(&film, screen, 30, &now_us);
    play(&film, (ZgRect){0, 0, WIDTH, HEIGHT}, 40, &now_us);
    assert_true(rect_is(film.area, 0, 0, WIDTH, HEIGHT));
    zg_film_clear(&film);
}

static void
what_is_left_beside_a_hole_covers_all_but_the_hole(void **state)
{
    g_autoptr(GArray) areas = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    g_autoptr(GArray) rest = g_array_new(FALSE, FALSE, sizeof(ZgRect));
    static uint8_t n[HEIGHT][WIDTH];
    ZgRect parts[] = {{0, 0, 200, 100}, {150, 120, 400, 30}, {500, 0, 100, 60}};

    memset(n, 0, sizeof n);
    g_array_append_vals(areas, parts, G_N_ELEMENTS(parts));
    zg_rects_subtract(areas, screen, rest);
    for (guint i = 0; i < rest->len; i++) {
        ZgRect r = g_array_index(rest, ZgRect, i);
        assert_false(zg_rect_overlaps(r, screen));
        for (int y = r.y; y < r.y + r.height; y++) {
            for (int x = r.x; x < r.x + r.width; x++) {
                n[y][x]++;
            }
        }
    }
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            bool wanted = false;
            for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
                wanted |= zg_rect_overlaps(parts[i], (ZgRect){x, y, 1, 1});
            }
            wanted &= !zg_rect_overlaps(screen, (ZgRect){x, y, 1, 1});
            assert_int_equal(n[y][x], wanted);
        }
    }
}

/* Does the frame carry a unit of this kind (5: key picture, 7: sequence parameters)? */
static bool
has_unit(const ZgBlob *blob, unsigned kind)
{
    for (size_t i = 20; i + 3 < blob->n_bytes; i++) {
        const uint8_t *b = blob->bytes + i;
        if (b[0] == 0 && b[1] == 0 && b[2] == 1 && (b[3] & 31) == kind) {
            return true;
        }
    }
    return false;
}

static uint32_t
number_at(const ZgBlob *blob, size_t at)
{
    const uint8_t *b = blob->bytes + at;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void
paint(uint32_t *pixels, unsigned step)
{
    for (unsigned i = 0; i < WIDTH * HEIGHT; i++) {
        unsigned x = i % WIDTH + step * 3, y = i / WIDTH;
        unsigned noise = (x * 7919 + y * 104729) >> 4 & 7;
        pixels[i] = (x / 3 % 200 + noise) << 16 | (y / 2 + noise) << 8 | ((x + y) / 5 & 127);
    }
}

static void
frames_tell_the_viewer_when_to_begin_anew(void **state)
{
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    ZgH264 *h264 = zg_h264_new(screen);
    static const struct {
        bool key;
        uint32_t flags;
        bool headers;
    } frames[] = {{false, ZG_H264_RESET_ALL, true},
                  {false, 0, false},
                  {true, ZG_H264_RESET_CONTEXT, true},
                  {false, 0, false}};

    assert_non_null(h264);
    for (unsigned i = 0; i < G_N_ELEMENTS(frames); i++) {
        paint(pixels, i);
        ZgBlob *blob = zg_h264_encode(h264, pixels + 70 * WIDTH + 100, WIDTH, frames[i].key, 6);
        assert_non_null(blob);
        assert_int_equal(number_at(blob, 8), ZG_RFB_H264);
        assert_int_equal(number_at(blob, 12), blob->n_bytes - 20);
        assert_int_equal(number_at(blob, 16), frames[i].flags);
        assert_int_equal(has_unit(blob, 7), frames[i].headers);
        assert_int_equal(has_unit(blob, 5), frames[i].headers);
        assert_true(rect_is(blob->lossy, 100, 70, 320, 240));
        zg_blob_unref(blob);
    }
    zg_h264_unref(h264);
}

typedef struct {
    ZgCanvas canvas;
    ZgFrame frame;
    ZgEncoderSet encoders;
    int64_t now_us;
    unsigned step;
    bool with_moves;
} Desk;

static const ZgEncodeWish film_wish = {
    .tight = true, .h264 = true, .copyrect = true, .jpeg_quality = 6};

static ZgEncodeJob *
step(Desk *d, ZgView *const *views, unsigned n_views, ZgView *for_view)
{
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    ZgEncodeWish wish = film_wish;
    ZgEncodeJob *job;

    wish.format = zg_pixel_format_native;
    paint(pixels, ++d->step);
    for (int y = screen.y; y < screen.y + screen.height; y++) {
        zg_frame_put(&d->frame, (ZgRect){screen.x, y, screen.width, 1},
                     (const uint8_t *)(pixels + y * WIDTH + screen.x));
    }
    d->now_us += FRAME_US;
    for (unsigned i = 0; i < n_views; i++) {
        zg_damage_merge(&views[i]->dirty, &d->frame.fresh);
    }
    zg_canvas_note(&d->canvas, &d->frame.fresh, d->now_us);
    zg_damage_reset(&d->frame.fresh);
    job = zg_canvas_next_job(&d->canvas, &d->frame, for_view, &wish, INT64_MAX, d->with_moves);
    assert_non_null(job);
    zg_encode_job_run(job, &d->encoders);
    job->done = true;
    return job;
}

static void
a_viewer_without_the_frame_before_misses_the_film_and_then_gets_a_key_frame(void **state)
{
    Desk d = {.now_us = 1000000};
    ZgView one = {.width = WIDTH, .height = HEIGHT}, two = one, *both[] = {&one, &two};

    zg_canvas_init(&d.canvas, WIDTH, HEIGHT);
    zg_frame_init(&d.frame, WIDTH, HEIGHT);
    zg_view_start_over(&one, WIDTH, HEIGHT);
    zg_view_start_over(&two, WIDTH, HEIGHT);
    for (int i = 0; i < 40; i++) {
        g_autoptr(ZgEncodeJob) job = step(&d, both, 2, &one);
        ZgBlob *film = zg_canvas_take_film(&d.canvas, &one, job);
        assert_int_equal(film != NULL, job->h264 != NULL);
        zg_view_note_job(&one, job, job->blobs->len);
    }
    assert_non_null(d.canvas.h264);
    assert_true(one.film_no > 0);
    g_autoptr(ZgEncodeJob) job = step(&d, both, 2, &one);
    assert_false(job->film_key);
    assert_null(zg_canvas_take_film(&d.canvas, &two, job)); /* it never had one */
    assert_true(two.dirty.n_dirty > 0);
    assert_non_null(zg_canvas_take_film(&d.canvas, &one, job));
    assert_false(zg_canvas_is_current(&d.canvas, &two));
    g_autoptr(ZgEncodeJob) next = step(&d, both, 2, &one);
    assert_true(next->film_key);
    assert_non_null(zg_canvas_take_film(&d.canvas, &two, next));
    assert_int_equal(two.film_no, next->film_no);
    g_autoptr(ZgEncodeJob) large = step(&d, both, 2, &one);
    g_autofree uint8_t *much = g_malloc0(ZG_H264_BYTES_MAX + 1);
    zg_blob_unref(large->film);
    large->film = zg_blob_new(much, ZG_H264_BYTES_MAX + 1, 1, screen);
    zg_damage_reset(&one.dirty);
    assert_null(zg_canvas_take_film(&d.canvas, &one, large)); /* more than it has room for */
    assert_true(one.dirty.n_dirty > 0);
    zg_view_clear(&one);
    zg_view_clear(&two);
    zg_encoder_set_clear(&d.encoders);
    zg_frame_clear(&d.frame);
    zg_canvas_clear(&d.canvas);
}

/* The last of @n_frames at @level, of a film with grain. */
static size_t
bytes_at_level(int level, unsigned n_frames)
{
    g_autofree uint32_t *pixels = g_new(uint32_t, WIDTH * HEIGHT);
    ZgH264 *h264 = zg_h264_new(screen);
    size_t n_bytes = 0;

    assert_non_null(h264);
    for (unsigned i = 0; i < n_frames; i++) {
        paint(pixels, i);
        for (unsigned k = 0; k < WIDTH * HEIGHT; k++) {
            pixels[k] += 0x010101 * ((k * 2654435761u + i * 40503u) * 2246822519u >> 28);
        }
        ZgBlob *blob = zg_h264_encode(h264, pixels + 70 * WIDTH + 100, WIDTH, false, level);
        assert_non_null(blob);
        n_bytes = blob->n_bytes;
        zg_blob_unref(blob);
    }
    zg_h264_unref(h264);
    return n_bytes;
}

static void
a_frame_that_is_too_large_is_followed_by_smaller_ones(void **state)
{
    const ZgRect area = {0, 0, 2048, 1536};
    g_autofree uint32_t *noise = g_new(uint32_t, area.width * area.height);
    ZgH264 *h264 = zg_h264_new(area);
    size_t n_bytes = 0;

    for (int i = 0; i < area.width * area.height; i++) {
        uint32_t h = (uint32_t)i * 2654435761u;
        noise[i] = (h ^ h >> 15) * 2246822519u >> 8;
    }
    for (int i = 0; i < 3; i++) { /* each can be shown alone, as after one that was not sent */
        ZgBlob *blob = zg_h264_encode(h264, noise, (size_t)area.width, true, 9);
        assert_non_null(blob);
        assert_true(i == 0 ? blob->n_bytes > ZG_H264_BYTES_MAX : blob->n_bytes < n_bytes);
        n_bytes = blob->n_bytes;
        zg_blob_unref(blob);
    }
    zg_h264_unref(h264);
}

static void
a_film_costs_what_its_level_asks_for(void **state)
{
    size_t low = bytes_at_level(1, 40), middle = bytes_at_level(6, 40);
    size_t high = bytes_at_level(9, 40);

    assert_true(low * 3 < middle);
    assert_true(middle * 3 / 2 < high);
}

static void
what_moves_inside_a_film_is_part_of_the_film(void **state)
{
    Desk d = {.now_us = 1000000};
    ZgView view = {.width = WIDTH, .height = HEIGHT}, *views[] = {&view};

    zg_canvas_init(&d.canvas, WIDTH, HEIGHT);
    zg_frame_init(&d.frame, WIDTH, HEIGHT);
    zg_view_start_over(&view, WIDTH, HEIGHT);
    for (int i = 0; i < 50; i++) {
        g_autoptr(ZgEncodeJob) job = step(&d, views, 1, &view);
        assert_int_equal(zg_canvas_take_film(&d.canvas, &view, job) != NULL, job->h264 != NULL);
        if (i == 45) {
            d.with_moves = true; /* the picture pans by three pixels a step */
        } else if (i > 45) {
            assert_non_null(job->h264);
            assert_null(job->moves);
        }
    }
    zg_film_reject(&d.canvas.film);
    g_autoptr(ZgEncodeJob) job = step(&d, views, 1, &view);
    assert_null(job->h264);
    assert_non_null(job->moves);
    zg_view_clear(&view);
    zg_encoder_set_clear(&d.encoders);
    zg_frame_clear(&d.frame);
    zg_canvas_clear(&d.canvas);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rectangle_that_keeps_changing_is_a_film_until_it_stops),
        cmocka_unit_test(page_after_page_and_small_animations_are_no_films),
        cmocka_unit_test(a_smaller_film_that_becomes_larger_is_followed),
        cmocka_unit_test(what_is_left_beside_a_hole_covers_all_but_the_hole),
        cmocka_unit_test(frames_tell_the_viewer_when_to_begin_anew),
        cmocka_unit_test(
            a_viewer_without_the_frame_before_misses_the_film_and_then_gets_a_key_frame),
        cmocka_unit_test(what_moves_inside_a_film_is_part_of_the_film),
        cmocka_unit_test(a_frame_that_is_too_large_is_followed_by_smaller_ones),
        cmocka_unit_test(a_film_costs_what_its_level_asks_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
