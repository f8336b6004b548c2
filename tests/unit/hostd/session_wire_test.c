/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostd/session_wire: what a guest may say, however it is cut, and what it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "common/proto/json.h"
#include "hostd/session_wire.h"

#define MACHINE_ID "0123456789abcdef0123456789abcdef"

typedef struct {
    GString *said;
} Heard;

static void
on_message(const ZgSessionMessage *message, void *user)
{
    GString *said = ((Heard *)user)->said;

    g_string_append_printf(said, "%d:%d:%s:%s:%d;", (int)message->kind, (int)message->state,
                           message->identity != NULL ? message->identity : "-",
                           message->unix_name != NULL ? message->unix_name : "-",
                           (int)message->width);
}

static bool
feed(ZgSessionWire *wire, const char *text, size_t chunk, GString *said, GError **error)
{
    Heard heard = {.said = said};
    size_t n_text = strlen(text);

    for (size_t at = 0; at < n_text; at += chunk) {
        if (!zg_session_wire_feed(wire, text + at, MIN(chunk, n_text - at), on_message, &heard,
                                  error)) {
            return false;
        }
    }
    return true;
}

static void
expect_refused(const char *text)
{
    ZgSessionWire wire = {0};
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    assert_false(feed(&wire, text, 4096, said, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_PROTOCOL));
    zg_session_wire_clear(&wire);
}

static void
messages_are_the_same_however_they_are_cut(void **state)
{
    static const char text[] =
        "{\"type\":\"hello\",\"version\":1,\"state\":\"waiting\",\"identity\":null}\n"
        "{\"type\":\"hello\",\"state\":\"in-session\",\"identity\":\"" MACHINE_ID "\"}\n\n"
        "{\"type\":\"signed_on\",\"unix_name\":\"ana\"}\n"
        "{\"type\":\"resized\",\"width\":1024,\"height\":768}\n"
        "{\"type\":\"a-later-one\",\"x\":[1]}\n"
        "{\"type\":\"signed_off\"}\n";

    for (size_t chunk = 1; chunk < sizeof text; chunk += 7) {
        ZgSessionWire wire = {0};
        g_autoptr(GString) said = g_string_new(NULL);

        assert_true(feed(&wire, text, chunk, said, NULL));
        assert_string_equal(said->str, "0:0:-:-:0;0:2:" MACHINE_ID ":-:0;2:0:-:ana:0;"
                                       "4:0:-:-:1024;3:0:-:-:0;");
        zg_session_wire_clear(&wire);
    }
}

static void
what_is_not_the_protocol_is_refused(void **state)
{
    g_autofree char *endless = g_strnfill(ZG_SESSION_LINE_MAX_BYTES + 1, 'a');

    expect_refused(endless);
    expect_refused("nonsense\n");
    expect_refused("[]\n");
    expect_refused("{}\n");
    expect_refused("{\"type\":\"hello\",\"state\":\"king\"}\n");
    expect_refused("{\"type\":\"hello\",\"state\":\"waiting\",\"identity\":\"../x\"}\n");
    expect_refused("{\"type\":\"resized\",\"width\":0,\"height\":1}\n");
    expect_refused("{\"type\":\"resized\",\"width\":99999,\"height\":1}\n");
    expect_refused("{\"type\":\"signed_on\",\"unix_name\":\"a\\u0007b\"}\n");
    expect_refused("{\"type\":\"signed_on\",\"type\":\"signed_off\"}\n");
}

static void
lines_to_the_guest_are_one_object_each(void **state)
{
    g_autofree char *line = zg_session_wire_sign_on(&(ZgSessionSignOn){
        .user = "Ana \"x\"\n", .unix_name = "ana", .uid = 20001, .keyboard = "es"});
    g_autoptr(json_t) object = zg_json_parse(line, strlen(line), NULL);

    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "user")), "Ana \"x\"\n");
    assert_null(json_object_get(object, "locale"));
    assert_int_equal(json_integer_value(json_object_get(object, "uid")), 20001);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_the_same_however_they_are_cut),
        cmocka_unit_test(what_is_not_the_protocol_is_refused),
        cmocka_unit_test(lines_to_the_guest_are_one_object_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
