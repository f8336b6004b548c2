/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our own encoding: a decoder that knows only the document gets every picture back, or refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>
#include "common/base/fd.h"
#include "display/out_zaguan.h"
#include "display/output.h"
#include "tests/bench/zaguan_decoder.h"
#include "tests/unit/display/tight_decoder.h"

#define SIDE 300
#define SMALL_MAX 512
#define EDGE 104 /* of a photo: not that of a cell */

static const ZgEncodeWish exact = {.zaguan = true, .tight = true, .jpeg_quality = -1};

typedef struct {
    ZgEncoderSet encoders;
    uint32_t pixels[SIDE * SIDE];
    ZaguanPicture picture;
    ZgOutZaguan *out;
    GByteArray *bytes; /* of the last update */
    GRand *random;
} Fixture;

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->picture = (ZaguanPicture){.pixels = g_new0(uint32_t, SIDE * SIDE), SIDE, SIDE};
    f->out = zg_out_zaguan_new();
    f->bytes = g_byte_array_new();
    f->random = g_rand_new_with_seed(20261);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    g_rand_free(f->random);
    g_byte_array_unref(f->bytes);
    zg_out_zaguan_free(f->out);
    zaguan_picture_end(&f->picture);
    g_free(f->picture.pixels);
    zg_encoder_set_clear(&f->encoders);
    g_free(f);
    return 0;
}

static ZgBlob *
encode(Fixture *f, ZgRect area, const ZgEncodeWish *wish)
{
    ZgTile tile = {.area = area, .pixels = f->pixels + area.y * SIDE + area.x, .stride = SIDE};
    ZgEncodeWish full = *wish;

    full.format = zg_pixel_format_native;
    return zg_encoder_set_encode(&f->encoders, &tile, &full);
}

static bool
decode(Fixture *f, const GByteArray *bytes, unsigned n_rects)
{
    ZgRfbReader in = {.bytes = bytes->data, .n_bytes = bytes->len};

    for (; n_rects > 0; n_rects--) {
        zg_rfb_read_bytes(&in, 8);
        if (zg_rfb_read_s32(&in) != ZG_RFB_ZAGUAN || !zaguan_picture_draw(&f->picture, &in)) {
            return false;
        }
    }
    return in.at == in.n_bytes;
}

/* One update of one tile. Return: its bytes. */
static size_t
update(Fixture *f, ZgRect area)
{
    ZgBlob *blob = encode(f, area, &exact);
    unsigned n_rects;

    g_byte_array_set_size(f->bytes, 0);
    n_rects = zg_out_zaguan_put(f->out, &blob, 1, SIDE, SIDE, SIZE_MAX, f->bytes, NULL);
    assert_int_equal(n_rects, 1);
    assert_int_equal(blob->n_rects, 0);
    assert_int_equal(blob->n_parts, blob->n_bytes);
    zg_blob_unref(blob);
    assert_true(decode(f, f->bytes, n_rects));
    return f->bytes->len;
}

static void
assert_shown(const Fixture *f, ZgRect area)
{
    for (int y = area.y; y < area.y + area.height; y++) {
        for (int x = area.x; x < area.x + area.width; x++) {
            assert_int_equal(f->picture.pixels[y * SIDE + x],
                             f->pixels[y * SIDE + x] & 0xffffff);
        }
    }
}

static void
fill(Fixture *f, ZgRect area, int kind)
{
    uint32_t colours[4];

    for (int i = 0; i < 4; i++) {
        colours[i] = g_rand_int(f->random); /* also in the byte that is no colour */
    }
    for (int y = area.y; y < area.y + area.height; y++) {
        for (int x = area.x; x < area.x + area.width; x++) {
            uint32_t n = g_rand_int(f->random);
            f->pixels[y * SIDE + x] =
                kind == 0   ? colours[0]
                : kind == 1 ? colours[(x / 3 ^ y / 5) & 3]
                : kind == 2 ? n
                            : (uint32_t)(x / 2 + (n & 7)) << 16 |
                                  (uint32_t)(y / 2 + (n >> 3 & 7)) << 8 | (n >> 6 & 15);
        }
    }
}

