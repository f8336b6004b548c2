/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One viewer's session, fed whole and a byte at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "display/clipboard.h"
#include "display/rfb_session.h"

#define EVENTS_MAX 64

typedef struct {
    ZgRfbSession *session;
    GByteArray *out;
    ZgRfbEvent events[EVENTS_MAX];
    char *texts[EVENTS_MAX];
    unsigned n_events;
    GError *error;
} Fixture;

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->out = g_byte_array_new();
    f->session = zg_rfb_session_new(ZG_RFB_START_CLIENT_INIT, 800, 600, "Título", f->out);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    for (unsigned i = 0; i < f->n_events; i++) {
        g_free(f->texts[i]);
    }
    zg_rfb_session_free(f->session);
    g_byte_array_unref(f->out);
    g_clear_error(&f->error);
    g_free(f);
    return 0;
}

/* Feeds in pieces of @piece bytes, keeping what is not used. Return: bytes left over. */
static size_t
feed(Fixture *f, const GByteArray *bytes, size_t piece)
{
    g_autoptr(GByteArray) held = g_byte_array_new();

    for (size_t at = 0; at < bytes->len; at += piece) {
        g_byte_array_append(held, bytes->data + at, (guint)MIN(piece, bytes->len - at));
        for (;;) {
            size_t n_used;
            ZgRfbEvent *event = &f->events[f->n_events];
            ZgRfbStep step = zg_rfb_session_feed(f->session, held->data, held->len, &n_used, f->out,
                                                 event, &f->error);
            g_byte_array_remove_range(held, 0, (guint)n_used);
            if (step == ZG_RFB_STEP_EVENT) {
                f->texts[f->n_events] = g_strdup(event->text);
                assert_true(++f->n_events < EVENTS_MAX);
            }
            if (step == ZG_RFB_STEP_FAILED) {
                return held->len;
            }
            if (step == ZG_RFB_STEP_MORE) {
                break;
            }
        }
    }
    return held->len;
}

static void
put_key(GByteArray *out, bool down, uint32_t keysym, uint32_t scancode)
{
    zg_rfb_put_u8(out, ZG_RFB_C_QEMU);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u16(out, down);
    zg_rfb_put_u32(out, keysym);
    zg_rfb_put_u32(out, scancode);
}

static void
put_pointer(GByteArray *out, uint8_t buttons, uint16_t x, uint16_t y)
{
    zg_rfb_put_u8(out, ZG_RFB_C_POINTER);
    zg_rfb_put_u8(out, buttons);
    zg_rfb_put_u16(out, x);
    zg_rfb_put_u16(out, y);
}

static void
put_encodings(GByteArray *out, const int32_t *encodings, uint16_t n)
{
    zg_rfb_put_u8(out, ZG_RFB_C_SET_ENCODINGS);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u16(out, n);
    for (unsigned i = 0; i < n; i++) {
        zg_rfb_put_s32(out, encodings[i]);
    }
}

static void
put_pixel_format_message(GByteArray *out, const ZgPixelFormat *format)
{
    zg_rfb_put_u8(out, ZG_RFB_C_SET_PIXEL_FORMAT);
    zg_rfb_put_zeroes(out, 3);
    zg_rfb_put_pixel_format(out, format);
}

static const int32_t usual[] = {
    ZG_RFB_TIGHT, ZG_RFB_COPYRECT, ZG_RFB_JPEG_QUALITY_0 + 8, ZG_RFB_COMPRESS_0 + 2,
    ZG_RFB_EXTENDED_DESKTOP_SIZE, ZG_RFB_CURSOR_ALPHA, ZG_RFB_QEMU_KEY, ZG_RFB_EXTENDED_CLIPBOARD,
    12345 /* unknown ones are skipped */,
};

/* ClientInit and the usual encodings. */
static void
make_ready(Fixture *f)
{
    g_autoptr(GByteArray) in = g_byte_array_new();

    zg_rfb_put_u8(in, 1);
    put_encodings(in, usual, G_N_ELEMENTS(usual));
    assert_int_equal(feed(f, in, 4096), 0);
    assert_true(zg_rfb_session_is_ready(f->session));
    f->n_events = 0;
    g_byte_array_set_size(f->out, 0);
}

