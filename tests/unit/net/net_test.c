/* SPDX-License-Identifier: GPL-3.0-or-later */
/* common/net: framing, streams under pressure, TLS both ways, dialling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/net/channel.h"
#include "common/net/dial.h"
#include "common/net/listener.h"
#include "common/net/stream.h"
#include "common/net/tls.h"
#include "common/proto/json.h"

/* What one end saw. */
typedef struct {
    GByteArray *bytes;
    bool secured;
    bool closed;
    char *reason;
    int n_drained;
} Seen;

static void
seen_bytes(ZgStream *stream, const uint8_t *bytes, size_t n_bytes, void *user)
{
    g_byte_array_append(((Seen *)user)->bytes, bytes, (guint)n_bytes);
}

static void
seen_secured(ZgStream *stream, void *user)
{
    ((Seen *)user)->secured = true;
}

static void
seen_drained(ZgStream *stream, void *user)
{
    ((Seen *)user)->n_drained++;
}

static void
seen_closed(ZgStream *stream, const GError *error, void *user)
{
    ((Seen *)user)->closed = true;
    ((Seen *)user)->reason = g_strdup(error != NULL ? error->message : NULL);
}

static const ZgStreamHandlers seen_handlers = {
    .on_bytes = seen_bytes,
    .on_secured = seen_secured,
    .on_drained = seen_drained,
    .on_closed = seen_closed,
};

static void
seen_clear(Seen *seen)
{
    g_clear_pointer(&seen->bytes, g_byte_array_unref);
    g_clear_pointer(&seen->reason, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Seen, seen_clear)

static gboolean
on_deadline(gpointer data)
{
    *(bool *)data = true;
    return G_SOURCE_CONTINUE;
}

/* Turns the loop until @condition, at most 5 s. */
#define turn_until(condition)                                                                      \
    do {                                                                                           \
        bool late = false;                                                                         \
        guint timer = g_timeout_add(5000, on_deadline, &late);                                     \
        while (!(condition) && !late) {                                                            \
            g_main_context_iteration(NULL, TRUE);                                                  \
        }                                                                                          \
        g_source_remove(timer);                                                                    \
        assert_true(condition);                                                                    \
    } while (0)

static void
make_pair(Seen seen[2], ZgStream *streams[2])
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        seen[i].bytes = g_byte_array_new();
        streams[i] = zg_stream_new(fds[i], &seen_handlers, &seen[i]);
    }
}

static void
a_large_write_arrives_whole_and_in_order(void **state)
{
    g_auto(Seen) left = {0};
    Seen seen[2] = {{0}, {0}};
    ZgStream *streams[2];
    g_autofree uint8_t *bytes = g_malloc(3000000);

    make_pair(seen, streams);
    for (size_t i = 0; i < 3000000; i++) {
        bytes[i] = (uint8_t)(i * 31 >> 3);
    }
    assert_true(zg_stream_write(streams[0], bytes, 3000000));
    assert_true(zg_stream_queued(streams[0]) > 0);
    turn_until(seen[1].bytes->len == 3000000);
    assert_memory_equal(seen[1].bytes->data, bytes, 3000000);
    turn_until(seen[0].n_drained == 1);
    zg_stream_finish(streams[0], 1000);
    turn_until(seen[1].closed);
    assert_null(seen[1].reason);
    zg_stream_free(streams[0]);
    zg_stream_free(streams[1]);
    seen_clear(&seen[0]);
    seen_clear(&seen[1]);
}

static void
a_peer_that_does_not_read_is_noticed_at_the_limit(void **state)
{
    Seen seen[2] = {{0}, {0}};
    ZgStream *streams[2];
    static uint8_t bytes[1024 * 1024];

    make_pair(seen, streams);
    zg_stream_set_reading(streams[1], false);
    zg_stream_set_queue_limit(streams[0], 2 * sizeof bytes);
    assert_true(zg_stream_write(streams[0], bytes, sizeof bytes));
    assert_true(zg_stream_write(streams[0], bytes, sizeof bytes));
    assert_false(zg_stream_write(streams[0], bytes, sizeof bytes));
    zg_stream_free(streams[0]);
    zg_stream_free(streams[1]);
    seen_clear(&seen[0]);
    seen_clear(&seen[1]);
}

