/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hostile console's D-Bus pictures: what QEMU says is taken in any pieces, all else ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "display/dbus_pictures.h"
#include "display/dbus_wire.h"
#include "display/frame.h"

#define X8R8G8B8 0x20020888u
#define X8B8G8R8 0x20030888u
#define B8G8R8X8 0x20080888u
#define R5G6B5 0x10020565u
#define R8G8B8 0x18020888u
#define INDEXED 0x08040008u

typedef struct {
    ZgDbusPictures *pictures;
    GByteArray *out, *held;
    GError *error;
    ZgFrame frame;
    unsigned n_resizes;
    const uint8_t *shared; /* memory the console passed, `n_shared` bytes */
    size_t n_shared;
} Fixture;

static void
on_resize(void *user, int width, int height)
{
    Fixture *f = user;

    f->n_resizes++;
    zg_frame_resize(&f->frame, width, height);
}

static void
on_pixels(void *user, ZgRect area, const uint8_t *bgrx)
{
    Fixture *f = user;

    assert_true(area.x >= 0 && area.y >= 0 && area.width > 0 && area.height > 0);
    assert_true(area.x + area.width <= f->frame.width && area.y + area.height <= f->frame.height);
    zg_frame_put(&f->frame, area, bgrx);
}

static const uint8_t *
on_map(void *user, size_t offset, size_t n_bytes)
{
    Fixture *f = user;

    return offset + n_bytes <= f->n_shared ? f->shared + offset : NULL;
}

static const ZgDbusPicturesOps ops = {.resize = on_resize, .pixels = on_pixels, .map = on_map};

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->out = g_byte_array_new();
    f->held = g_byte_array_new();
    f->pictures = zg_dbus_pictures_new(&ops, f);
    zg_frame_init(&f->frame, 1, 1);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    zg_dbus_pictures_free(f->pictures);
    g_byte_array_unref(f->out);
    g_byte_array_unref(f->held);
    g_clear_error(&f->error);
    zg_frame_clear(&f->frame);
    g_free(f);
    return 0;
}

/* As a socket would: in pieces, what is not used comes again. */
static bool
feed(Fixture *f, ZgDbusLink link, const void *bytes, size_t n_bytes, size_t piece)
{
    for (size_t at = 0; at < n_bytes; at += piece) {
        size_t n_used;

        g_byte_array_append(f->held, (const uint8_t *)bytes + at,
                            (guint)MIN(piece, n_bytes - at));
        if (!zg_dbus_pictures_feed(f->pictures, link, f->held->data, f->held->len, &n_used, f->out,
                                   &f->error)) {
            g_byte_array_set_size(f->held, 0);
            return false;
        }
        g_byte_array_remove_range(f->held, 0, (guint)n_used);
    }
    return true;
}

static bool
feed_text(Fixture *f, ZgDbusLink link, const char *text)
{
    return feed(f, link, text, strlen(text), strlen(text));
}

static void
expect_out(Fixture *f, const char *text, size_t n_text)
{
    assert_int_equal(f->out->len, n_text);
    assert_memory_equal(f->out->data, text, n_text);
    g_byte_array_set_size(f->out, 0);
}

#define EXPECT_OUT(f, text) expect_out(f, text, sizeof text - 1)

/* Up to the first message of QEMU's. */
static void
let_in(Fixture *f, ZgDbusLink link)
{
    zg_dbus_pictures_begin(f->pictures, link, f->out);
    EXPECT_OUT(f, "\0AUTH EXTERNAL\r\n");
    assert_true(feed_text(f, link, "DATA\r\n"));
    EXPECT_OUT(f, "DATA\r\n");
    assert_true(feed_text(f, link, "OK 0123456789abcdef0123456789abcdef\r\n"));
    EXPECT_OUT(f, "NEGOTIATE_UNIX_FD\r\n");
    assert_false(zg_dbus_pictures_is_ready(f->pictures));
    assert_true(feed_text(f, link, "AGREE_UNIX_FD\r\n"));
    EXPECT_OUT(f, "BEGIN\r\n");
}

static void
put_u32(GByteArray *body, uint32_t value)
{
    g_byte_array_append(body, (const uint8_t *)&value, sizeof value);
}

