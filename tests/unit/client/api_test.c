/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client/api: WebSocket frames, server-sent events, problems and addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "client/api/broker_client.h"
#include "client/api/secure.h"
#include "client/api/sse.h"
#include "client/api/ws_frame.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static void
a_frame_is_masked_and_has_the_shortest_length(void **state)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    static const uint8_t expected[] = {0x82, 0x83, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3};
    static const uint8_t zeros[70000];
    g_autoptr(GByteArray) out = g_byte_array_new();

    zg_ws_frame(out, ZG_WS_BINARY, "abc", 3, mask);
    assert_int_equal(out->len, sizeof expected);
    assert_memory_equal(out->data, expected, sizeof expected);
    g_byte_array_set_size(out, 0);
    zg_ws_frame(out, ZG_WS_BINARY, zeros, 126, mask);
    assert_int_equal(out->data[1], 0x80 | 126);
    assert_int_equal(out->len, 126 + 8);
    g_byte_array_set_size(out, 0);
    zg_ws_frame(out, ZG_WS_BINARY, zeros, sizeof zeros, mask);
    assert_int_equal(out->data[1], 0x80 | 127);
    assert_int_equal(out->len, sizeof zeros + 14);
}

static void
messages_are_read_from_bytes_cut_anywhere(void **state)
{
    static const uint8_t bytes[] = {0x82, 3, 'a', 'b', 'c', 0x89, 1, 'p', 0x01, 2, 'h', 'e', 0x80,
                                    3,    'l', 'l', 'o', 0x88, 4, 0x11, 0x31, 'n', 'o'};
    static const struct {
        ZgWsKind kind;
        const char *text;
    } expected[] = {{ZG_WS_BINARY, "abc"}, {ZG_WS_PING, "p"}, {ZG_WS_TEXT, "hello"},
                    {ZG_WS_CLOSE, "no"}};
    g_autoptr(ZgWsReader) reader = zg_ws_reader_new();
    size_t n_found = 0;

    for (size_t i = 0; i < sizeof bytes; i++) {
        ZgWsMessage message;

        zg_ws_reader_push(reader, bytes + i, 1);
        while (zg_ws_reader_next(reader, &message, NULL) == 1) {
            assert_int_equal(message.kind, expected[n_found].kind);
            assert_int_equal(message.n_bytes, strlen(expected[n_found].text));
            assert_memory_equal(message.bytes, expected[n_found].text, message.n_bytes);
            if (message.kind == ZG_WS_CLOSE) {
                assert_int_equal(message.close_code, 4401);
            }
            n_found++;
        }
    }
    assert_int_equal(n_found, G_N_ELEMENTS(expected));
}

static void
assert_broken(const uint8_t *bytes, size_t n_bytes, int code)
{
    g_autoptr(ZgWsReader) reader = zg_ws_reader_new();
    g_autoptr(GError) error = NULL;
    ZgWsMessage message;

    zg_ws_reader_push(reader, bytes, n_bytes);
    assert_int_equal(zg_ws_reader_next(reader, &message, &error), -1);
    assert_int_equal(error->code, code);
    assert_int_equal(zg_ws_reader_next(reader, &message, NULL), 0);
}

