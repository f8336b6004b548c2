/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest's side of docs/protocol/session.md. */
#include "hostd/guest/session/session_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SEED "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define MACHINE_ID "0123456789abcdef0123456789abcdef"

static bool
parse(const char *line, ZgGuestMessage *message, const char **why)
{
    return zg_guest_parse(line, strlen(line), message, why);
}

static void
assert_refused(const char *line, const char *part_of_why)
{
    ZgGuestMessage message;
    const char *why = NULL;

    assert_false(parse(line, &message, &why));
    assert_non_null(why);
    if (strstr(why, part_of_why) == NULL) {
        fail_msg("%s: said '%s', not '%s'", line, why, part_of_why);
    }
}

static void
every_message_of_the_protocol_is_read(void **state)
{
    ZgGuestMessage m;
    const char *why = NULL;

    assert_true(parse("{\"type\":\"hello\",\"version\":1}", &m, &why));
    assert_int_equal(m.kind, ZG_GUEST_HELLO);
    assert_int_equal(m.version, 1);

    assert_true(
        parse("{\"type\":\"identity\",\"host_name\":\"clone-07\",\"machine_id\":\"" MACHINE_ID
              "\",\"seed\":\"" SEED "\",\"ssh_host_keys\":true}",
              &m, &why));
    assert_int_equal(m.kind, ZG_GUEST_IDENTITY);
    assert_string_equal(m.identity.host_name, "clone-07");
    assert_string_equal(m.identity.machine_id, MACHINE_ID);
    assert_int_equal(m.identity.seed[1], 0x11);
    assert_int_equal(m.identity.seed[31], 0xff);
    assert_true(m.identity.ssh_host_keys);

    assert_true(parse(
        "{\"type\":\"sign_on\",\"user\":\"María\",\"unix_name\":\"maria-3fa\",\"uid\":20001,"
        "\"full_name\":\"María Núñez\",\"locale\":\"es_ES.UTF-8\",\"keyboard\":\"es:nodeadkeys\","
        "\"time_zone\":\"America/Argentina/Buenos_Aires\"}",
        &m, &why));
    assert_int_equal(m.kind, ZG_GUEST_SIGN_ON);
    assert_string_equal(m.sign_on.unix_name, "maria-3fa");
    assert_int_equal(m.sign_on.uid, 20001);
    assert_string_equal(m.sign_on.full_name, "María Núñez");
    assert_string_equal(m.sign_on.keyboard, "es:nodeadkeys");
    assert_string_equal(m.sign_on.time_zone, "America/Argentina/Buenos_Aires");

    assert_true(parse("{\"type\":\"sign_off\",\"grace_ms\":5000}", &m, &why));
    assert_int_equal(m.grace_ms, 5000);
    assert_true(parse("{\"type\":\"ping\",\"n\":-9}", &m, &why));
    assert_int_equal(m.n, -9);
}

static void
what_sign_on_may_leave_out_is_empty(void **state)
{
    ZgGuestMessage m;
    const char *why = NULL;

    assert_true(parse(
        "{\"type\":\"sign_on\",\"unix_name\":\"ana\",\"uid\":1000,\"locale\":null,\"more\":[1]}",
        &m, &why));
    assert_string_equal(m.sign_on.full_name, "");
    assert_string_equal(m.sign_on.locale, "");
    assert_string_equal(m.sign_on.keyboard, "");
    assert_string_equal(m.sign_on.time_zone, "");
}

static void
nobody_becomes_root_or_a_system_account(void **state)
{
    assert_refused("{\"type\":\"sign_on\",\"unix_name\":\"ana\",\"uid\":0}", "uid");
    assert_refused("{\"type\":\"sign_on\",\"unix_name\":\"ana\",\"uid\":999}", "uid");
    assert_refused("{\"type\":\"sign_on\",\"unix_name\":\"ana\",\"uid\":65534}", "uid");
    assert_refused("{\"type\":\"sign_on\",\"unix_name\":\"ana\",\"uid\":4294967296}", "uid");
    assert_refused("{\"type\":\"sign_on\",\"unix_name\":\"ana\",\"uid\":\"1000\"}", "uid");
}