/* A call of QEMU's on the listener, with these numbers and then bytes of their own length. */
static GByteArray *
make_call(const char *member, const char *signature, const uint32_t *numbers, size_t n_numbers,
          const void *bytes, size_t n_bytes)
{
    GByteArray *message = g_byte_array_new();
    g_autoptr(GByteArray) body = g_byte_array_new();
    ZgDbusCall call = {
        .path = "/org/qemu/Display1/Listener",
        .interface = "org.qemu.Display1.Listener",
        .member = member,
        .signature = signature,
    };

    for (size_t i = 0; i < n_numbers; i++) {
        put_u32(body, numbers[i]);
    }
    if (bytes != NULL) {
        put_u32(body, (uint32_t)n_bytes);
        g_byte_array_append(body, bytes, (guint)n_bytes);
    }
    zg_dbus_put_call(message, 7, &call, body->data, body->len);
    return message;
}

static bool
scanout(Fixture *f, uint32_t width, uint32_t height, uint32_t stride, uint32_t format,
        const void *bytes, size_t n_bytes, size_t piece)
{
    const uint32_t numbers[] = {width, height, stride, format};
    g_autoptr(GByteArray) message =
        make_call("Scanout", "uuuuay", numbers, G_N_ELEMENTS(numbers), bytes, n_bytes);

    return feed(f, ZG_DBUS_LISTENER, message->data, message->len, piece);
}

static bool
update(Fixture *f, ZgRect r, uint32_t stride, uint32_t format, const void *bytes, size_t n_bytes)
{
    const uint32_t numbers[] = {(uint32_t)r.x,      (uint32_t)r.y, (uint32_t)r.width,
                                (uint32_t)r.height, stride,        format};
    g_autoptr(GByteArray) message =
        make_call("Update", "iiiiuuay", numbers, G_N_ELEMENTS(numbers), bytes, n_bytes);

    return feed(f, ZG_DBUS_LISTENER, message->data, message->len, message->len);
}

/* The one message we sent. */
static ZgDbusHead
answer(Fixture *f)
{
    ZgDbusHead head;

    assert_int_equal(zg_dbus_read_head(f->out->data, f->out->len, &head, NULL), ZG_DBUS_DONE);
    assert_int_equal(f->out->len, head.n_head + head.n_body);
    return head;
}

static void
a_listener_is_registered_once_the_console_lets_us_in(void **state)
{
    Fixture *f = *state;
    ZgDbusHead head;

    let_in(f, ZG_DBUS_CONSOLE);
    assert_true(zg_dbus_pictures_is_ready(f->pictures));
    zg_dbus_pictures_register(f->pictures, f->out);
    head = answer(f);
    assert_int_equal(head.type, ZG_DBUS_CALL);
    assert_true(head.wants_answer);
    assert_string_equal(head.interface, "org.qemu.Display1.Console");
    assert_string_equal(head.member, "RegisterListener");
    assert_string_equal(head.signature, "h");
    assert_int_equal(head.n_body, 4);
    g_byte_array_set_size(f->out, 0);
    {
        g_autoptr(GByteArray) refusal = g_byte_array_new();

        zg_dbus_put_error(refusal, 1, head.serial, "org.qemu.Display1.Error.Failed");
        assert_false(feed(f, ZG_DBUS_CONSOLE, refusal->data, refusal->len, refusal->len));
        assert_non_null(strstr(f->error->message, "org.qemu.Display1.Error.Failed"));
    }
}

static void
a_console_that_refuses_us_ends(void **state)
{
    Fixture *f = *state;

    zg_dbus_pictures_begin(f->pictures, ZG_DBUS_CONSOLE, f->out);
    assert_false(feed_text(f, ZG_DBUS_CONSOLE, "REJECTED DBUS_COOKIE_SHA1\r\n"));
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_PROTOCOL));
    g_clear_error(&f->error);
    assert_false(feed_text(f, ZG_DBUS_CONSOLE, "OK x\r\n")); /* nothing is taken after an error */
}

static void
a_line_without_end_is_too_long(void **state)
{
    Fixture *f = *state;
    g_autofree char *line = g_strnfill(ZG_DBUS_LINE_BYTES_MAX, 'O');

    zg_dbus_pictures_begin(f->pictures, ZG_DBUS_LISTENER, f->out);
    assert_false(feed(f, ZG_DBUS_LISTENER, line, strlen(line), 7));
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_TOO_LARGE));
}

