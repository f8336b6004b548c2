/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A viewer on the loop: what it may cost and when it is given up; time is passed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/limits.h"
#include "display/clipboard.h"
#include "display/out_queue.h"
#include "display/output.h"

#define SECOND_US G_USEC_PER_SEC

typedef struct {
    ZgOutput *output;
    int viewer; /* its end of the stream */
    char *gone, *text;
    unsigned n_changed;
} Fixture;

static void
on_changed(void *user, ZgOutput *output)
{
    ((Fixture *)user)->n_changed++;
}

static void
on_repaint(void *user, ZgOutput *output, ZgRect area)
{
}

static void
on_input(void *user, ZgOutput *output, const ZgRfbEvent *event)
{
    if (event->kind == ZG_RFB_EVENT_CLIPBOARD) {
        g_free(((Fixture *)user)->text);
        ((Fixture *)user)->text = g_strdup(event->text);
    }
}

static void
on_gone(void *user, ZgOutput *output, const char *reason)
{
    ((Fixture *)user)->gone = g_strdup(reason);
}

static const ZgOutputEvents events = {
    .changed = on_changed, .repaint = on_repaint, .input = on_input, .gone = on_gone};

static int
set_up(void **state)
{
    Fixture *f = g_new0(Fixture, 1);
    ZgOutputRfbOptions options = {
        .start = ZG_RFB_START_CLIENT_INIT, .title = "x", .width = 1280, .height = 800};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(zg_fd_set_nonblocking(pair[0], NULL));
    f->viewer = pair[1];
    f->output = zg_output_rfb_new(pair[0], &options, &events, f, NULL);
    assert_non_null(f->output);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *f = *state;

    f->output->ops->free(f->output);
    close(f->viewer);
    g_free(f->gone);
    g_free(f->text);
    g_free(f);
    return 0;
}

static void
run_loop(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void
say(Fixture *f, const GByteArray *bytes)
{
    assert_int_equal(send(f->viewer, bytes->data, bytes->len, 0), (ssize_t)bytes->len);
    run_loop();
}

/* With fences and continuous updates, unless @encodings is 0. */
static void
make_ready(Fixture *f, uint16_t n_encodings)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    zg_rfb_put_u8(bytes, 1);
    zg_rfb_put_u8(bytes, ZG_RFB_C_SET_ENCODINGS);
    zg_rfb_put_u8(bytes, 0);
    zg_rfb_put_u16(bytes, n_encodings);
    if (n_encodings == 2) {
        zg_rfb_put_s32(bytes, ZG_RFB_FENCE);
        zg_rfb_put_s32(bytes, ZG_RFB_CONTINUOUS_UPDATES);
    }
    zg_rfb_put_update_request(bytes, true, 1280, 800);
    say(f, bytes);
    if (n_encodings == 2) {
        g_byte_array_set_size(bytes, 0);
        zg_rfb_put_u8(bytes, ZG_RFB_C_CONTINUOUS_UPDATES);
        zg_rfb_put_u8(bytes, 1);
        zg_rfb_put_zeroes(bytes, 8);
        say(f, bytes);
    }
    assert_true(f->output->ops->wants_picture(f->output));
}

static void
send_update(Fixture *f, size_t n_bytes)
{
    g_autofree uint8_t *bytes = g_malloc0(n_bytes);
    ZgBlob *blob = zg_blob_new(bytes, n_bytes, 1, (ZgRect){0});

    assert_int_equal(f->output->ops->send(f->output, &blob, 1), 1);
    zg_blob_unref(blob);
}

static void
let_pass(int64_t us)
{
    int64_t until_us = zg_clock_mono_us() + us;

    while (zg_clock_mono_us() < until_us) {
        run_loop();
    }
}