static void
broken_frames_end_the_channel(void **state)
{
    assert_broken((const uint8_t[]){0x82, 0x81, 0, 0, 0, 0, 'a'}, 7, ZG_ERROR_PROTOCOL);
    assert_broken((const uint8_t[]){0xc2, 0}, 2, ZG_ERROR_PROTOCOL);
    assert_broken((const uint8_t[]){0x83, 0}, 2, ZG_ERROR_PROTOCOL);
    assert_broken((const uint8_t[]){0x09, 0}, 2, ZG_ERROR_PROTOCOL);
    assert_broken((const uint8_t[]){0x89, 126, 0, 126}, 4, ZG_ERROR_PROTOCOL);
    assert_broken((const uint8_t[]){0x80, 1, 'a'}, 3, ZG_ERROR_PROTOCOL);
    assert_broken((const uint8_t[]){0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 10,
                  ZG_ERROR_TOO_LARGE);
}

static void
the_answer_must_prove_that_it_read_the_key(void **state)
{
    static const char key[] = "dGhlIHNhbXBsZSBub25jZQ=="; /* RFC 6455, 1.3 */
    static const char good[] = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                               "sec-websocket-protocol: binary\r\n\r\n";
    g_autoptr(GError) error = NULL;

    assert_true(zg_ws_check_answer(good, key, NULL));
    assert_false(zg_ws_check_answer(good, "AAAAAAAAAAAAAAAAAAAAAA==", NULL));
    assert_false(zg_ws_check_answer("HTTP/1.1 200 OK\r\n\r\n", key, NULL));
    assert_false(zg_ws_check_answer("HTTP/1.1 403 No\r\n\r\n", key, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_DENIED));
}

static bool
collect(const char *kind, const char *data, const char *id, void *user)
{
    g_string_append_printf(user, "%s|%s|%s;", kind, data, id);
    return strcmp(data, "stop") != 0;
}

static void
events_are_read_from_bytes_cut_anywhere(void **state)
{
    static const char bytes[] = ": hello\n\nid: 7\nevent: pool\ndata: {\"a\":1}\r\n\r\n"
                                "data: x\ndata:y\nignored: z\n\nevent: none\n\n";
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(ZgSse) sse = zg_sse_new(collect, out);

    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        assert_true(zg_sse_feed(sse, bytes + i, 1, NULL));
    }
    assert_string_equal(out->str, "pool|{\"a\":1}|7;message|x\ny|7;");
    assert_string_equal(zg_sse_last_id(sse), "7");
    assert_false(zg_sse_feed(sse, "data: stop\n\n", 12, NULL));
}

static void
an_endless_event_is_refused(void **state)
{
    g_autofree char *much = g_strnfill(700000, 'a');
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(ZgSse) sse = zg_sse_new(collect, out);
    g_autoptr(GError) error = NULL;

    assert_true(zg_sse_feed(sse, much, 700000, NULL));
    assert_false(zg_sse_feed(sse, much, 700000, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_TOO_LARGE));
}

static void
a_problem_becomes_an_error_with_hint_and_trace(void **state)
{
    g_autoptr(json_t) problem = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}]}", "title", "Wrong", "detail", "pool 'a' is full",
        "code", "conflict", "hint", "make it larger", "trace_id", "abc", "errors", "field", "max",
        "message", "too small");
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) bare = NULL;

    zg_problem_to_error(409, problem, &error);
    assert_string_equal(error->message, "pool 'a' is full\n  max: too small\n"
                                        "hint: make it larger\ntrace: abc");
    assert_int_equal(error->code, ZG_ERROR_CONFLICT);
    zg_problem_to_error(503, NULL, &bare);
    assert_int_equal(bare->code, ZG_ERROR_UNAVAILABLE);
}

static void
addresses_are_https_and_nothing_more(void **state)
{
    g_autofree char *host = NULL;
    unsigned port = 0;
    g_autoptr(ZgBrokerClient) client = zg_broker_client_new("https://[::1]:8443/", NULL, NULL);

    assert_non_null(client);
    assert_true(zg_secure_split("https://[2001:db8::1]:8443", &host, &port, NULL));
    assert_string_equal(host, "2001:db8::1");
    assert_int_equal(port, 8443);
    assert_null(zg_broker_client_new("http://h", NULL, NULL));
    assert_null(zg_broker_client_new("https://h/path", NULL, NULL));
    assert_null(zg_broker_client_new("https://user@h", NULL, NULL));
    assert_null(zg_broker_client_new("https://", NULL, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_masked_and_has_the_shortest_length),
        cmocka_unit_test(messages_are_read_from_bytes_cut_anywhere),
        cmocka_unit_test(broken_frames_end_the_channel),
        cmocka_unit_test(the_answer_must_prove_that_it_read_the_key),
        cmocka_unit_test(events_are_read_from_bytes_cut_anywhere),
        cmocka_unit_test(an_endless_event_is_refused),
        cmocka_unit_test(a_problem_becomes_an_error_with_hint_and_trace),
        cmocka_unit_test(addresses_are_https_and_nothing_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
