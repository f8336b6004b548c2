/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fences and continuous updates of a viewer's session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "display/rfb_session.h"

typedef struct {
    ZgRfbSession *session;
    GByteArray *in, *out;
    ZgRfbEvent event; /* the last one */
    GError *error;
} Fixture;

/* Feeds what is in f->in. Return: the last step. */
static ZgRfbStep
feed(Fixture *f)
{
    ZgRfbStep step = ZG_RFB_STEP_MORE;

    for (size_t at = 0; at < f->in->len;) {
        ZgRfbEvent event;
        size_t n_used;
        step = zg_rfb_session_feed(f->session, f->in->data + at, f->in->len - at, &n_used, f->out,
                                   &event, &f->error);
        at += n_used;
        if (step == ZG_RFB_STEP_EVENT) {
            f->event = event;
        } else if (step != ZG_RFB_STEP_QUIET) {
            break;
        }
    }
    g_byte_array_set_size(f->in, 0);
    return step;
}

static void
put_encodings(GByteArray *out, int32_t a, int32_t b)
{
    zg_rfb_put_u8(out, ZG_RFB_C_SET_ENCODINGS);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u16(out, 2);
    zg_rfb_put_s32(out, a);
    zg_rfb_put_s32(out, b);
}

static void
put_client_fence(GByteArray *out, uint32_t flags, const char *payload)
{
    zg_rfb_put_u8(out, ZG_RFB_C_FENCE);
    zg_rfb_put_zeroes(out, 3);
    zg_rfb_put_u32(out, flags);
    zg_rfb_put_u8(out, (uint8_t)strlen(payload));
    g_byte_array_append(out, (const uint8_t *)payload, (guint)strlen(payload));
}

static void
put_continuous(GByteArray *out, bool on)
{
    zg_rfb_put_u8(out, ZG_RFB_C_CONTINUOUS_UPDATES);
    zg_rfb_put_u8(out, on);
    zg_rfb_put_u32(out, 0);
    zg_rfb_put_u16(out, 800);
    zg_rfb_put_u16(out, 600);
}

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);

    f->in = g_byte_array_new();
    f->out = g_byte_array_new();
    f->session = zg_rfb_session_new(ZG_RFB_START_CLIENT_INIT, 800, 600, "x", f->out);
    zg_rfb_put_u8(f->in, 1);
    assert_int_equal(feed(f), ZG_RFB_STEP_EVENT);
    g_byte_array_set_size(f->out, 0);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    zg_rfb_session_free(f->session);
    g_byte_array_unref(f->in);
    g_byte_array_unref(f->out);
    g_clear_error(&f->error);
    g_free(f);
    return 0;
}

static void
offer(Fixture *f)
{
    put_encodings(f->in, ZG_RFB_FENCE, ZG_RFB_CONTINUOUS_UPDATES);
    assert_int_equal(feed(f), ZG_RFB_STEP_EVENT);
    g_byte_array_set_size(f->out, 0);
}

static void
both_are_offered_once(void **state)
{
    Fixture *f = *state;
    static const uint8_t expected[] = {248, 0, 0, 0, 0x80, 0, 0, 0, 0, 150};

    assert_int_equal(zg_rfb_session_put_fence(f->session, f->out), 0);
    put_encodings(f->in, ZG_RFB_FENCE, ZG_RFB_CONTINUOUS_UPDATES);
    feed(f);
    assert_int_equal(f->out->len, sizeof expected);
    assert_memory_equal(f->out->data, expected, sizeof expected);
    put_encodings(f->in, ZG_RFB_FENCE, ZG_RFB_CONTINUOUS_UPDATES);
    feed(f);
    assert_int_equal(f->out->len, sizeof expected);
}

static void
neither_may_be_used_before_it_was_offered(void **state)
{
    Fixture *f = *state;

    put_continuous(f->in, true);
    assert_int_equal(feed(f), ZG_RFB_STEP_FAILED);
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_PROTOCOL));
    tear_down(state);
    set_up(state);
    f = *state;
    put_client_fence(f->in, ZG_RFB_FENCE_REQUEST, "a");
    assert_int_equal(feed(f), ZG_RFB_STEP_FAILED);
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_PROTOCOL));
}

static void
a_viewers_fence_is_answered_with_the_flags_we_know(void **state)
{
    Fixture *f = *state;
    static const uint8_t expected[] = {248, 0, 0, 0, 0, 0, 0, 3, 2, 'h', 'i'};

    offer(f);
    put_client_fence(f->in, ZG_RFB_FENCE_REQUEST | 0x70u | 3u, "hi");
    assert_int_equal(feed(f), ZG_RFB_STEP_QUIET);
    assert_int_equal(f->out->len, sizeof expected);
    assert_memory_equal(f->out->data, expected, sizeof expected);
}