/* Reads what has come and sends every fence back as a viewer does, @way_us later. */
static unsigned
answer_fences_late(Fixture *f, int64_t way_us)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    uint8_t buffer[65536];
    unsigned n_fences = 0;
    ssize_t n;

    run_loop();
    while ((n = recv(f->viewer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
        g_byte_array_append(all, buffer, (guint)n);
        run_loop();
    }
    let_pass(way_us);
    for (guint i = 0; i + 13 <= all->len; i++) {
        static const uint8_t head[] = {ZG_RFB_S_FENCE, 0, 0, 0, 0x80, 0, 0, 1, 4};
        if (memcmp(all->data + i, head, sizeof head) == 0) {
            all->data[i + 4] = 0;
            assert_int_equal(send(f->viewer, all->data + i, 13, 0), 13);
            n_fences++;
        }
    }
    run_loop();
    return n_fences;
}

static unsigned
answer_fences(Fixture *f)
{
    return answer_fences_late(f, 0);
}

static void
a_viewer_that_does_not_shake_hands_is_gone_after_ten_seconds(void **state)
{
    Fixture *f = *state;

    f->output->ops->tick(f->output, zg_clock_mono_us() + 9 * SECOND_US);
    run_loop();
    assert_null(f->gone);
    f->output->ops->tick(f->output, zg_clock_mono_us() + 10 * SECOND_US + SECOND_US / 10);
    run_loop();
    assert_non_null(f->gone);
}

static void
a_stopped_reader_holds_at_most_a_megabyte_and_is_gone_after_thirty_seconds(void **state)
{
    Fixture *f = *state;
    ZgOutputStats stats;

    make_ready(f, 0);
    while (f->output->ops->wants_picture(f->output)) {
        g_autoptr(GByteArray) ask = g_byte_array_new();
        send_update(f, MIN(f->output->ops->get_budget(f->output), ZG_OUTPUT_BYTES_SURE));
        zg_rfb_put_update_request(ask, true, 1280, 800);
        say(f, ask);
    }
    f->output->ops->get_stats(f->output, &stats);
    assert_true(stats.queued_bytes > 0 && stats.queued_bytes <= ZG_OUT_QUEUE_BYTES_MAX);
    f->output->ops->tick(f->output, zg_clock_mono_us() + 29 * SECOND_US);
    run_loop();
    assert_null(f->gone);
    f->output->ops->tick(f->output, zg_clock_mono_us() + 31 * SECOND_US);
    run_loop();
    assert_non_null(f->gone);
}

static size_t
queued(const Fixture *f)
{
    ZgOutputStats stats;

    f->output->ops->get_stats(f->output, &stats);
    return stats.queued_bytes;
}

static GRefString *
noise_text(uint32_t seed, size_t n)
{
    g_autofree char *text = g_malloc(n + 1);

    for (size_t i = 0; i < n; i++) {
        text[i] = (char)('0' + (((uint32_t)i * 2654435761u ^ seed) * 2246822519u >> 26));
    }
    text[n] = '\0';
    return g_ref_string_new(text);
}

/* The desktop's clipboard changes all the time, and the viewer asks for it without reading. */
static void
offer_much(Fixture *f, bool asks)
{
    g_autoptr(GByteArray) ask = g_byte_array_new();
    GRefString *text;

    for (uint32_t i = 0; i < 40; i++) {
        text = noise_text(i, 600000);
        f->output->ops->offer_text(f->output, text);
        f->output->ops->bell(f->output);
        g_ref_string_release(text);
        for (int k = 0; k < 20 && asks; k++) {
            zg_clip_put(ask, ZG_RFB_C_CUT_TEXT, ZG_CLIP_REQUEST | ZG_CLIP_TEXT);
        }
        if (asks) {
            say(f, ask);
            g_byte_array_set_size(ask, 0);
        }
        assert_true(queued(f) <= ZG_OUT_QUEUE_BYTES_MAX);
        assert_null(f->gone);
    }
    text = g_ref_string_new("the last one");
    f->output->ops->offer_text(f->output, text);
    g_ref_string_release(text);
}

/* Return: all that comes, to the end. */
static GByteArray *
read_all(Fixture *f)
{
    GByteArray *all = g_byte_array_new();
    uint8_t buffer[65536];
    ssize_t n;

    do {
        run_loop();
        n = recv(f->viewer, buffer, sizeof buffer, MSG_DONTWAIT);
        g_byte_array_append(all, buffer, n > 0 ? (guint)n : 0);
    } while (n > 0);
    return all;
}

static void
of_a_clipboard_that_changes_all_the_time_the_newest_is_given_once_there_is_room(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) all = NULL;

    make_ready(f, 0);
    send_update(f, ZG_OUTPUT_BYTES_SURE);
    offer_much(f, false);
    all = read_all(f);
    assert_true(all->len < ZG_OUTPUT_BYTES_SURE + 10000);
    assert_non_null(memmem(all->data, all->len, "the last one", 12));
    assert_null(memmem(all->data, all->len, "\2\2", 2)); /* and of bells one */
}

static void
text_is_given_once_however_often_it_is_asked_for(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) say_first = g_byte_array_new();
    g_autoptr(GByteArray) all = NULL;

    make_ready(f, 0);
    zg_rfb_put_u8(say_first, ZG_RFB_C_SET_ENCODINGS);
    zg_rfb_put_u8(say_first, 0);
    zg_rfb_put_u16(say_first, 1);
    zg_rfb_put_s32(say_first, ZG_RFB_EXTENDED_CLIPBOARD);
    zg_clip_put_caps(say_first, ZG_RFB_C_CUT_TEXT);
    say(f, say_first);
    send_update(f, ZG_OUTPUT_BYTES_SURE);
    offer_much(f, true);
    all = read_all(f);
    assert_true(all->len < ZG_OUTPUT_BYTES_SURE + 10000);
}