static char *folder; /* certificates of this run */

static char *
in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static int
make_certificates(void **state)
{
    g_autofree char *script = NULL;

    folder = g_dir_make_tmp("zaguan-net-XXXXXX", NULL);
    script = g_strdup_printf(
        "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=ca -keyout ca.key -out ca.pem 2>/dev/null && for who in broker host; do "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$who "
        "-keyout $who.key -out $who.csr 2>/dev/null && printf 'subjectAltName=URI:zaguan:%%s' $who "
        "> ext && openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -days 2 -extfile ext "
        "-out $who.pem 2>/dev/null && cat ca.pem >> $who.pem; done",
        folder);
    return system(script);
}

static int
remove_certificates(void **state)
{
    g_autofree char *command = g_strdup_printf("rm -r '%s'", folder);
    int result = system(command);

    g_free(folder);
    return result;
}

static void
secure_pair(ZgStream *streams[2], const char *expected_of_server)
{
    g_autofree char *ca = in_folder("ca.pem");
    g_autofree char *server_pem = in_folder("broker.pem");
    g_autofree char *server_key = in_folder("broker.key");
    g_autofree char *client_pem = in_folder("host.pem");
    g_autofree char *client_key = in_folder("host.key");
    g_autoptr(SSL_CTX) server = zg_tls_server_context(server_pem, server_key, ca,
                                                      ZG_TLS_CLIENT_CERTIFICATE_REQUIRED, NULL);
    g_autoptr(SSL_CTX) client = zg_tls_client_context(ca, client_pem, client_key, NULL);

    assert_non_null(server);
    assert_non_null(client);
    zg_stream_start_tls(streams[0], server, ZG_STREAM_SERVER, NULL);
    zg_stream_start_tls(streams[1], client, ZG_STREAM_CLIENT, expected_of_server);
}

static void
tls_proves_both_sides_and_carries_bytes(void **state)
{
    Seen seen[2] = {{0}, {0}};
    ZgStream *streams[2];
    g_autofree char *uri = NULL;
    static uint8_t bytes[500000];

    make_pair(seen, streams);
    secure_pair(streams, "zaguan:broker");
    turn_until(seen[0].secured && seen[1].secured);
    uri = zg_tls_peer_uri(zg_stream_ssl(streams[0]));
    assert_string_equal(uri, "zaguan:host");
    assert_true(zg_stream_write(streams[0], bytes, sizeof bytes));
    assert_true(zg_stream_write(streams[1], "hello", 5));
    turn_until(seen[1].bytes->len == sizeof bytes && seen[0].bytes->len == 5);
    zg_stream_finish(streams[1], 1000);
    turn_until(seen[0].closed);
    assert_null(seen[0].reason);
    zg_stream_free(streams[0]);
    zg_stream_free(streams[1]);
    seen_clear(&seen[0]);
    seen_clear(&seen[1]);
}

static void
a_server_with_another_name_is_refused(void **state)
{
    Seen seen[2] = {{0}, {0}};
    ZgStream *streams[2];

    make_pair(seen, streams);
    secure_pair(streams, "zaguan:somebody-else");
    turn_until(seen[1].closed);
    assert_false(seen[1].secured);
    assert_non_null(strstr(seen[1].reason, "zaguan:somebody-else"));
    zg_stream_free(streams[0]);
    zg_stream_free(streams[1]);
    seen_clear(&seen[0]);
    seen_clear(&seen[1]);
}