static void
any_tiles_come_back_exact_through_one_stream(void **state)
{
    Fixture *f = *state;

    for (int round = 0; round < 200; round++) {
        ZgRect area = {.width = g_rand_int_range(f->random, 1, SIDE + 1),
                       .height = g_rand_int_range(f->random, 1, SIDE + 1)};
        area.x = g_rand_int_range(f->random, 0, SIDE - area.width + 1);
        area.y = g_rand_int_range(f->random, 0, SIDE - area.height + 1);
        fill(f, area, round % 4);
        update(f, area);
        assert_shown(f, area);
    }
    assert_int_equal(f->picture.n_streams, 1);
    assert_true(f->picture.n_solid > 0 && f->picture.n_pixels > 0 && f->picture.n_predicted > 0);
}

static void
what_was_shown_long_ago_costs_next_to_nothing(void **state)
{
    Fixture *f = *state;
    ZgRect all = {0, 0, SIDE, SIDE};
    g_autofree uint32_t *first = NULL;
    size_t n_first;

    fill(f, all, 2);
    first = g_memdup2(f->pixels, sizeof f->pixels);
    n_first = update(f, all);
    for (int i = 0; i < 5; i++) {
        fill(f, all, 2);
        update(f, all);
    }
    memcpy(f->pixels, first, sizeof f->pixels);
    assert_true(update(f, all) < n_first / 20);
    assert_shown(f, all);
}

static void
photos_are_tight_rectangles_and_the_rest_is_exact(void **state)
{
    Fixture *f = *state;
    ZgRect photo = {0, 0, EDGE, SIDE}, text = {EDGE, 0, SIDE - EDGE, SIDE};
    ZgRect all = {0, 0, SIDE, SIDE}, margin = {EDGE, 0, 128 - EDGE, SIDE};
    ZgEncodeWish wish = exact;
    TightPicture tight = {.pixels = f->picture.pixels, .width = SIDE, .height = SIDE};
    ZgBlob *blob;
    unsigned n_rects;

    fill(f, photo, 3);
    fill(f, text, 1);
    fill(f, margin, 0);
    wish.jpeg_quality = 8;
    blob = encode(f, all, &wish);
    assert_true(blob->n_rects > 0 && blob->n_parts > 0);
    assert_true(tight_picture_draw(&tight, blob->bytes, blob->n_bytes - blob->n_parts,
                                   blob->n_rects));
    assert_int_equal(tight.n_jpeg, blob->n_rects);
    assert_int_equal(blob->lossy.width, EDGE);
    n_rects = zg_out_zaguan_put(f->out, &blob, 1, SIDE, SIDE, SIZE_MAX, f->bytes, NULL);
    assert_true(decode(f, f->bytes, n_rects));
    assert_shown(f, text);
    zg_blob_unref(blob);
    tight_picture_end(&tight);
}

static void
a_new_stream_needs_nothing_of_the_old_one(void **state)
{
    Fixture *f = *state;
    ZgRect all = {0, 0, SIDE, SIDE};

    fill(f, all, 2);
    update(f, all);
    assert_int_equal(f->bytes->data[ZG_RFB_RECT_HEAD_BYTES], ZG_ZAGUAN_NEW_STREAM);
    update(f, all);
    assert_int_equal(f->bytes->data[ZG_RFB_RECT_HEAD_BYTES], 0);
    zg_out_zaguan_free(f->out);
    f->out = zg_out_zaguan_new();
    memset(f->picture.pixels, 0, sizeof f->pixels);
    update(f, all);
    assert_int_equal(f->picture.n_streams, 2);
    assert_shown(f, all);
}

