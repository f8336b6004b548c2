/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of a hostile console: what was offered is taken in any pieces, all else ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "display/clipboard.h"
#include "display/rfb_source.h"

typedef struct {
    ZgRfbSource *source;
    GByteArray *out, *held;
    GError *error;
    int width, height;
    unsigned n_updates, n_bells, n_copies;
    int64_t n_pixels;
    uint32_t last_pixel;
    ZgCursor cursor;
    int led;
    char *text;
} Fixture;

static void
on_resize(void *user, int width, int height)
{
    Fixture *f = user;

    f->width = width;
    f->height = height;
}

static void
on_pixels(void *user, ZgRect area, const uint8_t *bgrx)
{
    Fixture *f = user;
    int64_t n = (int64_t)area.width * area.height;

    assert_true(area.x >= 0 && area.y >= 0 && area.x + area.width <= f->width &&
                area.y + area.height <= f->height);
    f->n_pixels += n;
    memcpy(&f->last_pixel, bgrx + (n - 1) * 4, 4);
}

static void
on_copy(void *user, ZgRect to, int from_x, int from_y)
{
    ((Fixture *)user)->n_copies++;
}

static void
on_update(void *user)
{
    ((Fixture *)user)->n_updates++;
}

static void
on_cursor(void *user, const ZgCursor *cursor)
{
    Fixture *f = user;

    f->cursor = *cursor;
}

static void
on_led(void *user, uint8_t state)
{
    ((Fixture *)user)->led = state;
}

static void
on_text(void *user, const char *text)
{
    Fixture *f = user;

    g_free(f->text);
    f->text = g_strdup(text);
}

static void
on_bell(void *user)
{
    ((Fixture *)user)->n_bells++;
}

static const ZgRfbSourceOps ops = {
    .resize = on_resize,
    .pixels = on_pixels,
    .copy = on_copy,
    .update = on_update,
    .cursor = on_cursor,
    .led = on_led,
    .text = on_text,
    .bell = on_bell,
};

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->out = g_byte_array_new();
    f->held = g_byte_array_new();
    f->source = zg_rfb_source_new(&ops, f);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    zg_rfb_source_free(f->source);
    g_byte_array_unref(f->out);
    g_byte_array_unref(f->held);
    g_clear_error(&f->error);
    g_free(f->text);
    g_free(f);
    return 0;
}

static bool
feed(Fixture *f, const GByteArray *bytes, size_t piece)
{
    for (size_t at = 0; at < bytes->len; at += piece) {
        size_t n_used;
        g_byte_array_append(f->held, bytes->data + at, (guint)MIN(piece, bytes->len - at));
        if (!zg_rfb_source_feed(f->source, f->held->data, f->held->len, &n_used, f->out,
                                &f->error)) {
            return false;
        }
        g_byte_array_remove_range(f->held, 0, (guint)n_used);
    }
    return true;
}

static GByteArray *
handshake(int width, int height)
{
    GByteArray *in = g_byte_array_new();

    g_byte_array_append(in, (const uint8_t *)"RFB 003.008\n\1\1\0\0\0\0", 18);
    zg_rfb_put_u16(in, (uint16_t)width);
    zg_rfb_put_u16(in, (uint16_t)height);
    zg_rfb_put_pixel_format(in, &zg_pixel_format_native);
    zg_rfb_put_u32(in, 4);
    g_byte_array_append(in, (const uint8_t *)"QEMU", 4);
    return in;
}

static void
make_ready(Fixture *f)
{
    g_autoptr(GByteArray) in = handshake(64, 48);

    assert_true(feed(f, in, 1000));
    assert_true(zg_rfb_source_is_ready(f->source));
    g_byte_array_set_size(f->out, 0);
}

static void
put_pixels(GByteArray *out, int x, int y, int width, int height, uint32_t colour)
{
    zg_rfb_put_rect(out, x, y, width, height, ZG_RFB_RAW);
    for (int i = 0; i < width * height; i++) {
        g_byte_array_append(out, (const uint8_t *)&colour, 4);
    }
}

static void
everything_offered_is_taken_in_any_pieces(void **state)
{
    for (size_t piece = 1; piece < 600; piece = piece * 3 + 1) {
        void *inner;
        set_up(&inner);
        Fixture *f = inner;
        g_autoptr(GByteArray) in = handshake(64, 48);

        zg_rfb_put_update(in, 8);
        zg_rfb_put_rect(in, 0, 0, 0, 0, ZG_RFB_QEMU_KEY);
        zg_rfb_put_extended_size(in, 0, 0, 40, 30);
        put_pixels(in, 0, 0, 40, 30, 0x112233);
        zg_rfb_put_rect(in, 1, 1, 20, 20, ZG_RFB_COPYRECT);
        zg_rfb_put_u32(in, 0);
        zg_rfb_put_rect(in, 2, 3, 9, 2, ZG_RFB_CURSOR);
        zg_rfb_put_zeroes(in, 9 * 2 * 4);
        g_byte_array_append(in, (const uint8_t *)"\xff\x80\xff\x80", 4);
        zg_rfb_put_rect(in, 0, 0, 0, 0, ZG_RFB_LED_STATE);
        zg_rfb_put_u8(in, 5);
        zg_rfb_put_rect(in, 0, 0, 0, 0, ZG_RFB_DESKTOP_NAME);
        zg_rfb_put_u32(in, 0);
        zg_rfb_put_rect(in, 0, 0, 70, 50, ZG_RFB_DESKTOP_SIZE);
        zg_rfb_put_u8(in, ZG_RFB_S_BELL);
        zg_clip_put_caps(in, ZG_RFB_S_CUT_TEXT);
        zg_clip_put_provide(in, ZG_RFB_S_CUT_TEXT, "texto", ZG_CLIP_FOR_VIEWER);
        assert_true(feed(f, in, piece));
        assert_int_equal(f->held->len, 0);
        assert_int_equal(f->n_updates, 1);
        assert_int_equal(f->n_pixels, 40 * 30);
        assert_int_equal(f->last_pixel, 0x112233);
        assert_int_equal(f->n_copies, 1);
        assert_int_equal(f->cursor.width, 9);
        assert_int_equal(f->cursor.hot_y, 1); /* 3 was outside */
        assert_int_equal(f->led, 5);
        assert_int_equal(f->width, 70);
        assert_int_equal(f->n_bells, 1);
        assert_string_equal(f->text, "texto");
        tear_down(&inner);
    }
}