static void
a_long_fence_ends_the_session(void **state)
{
    Fixture *f = *state;
    char payload[66];

    memset(payload, 'x', 65);
    payload[65] = '\0';
    offer(f);
    put_client_fence(f->in, ZG_RFB_FENCE_REQUEST, payload);
    assert_int_equal(feed(f), ZG_RFB_STEP_FAILED);
    assert_true(g_error_matches(f->error, ZG_ERROR, ZG_ERROR_TOO_LARGE));
}

/* The viewer changes its pixel format exactly where the answer stands in our bytes. */
static void
a_synchronising_fence_waits_for_the_next_message(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) change = g_byte_array_new();

    offer(f);
    put_client_fence(f->in, ZG_RFB_FENCE_REQUEST | ZG_RFB_FENCE_SYNC_NEXT, "s");
    assert_int_equal(feed(f), ZG_RFB_STEP_QUIET);
    assert_int_equal(f->out->len, 0);
    zg_rfb_put_u8(change, ZG_RFB_C_SET_PIXEL_FORMAT);
    zg_rfb_put_zeroes(change, 3);
    zg_rfb_put_pixel_format(change, &zg_pixel_format_332);
    g_byte_array_append(f->in, change->data, 7);
    assert_int_equal(feed(f), ZG_RFB_STEP_MORE);
    assert_int_equal(f->out->len, 0);
    g_byte_array_append(f->in, change->data, change->len);
    assert_int_equal(feed(f), ZG_RFB_STEP_EVENT);
    assert_int_equal(f->out->len, 10);
    assert_int_equal(f->out->data[7], ZG_RFB_FENCE_SYNC_NEXT);
    assert_int_equal(f->out->data[9], 's');
}

static void
our_fences_come_back_by_number(void **state)
{
    Fixture *f = *state;
    uint32_t first, second;

    offer(f);
    first = zg_rfb_session_put_fence(f->session, f->out);
    second = zg_rfb_session_put_fence(f->session, f->out);
    assert_int_not_equal(first, 0);
    assert_int_not_equal(first, second);
    assert_int_equal(f->out->len, 2 * 13);
    f->out->data[13 + 4] = 0; /* the viewer sends it back without the request bit */
    g_byte_array_append(f->in, f->out->data + 13, 13);
    assert_int_equal(feed(f), ZG_RFB_STEP_EVENT);
    assert_int_equal(f->event.kind, ZG_RFB_EVENT_FENCE);
    assert_int_equal(f->event.fence, second);
    put_client_fence(f->in, 0, ""); /* the answer to the offer */
    assert_int_equal(feed(f), ZG_RFB_STEP_QUIET);
}

static void
continuous_updates_are_a_standing_request(void **state)
{
    Fixture *f = *state;

    offer(f);
    assert_false(zg_rfb_session_is_requested(f->session));
    put_continuous(f->in, true);
    assert_int_equal(feed(f), ZG_RFB_STEP_EVENT);
    assert_int_equal(f->event.kind, ZG_RFB_EVENT_CONTINUOUS);
    zg_rfb_put_update_request(f->in, true, 800, 600); /* changes nothing now */
    feed(f);
    zg_rfb_session_set_requested(f->session, false);
    assert_true(zg_rfb_session_is_requested(f->session));
    assert_int_equal(f->out->len, 0);
    put_continuous(f->in, false);
    feed(f);
    assert_false(zg_rfb_session_is_requested(f->session));
    assert_int_equal(f->out->len, 1);
    assert_int_equal(f->out->data[0], ZG_RFB_S_END_OF_CONTINUOUS_UPDATES);
}

static void
fences_and_continuous_updates_survive_a_hand_over(void **state)
{
    Fixture *f = *state;
    g_autoptr(GBytes) exported = NULL;
    uint32_t last;

    offer(f);
    put_continuous(f->in, true);
    put_client_fence(f->in, ZG_RFB_FENCE_REQUEST | ZG_RFB_FENCE_SYNC_NEXT, "later");
    feed(f);
    last = zg_rfb_session_put_fence(f->session, f->out);
    exported = zg_rfb_session_export(f->session);
    zg_rfb_session_free(f->session);
    f->session = zg_rfb_session_import(g_bytes_get_data(exported, NULL),
                                       g_bytes_get_size(exported), NULL);
    assert_non_null(f->session);
    assert_true(zg_rfb_session_is_continuous(f->session));
    assert_int_equal(zg_rfb_session_put_fence(f->session, f->out), last + 1);
    g_byte_array_set_size(f->out, 0);
    put_continuous(f->in, true); /* allowed: it was offered by the other worker */
    assert_int_equal(feed(f), ZG_RFB_STEP_EVENT);
    assert_int_equal(f->out->len, 9 + 5);
    assert_memory_equal(f->out->data + 9, "later", 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(both_are_offered_once),
        TEST(neither_may_be_used_before_it_was_offered),
        TEST(a_viewers_fence_is_answered_with_the_flags_we_know),
        TEST(a_long_fence_ends_the_session),
        TEST(a_synchronising_fence_waits_for_the_next_message),
        TEST(our_fences_come_back_by_number),
        TEST(continuous_updates_are_a_standing_request),
        TEST(fences_and_continuous_updates_survive_a_hand_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
