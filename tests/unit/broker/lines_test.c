/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the viewers' lines are: from a host's message to what the API shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/lines.h"
#include "common/base/error.h"
#include "common/proto/json.h"

#define SECOND_US G_USEC_PER_SEC

static ZgLine *
line_of(const char *session, int rtt_us)
{
    g_autoptr(json_t) message =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:[ss], s:i}", "type", "stats", "desktop",
                  "d1", "session", session, "rtt_us", rtt_us, "rate_kbit", 4800, "fps", 23,
                  "bottleneck", "link", "encodings", "tight", "jpeg", "of_next_year", 1);

    return zg_line_read(message, NULL);
}

static void
the_newest_report_is_shown_until_it_is_old(void **state)
{
    g_autoptr(ZgLines) lines = zg_lines_new();
    g_autoptr(json_t) view = NULL;

    assert_null(zg_lines_view(lines, "s1", 0));
    zg_lines_take(lines, line_of("s1", 90000), SECOND_US);
    zg_lines_take(lines, line_of("s1", 81700), 6 * SECOND_US);
    view = zg_lines_view(lines, "s1", 25 * SECOND_US);
    assert_int_equal(json_integer_value(json_object_get(view, "rtt_ms")), 82);
    assert_int_equal(json_integer_value(json_object_get(view, "rate_kbit")), 4800);
    assert_int_equal(json_integer_value(json_object_get(view, "fps")), 23);
    assert_string_equal(json_string_value(json_object_get(view, "bottleneck")), "link");
    assert_int_equal(json_array_size(json_object_get(view, "encodings")), 2);
    assert_null(zg_lines_view(lines, "s1", 27 * SECOND_US));
    assert_null(zg_lines_view(lines, "s2", 6 * SECOND_US));
}

static void
a_line_is_written_as_it_was_read(void **state)
{
    g_autoptr(ZgLine) line = line_of("s1", 5);
    g_autoptr(json_t) message = zg_line_write(line);
    g_autoptr(ZgLine) again = zg_line_read(message, NULL);

    assert_non_null(again);
    assert_string_equal(again->session, "s1");
    assert_int_equal(again->rtt_us, 5);
    assert_string_equal(again->encodings[1], "jpeg");
    assert_string_equal(again->bottleneck, "link");
}

static void
take_idle(ZgLines *lines, int64_t idle_s, int64_t now_s)
{
    ZgLine *line = line_of("s1", 5);

    line->idle_s = idle_s;
    zg_lines_take(lines, line, now_s * SECOND_US);
}

static ZgIdleStep
idle_step(ZgLines *lines, int64_t now_s)
{
    return zg_lines_idle_step(lines, "s1", 100000, 10, now_s * SECOND_US);
}

static void
who_is_idle_is_warned_once_and_then_disconnected(void **state)
{
    g_autoptr(ZgLines) lines = zg_lines_new();

    assert_int_equal(idle_step(lines, 0), ZG_IDLE_NOTHING);
    take_idle(lines, 539, 0);
    assert_int_equal(idle_step(lines, 0), ZG_IDLE_NOTHING);
    take_idle(lines, 544, 5);
    assert_int_equal(idle_step(lines, 5), ZG_IDLE_WARN);
    take_idle(lines, 549, 10);
    assert_int_equal(idle_step(lines, 10), ZG_IDLE_NOTHING);
    take_idle(lines, 2, 15); /* a key */
    assert_int_equal(idle_step(lines, 15), ZG_IDLE_NOTHING);
    take_idle(lines, 560, 573);
    assert_int_equal(idle_step(lines, 573), ZG_IDLE_WARN);
    take_idle(lines, 600, 613);
    assert_int_equal(idle_step(lines, 613), ZG_IDLE_DISCONNECT);
}

static void
nobody_is_idle_without_a_limit_or_a_fresh_report_or_for_longer_than_active(void **state)
{
    g_autoptr(ZgLines) lines = zg_lines_new();

    take_idle(lines, 5000, 0);
    assert_int_equal(zg_lines_idle_step(lines, "s1", 100000, 0, 0), ZG_IDLE_NOTHING);
    assert_int_equal(zg_lines_idle_step(lines, "s1", 30, 10, 0), ZG_IDLE_NOTHING);
    assert_int_equal(idle_step(lines, 21), ZG_IDLE_NOTHING);
    assert_int_equal(idle_step(lines, 19), ZG_IDLE_DISCONNECT);
}

static void
what_is_not_a_line_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"type\":\"stats\"}",
        "{\"desktop\":\"d\",\"session\":\"s\",\"rtt_us\":-1}",
        "{\"desktop\":\"d\",\"session\":\"s\",\"bottleneck\":\"the moon\"}",
        "{\"desktop\":\"d\",\"session\":\"s\",\"encodings\":[1]}",
        "{\"desktop\":\"d\",\"session\":\"s\",\"encodings\":\"tight\"}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_t) message = zg_json_parse(bad[i], strlen(bad[i]), NULL);
        g_autoptr(GError) error = NULL;
        assert_null(zg_line_read(message, &error));
        assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
    }
}

static void
so_many_lines_are_kept_and_no_more(void **state)
{
    g_autoptr(ZgLines) lines = zg_lines_new();
    g_autoptr(json_t) first = NULL;

    for (int i = 0; i < 20100; i++) {
        g_autofree char *session = g_strdup_printf("s%d", i);
        zg_lines_take(lines, line_of(session, i), SECOND_US);
    }
    assert_null(zg_lines_view(lines, "s20099", SECOND_US));
    zg_lines_take(lines, line_of("late", 1), 60 * SECOND_US); /* the old ones are swept out */
    first = zg_lines_view(lines, "late", 60 * SECOND_US);
    assert_non_null(first);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_report_is_shown_until_it_is_old),
        cmocka_unit_test(a_line_is_written_as_it_was_read),
        cmocka_unit_test(who_is_idle_is_warned_once_and_then_disconnected),
        cmocka_unit_test(
            nobody_is_idle_without_a_limit_or_a_fresh_report_or_for_longer_than_active),
        cmocka_unit_test(what_is_not_a_line_is_refused),
        cmocka_unit_test(so_many_lines_are_kept_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