static void
of_an_update_only_what_there_is_room_for_is_taken(void **state)
{
    Fixture *f = *state;
    g_autofree uint8_t *bytes = g_malloc0(500000);
    ZgBlob *blobs[3];

    make_ready(f, 0);
    for (int i = 0; i < 3; i++) {
        blobs[i] = zg_blob_new(bytes, i == 0 ? 400000 : 500000, 1, (ZgRect){0});
        blobs[i]->n_wire = 1; /* a guess may be wrong */
    }
    assert_int_equal(f->output->ops->send(f->output, blobs, 3), 2);
    assert_true(queued(f) <= ZG_OUT_QUEUE_BYTES_MAX);
    assert_int_equal(f->output->ops->send(f->output, blobs, 3), 0);
    for (int i = 0; i < 3; i++) {
        zg_blob_unref(blobs[i]);
    }
}

static void
a_picture_waits_for_the_text_before_it(void **state)
{
    Fixture *f = *state;
    GRefString *text = noise_text(0, 900000);

    make_ready(f, 0);
    f->output->ops->offer_text(f->output, text);
    g_ref_string_release(text);
    assert_false(f->output->ops->wants_picture(f->output));
    f->n_changed = 0;
    g_byte_array_unref(read_all(f));
    assert_true(f->n_changed > 0);
    assert_true(f->output->ops->wants_picture(f->output));
}

/* One that says much itself is given less meanwhile. */
static void
what_a_viewer_says_counts_as_held_for_it(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) head = g_byte_array_new();
    g_autoptr(GByteArray) text = g_byte_array_new();

    make_ready(f, 0);
    zg_rfb_put_u8(head, ZG_RFB_C_CUT_TEXT);
    zg_rfb_put_zeroes(head, 3);
    zg_rfb_put_u32(head, 500000);
    say(f, head);
    assert_false(f->output->ops->wants_picture(f->output));
    assert_true(f->output->ops->get_budget(f->output) <= ZG_OUT_QUEUE_BYTES_MAX - 500000);
    g_byte_array_set_size(text, 50000);
    memset(text->data, 'a', text->len);
    for (int i = 0; i < 10; i++) {
        assert_null(f->text);
        say(f, text);
    }
    assert_int_equal(strlen(f->text), 500000);
    assert_true(f->output->ops->wants_picture(f->output));
    send_update(f, ZG_OUTPUT_BYTES_SURE);
    g_clear_pointer(&f->text, g_free);
    say(f, head); /* with what is queued it would be too much */
    for (int i = 0; i < 10; i++) {
        say(f, text);
    }
    assert_null(f->text);
    assert_null(f->gone);
}

/* Its questions must not make us hold their answers. */
static void
who_asks_without_reading_is_gone(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) ask = g_byte_array_new();

    make_ready(f, 0);
    send_update(f, ZG_OUTPUT_BYTES_SURE);
    for (int i = 0; i < 800; i++) { /* each is answered with a colour map */
        ZgPixelFormat mapped = {.bits_per_pixel = 8, .depth = 8};
        zg_rfb_put_u8(ask, ZG_RFB_C_SET_PIXEL_FORMAT);
        zg_rfb_put_zeroes(ask, 3);
        zg_rfb_put_pixel_format(ask, &mapped);
    }
    say(f, ask);
    assert_true(queued(f) <= ZG_OUT_QUEUE_BYTES_MAX + 64 * 1024);
    assert_non_null(f->gone);
}

/* The kernel and the front took the bytes, so the queue is empty; but nothing comes back. */
static void
a_viewer_that_goes_silent_is_given_little_and_is_gone_after_thirty_seconds(void **state)
{
    Fixture *f = *state;
    size_t n_given = 0;

    make_ready(f, 2);
    for (int i = 0; i < 20; i++) { /* a link is learnt */
        send_update(f, 20000);
        answer_fences(f);
    }
    assert_true(f->output->ops->wants_picture(f->output));
    while (f->output->ops->wants_picture(f->output) && n_given < 50u * 1024 * 1024) {
        size_t n = MIN(f->output->ops->get_budget(f->output), 10000);
        send_update(f, n);
        n_given += n;
        run_loop();
    }
    assert_true(n_given < 50u * 1024 * 1024);
    f->output->ops->tick(f->output, zg_clock_mono_us() + 31 * SECOND_US);
    run_loop();
    assert_non_null(f->gone);
}

