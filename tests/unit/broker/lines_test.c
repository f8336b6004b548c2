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
        cmocka_unit_test(what_is_not_a_line_is_refused),
        cmocka_unit_test(so_many_lines_are_kept_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