/* TLS 1.3: a client is done before the server has looked at its certificate. */
static void
a_client_that_writes_after_its_refusal_hears_why(void **state)
{
    Seen seen[2] = {{0}, {0}};
    ZgStream *streams[2];
    g_autofree char *ca = in_folder("ca.pem");
    g_autofree char *pem = in_folder("broker.pem");
    g_autofree char *key = in_folder("broker.key");
    g_autoptr(SSL_CTX) server =
        zg_tls_server_context(pem, key, ca, ZG_TLS_CLIENT_CERTIFICATE_REQUIRED, NULL);
    g_autoptr(SSL_CTX) client = zg_tls_client_context(ca, NULL, NULL, NULL);

    make_pair(seen, streams);
    zg_stream_start_tls(streams[0], server, ZG_STREAM_SERVER, NULL);
    zg_stream_start_tls(streams[1], client, ZG_STREAM_CLIENT, "zaguan:broker");
    turn_until(seen[1].secured);
    zg_stream_set_reading(streams[1], false); /* the alert stays unread */
    turn_until(seen[0].closed);
    zg_stream_free(streams[0]);
    assert_false(zg_stream_write(streams[1], "hello", 5));
    assert_true(seen[1].closed);
    assert_non_null(strstr(seen[1].reason, "certificate required"));
    zg_stream_free(streams[1]);
    seen_clear(&seen[0]);
    seen_clear(&seen[1]);
}

static void
garbage_instead_of_tls_ends_with_a_reason(void **state)
{
    Seen seen[2] = {{0}, {0}};
    ZgStream *streams[2];
    g_autofree char *pem = in_folder("broker.pem");
    g_autofree char *key = in_folder("broker.key");
    g_autoptr(SSL_CTX) server =
        zg_tls_server_context(pem, key, NULL, ZG_TLS_NO_CLIENT_CERTIFICATE, NULL);

    make_pair(seen, streams);
    zg_stream_start_tls(streams[0], server, ZG_STREAM_SERVER, NULL);
    assert_true(zg_stream_write(streams[1], "GET / HTTP/1.1\r\n\r\n", 18));
    turn_until(seen[0].closed);
    assert_non_null(seen[0].reason);
    zg_stream_free(streams[0]);
    zg_stream_free(streams[1]);
    seen_clear(&seen[0]);
    seen_clear(&seen[1]);
}

static void
frames_are_found_whatever_the_cut(void **state)
{
    g_autoptr(json_t) message = json_pack("{s:s, s:i}", "type", "ping", "n", 7);
    g_autoptr(GByteArray) frame = zg_frame_encode(message);

    for (size_t n = 0; n <= frame->len; n++) {
        json_t *got = NULL;
        size_t n_used = 9;

        assert_true(zg_frame_decode(frame->data, n, &n_used, &got, NULL));
        assert_int_equal(got != NULL, n == frame->len);
        assert_int_equal(n_used, n == frame->len ? n : 0);
        g_clear_pointer(&got, json_decref);
    }
}

static void
frames_over_the_limit_or_without_type_are_refused(void **state)
{
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff};
    static const uint8_t empty[] = {0, 0, 0, 0};
    static const uint8_t typeless[] = {0, 0, 0, 2, '{', '}'};
    json_t *got = NULL;
    size_t n_used;
    g_autoptr(GError) error = NULL;

    assert_false(zg_frame_decode(huge, sizeof huge, &n_used, &got, NULL));
    assert_false(zg_frame_decode(empty, sizeof empty, &n_used, &got, NULL));
    assert_false(zg_frame_decode(typeless, sizeof typeless, &n_used, &got, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_PROTOCOL));
}

typedef struct {
    ZgChannel *channel;
    int n_messages;
    bool closed;
} Talker;

static void
talker_message(ZgChannel *channel, const char *type, const json_t *message, void *user)
{
    Talker *talker = user;

    talker->n_messages++;
    if (g_str_equal(type, "bye")) {
        zg_channel_free(channel); /* inside the handler, with more frames waiting */
        talker->channel = NULL;
    }
}

static void
talker_closed(ZgChannel *channel, const GError *error, void *user)
{
    ((Talker *)user)->closed = true;
}

static const ZgChannelHandlers talker_handlers = {
    .on_message = talker_message,
    .on_closed = talker_closed,
};

static void
answers_a_peer_that_is_gone(ZgChannel *channel, const char *type, const json_t *message, void *user)
{
    Talker *talker = user;

    /* This write fails, the owner is told, and frees the channel: inside its own handler. */
    zg_channel_send(channel, json_pack("{s:s}", "type", "answer"));
    assert_null(talker->channel);
    talker->n_messages++;
}

static void
frees_when_closed(ZgChannel *channel, const GError *error, void *user)
{
    Talker *talker = user;

    assert_ptr_equal(channel, talker->channel);
    zg_channel_free(channel);
    talker->channel = NULL;
}

