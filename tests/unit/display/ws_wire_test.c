/* SPDX-License-Identifier: GPL-3.0-or-later */
/* display/ws_wire: RFC 6455 as a server of binary messages speaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "display/ws_wire.h"

/* One client frame: masked with 1,2,3,4. */
static void
add_frame(GByteArray *out, uint8_t first, const void *payload, size_t n)
{
    static const uint8_t mask[] = {1, 2, 3, 4};
    uint8_t head[14] = {first, 0x80};
    size_t n_head = 2;

    if (n < 126) {
        head[1] |= (uint8_t)n;
    } else {
        head[1] |= 126;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        n_head = 4;
    }
    g_byte_array_append(out, head, (guint)n_head);
    g_byte_array_append(out, mask, sizeof mask);
    for (size_t i = 0; i < n; i++) {
        guint8 byte = ((const uint8_t *)payload)[i] ^ mask[i & 3];

        g_byte_array_append(out, &byte, 1);
    }
}

/* Feeds everything in pieces of @piece bytes; data is collected, the last other event returned. */
static ZgWsEvent
feed(ZgWs *ws, const GByteArray *in, size_t piece, GByteArray *data, unsigned *n_messages)
{
    g_autofree uint8_t *copy = g_memdup2(in->data, in->len);
    ZgWsEvent last = {0};
    size_t at = 0;

    *n_messages = 0;
    while (at < in->len) {
        size_t n_used;
        ZgWsEvent event = zg_ws_feed(ws, copy + at, MIN(piece, in->len - at), &n_used);

        assert_in_range(n_used, 1, piece);
        at += n_used;
        if (event.kind == ZG_WS_EVENT_DATA) {
            g_byte_array_append(data, event.bytes, (guint)event.n_bytes);
            *n_messages += event.message_end;
        } else if (event.kind != ZG_WS_EVENT_NONE) {
            last = event;
            if (event.kind == ZG_WS_EVENT_BROKEN) {
                break;
            }
        }
    }
    return last;
}

static void
messages_come_whole_however_they_are_cut(void **state)
{
    g_autofree char *big = g_strnfill(70000 - 4096, 'b');

    for (size_t piece = 1; piece < 40; piece += 3) {
        g_autoptr(GByteArray) in = g_byte_array_new();
        g_autoptr(GByteArray) data = g_byte_array_new();
        unsigned n_messages;
        ZgWs ws = {0};
        ZgWsEvent event;

        add_frame(in, 0x82, "hello", 5);
        add_frame(in, 0x02, "frag", 4); /* in three pieces with a ping between */
        add_frame(in, 0x00, "ment", 4);
        add_frame(in, 0x89, "beat", 4);
        add_frame(in, 0x80, "ed", 2);
        add_frame(in, 0x82, "", 0);
        add_frame(in, 0x82, big, 300);
        event = feed(&ws, in, piece, data, &n_messages);
        assert_int_equal(event.kind, ZG_WS_EVENT_PING);
        assert_memory_equal(ws.control, "beat", 4);
        assert_int_equal(n_messages, 4);
        assert_int_equal(data->len, 5 + 10 + 300);
        assert_memory_equal(data->data, "hellofragmented", 15);
    }
}

static void
assert_broken(const uint8_t *bytes, size_t n, int code)
{
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autoptr(GByteArray) data = g_byte_array_new();
    unsigned n_messages;
    ZgWs ws = {0};
    ZgWsEvent event;
    size_t n_used;
    uint8_t more = 0;

    g_byte_array_append(in, bytes, (guint)n);
    event = feed(&ws, in, n, data, &n_messages);
    assert_int_equal(event.kind, ZG_WS_EVENT_BROKEN);
    assert_int_equal(event.code, code);
    assert_non_null(event.text);
    assert_int_equal(zg_ws_feed(&ws, &more, 1, &n_used).kind, ZG_WS_EVENT_BROKEN);
}

static void
what_the_rfc_forbids_breaks_the_stream(void **state)
{
#define BROKEN(code, ...) assert_broken((const uint8_t[]){__VA_ARGS__}, \
                                        sizeof((const uint8_t[]){__VA_ARGS__}), code)
    BROKEN(1002, 0x82, 0x01, 'x');                                /* not masked */
    BROKEN(1002, 0xc2, 0x80, 0, 0, 0, 0);                         /* reserved bit */
    BROKEN(1002, 0x83, 0x80, 0, 0, 0, 0);                         /* unknown opcode */
    BROKEN(1002, 0x80, 0x80, 0, 0, 0, 0);                         /* continues nothing */
    BROKEN(1002, 0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0); /* message in a message */
    BROKEN(1003, 0x81, 0x80, 0, 0, 0, 0);                         /* text */
    BROKEN(1002, 0x09, 0x80, 0, 0, 0, 0);                         /* fragmented ping */
    BROKEN(1002, 0x89, 0xfe, 0, 126, 0, 0, 0, 0);                 /* long ping */
    BROKEN(1002, 0x82, 0xfe, 0, 125, 0, 0, 0, 0);                 /* length not shortest */
    BROKEN(1002, 0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0);
    BROKEN(1009, 0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* far too long */
    BROKEN(1002, 0x88, 0x81, 0, 0, 0, 0, 3);                         /* half a close code */
    BROKEN(1002, 0x88, 0x82, 0, 0, 0, 0, 3, 0xed);                   /* 1005 on the wire */
    BROKEN(1007, 0x88, 0x83, 0, 0, 0, 0, 3, 0xe8, 0xff);             /* reason not text */
#undef BROKEN
}