static void
with_fences_the_next_picture_waits_until_the_first_has_arrived(void **state)
{
    Fixture *f = *state;
    ZgOutputStats stats;

    make_ready(f, 2);
    send_update(f, 50000);
    assert_false(f->output->ops->wants_picture(f->output));
    f->n_changed = 0;
    answer_fences(f);
    assert_true(f->n_changed > 0);
    assert_true(f->output->ops->wants_picture(f->output));
    f->output->ops->get_stats(f->output, &stats);
    assert_true(stats.rtt_us > 0);
    assert_true(stats.bytes_per_s > 0);
}

static void
what_is_typed_is_not_followed_by_a_fence_each_time(void **state)
{
    Fixture *f = *state;
    unsigned n_fences = 0;

    make_ready(f, 2);
    send_update(f, 50000);
    assert_int_equal(answer_fences(f), 2); /* one before, one behind */
    for (int i = 0; i < 20; i++) {
        send_update(f, 300);
        assert_true(f->output->ops->wants_picture(f->output));
        n_fences += answer_fences(f);
    }
    assert_in_range(n_fences, 1, 3);
}

/* So that TCP sees the loss of a last packet by the answer to the next one. */
static void
the_last_small_update_is_followed_by_a_fence(void **state)
{
    Fixture *f = *state;
    unsigned n_fences = 0;
    int64_t until_us;

    make_ready(f, 2);
    for (int i = 0; i < 3; i++) { /* a way of 12 ms is learnt; no fence may come back sooner */
        send_update(f, 20000);
        answer_fences_late(f, 12000);
    }
    while (answer_fences_late(f, 12000) > 0) {
    }
    send_update(f, 300);
    until_us = zg_clock_mono_us() + 4 * SECOND_US; /* one of its own comes after five */
    while (n_fences == 0 && zg_clock_mono_us() < until_us) {
        n_fences += answer_fences(f);
    }
    assert_int_equal(n_fences, 1);
}

static void
what_waits_in_the_kernel_is_little(void **state)
{
    Fixture *f = *state;
    ZgOutputRfbOptions options = {
        .start = ZG_RFB_START_CLIENT_INIT, .title = "x", .width = 1280, .height = 800};
    g_auto(ZgFd) listener = zg_tcp_listen("127.0.0.1", 0, NULL);
    g_auto(ZgFd) viewer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(zg_tcp_port_of(listener)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd, unsent = 0, no_delay = 0;
    socklen_t n = sizeof unsent;
    ZgOutput *output;

    assert_int_equal(connect(viewer, (struct sockaddr *)&to, sizeof to), 0);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(fd >= 0);
    output = zg_output_rfb_new(fd, &options, &events, f, NULL);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, &n), 0);
    assert_in_range(unsent, 1, 64 * 1024);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &n), 0);
    assert_true(no_delay != 0);
    output->ops->free(output);
}

static void
without_fences_each_picture_waits_for_its_request(void **state)
{
    Fixture *f = *state;
    g_autoptr(GByteArray) ask = g_byte_array_new();
    ZgOutputStats stats;

    make_ready(f, 0);
    send_update(f, 5000);
    assert_false(f->output->ops->wants_picture(f->output));
    zg_rfb_put_update_request(ask, true, 1280, 800);
    say(f, ask);
    assert_true(f->output->ops->wants_picture(f->output));
    for (size_t n = 500; n <= 50000; n *= 100) { /* when it asks tells delay and rate */
        send_update(f, n);
        say(f, ask);
    }
    f->output->ops->get_stats(f->output, &stats);
    assert_true(stats.rtt_us > 0);
    assert_true(stats.bytes_per_s > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_viewer_that_does_not_shake_hands_is_gone_after_ten_seconds),
        TEST(a_stopped_reader_holds_at_most_a_megabyte_and_is_gone_after_thirty_seconds),
        TEST(of_a_clipboard_that_changes_all_the_time_the_newest_is_given_once_there_is_room),
        TEST(text_is_given_once_however_often_it_is_asked_for),
        TEST(of_an_update_only_what_there_is_room_for_is_taken),
        TEST(a_picture_waits_for_the_text_before_it),
        TEST(what_a_viewer_says_counts_as_held_for_it),
        TEST(who_asks_without_reading_is_gone),
        TEST(a_viewer_that_goes_silent_is_given_little_and_is_gone_after_thirty_seconds),
        TEST(with_fences_the_next_picture_waits_until_the_first_has_arrived),
        TEST(what_is_typed_is_not_followed_by_a_fence_each_time),
        TEST(the_last_small_update_is_followed_by_a_fence),
        TEST(what_waits_in_the_kernel_is_little),
        TEST(without_fences_each_picture_waits_for_its_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