static void
pictures_come_in_any_pieces(void **state)
{
    static const size_t pieces[] = {1, 3, 13, 64, 100000};
    Fixture *f = *state;
    uint32_t whole[20 * 10], part[4 * 3];

    for (size_t i = 0; i < G_N_ELEMENTS(whole); i++) {
        whole[i] = (uint32_t)i * 0x010203;
    }
    memset(part, 0x55, sizeof part);
    let_in(f, ZG_DBUS_LISTENER);
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        assert_true(scanout(f, 20, 10, 80, X8R8G8B8, whole, sizeof whole, pieces[i]));
        assert_int_equal(f->n_resizes, i + 1);
        assert_memory_equal(f->frame.pixels, whole, sizeof whole);
        assert_int_equal(answer(f).answers, 7); /* each is answered, once it was taken whole */
        g_byte_array_set_size(f->out, 0);
        memset(f->frame.pixels, 0, sizeof whole);
    }
    assert_true(update(f, (ZgRect){16, 7, 4, 3}, 16, X8R8G8B8, part, sizeof part));
    assert_int_equal(f->frame.pixels[7 * 20 + 16], 0x55555555);
    assert_int_equal(f->frame.pixels[9 * 20 + 19], 0x55555555);
    assert_int_equal(f->frame.pixels[7 * 20 + 15], 0);
    assert_int_equal(f->frame.pixels[6 * 20 + 16], 0);
}

static void
colours_of_old_guests_are_converted(void **state)
{
    static const struct {
        uint32_t format;
        uint32_t stride; /* one pixel, and a gap */
        uint8_t bytes[8];
        uint32_t pixel;
    } cases[] = {
        {X8R8G8B8, 8, {1, 2, 3, 9}, 0x030201},
        {X8B8G8R8, 8, {1, 2, 3, 9}, 0x010203},
        {B8G8R8X8, 4, {9, 1, 2, 3}, 0x010203},
        {R8G8B8, 3, {1, 2, 3}, 0x030201},
        {R5G6B5, 4, {0x00, 0xf8}, 0xff0000},
        {R5G6B5, 2, {0xe0, 0x07}, 0x00ff00},
        {R5G6B5, 2, {0x10, 0x00}, 0x000084},
    };
    Fixture *f = *state;

    let_in(f, ZG_DBUS_LISTENER);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_true(scanout(f, 1, 1, cases[i].stride, cases[i].format, cases[i].bytes,
                            cases[i].stride, 1000));
        assert_int_equal(f->frame.pixels[0] & 0xffffff, cases[i].pixel);
    }
}

static void
what_does_not_fit_ends_the_pictures(void **state)
{
    static const uint32_t pixels[16] = {0};
    const struct {
        uint32_t width, height, stride, format;
        size_t n_bytes;
    } cases[] = {
        {0, 1, 4, X8R8G8B8, 4},
        {ZG_LIMIT_SCREEN_SIDE + 1, 1, 64, X8R8G8B8, 64},
        {0xffffffff, 0xffffffff, 64, X8R8G8B8, 64},
        {4, 4, 16, INDEXED, 64},
        {4, 4, 15, X8R8G8B8, 60},            /* rows shorter than the picture is wide */
        {4, 4, 16, X8R8G8B8, 48},            /* too few of them */
        {4, 2, 16, X8R8G8B8, 48},            /* too many */
        {2, 2, 0x40000000, X8R8G8B8, 0},     /* a row that nobody could keep */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture *f;
        void *fresh;

        set_up(&fresh);
        f = fresh;
        let_in(f, ZG_DBUS_LISTENER);
        assert_false(scanout(f, cases[i].width, cases[i].height, cases[i].stride, cases[i].format,
                             pixels, cases[i].n_bytes, 1000));
        assert_int_equal(f->n_resizes, 0);
        tear_down(&fresh);
    }
    (void)state;
}

static void
updates_outside_the_screen_end_the_pictures(void **state)
{
    static const uint32_t pixels[16] = {0};
    static const ZgRect outside[] = {{-1, 0, 2, 1}, {7, 0, 2, 1}, {0, 8, 2, 1}, {0, 7, 1, 2},
                                     {0, 0, 0, 1},  {8, 0, 1, 1}, {0, 0, 2, -1}};

    for (size_t i = 0; i < G_N_ELEMENTS(outside); i++) {
        uint32_t screen[64] = {0};
        Fixture *f;
        void *fresh;

        set_up(&fresh);
        f = fresh;
        let_in(f, ZG_DBUS_LISTENER);
        if (i > 0) { /* the first comes before there is a screen at all */
            assert_true(scanout(f, 8, 8, 32, X8R8G8B8, screen, sizeof screen, 1000));
        }
        assert_false(update(f, outside[i], 8, X8R8G8B8, pixels,
                            8 * (size_t)MAX(outside[i].height, 0)));
        tear_down(&fresh);
    }
    (void)state;
}