static void
the_handshake_offers_only_none(void **state)
{
    for (size_t piece = 1; piece < 40; piece += 13) {
        Fixture f = {.out = g_byte_array_new()};
        g_autoptr(GByteArray) in = g_byte_array_new();

        f.session = zg_rfb_session_new(ZG_RFB_START_VERSION, 800, 600, "T", f.out);
        assert_memory_equal(f.out->data, "RFB 003.008\n", 12);
        g_byte_array_append(in, (const uint8_t *)"RFB 003.008\n\1\1", 14);
        assert_int_equal(feed(&f, in, piece), 0);
        assert_memory_equal(f.out->data + 12, "\1\1", 2);
        assert_memory_equal(f.out->data + 14, "\0\0\0\0", 4);
        assert_int_equal(f.out->len, 18 + 24 + 1);
        assert_int_equal(f.events[0].kind, ZG_RFB_EVENT_READY);
        zg_rfb_session_free(f.session);
        g_byte_array_unref(f.out);
    }
}

static void
another_security_type_or_version_is_refused(void **state)
{
    static const char *const wrong[] = {"RFB 003.008\n\2", "RFB 003.003\n", "RFB 004.000\n",
                                        "GET / HTTP/1"};

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        Fixture f = {.out = g_byte_array_new()};
        g_autoptr(GByteArray) in = g_byte_array_new();

        f.session = zg_rfb_session_new(ZG_RFB_START_VERSION, 800, 600, "T", f.out);
        g_byte_array_append(in, (const uint8_t *)wrong[i], (guint)strlen(wrong[i]));
        feed(&f, in, 1);
        assert_true(g_error_matches(f.error, ZG_ERROR, ZG_ERROR_PROTOCOL));
        g_clear_error(&f.error);
        zg_rfb_session_free(f.session);
        g_byte_array_unref(f.out);
    }
}

static void
all_messages_arrive_the_same_in_any_pieces(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();

    make_ready(f);
    put_pixel_format_message(in, &zg_pixel_format_native);
    zg_rfb_put_update_request(in, true, 800, 600);
    put_key(in, true, 0x61, 30);
    put_key(in, false, 0x61, 30);
    put_pointer(in, 1, 5000, 20);
    zg_clip_put_latin1(in, ZG_RFB_C_CUT_TEXT, "hola");
    zg_clip_put_provide(in, ZG_RFB_C_CUT_TEXT, "ñandú", ZG_CLIP_FOR_VIEWER);
    for (size_t piece = 1; piece <= in->len; piece += 7) {
        f->n_events = 0;
        assert_int_equal(feed(f, in, piece), 0);
        assert_int_equal(f->n_events, 7);
        assert_int_equal(f->events[0].kind, ZG_RFB_EVENT_LOOK);
        assert_int_equal(f->events[1].kind, ZG_RFB_EVENT_REQUEST);
        assert_true(f->events[1].incremental);
        assert_int_equal(f->events[2].key.scancode, 30);
        assert_true(f->events[2].key.down);
        assert_false(f->events[3].key.down);
        assert_int_equal(f->events[4].pointer.x, 799); /* moved inside the picture */
        assert_string_equal(f->texts[5], "hola");
        assert_string_equal(f->texts[6], "ñandú");
        g_clear_pointer(&f->texts[5], g_free);
        g_clear_pointer(&f->texts[6], g_free);
    }
    f->n_events = 0;
}

static void
encodings_are_understood(void **state)
{
    Fixture *f = *state;
    const ZgRfbLook *look;

    make_ready(f);
    look = zg_rfb_session_look(f->session);
    assert_true(look->tight && look->copyrect && look->extended_size && look->cursor_alpha &&
                look->qemu_key && look->extended_clipboard);
    assert_false(look->led_state || look->cursor || look->last_rect);
    assert_int_equal(look->jpeg_quality, 8);
    assert_int_equal(look->compress, 2);
}

static void
a_colour_map_is_answered_with_one_and_8_bits(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();
    ZgPixelFormat mapped = {.bits_per_pixel = 8, .depth = 8};

    make_ready(f);
    put_pixel_format_message(in, &mapped);
    feed(f, in, 1);
    assert_int_equal(f->out->data[0], ZG_RFB_S_COLOUR_MAP);
    assert_int_equal(f->out->len, 6 + 256 * 6);
    assert_true(
        zg_pixel_format_equal(&zg_rfb_session_look(f->session)->format, &zg_pixel_format_332));
}

