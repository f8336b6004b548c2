/* SPDX-License-Identifier: GPL-3.0-or-later */
/* common/proto/json: what is refused, and how it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "common/base/error.h"
#include "common/proto/json.h"

static void
assert_refused(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = zg_json_parse(text, strlen(text), &error);

    assert_null(value);
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
}

static void
malformed_documents_are_refused(void **state)
{
    assert_refused("");
    assert_refused("[]");
    assert_refused("{\"a\":1} x");
    assert_refused("{\"a\":1,\"a\":2}");
    assert_refused("{\"a\":\"\\u0000\"}");
    assert_refused("{\"a\":1e999}");
}

static void
deep_nesting_is_refused_before_parsing(void **state)
{
    g_autoptr(GString) text = g_string_new("{\"a\":");

    for (int i = 0; i < 100000; i++) {
        g_string_append_c(text, '[');
    }
    assert_refused(text->str);
}

static void
brackets_inside_text_do_not_count_as_depth(void **state)
{
    const char *text = "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}";
    g_autoptr(json_t) value = zg_json_parse(text, strlen(text), NULL);

    assert_non_null(value);
}

static void
first_error_sticks_and_names_the_field(void **state)
{
    g_autoptr(json_t) value = json_pack("{s:s, s:i}", "name", "-bad", "n", 900);
    g_autoptr(GError) error = NULL;
    g_autofree char *field = NULL;
    const char *name = NULL;
    int64_t n = 3;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, value, "pool");
    zg_json_take_name(&reader, "name", ZG_JSON_REQUIRED, &name);
    zg_json_take_int(&reader, "n", ZG_JSON_REQUIRED, 0, 500, &n);
    assert_false(zg_json_reader_finish(&reader, ZG_JSON_REFUSE_UNKNOWN, &field, &error));
    assert_string_equal(field, "name");
    assert_true(g_str_has_prefix(error->message, "pool.name: must be a name"));
    assert_null(name);
    assert_int_equal(n, 3);
}

static void
unknown_keys_are_refused_or_skipped_as_asked(void **state)
{
    g_autoptr(json_t) value = json_pack("{s:b, s:i}", "on", 1, "extra", 1);
    g_autoptr(GError) error = NULL;
    bool on = false;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, value, NULL);
    zg_json_take_bool(&reader, "on", ZG_JSON_REQUIRED, &on);
    assert_true(zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, NULL));
    assert_true(on);
    zg_json_reader_init(&reader, value, NULL);
    zg_json_take_bool(&reader, "on", ZG_JSON_REQUIRED, &on);
    assert_false(zg_json_reader_finish(&reader, ZG_JSON_REFUSE_UNKNOWN, NULL, &error));
    assert_string_equal(error->message, "extra: is not known here");
}

static void
control_characters_are_refused_in_short_text(void **state)
{
    g_autoptr(json_t) value = json_pack("{s:s}", "text", "a\nb");
    const char *text = NULL;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, value, NULL);
    zg_json_take_text(&reader, "text", ZG_JSON_REQUIRED, 1, 10, &text);
    assert_false(zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, NULL));
    zg_json_reader_init(&reader, value, NULL);
    zg_json_take_long_text(&reader, "text", ZG_JSON_REQUIRED, 1, 10, &text);
    assert_true(zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, NULL));
    assert_string_equal(text, "a\nb");
}

static void
words_come_back_as_their_index(void **state)
{
    static const char *const words[] = {"off", "on"};
    g_autoptr(json_t) value = json_pack("{s:s, s:s}", "power", "on", "wrong", "maybe");
    g_autoptr(GError) error = NULL;
    int power = -1;
    ZgJsonReader reader;

    zg_json_reader_init(&reader, value, NULL);
    zg_json_take_word(&reader, "power", ZG_JSON_REQUIRED, words, 2, &power);
    zg_json_take_word(&reader, "wrong", ZG_JSON_REQUIRED, words, 2, &power);
    assert_false(zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, &error));
    assert_int_equal(power, 1);
    assert_string_equal(error->message, "wrong: must be one of: off, on");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_documents_are_refused),
        cmocka_unit_test(deep_nesting_is_refused_before_parsing),
        cmocka_unit_test(brackets_inside_text_do_not_count_as_depth),
        cmocka_unit_test(first_error_sticks_and_names_the_field),
        cmocka_unit_test(unknown_keys_are_refused_or_skipped_as_asked),
        cmocka_unit_test(control_characters_are_refused_in_short_text),
        cmocka_unit_test(words_come_back_as_their_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