static void
what_was_not_offered_ends_the_console(void **state)
{
    const struct {
        int x, y, width, height;
        int32_t encoding;
    } wrong[] = {
        {0, 0, 64, 48, 16 /* ZRLE */},
        {0, 0, 64, 48, ZG_RFB_TIGHT},
        {1, 0, 64, 48, ZG_RFB_RAW},
        {0, 1, 64, 48, ZG_RFB_RAW},
        {65535, 65535, 65535, 65535, ZG_RFB_RAW},
        {60, 0, 8, 8, ZG_RFB_COPYRECT},
        {0, 0, 0, 0, ZG_RFB_DESKTOP_SIZE},
        {0, 0, 8193, 1, ZG_RFB_DESKTOP_SIZE},
        {0, 0, 8192, 8192, ZG_RFB_DESKTOP_SIZE},
        {0, 0, 300, 8, ZG_RFB_CURSOR},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        void *inner;
        set_up(&inner);
        Fixture *f = inner;
        g_autoptr(GByteArray) in = g_byte_array_new();

        make_ready(f);
        zg_rfb_put_update(in, 1);
        zg_rfb_put_rect(in, wrong[i].x, wrong[i].y, wrong[i].width, wrong[i].height,
                        wrong[i].encoding);
        zg_rfb_put_u32(in, 0);
        assert_false(feed(f, in, 1));
        assert_non_null(f->error);
        assert_int_equal(f->n_pixels, 0);
        tear_down(&inner);
    }
}

static void
unknown_messages_and_huge_text_end_the_console(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();

    make_ready(f);
    zg_rfb_put_u8(in, ZG_RFB_S_CUT_TEXT);
    zg_rfb_put_zeroes(in, 3);
    zg_rfb_put_u32(in, 0x80000000);
    assert_false(feed(f, in, 1));
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_TOO_LARGE));
}

static void
a_console_with_a_password_is_refused(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();

    g_byte_array_append(in, (const uint8_t *)"RFB 003.008\n\1\2", 14);
    assert_false(feed(f, in, 1));
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_PROTOCOL));
}

static void
requests_go_out_one_at_a_time_and_the_first_asks_for_all(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();

    zg_rfb_source_request(f->source, f->out);
    assert_int_equal(f->out->len, 0); /* not ready */
    make_ready(f);
    zg_rfb_source_request(f->source, f->out);
    zg_rfb_source_request(f->source, f->out);
    assert_int_equal(f->out->len, 10);
    assert_int_equal(f->out->data[1], 0); /* not incremental */
    g_byte_array_set_size(f->out, 0);
    zg_rfb_put_update(in, 1);
    put_pixels(in, 0, 0, 64, 48, 0);
    assert_true(feed(f, in, 100));
    zg_rfb_source_request(f->source, f->out);
    assert_int_equal(f->out->data[1], 1);
}

static void
scancodes_are_sent_only_to_a_console_that_takes_them(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();

    make_ready(f);
    zg_rfb_source_key(f->source, true, 0x61, 30, f->out);
    assert_int_equal(f->out->data[0], ZG_RFB_C_KEY);
    zg_rfb_put_update(in, 1);
    zg_rfb_put_rect(in, 0, 0, 0, 0, ZG_RFB_QEMU_KEY);
    assert_true(feed(f, in, 100));
    g_byte_array_set_size(f->out, 0);
    zg_rfb_source_key(f->source, true, 0x61, 30, f->out);
    assert_int_equal(f->out->data[0], ZG_RFB_C_QEMU);
    assert_int_equal(f->out->len, 12);
    g_byte_array_set_size(f->out, 0);
    zg_rfb_source_key(f->source, true, 0x20ac, 0, f->out); /* no scancode is known */
    assert_int_equal(f->out->data[0], ZG_RFB_C_KEY);
}

static void
sizes_are_wished_only_from_a_console_that_can(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();

    make_ready(f);
    assert_false(zg_rfb_source_wish_size(f->source, 100, 100, f->out));
    zg_rfb_put_update(in, 1);
    zg_rfb_put_extended_size(in, 0, 0, 64, 48);
    assert_true(feed(f, in, 100));
    assert_true(zg_rfb_source_wish_size(f->source, 100, 100, f->out));
    assert_int_equal(f->out->len, 24);
    assert_false(zg_rfb_source_wish_size(f->source, 0, 100, f->out));
    assert_false(zg_rfb_source_wish_size(f->source, 65535, 65535, f->out));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_offered_is_taken_in_any_pieces),
        cmocka_unit_test(what_was_not_offered_ends_the_console),
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(unknown_messages_and_huge_text_end_the_console),
        TEST(a_console_with_a_password_is_refused),
        TEST(requests_go_out_one_at_a_time_and_the_first_asks_for_all),
        TEST(scancodes_are_sent_only_to_a_console_that_takes_them),
        TEST(sizes_are_wished_only_from_a_console_that_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