static void
the_largest_tiles_are_spread_over_rectangles_within_their_bounds(void **state)
{
    Fixture *f = *state;
    int width = ZG_TILE_SIDE_MAX, height = ZG_TILE_PIXELS_MAX / ZG_TILE_SIDE_MAX, n_blobs = 24;
    size_t n = (size_t)width * (size_t)height;
    g_autofree uint32_t *pixels = g_new(uint32_t, n * (size_t)n_blobs);
    ZgBlob *blobs[24];
    unsigned n_rects;

    g_free(f->picture.pixels);
    f->picture = (ZaguanPicture){.pixels = g_new0(uint32_t, n * (size_t)n_blobs),
                                 .width = width, .height = height * n_blobs};
    for (size_t i = 0; i < n * (size_t)n_blobs; i++) {
        pixels[i] = g_rand_int(f->random) & 0xffffff;
    }
    for (int i = 0; i < n_blobs; i++) {
        ZgTile tile = {{0, i * height, width, height}, pixels + n * (size_t)i, (size_t)width};
        ZgEncodeWish wish = exact;
        wish.format = zg_pixel_format_native;
        blobs[i] = zg_encoder_set_encode(&f->encoders, &tile, &wish);
    }
    n_rects = zg_out_zaguan_put(f->out, blobs, (size_t)n_blobs, width, height, SIZE_MAX,
                                f->bytes, NULL);
    assert_true(n_rects > 1); /* noise, three bytes a pixel, is more than one may hold */
    assert_true(decode(f, f->bytes, n_rects));
    assert_memory_equal(f->picture.pixels, pixels, n * (size_t)n_blobs * 4);
    memset(f->picture.pixels, 0, n * (size_t)n_blobs * 4);
    for (size_t i = 0, n_taken; i < (size_t)n_blobs; i += n_taken) {
        g_byte_array_set_size(f->bytes, 0);
        n_rects = zg_out_zaguan_put(f->out, blobs + i, (size_t)n_blobs - i, width, height, 1000000,
                                    f->bytes, &n_taken);
        assert_in_range(n_taken, 1, 2);
        assert_in_range(f->bytes->len, 1, 1000000);
        assert_true(decode(f, f->bytes, n_rects));
    }
    assert_memory_equal(f->picture.pixels, pixels, n * (size_t)n_blobs * 4);
    for (int i = 0; i < n_blobs; i++) {
        zg_blob_unref(blobs[i]);
    }
}

/* ---- what a hostile server may send ---- */

static void
put_body(GByteArray *out, uint8_t flags, uint32_t n_plain, const uint8_t *bytes, size_t n_bytes)
{
    g_byte_array_set_size(out, 0);
    zg_rfb_put_u8(out, flags);
    zg_rfb_put_u32(out, n_plain);
    zg_rfb_put_u32(out, (uint32_t)n_bytes);
    g_byte_array_append(out, bytes, (guint)n_bytes);
}

static bool
draws(Fixture *f, const GByteArray *body)
{
    ZgRfbReader in = {.bytes = body->data, .n_bytes = body->len};

    return zaguan_picture_draw(&f->picture, &in) && in.at == in.n_bytes;
}

static bool
draws_part(Fixture *f, int x, int y, int width, int height, uint8_t kind, size_t n_data)
{
    g_autoptr(GByteArray) part = g_byte_array_new();

    zg_rfb_put_u16(part, (uint16_t)x);
    zg_rfb_put_u16(part, (uint16_t)y);
    zg_rfb_put_u16(part, (uint16_t)width);
    zg_rfb_put_u16(part, (uint16_t)height);
    zg_rfb_put_u8(part, kind);
    zg_rfb_put_zeroes(part, n_data);
    put_body(f->bytes, ZG_ZAGUAN_NOT_PACKED, part->len, part->data, part->len);
    return draws(f, f->bytes);
}

static void
parts_that_do_not_fit_are_refused(void **state)
{
    Fixture *f = *state;

    assert_true(draws_part(f, SIDE - 2, SIDE - 2, 2, 2, ZG_ZAGUAN_PIXELS, 12));
    assert_true(draws_part(f, 0, 0, SIDE, SIDE, ZG_ZAGUAN_SOLID, 3));
    assert_false(draws_part(f, SIDE - 2, 0, 3, 2, ZG_ZAGUAN_SOLID, 3));
    assert_false(draws_part(f, 0, SIDE - 2, 2, 3, ZG_ZAGUAN_SOLID, 3));
    assert_false(draws_part(f, 65535, 65535, 65535, 65535, ZG_ZAGUAN_PREDICTED, 3));
    assert_false(draws_part(f, 0, 0, 0, 2, ZG_ZAGUAN_SOLID, 3));
    assert_false(draws_part(f, 0, 0, 2, 2, ZG_ZAGUAN_PREDICTED + 1, 12));
    assert_false(draws_part(f, 0, 0, 2, 2, ZG_ZAGUAN_PIXELS, 11));
    assert_false(draws_part(f, 0, 0, 2, 2, ZG_ZAGUAN_PREDICTED, 13)); /* and half a part after it */
}