static void
questions_are_answered_and_the_rest_is_left_alone(void **state)
{
    static const uint32_t numbers[] = {1, 2, 3};
    Fixture *f = *state;
    g_autoptr(GByteArray) mouse = make_call("MouseSet", "iii", numbers, 3, NULL, 0);
    g_autoptr(GByteArray) properties = g_byte_array_new(), strange = g_byte_array_new();
    static const ZgDbusCall get_all = {"/org/qemu/Display1/Listener",
                                       "org.freedesktop.DBus.Properties", "GetAll", "s", 0};
    static const ZgDbusCall other = {"/", "org.example", "Open", "", 0};
    static const char interface[] = "\x1a\0\0\0org.qemu.Display1.Listener";
    ZgDbusHead head;

    let_in(f, ZG_DBUS_LISTENER);
    assert_true(feed(f, ZG_DBUS_LISTENER, mouse->data, mouse->len, 5));
    assert_int_equal(answer(f).type, ZG_DBUS_RETURN);
    g_byte_array_set_size(f->out, 0);

    zg_dbus_put_call(properties, 8, &get_all, interface, sizeof interface);
    assert_true(feed(f, ZG_DBUS_LISTENER, properties->data, properties->len, 9));
    head = answer(f);
    assert_int_equal(head.answers, 8);
    assert_string_equal(head.signature, "a{sv}");
    {
        ZgDbusReader in = {.bytes = f->out->data + head.n_head, .n_bytes = head.n_body};

        assert_int_equal(zg_dbus_read_u32(&in), head.n_body - 8);
        in.at = 8;
        assert_string_equal(zg_dbus_read_text(&in), "Interfaces");
        assert_memory_equal(f->out->data + head.n_head + in.at, "\2as", 4);
        in.at += 4;
        assert_int_equal(zg_dbus_read_u32(&in), head.n_body - 32);
        assert_string_equal(zg_dbus_read_text(&in), "org.qemu.Display1.Listener.Unix.Map");
        assert_int_equal(in.at, head.n_body);
    }
    g_byte_array_set_size(f->out, 0);

    zg_dbus_put_call(strange, 9, &other, NULL, 0);
    assert_true(feed(f, ZG_DBUS_LISTENER, strange->data, strange->len, 11));
    head = answer(f);
    assert_int_equal(head.type, ZG_DBUS_ERROR);
    assert_int_equal(head.answers, 9);
    g_byte_array_set_size(f->out, 0);

    mouse->data[2] = 1; /* no reply expected */
    assert_true(feed(f, ZG_DBUS_LISTENER, mouse->data, mouse->len, mouse->len));
    assert_int_equal(f->out->len, 0);
}

static GByteArray *
make_map_call(const char *member, const char *signature, const uint32_t *numbers, size_t n_numbers)
{
    GByteArray *message = g_byte_array_new();
    ZgDbusCall call = {
        .path = "/org/qemu/Display1/Listener",
        .interface = "org.qemu.Display1.Listener.Unix.Map",
        .member = member,
        .signature = signature,
    };

    zg_dbus_put_call(message, 7, &call, numbers, n_numbers * sizeof *numbers);
    return message;
}

static bool
map_scanout(Fixture *f, uint32_t offset, uint32_t width, uint32_t height, uint32_t stride,
            uint32_t format)
{
    const uint32_t numbers[] = {0, offset, width, height, stride, format};
    g_autoptr(GByteArray) message =
        make_map_call("ScanoutMap", "huuuuu", numbers, G_N_ELEMENTS(numbers));

    return feed(f, ZG_DBUS_LISTENER, message->data, message->len, 10);
}

static bool
map_update(Fixture *f, ZgRect r)
{
    const uint32_t numbers[] = {(uint32_t)r.x, (uint32_t)r.y, (uint32_t)r.width,
                                (uint32_t)r.height};
    g_autoptr(GByteArray) message =
        make_map_call("UpdateMap", "iiii", numbers, G_N_ELEMENTS(numbers));

    return feed(f, ZG_DBUS_LISTENER, message->data, message->len, 10);
}