static void
too_many_encodings_and_unknown_messages_end_the_session(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();

    make_ready(f);
    zg_rfb_put_u8(in, ZG_RFB_C_SET_ENCODINGS);
    zg_rfb_put_u8(in, 0);
    zg_rfb_put_u16(in, 65535);
    feed(f, in, 1);
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_TOO_LARGE));
    g_clear_error(&f->error);
    g_byte_array_set_size(in, 0);
    zg_rfb_put_u8(in, 77);
    feed(f, in, 1);
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_PROTOCOL));
}

static void
oversize_text_is_skipped_and_the_session_goes_on(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();

    make_ready(f);
    zg_rfb_put_u8(in, ZG_RFB_C_CUT_TEXT);
    zg_rfb_put_zeroes(in, 3);
    zg_rfb_put_u32(in, 3 * ZG_LIMIT_CLIPBOARD_BYTES);
    zg_rfb_put_zeroes(in, 3 * ZG_LIMIT_CLIPBOARD_BYTES);
    put_key(in, true, 0x62, 48);
    assert_int_equal(feed(f, in, 100000), 0);
    assert_int_equal(f->n_events, 1);
    assert_int_equal(f->events[0].key.scancode, 48);
}

static void
what_is_held_is_released_once(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();
    ZgRfbEvent event;

    make_ready(f);
    put_key(in, true, 0xffe1, 42);
    put_key(in, true, 0x41, 30);
    put_key(in, true, 0x41, 30); /* repeats are one key */
    put_key(in, false, 0xffe1, 42);
    put_pointer(in, 5, 10, 20);
    feed(f, in, 3);
    assert_true(zg_rfb_session_release(f->session, &event));
    assert_int_equal(event.kind, ZG_RFB_EVENT_KEY);
    assert_false(event.key.down);
    assert_int_equal(event.key.scancode, 30);
    assert_true(zg_rfb_session_release(f->session, &event));
    assert_int_equal(event.kind, ZG_RFB_EVENT_POINTER);
    assert_int_equal(event.pointer.buttons, 0);
    assert_int_equal(event.pointer.x, 10);
    assert_false(zg_rfb_session_release(f->session, &event));
}

static void
many_held_keys_do_not_overflow(void **state)
{
    Fixture *f = *state;
    ZgRfbEvent event;
    unsigned n = 0;

    make_ready(f);
    for (uint32_t i = 1; i < 500; i++) {
        g_autoptr(GByteArray) in = g_byte_array_new();
        put_key(in, true, i, i);
        feed(f, in, 100);
        f->n_events = 0;
    }
    while (zg_rfb_session_release(f->session, &event)) {
        n++;
    }
    assert_int_equal(n, ZG_RFB_KEYS_DOWN_MAX);
}

static void
offered_text_is_given_when_asked_for(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autofree char *text = NULL;
    GRefString *older = g_ref_string_new("antes"), *newer = g_ref_string_new("del escritorio");

    make_ready(f);
    zg_clip_put_caps(in, ZG_RFB_C_CUT_TEXT);
    feed(f, in, 1);
    zg_rfb_session_offer_text(f->session, older);
    zg_rfb_session_offer_text(f->session, newer);
    g_ref_string_release(older);
    g_ref_string_release(newer);
    assert_true(zg_rfb_session_owes_text(f->session));
    assert_true(zg_rfb_session_put_text(f->session, 0, f->out));
    assert_false(zg_rfb_session_owes_text(f->session));
    assert_int_equal(f->out->len, 12); /* notify, no text yet */
    g_byte_array_set_size(f->out, 0);
    g_byte_array_set_size(in, 0);
    for (int i = 0; i < 1000; i++) { /* asked for often, given once */
        zg_clip_put(in, ZG_RFB_C_CUT_TEXT, ZG_CLIP_REQUEST | ZG_CLIP_TEXT);
    }
    feed(f, in, 1000);
    assert_int_equal(f->out->len, 0);
    assert_true(zg_rfb_session_put_text(f->session, SIZE_MAX, f->out));
    text = zg_clip_parse_provide(f->out->data + 12, f->out->len - 12);
    assert_string_equal(text, "del escritorio");
}