static void
a_channel_may_be_freed_by_a_write_inside_its_handler(void **state)
{
    static const ZgChannelHandlers handlers = {.on_message = answers_a_peer_that_is_gone,
                                               .on_closed = frees_when_closed};
    static const char hi[] = "\0\0\0\x0d{\"type\":\"hi\"}";
    int fds[2];
    Talker talker = {0};

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    talker.channel = zg_channel_new(zg_stream_new(fds[0], &seen_handlers, NULL), &handlers,
                                    &talker);
    assert_int_equal(write(fds[1], hi, sizeof hi - 1), sizeof hi - 1);
    close(fds[1]);
    turn_until(talker.channel == NULL);
    assert_int_equal(talker.n_messages, 1);
}

static void
a_channel_may_be_freed_by_its_own_message(void **state)
{
    int fds[2];
    Talker left = {0};
    Talker right = {0};

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    left.channel = zg_channel_new(zg_stream_new(fds[0], &seen_handlers, NULL), &talker_handlers,
                                  &left);
    right.channel = zg_channel_new(zg_stream_new(fds[1], &seen_handlers, NULL), &talker_handlers,
                                   &right);
    assert_true(zg_channel_send(left.channel, json_pack("{s:s}", "type", "hi")));
    assert_true(zg_channel_send(left.channel, json_pack("{s:s}", "type", "bye")));
    assert_true(zg_channel_send(left.channel, json_pack("{s:s}", "type", "late")));
    turn_until(left.closed);
    assert_int_equal(right.n_messages, 2);
    assert_null(right.channel);
    zg_channel_free(left.channel);
}

typedef struct {
    int n_accepted;
    int n_connected;
} Meeting;

static void
meeting_accept(int fd, const char *peer, void *user)
{
    assert_string_equal(peer, "unix");
    ((Meeting *)user)->n_accepted++;
    close(fd);
}

static void
meeting_connected(int fd, void *user)
{
    ((Meeting *)user)->n_connected++;
    close(fd);
}

static void
dialling_goes_on_until_somebody_listens(void **state)
{
    g_autofree char *path = in_folder("sock");
    g_autofree char *address = g_strdup_printf("unix:%s", path);
    Meeting meeting = {0};
    g_autoptr(ZgDial) dial = zg_dial_new(address, meeting_connected, &meeting, NULL);
    g_autoptr(ZgListener) listener = NULL;

    assert_non_null(dial);
    g_main_context_iteration(NULL, FALSE);
    listener =
        zg_listener_new(zg_unix_listen(path, SOCK_STREAM, 0600, NULL), meeting_accept, &meeting);
    turn_until(meeting.n_connected == 1 && meeting.n_accepted == 1);
    zg_dial_again(dial);
    turn_until(meeting.n_connected == 2 && meeting.n_accepted == 2);
}

static void
addresses_are_checked(void **state)
{
    g_autoptr(GError) error = NULL;

    assert_null(zg_dial_new("tcp:host", meeting_connected, NULL, NULL));
    assert_null(zg_dial_new("tcp:host:70000", meeting_connected, NULL, NULL));
    assert_null(zg_dial_new("unix:", meeting_connected, NULL, NULL));
    assert_null(zg_dial_new("host:1", meeting_connected, NULL, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_write_arrives_whole_and_in_order),
        cmocka_unit_test(a_peer_that_does_not_read_is_noticed_at_the_limit),
        cmocka_unit_test(tls_proves_both_sides_and_carries_bytes),
        cmocka_unit_test(a_server_with_another_name_is_refused),
        cmocka_unit_test(a_client_that_writes_after_its_refusal_hears_why),
        cmocka_unit_test(garbage_instead_of_tls_ends_with_a_reason),
        cmocka_unit_test(frames_are_found_whatever_the_cut),
        cmocka_unit_test(frames_over_the_limit_or_without_type_are_refused),
        cmocka_unit_test(a_channel_may_be_freed_by_its_own_message),
        cmocka_unit_test(a_channel_may_be_freed_by_a_write_inside_its_handler),
        cmocka_unit_test(dialling_goes_on_until_somebody_listens),
        cmocka_unit_test(addresses_are_checked),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