static void
a_close_tells_its_code(void **state)
{
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autoptr(GByteArray) data = g_byte_array_new();
    unsigned n_messages;
    ZgWs ws = {0};
    ZgWsEvent event;

    add_frame(in, 0x88, "\x03\xe9" "bye", 5);
    event = feed(&ws, in, 3, data, &n_messages);
    assert_int_equal(event.kind, ZG_WS_EVENT_CLOSE);
    assert_int_equal(event.code, 1001);
    in->len = 0;
    add_frame(in, 0x88, "", 0);
    ws = (ZgWs){0};
    assert_int_equal(feed(&ws, in, 100, data, &n_messages).code, 1005);
}

static void
headers_use_the_shortest_length(void **state)
{
    uint8_t head[ZG_WS_HEADER_MAX];

    assert_int_equal(zg_ws_header(ZG_WS_BINARY, 125, head), 2);
    assert_int_equal(head[0], 0x82);
    assert_int_equal(head[1], 125);
    assert_int_equal(zg_ws_header(ZG_WS_BINARY, 126, head), 4);
    assert_int_equal(zg_ws_header(ZG_WS_BINARY, 65535, head), 4);
    assert_int_equal(zg_ws_header(ZG_WS_BINARY, 65536, head), 10);
    assert_memory_equal(head + 1, ((uint8_t[]){127, 0, 0, 0, 0, 0, 1, 0, 0}), 9);
}

static void
a_long_close_reason_is_cut_at_a_whole_character(void **state)
{
    g_autoptr(GString) reason = g_string_new("a");
    g_autoptr(GByteArray) out = g_byte_array_new();

    for (int i = 0; i < 100; i++) {
        g_string_append(reason, "ñ");
    }
    zg_ws_write_close(4402, reason->str, out);
    assert_in_range(out->data[1], 120, 125);
    assert_int_equal(out->data[2] << 8 | out->data[3], 4402);
    assert_true(g_utf8_validate((const char *)out->data + 4, out->len - 4, NULL));
}

static ZgHttpHead *
parse(const char *text)
{
    ZgHttpHead *head = NULL;
    size_t n_used;
    int status;

    assert_true(zg_http_parse_request((const uint8_t *)text, strlen(text), &n_used, &head, &status,
                                      NULL));
    return head;
}

#define HANDSHAKE(version, key, connection) \
    "GET /console HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: " connection "\r\n" \
    "Sec-WebSocket-Key: " key "\r\nSec-WebSocket-Version: " version "\r\n" \
    "Sec-WebSocket-Protocol: chat, binary\r\n\r\n"

static void
the_handshake_of_the_rfc_is_answered(void **state)
{
    g_autoptr(ZgHttpHead) head =
        parse(HANDSHAKE("13", "dGhlIHNhbXBsZSBub25jZQ==", "keep-alive, Upgrade"));
    g_autoptr(GByteArray) out = g_byte_array_new();
    int status;

    assert_true(zg_ws_handshake(head, out, &status, NULL));
    g_byte_array_append(out, (const guint8 *)"", 1);
    assert_non_null(strstr((const char *)out->data, "HTTP/1.1 101 "));
    assert_non_null(
        strstr((const char *)out->data, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr((const char *)out->data, "Sec-WebSocket-Protocol: binary\r\n"));
}

static void
other_handshakes_are_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {HANDSHAKE("8", "dGhlIHNhbXBsZSBub25jZQ==", "Upgrade"), 426},
        {HANDSHAKE("13", "short==", "Upgrade"), 400},
        {HANDSHAKE("13", "dGhlIHNhbXBsZSBub25jZQ==", "keep-alive"), 400},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(ZgHttpHead) head = parse(cases[i].text);
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        int status;

        assert_false(zg_ws_handshake(head, out, &status, &error));
        assert_int_equal(status, cases[i].status);
        assert_int_equal(out->len, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_whole_however_they_are_cut),
        cmocka_unit_test(what_the_rfc_forbids_breaks_the_stream),
        cmocka_unit_test(a_close_tells_its_code),
        cmocka_unit_test(headers_use_the_shortest_length),
        cmocka_unit_test(a_long_close_reason_is_cut_at_a_whole_character),
        cmocka_unit_test(the_handshake_of_the_rfc_is_answered),
        cmocka_unit_test(other_handshakes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