static void
names_that_could_leave_their_place_are_refused(void **state)
{
#define SIGN_ON(rest) "{\"type\":\"sign_on\",\"uid\":20000," rest "}"
    assert_refused(SIGN_ON("\"unix_name\":\"\""), "unix_name");
    assert_refused(SIGN_ON("\"unix_name\":\"-rf\""), "unix_name");
    assert_refused(SIGN_ON("\"unix_name\":\"../etc\""), "unix_name");
    assert_refused(SIGN_ON("\"unix_name\":\"a b\""), "unix_name");
    assert_refused(SIGN_ON("\"unix_name\":\"a\\u0000b\""), "JSON");
    assert_refused(SIGN_ON("\"unix_name\":\"abcdefghijabcdefghijabcdefghijabc\""), "unix_name");
    assert_refused(SIGN_ON("\"unix_name\":\"ana\",\"full_name\":\"a:0:0\""), "full_name");
    assert_refused(SIGN_ON("\"unix_name\":\"ana\",\"full_name\":\"a\\nroot\""), "full_name");
    assert_refused(SIGN_ON("\"unix_name\":\"ana\",\"time_zone\":\"../../etc/shadow\""),
                   "time_zone");
    assert_refused(SIGN_ON("\"unix_name\":\"ana\",\"time_zone\":\"/etc/shadow\""), "time_zone");
    assert_refused(SIGN_ON("\"unix_name\":\"ana\",\"keyboard\":\"es\\\"; rm\""), "keyboard");
    assert_refused(SIGN_ON("\"unix_name\":\"ana\",\"keyboard\":\"es:a:b\""), "keyboard");
    assert_refused(SIGN_ON("\"unix_name\":\"ana\",\"keyboard\":\"-print\""), "keyboard");
    assert_refused(SIGN_ON("\"unix_name\":\"ana\",\"locale\":\"es_ES/../x\""), "locale");
}

static void
a_bad_identity_is_refused_by_the_name_of_its_part(void **state)
{
#define IDENTITY(host, id, seed)                                                                   \
    "{\"type\":\"identity\",\"host_name\":\"" host "\",\"machine_id\":\"" id "\",\"seed\":\"" seed \
    "\"}"
    assert_refused(IDENTITY("a.b", MACHINE_ID, SEED), "host_name");
    assert_refused(IDENTITY("a-", MACHINE_ID, SEED), "host_name");
    assert_refused(IDENTITY("", MACHINE_ID, SEED), "host_name");
    assert_refused(IDENTITY("a", "0123", SEED), "machine_id");
    assert_refused(IDENTITY("a", MACHINE_ID, "00"), "seed");
    assert_refused(IDENTITY("a", MACHINE_ID, SEED "00"), "seed");
}

static void
what_is_not_a_message_is_refused(void **state)
{
    assert_refused("", "JSON");
    assert_refused("[]", "object");
    assert_refused("{}", "type");
    assert_refused("{\"type\":\"reboot\"}", "unknown");
    assert_refused("{\"type\":\"ping\",\"n\":1,\"n\":2}", "JSON");
    assert_refused("{\"type\":\"sign_off\",\"grace_ms\":60001}", "grace_ms");
    assert_refused("{\"type\":\"hello\"}", "version");
}

/* Feeds text in pieces; counts what came out. */
static void
feed(ZgGuestLines *lines, const char *data, size_t n, size_t piece, int *n_messages, int *n_bad)
{
    while (n > 0) {
        ZgGuestMessage message;
        const char *why = NULL;
        size_t n_now = n < piece ? n : piece, n_used = 0;
        ZgGuestStep step = zg_guest_lines_next(lines, data, n_now, &n_used, &message, &why);

        *n_messages += step == ZG_GUEST_STEP_MESSAGE;
        *n_bad += step == ZG_GUEST_STEP_BAD;
        assert_true(n_used <= n_now && (n_used > 0 || step == ZG_GUEST_STEP_MORE));
        data += n_used;
        n -= n_used;
    }
}