static void
lengths_and_flags_that_lie_are_refused(void **state)
{
    Fixture *f = *state;
    ZgRect area = {0, 0, 20, 20};
    g_autoptr(GByteArray) body = g_byte_array_new();
    const uint8_t *packed;
    size_t n_packed, n_plain = 9 + 3;

    fill(f, area, 0);
    update(f, area);
    packed = f->bytes->data + ZG_RFB_RECT_HEAD_BYTES + 9;
    n_packed = f->bytes->len - ZG_RFB_RECT_HEAD_BYTES - 9;
    put_body(body, 1, (uint32_t)n_plain, packed, n_packed);
    assert_true(draws(f, body));
    for (size_t cut = 0; cut < n_packed; cut++) {
        put_body(body, 1, (uint32_t)n_plain, packed, cut);
        assert_false(draws(f, body));
    }
    put_body(body, 1, (uint32_t)n_plain - 1, packed, n_packed);
    assert_false(draws(f, body));
    put_body(body, 1, (uint32_t)n_plain + 1, packed, n_packed);
    assert_false(draws(f, body));
    put_body(body, 1, ZAGUAN_PLAIN_MAX + 1, packed, n_packed);
    assert_false(draws(f, body));
    put_body(body, 4, (uint32_t)n_plain, packed, n_packed);
    assert_false(draws(f, body));
    put_body(body, 2, (uint32_t)n_packed - 1, packed, n_packed);
    assert_false(draws(f, body));
    zaguan_picture_end(&f->picture);
    put_body(body, 0, (uint32_t)n_plain, packed, n_packed); /* a stream that never began */
    assert_false(draws(f, body));
}

static void
a_window_that_is_too_large_and_a_stream_that_ends_are_refused(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) body = g_byte_array_new();
    uint8_t plain[12] = {0, 0, 0, 0, 0, 1, 0, 1}, packed[256];

    for (int window = ZAGUAN_WINDOW_LOG_MAX; window <= ZAGUAN_WINDOW_LOG_MAX + 1; window++) {
        for (int ends = 0; ends < 2; ends++) {
            ZSTD_CCtx *c = ZSTD_createCCtx();
            ZSTD_inBuffer in = {plain, sizeof plain, 0};
            ZSTD_outBuffer out = {packed, sizeof packed, 0};
            ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window);
            ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush);
            if (ends) {
                ZSTD_compressStream2(c, &out, &in, ZSTD_e_end);
            }
            put_body(body, 1, sizeof plain, packed, out.pos);
            assert_int_equal(draws(f, body), window == ZAGUAN_WINDOW_LOG_MAX && !ends);
            ZSTD_freeCCtx(c);
        }
    }
}

/* ---- a viewer on the loop ---- */

static void
on_changed(void *user, ZgOutput *output)
{
}

static void
on_repaint(void *user, ZgOutput *output, ZgRect area)
{
}

static void
on_input(void *user, ZgOutput *output, const ZgRfbEvent *event)
{
}

static void
on_gone(void *user, ZgOutput *output, const char *reason)
{
}

static const ZgOutputEvents events = {
    .changed = on_changed, .repaint = on_repaint, .input = on_input, .gone = on_gone};

typedef struct {
    ZgOutput *output;
    int viewer;
} Line;

