/* SPDX-License-Identifier: GPL-3.0-or-later */
/* display/vencrypt: the security phase on port 5900. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/limits.h"
#include "display/vencrypt.h"

#define BEFORE_TLS "RFB 003.008\n\x13\x00\x02\x00\x00\x01\x06"
#define N_BEFORE_TLS (sizeof BEFORE_TLS - 1)

static ZgVencryptStep
feed(ZgVencrypt *vencrypt, const void *bytes, size_t n_bytes, GByteArray *out)
{
    size_t n_used;
    ZgVencryptStep step = zg_vencrypt_feed(vencrypt, bytes, n_bytes, &n_used, out);

    assert_true(n_used <= n_bytes);
    return step;
}

static ZgVencrypt *
up_to_tls(GByteArray *out)
{
    ZgVencrypt *vencrypt = zg_vencrypt_new(out);

    assert_int_equal(feed(vencrypt, BEFORE_TLS, N_BEFORE_TLS, out), ZG_VENCRYPT_START_TLS);
    g_byte_array_set_size(out, 0);
    return vencrypt;
}

static void
a_viewer_gets_through_byte_by_byte(void **state)
{
    static const char login[] = "\0\0\0\3\0\0\0\5"
                                "anas\xc3\xb1p1X";
    static const char server[] = "RFB 003.008\n\x01\x13\0\2\0\1\0\0\1\6\1";
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgVencrypt) vencrypt = zg_vencrypt_new(out);
    ZgVencryptStep step = ZG_VENCRYPT_MORE;

    for (size_t i = 0; i < N_BEFORE_TLS; i++) {
        assert_int_equal(step, ZG_VENCRYPT_MORE);
        step = feed(vencrypt, &BEFORE_TLS[i], 1, out);
    }
    assert_int_equal(step, ZG_VENCRYPT_START_TLS);
    assert_int_equal(out->len, sizeof server - 1);
    assert_memory_equal(out->data, server, sizeof server - 1);
    g_byte_array_set_size(out, 0);
    for (size_t i = 0; i < sizeof login - 2; i++) {
        step = feed(vencrypt, login + i, 1, out);
        assert_int_equal(step, i + 3 < sizeof login ? ZG_VENCRYPT_MORE : ZG_VENCRYPT_CREDENTIALS);
    }
    assert_string_equal(zg_vencrypt_user(vencrypt), "ana");
    assert_string_equal(zg_secret_text(zg_vencrypt_password(vencrypt)), "s\xc3\xb1p1");
    zg_vencrypt_accept(vencrypt, out);
    assert_int_equal(out->len, 4);
    assert_memory_equal(out->data, "\0\0\0\0", 4);
}

static void
what_follows_the_password_is_left_to_the_caller(void **state)
{
    static const char login[] = "\0\0\0\1\0\0\0\1"
                                "abX";
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgVencrypt) vencrypt = up_to_tls(out);
    size_t n_used;

    assert_int_equal(
        zg_vencrypt_feed(vencrypt, (const uint8_t *)login, sizeof login - 1, &n_used, out),
        ZG_VENCRYPT_CREDENTIALS);
    assert_int_equal(n_used, sizeof login - 2);
}

static void
clear_text_behind_the_start_of_tls_is_refused(void **state)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgVencrypt) vencrypt = zg_vencrypt_new(out);

    assert_int_equal(feed(vencrypt, BEFORE_TLS "x", N_BEFORE_TLS + 1, out), ZG_VENCRYPT_BROKEN);
    assert_non_null(strstr(zg_vencrypt_why(vencrypt), "clear text"));
}

static void
old_viewers_are_told_why(void **state)
{
    static const char *const versions[] = {"RFB 003.003\n", "RFB 003.007\n"};

    for (int i = 0; i < 2; i++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_autoptr(ZgVencrypt) vencrypt = zg_vencrypt_new(out);

        assert_int_equal(feed(vencrypt, versions[i], 12, out), ZG_VENCRYPT_BROKEN);
        g_byte_array_append(out, (const guint8 *)"", 1);
        assert_non_null(strstr((const char *)out->data + 12 + (i == 0 ? 8 : 5), "RFB 3.8"));
    }
}

static void
anything_else_ends_the_handshake(void **state)
{
    static const struct {
        const char *bytes;
        size_t n_bytes;
    } cases[] = {
        {"GET / HTTP/1.1", 12},
        {"RFB 004.001\n", 12},
        {"RFB 003.008\n\x01", 13},                 /* None was not offered */
        {"RFB 003.008\n\x13\0\1", 15},             /* VeNCrypt 0.1 */
        {"RFB 003.008\n\x13\0\2\0\0\1\0", 19},     /* TLSNone */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_autoptr(ZgVencrypt) vencrypt = zg_vencrypt_new(out);

        assert_int_equal(feed(vencrypt, cases[i].bytes, cases[i].n_bytes, out),
                         ZG_VENCRYPT_BROKEN);
        assert_int_equal(feed(vencrypt, "x", 1, out), ZG_VENCRYPT_BROKEN);
    }
}

static void
credentials_are_bounded(void **state)
{
    static const struct {
        const char *bytes;
        size_t n_bytes;
    } cases[] = {
        {"\0\0\1\1\0\0\0\1", 8},     /* user of 257 */
        {"\0\0\0\1\0\0\4\1", 8},     /* password of 1025 */
        {"\xff\xff\xff\xff\0\0\0\1", 8},
        {"\0\0\0\2\0\0\0\1a\0", 10}, /* NUL in the name */
        {"\0\0\0\1\0\0\0\1\xff", 9}, /* not UTF-8 */
        {"\0\0\0\1\0\0\0\2ab\0", 11},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_autoptr(ZgVencrypt) vencrypt = up_to_tls(out);

        assert_int_equal(feed(vencrypt, cases[i].bytes, cases[i].n_bytes, out),
                         ZG_VENCRYPT_BROKEN);
        assert_memory_equal(out->data, "\0\0\0\1", 4); /* and a reason follows */
        assert_true(out->len > 8);
    }
}

static void
empty_credentials_are_for_the_caller_to_refuse(void **state)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(ZgVencrypt) vencrypt = up_to_tls(out);

    assert_int_equal(feed(vencrypt, "\0\0\0\0\0\0\0\0", 8, out), ZG_VENCRYPT_CREDENTIALS);
    assert_string_equal(zg_vencrypt_user(vencrypt), "");
    assert_int_equal(zg_vencrypt_password(vencrypt)->n_bytes, 0);
    zg_vencrypt_refuse(vencrypt, "no", out);
    assert_memory_equal(out->data, "\0\0\0\1\0\0\0\2no", 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_viewer_gets_through_byte_by_byte),
        cmocka_unit_test(what_follows_the_password_is_left_to_the_caller),
        cmocka_unit_test(clear_text_behind_the_start_of_tls_is_refused),
        cmocka_unit_test(old_viewers_are_told_why),
        cmocka_unit_test(anything_else_ends_the_handshake),
        cmocka_unit_test(credentials_are_bounded),
        cmocka_unit_test(empty_credentials_are_for_the_caller_to_refuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