static void
lines_come_out_whole_however_they_were_cut(void **state)
{
    static const char text[] =
        "\n{\"type\":\"ping\",\"n\":1}\nrubbish\n\n{\"type\":\"ping\",\"n\":2}\n{\"type\":";

    for (size_t piece = 1; piece < sizeof text; piece++) {
        ZgGuestLines lines = { 0 };
        int n_messages = 0, n_bad = 0;

        feed(&lines, text, sizeof text - 1, piece, &n_messages, &n_bad);
        assert_int_equal(n_messages, 2);
        assert_int_equal(n_bad, 1);
    }
}

static void
a_line_that_is_too_long_is_refused_once_and_the_next_is_read(void **state)
{
    ZgGuestLines lines = { 0 };
    int n_messages = 0, n_bad = 0;
    char filler[1000];

    memset(filler, 'x', sizeof filler);
    for (int i = 0; i < 20; i++) {
        feed(&lines, filler, sizeof filler, 77, &n_messages, &n_bad);
    }
    assert_int_equal(n_bad, 0);
    feed(&lines, "\n{\"type\":\"ping\",\"n\":2}\n", 23, 5, &n_messages, &n_bad);
    assert_int_equal(n_bad, 1);
    assert_int_equal(n_messages, 1);
}

static void
lines_are_written_as_the_protocol_says(void **state)
{
    char buf[512];
    size_t n = zg_guest_format_hello(buf, sizeof buf, "h 1", "waiting", NULL);

    assert_int_equal(buf[n - 1], '\n');
    buf[n - 1] = '\0';
    assert_string_equal(buf, "{\"type\":\"hello\",\"version\":1,\"helper\":\"h "
                             "1\",\"state\":\"waiting\",\"identity\":null}");
    n = zg_guest_format_resized(buf, sizeof buf, 1440, 900);
    buf[n - 1] = '\0';
    assert_string_equal(buf, "{\"type\":\"resized\",\"width\":1440,\"height\":900}");
    n = zg_guest_format_error(buf, sizeof buf, "bad_message", "a \"quote\"\n");
    buf[n - 1] = '\0';
    assert_string_equal(
        buf, "{\"type\":\"error\",\"code\":\"bad_message\",\"message\":\"a \\\"quote\\\"\\n\"}");
    n = zg_guest_format_pong(buf, sizeof buf, -1);
    buf[n - 1] = '\0';
    assert_string_equal(buf, "{\"type\":\"pong\",\"n\":-1}");
}

static void
a_line_that_does_not_fit_is_not_written(void **state)
{
    char buf[16];

    assert_int_equal(zg_guest_format_signed_on(buf, sizeof buf, "somebody"), 0);
    assert_int_equal(zg_guest_format_plain(buf, 13, "ab"), 0);
    assert_int_equal(zg_guest_format_plain(buf, 14, "ab"), 14);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_of_the_protocol_is_read),
        cmocka_unit_test(what_sign_on_may_leave_out_is_empty),
        cmocka_unit_test(nobody_becomes_root_or_a_system_account),
        cmocka_unit_test(names_that_could_leave_their_place_are_refused),
        cmocka_unit_test(a_bad_identity_is_refused_by_the_name_of_its_part),
        cmocka_unit_test(what_is_not_a_message_is_refused),
        cmocka_unit_test(lines_come_out_whole_however_they_were_cut),
        cmocka_unit_test(a_line_that_is_too_long_is_refused_once_and_the_next_is_read),
        cmocka_unit_test(lines_are_written_as_the_protocol_says),
        cmocka_unit_test(a_line_that_does_not_fit_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