static void
shared_memory_is_read_where_it_changed(void **state)
{
    Fixture *f = *state;
    uint32_t memory[2 + 6 * 4]; /* an offset, and rows of 6 of which 4 are seen */

    for (size_t i = 0; i < G_N_ELEMENTS(memory); i++) {
        memory[i] = (uint32_t)i;
    }
    f->shared = (const uint8_t *)memory;
    f->n_shared = sizeof memory;
    let_in(f, ZG_DBUS_LISTENER);
    assert_true(map_scanout(f, 8, 4, 4, 24, X8R8G8B8));
    assert_int_equal(answer(f).type, ZG_DBUS_RETURN);
    g_byte_array_set_size(f->out, 0);
    assert_int_equal(f->n_resizes, 1);
    assert_int_equal(f->frame.pixels[0], 2);
    assert_int_equal(f->frame.pixels[3 * 4 + 3], 2 + 3 * 6 + 3);
    memset(memory, 0xff, sizeof memory);
    assert_true(map_update(f, (ZgRect){1, 2, 2, 1}));
    assert_int_equal(f->frame.pixels[2 * 4 + 1], 0xffffffff);
    assert_int_equal(f->frame.pixels[2 * 4 + 2], 0xffffffff);
    assert_int_equal(f->frame.pixels[2 * 4 + 3], 2 + 2 * 6 + 3);
    assert_int_equal(f->frame.pixels[1 * 4 + 1], 2 + 1 * 6 + 1);
    assert_false(map_update(f, (ZgRect){1, 2, 4, 1}));
}

static void
memory_that_is_too_short_is_refused_and_pixels_are_taken(void **state)
{
    Fixture *f = *state;
    uint32_t memory[16] = {0};

    f->shared = (const uint8_t *)memory;
    f->n_shared = sizeof memory;
    let_in(f, ZG_DBUS_LISTENER);
    assert_true(map_scanout(f, 4, 4, 4, 16, X8R8G8B8));
    assert_int_equal(answer(f).type, ZG_DBUS_ERROR);
    g_byte_array_set_size(f->out, 0);
    assert_true(map_scanout(f, 0, 4, 4, 12, X8R8G8B8)); /* rows that overlap */
    assert_int_equal(answer(f).type, ZG_DBUS_ERROR);
    g_byte_array_set_size(f->out, 0);
    assert_int_equal(f->n_resizes, 0);
    assert_true(scanout(f, 4, 4, 16, X8R8G8B8, memory, sizeof memory, 100));
    assert_int_equal(f->n_resizes, 1);
    assert_false(map_update(f, (ZgRect){0, 0, 1, 1})); /* nothing is shared */
}

static void
a_picture_on_the_graphics_card_is_refused(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) message = make_call("ScanoutDMABUF", "", NULL, 0, NULL, 0);

    let_in(f, ZG_DBUS_LISTENER);
    assert_false(feed(f, ZG_DBUS_LISTENER, message->data, message->len, message->len));
}

static void
heads_that_lie_are_refused(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) good = make_call("Disable", "", NULL, 0, NULL, 0);

    for (guint i = 0; i < good->len; i++) {
        g_autoptr(GByteArray) bad = g_byte_array_new();
        void *fresh;

        g_byte_array_append(bad, good->data, good->len);
        bad->data[i] ^= 0xff;
        set_up(&fresh);
        f = fresh;
        let_in(f, ZG_DBUS_LISTENER);
        if (!feed(f, ZG_DBUS_LISTENER, bad->data, bad->len, bad->len)) {
            assert_non_null(f->error); /* or it waits for more, or is another message */
        }
        tear_down(&fresh);
    }
    (void)state;
}

static void
a_new_listener_begins_anew(void **state)
{
    Fixture *f = *state;
    uint32_t screen[16] = {0};
    uint32_t numbers[] = {4, 4, 16, X8R8G8B8};
    g_autoptr(GByteArray) half =
        make_call("Scanout", "uuuuay", numbers, G_N_ELEMENTS(numbers), screen, sizeof screen);

    let_in(f, ZG_DBUS_LISTENER);
    assert_true(feed(f, ZG_DBUS_LISTENER, half->data, half->len - 20, 1000));
    g_byte_array_set_size(f->held, 0);
    let_in(f, ZG_DBUS_LISTENER);
    assert_false(update(f, (ZgRect){0, 0, 1, 1}, 4, X8R8G8B8, screen, 4)); /* no screen yet */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_listener_is_registered_once_the_console_lets_us_in,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_console_that_refuses_us_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_without_end_is_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pictures_come_in_any_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(colours_of_old_guests_are_converted, set_up, tear_down),
        cmocka_unit_test(what_does_not_fit_ends_the_pictures),
        cmocka_unit_test(updates_outside_the_screen_end_the_pictures),
        cmocka_unit_test_setup_teardown(questions_are_answered_and_the_rest_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(shared_memory_is_read_where_it_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_is_too_short_is_refused_and_pixels_are_taken,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_picture_on_the_graphics_card_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test(heads_that_lie_are_refused),
        cmocka_unit_test_setup_teardown(a_new_listener_begins_anew, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