static void
text_that_is_too_long_is_not_given(void **state)
{
    Fixture *f = *state;
    g_autofree char *letters = g_strnfill(5000, 'a');
    GRefString *text = g_ref_string_new(letters);

    make_ready(f);
    zg_rfb_session_offer_text(f->session, text);
    g_ref_string_release(text);
    assert_false(zg_rfb_session_put_text(f->session, 4999, f->out));
    assert_int_equal(f->out->len, 0);
    assert_false(zg_rfb_session_owes_text(f->session));
}

static void
text_for_which_there_is_no_room_is_skipped_unless_it_has_begun(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autoptr(GByteArray) all = g_byte_array_new();

    make_ready(f);
    zg_clip_put_latin1(all, ZG_RFB_C_CUT_TEXT, "from the viewer");
    g_byte_array_append(in, all->data, 12);
    zg_rfb_session_set_text_room(f->session, 14);
    feed(f, all, 1000);
    assert_int_equal(f->n_events, 0);
    zg_rfb_session_set_text_room(f->session, 15);
    feed(f, in, 1000);
    assert_int_equal(zg_rfb_session_expected(f->session), 15);
    zg_rfb_session_set_text_room(f->session, 0);
    feed(f, all, 1000);
    assert_int_equal(f->n_events, 1);
    assert_int_equal(zg_rfb_session_expected(f->session), 0);
}

static void
an_exported_session_goes_on_elsewhere(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autoptr(GBytes) exported = NULL;
    g_autoptr(GBytes) again = NULL;
    g_autoptr(ZgRfbSession) other = NULL;
    ZgPixelFormat format = zg_pixel_format_native;
    ZgRfbEvent event;
    int width, height;

    assert_null(zg_rfb_session_export(f->session)); /* not ready yet */
    make_ready(f);
    format.red_shift = 0;
    format.blue_shift = 16;
    put_pixel_format_message(in, &format);
    put_key(in, true, 0xffe3, 29);
    zg_rfb_put_update_request(in, true, 800, 600);
    feed(f, in, 1000);
    exported = zg_rfb_session_export(f->session);
    other = zg_rfb_session_import(g_bytes_get_data(exported, NULL), g_bytes_get_size(exported),
                                  NULL);
    assert_non_null(other);
    again = zg_rfb_session_export(other);
    assert_true(g_bytes_equal(exported, again));
    assert_true(zg_pixel_format_equal(&zg_rfb_session_look(other)->format, &format));
    assert_int_equal(zg_rfb_session_look(other)->jpeg_quality, 8);
    assert_true(zg_rfb_session_is_requested(other));
    zg_rfb_session_get_size(other, &width, &height);
    assert_int_equal(width, 800);
    assert_true(zg_rfb_session_release(other, &event));
    assert_int_equal(event.key.scancode, 29);
}

static void
a_damaged_export_is_refused(void **state)
{
    Fixture *f = *state;
    g_autoptr(GBytes) exported = NULL;
    const uint8_t *bytes;
    size_t n;

    make_ready(f);
    exported = zg_rfb_session_export(f->session);
    bytes = g_bytes_get_data(exported, &n);
    for (size_t i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;
        assert_null(zg_rfb_session_import(bytes, i, &error));
        assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_handshake_offers_only_none),
        cmocka_unit_test(another_security_type_or_version_is_refused),
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(all_messages_arrive_the_same_in_any_pieces),
        TEST(encodings_are_understood),
        TEST(a_colour_map_is_answered_with_one_and_8_bits),
        TEST(too_many_encodings_and_unknown_messages_end_the_session),
        TEST(oversize_text_is_skipped_and_the_session_goes_on),
        TEST(what_is_held_is_released_once),
        TEST(many_held_keys_do_not_overflow),
        TEST(offered_text_is_given_when_asked_for),
        TEST(text_that_is_too_long_is_not_given),
        TEST(text_for_which_there_is_no_room_is_skipped_unless_it_has_begun),
        TEST(an_exported_session_goes_on_elsewhere),
        TEST(a_damaged_export_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
