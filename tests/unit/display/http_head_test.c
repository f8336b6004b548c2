/* SPDX-License-Identifier: GPL-3.0-or-later */
/* display/http_head: what the front lets through to the broker, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "display/http_head.h"

static ZgHttpHead *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    ZgHttpHead *head = NULL;
    size_t n_used;
    int status;

    assert_true(zg_http_parse_request((const uint8_t *)text, strlen(text), &n_used, &head, &status,
                                      &error));
    assert_non_null(head);
    assert_int_equal(n_used, strlen(text));
    return head;
}

static void
assert_refused(const char *text, size_t n_text, int wanted)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgHttpHead) head = NULL;
    size_t n_used;
    int status = 0;

    if (zg_http_parse_request((const uint8_t *)text, n_text, &n_used, &head, &status, &error)) {
        fail_msg("accepted: %s", text);
    }
    assert_null(head);
    assert_non_null(error);
    assert_int_equal(status, wanted);
}

static void
a_request_is_read_byte_by_byte(void **state)
{
    static const char text[] = "POST /api/v1/sign-in?x=1 HTTP/1.1\r\nHost: desk\r\n"
                               "Content-Length: 12\r\nX-A:  b c \r\n\r\nBODY";
    size_t n_head = strlen(text) - 4;

    for (size_t n = 0; n < n_head; n++) {
        g_autoptr(ZgHttpHead) head = NULL;
        size_t n_used;
        int status;

        assert_true(
            zg_http_parse_request((const uint8_t *)text, n, &n_used, &head, &status, NULL));
        assert_null(head);
    }
    {
        g_autoptr(ZgHttpHead) head = NULL;
        size_t n_used;
        int status;

        assert_true(zg_http_parse_request((const uint8_t *)text, strlen(text), &n_used, &head,
                                          &status, NULL));
        assert_int_equal(n_used, n_head);
        assert_string_equal(head->method, "POST");
        assert_string_equal(head->target, "/api/v1/sign-in?x=1");
        assert_int_equal(head->length, 12);
        assert_true(head->keep_alive);
        assert_string_equal(zg_http_find(head, "x-a"), "b c");
        assert_true(zg_http_path_is(head, "/api/v1/sign-in"));
        assert_false(zg_http_path_is(head, "/api/v1/sign-i"));
    }
}

static void
an_absolute_target_is_its_path(void **state)
{
    static const struct {
        const char *target;
        const char *host;
        const char *path;
    } cases[] = {
        {"https://desk:8443/api/v1/me?x=1", "DESK:8443", "/api/v1/me?x=1"},
        {"http://desk", "desk", "/"},
        {"https://desk?x=1", "desk", "/?x=1"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strdup_printf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].target, cases[i].host);
        g_autoptr(ZgHttpHead) head = parse(text);

        assert_string_equal(head->target, cases[i].path);
    }
    assert_refused("GET https:///x HTTP/1.1\r\nHost: a\r\n\r\n",
                   strlen("GET https:///x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    assert_refused("GET https://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n",
                   strlen("GET https://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

static void
what_could_be_read_in_two_ways_is_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\xc3\xb1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", 411},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
    };
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n";

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_refused(cases[i].text, strlen(cases[i].text), cases[i].status);
    }
    assert_refused(nul, sizeof nul - 1, 400);
}

static void
a_head_over_the_limit_is_refused(void **state)
{
    g_autofree char *value = g_strnfill(ZG_LIMIT_HTTP_HEAD_BYTES, 'x');
    g_autofree char *text = g_strdup_printf("GET / HTTP/1.1\r\nHost: a\r\nA: %s\r\n\r\n", value);
    g_autoptr(GString) many = g_string_new("GET / HTTP/1.1\r\nHost: a\r\n");

    assert_refused(text, strlen(text), 431);
    for (int i = 0; i < ZG_HTTP_FIELDS_MAX; i++) {
        g_string_append(many, "A: b\r\n");
    }
    g_string_append(many, "\r\n");
    assert_refused(many->str, many->len, 431);
}

static void
the_broker_gets_no_field_that_a_client_may_not_set(void **state)
{
    g_autoptr(ZgHttpHead) head =
        parse("PUT /a?b HTTP/1.1\r\nHost: desk\r\nX-Zaguan-Peer: 6.6.6.6\r\nx-ZAGUAN-other: 1\r\n"
              "Connection: keep-alive, X-Hop, Host\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: a\r\n"
              "Upgrade: h2c\r\nContent-Length: 003\r\nCookie: zaguan=1\r\n\r\n");
    g_autoptr(GByteArray) out = g_byte_array_new();

    zg_http_write_upstream(head, "192.0.2.7", out);
    g_byte_array_append(out, (const guint8 *)"", 1);
    assert_string_equal((const char *)out->data,
                        "PUT /a?b HTTP/1.1\r\nHost: desk\r\nCookie: zaguan=1\r\n"
                        "Content-Length: 3\r\nX-Zaguan-Peer: 192.0.2.7\r\n"
                        "Connection: close\r\n\r\n");
}

static void
a_response_is_passed_on_with_our_own_connection_field(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nSet-Cookie: a\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgHttpHead) head = NULL;
    size_t n_used;

    assert_true(
        zg_http_parse_response((const uint8_t *)text, sizeof text - 1, &n_used, &head, NULL));
    assert_int_equal(head->status, 200);
    assert_true(head->chunked);
    zg_http_write_downstream(head, true, out);
    g_byte_array_append(out, (const guint8 *)"", 1);
    assert_string_equal((const char *)out->data,
                        "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nTransfer-Encoding: chunked\r\n"
                        "Connection: keep-alive\r\n\r\n");
}

static void
a_response_with_two_framings_is_not_trusted(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 99 No\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(ZgHttpHead) head = NULL;
        g_autoptr(GError) error = NULL;
        size_t n_used;

        assert_false(zg_http_parse_response((const uint8_t *)texts[i], strlen(texts[i]), &n_used,
                                            &head, &error));
        assert_null(head);
    }
}

static void
the_end_of_chunks_is_found_wherever_they_are_cut(void **state)
{
    static const char text[] = "5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n"
                               "0\r\nTrailer: 1\r\n\r\nNEXT";
    size_t n_body = sizeof text - 1 - 4;

    for (size_t cut = 0; cut <= n_body; cut++) {
        ZgHttpChunks chunks = {0};
        size_t n_used, n_more;
        bool last;

        assert_true(
            zg_http_chunks_feed(&chunks, (const uint8_t *)text, cut, &n_used, &last));
        assert_int_equal(n_used, cut);
        if (cut < n_body) {
            assert_false(last);
            assert_true(zg_http_chunks_feed(&chunks, (const uint8_t *)text + cut,
                                            sizeof text - 1 - cut, &n_more, &last));
            assert_int_equal(n_used + n_more, n_body);
        }
        assert_true(last);
    }
}

static void
broken_chunks_are_noticed(void **state)
{
    static const char *const texts[] = {"x\r\n", "\r\n", "1\r\nab", "1\n", "11111111111111111111"};

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        ZgHttpChunks chunks = {0};
        size_t n_used;
        bool last;

        assert_false(zg_http_chunks_feed(&chunks, (const uint8_t *)texts[i], strlen(texts[i]),
                                         &n_used, &last));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_byte_by_byte),
        cmocka_unit_test(an_absolute_target_is_its_path),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(a_head_over_the_limit_is_refused),
        cmocka_unit_test(the_broker_gets_no_field_that_a_client_may_not_set),
        cmocka_unit_test(a_response_is_passed_on_with_our_own_connection_field),
        cmocka_unit_test(a_response_with_two_framings_is_not_trusted),
        cmocka_unit_test(the_end_of_chunks_is_found_wherever_they_are_cut),
        cmocka_unit_test(broken_chunks_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