static void
run_loop(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void
open_line(Line *line, GBytes *state)
{
    ZgOutputRfbOptions options = {
        .start = ZG_RFB_START_CLIENT_INIT, .title = "x", .width = SIDE, .height = SIDE};
    int pair[2];

    if (state != NULL) {
        options.state = g_bytes_get_data(state, &options.n_state);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(zg_fd_set_nonblocking(pair[0], NULL));
    line->viewer = pair[1];
    line->output = zg_output_rfb_new(pair[0], &options, &events, NULL, NULL);
    assert_non_null(line->output);
}

static void
close_line(Line *line)
{
    line->output->ops->free(line->output);
    close(line->viewer);
}

static void
say(Line *line, bool init, const int32_t *encodings, size_t n)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    zg_rfb_put_u8(bytes, 1);
    zg_rfb_put_u8(bytes, ZG_RFB_C_SET_ENCODINGS);
    zg_rfb_put_u8(bytes, 0);
    zg_rfb_put_u16(bytes, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        zg_rfb_put_s32(bytes, encodings[i]);
    }
    zg_rfb_put_update_request(bytes, true, SIDE, SIDE);
    assert_true(send(line->viewer, bytes->data + !init, bytes->len - !init, 0) > 0);
    run_loop();
}

/* Drops what came before; sends an update and draws it. */
static void
show(Fixture *f, Line *line, ZgRect area)
{
    ZgEncodeWish wish;
    ZgBlob *blob;
    ssize_t n;
    ZgRfbReader in;
    unsigned n_rects;

    g_byte_array_set_size(f->bytes, 1024 * 1024);
    while (recv(line->viewer, f->bytes->data, f->bytes->len, MSG_DONTWAIT) > 0) {
    }
    line->output->ops->get_wish(line->output, &wish);
    assert_true(wish.zaguan);
    blob = encode(f, area, &wish);
    line->output->ops->send(line->output, &blob, 1);
    zg_blob_unref(blob);
    run_loop();
    n = recv(line->viewer, f->bytes->data, f->bytes->len, MSG_DONTWAIT);
    assert_true(n > 4);
    g_byte_array_set_size(f->bytes, (guint)n);
    in = (ZgRfbReader){.bytes = f->bytes->data, .n_bytes = f->bytes->len};
    assert_int_equal(zg_rfb_read_u16(&in), 0);
    n_rects = zg_rfb_read_u16(&in);
    g_byte_array_remove_range(f->bytes, 0, 4);
    assert_true(decode(f, f->bytes, n_rects));
    assert_shown(f, area);
}

static void
a_viewer_that_announces_it_gets_it_and_keeps_it_when_handed_over(void **state)
{
    Fixture *f = *state;
    static const int32_t all[] = {ZG_RFB_ZAGUAN, ZG_RFB_TIGHT};
    g_autoptr(GBytes) exported = NULL;
    ZgRect area = {10, 10, 200, 100};
    ZgEncodeWish wish;
    Line line, next;

    open_line(&line, NULL);
    say(&line, true, all, 1); /* without Tight there would be no photos */
    line.output->ops->get_wish(line.output, &wish);
    assert_false(wish.zaguan);
    say(&line, false, all, 2);
    fill(f, area, 1);
    show(f, &line, area);
    fill(f, area, 3);
    show(f, &line, area);
    assert_int_equal(f->picture.n_streams, 1);
    exported = line.output->ops->export_state(line.output);
    assert_non_null(exported);
    open_line(&next, exported);
    fill(f, area, 1);
    show(f, &next, area);
    assert_int_equal(f->picture.n_streams, 2);
    close_line(&line);
    close_line(&next);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(any_tiles_come_back_exact_through_one_stream),
        TEST(what_was_shown_long_ago_costs_next_to_nothing),
        TEST(photos_are_tight_rectangles_and_the_rest_is_exact),
        TEST(a_new_stream_needs_nothing_of_the_old_one),
        TEST(the_largest_tiles_are_spread_over_rectangles_within_their_bounds),
        TEST(parts_that_do_not_fit_are_refused),
        TEST(lengths_and_flags_that_lie_are_refused),
        TEST(a_window_that_is_too_large_and_a_stream_that_ends_are_refused),
        TEST(a_viewer_that_announces_it_gets_it_and_keeps_it_when_handed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
