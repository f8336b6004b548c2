/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client/ctl/manifest: what people write, and how they are told what is wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "client/ctl/manifest.h"
#include "client/ctl/suggest.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static GPtrArray *
parse(const char *text, GError **error)
{
    return zg_manifest_parse("office.yaml", text, strlen(text), error);
}

static void
assert_refused(const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;

    assert_null(parse(text, &error));
    assert_string_equal(error->message, message);
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
}

static const char office[] = "kind: Pool\n"
                             "name: office\n"
                             "title: Oficina y señales\n"
                             "template: debian-desktop\n"
                             "ready: 2\n"
                             "memory-mib: 1024\n"
                             "enabled: true\n"
                             "entitle:\n"
                             "  groups: [branch-norte, \"branch sur\"]\n"
                             "session: {locale: es_ES.UTF-8, idle-disconnect-min: 15}\n";

static void
a_pool_becomes_an_api_object(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) found = parse(office, &error);
    g_autoptr(json_t) expected =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:b, s:{s:[s,s], s:[]}, s:{s:s, s:i}}",
                  "name", "office",
                  "title", "Oficina y señales", "template", "debian-desktop", "ready", 2,
                  "memory_mib", 1024, "enabled", 1, "entitle", "groups", "branch-norte",
                  "branch sur", "users", "session", "locale", "es_ES.UTF-8",
                  "idle_disconnect_min", 15);

    assert_null(error);
    assert_int_equal(found->len, 1);
    const ZgManifest *pool = found->pdata[0];
    assert_string_equal(pool->kind, "Pool");
    assert_string_equal(pool->name, "office");
    assert_true(json_equal(pool->object, expected));
}

static void
several_documents_are_read_and_empty_ones_skipped(void **state)
{
    g_autoptr(GPtrArray) found = parse("---\nkind: Pool\nname: a\ntemplate: t\n---\n---\n"
                                       "kind: Pool\nname: b\ntemplate: t\n", NULL);

    assert_int_equal(found->len, 2);
    assert_int_equal(((ZgManifest *)found->pdata[1])->line, 7);
}

static void
an_unknown_field_is_named_with_its_place_and_the_nearest_one(void **state)
{
    assert_refused("kind: Pool\nname: a\ntemplate: t\nmemory-mb: 512\n",
                   "office.yaml:4:1: memory-mb: unknown field (did you mean 'memory-mib'?)");
    assert_refused("kind: Pool\nname: a\ntemplate: t\nsession:\n  locales: es\n",
                   "office.yaml:5:3: session.locales: unknown field (did you mean 'locale'?)");
}

static void
an_unknown_kind_is_named_with_the_nearest_one(void **state)
{
    assert_refused("kind: Pol\nname: a\n",
                   "office.yaml:1:7: kind: 'Pol' is unknown (did you mean 'Pool'?)");
    assert_refused("name: a\n",
                   "office.yaml:1:1: kind: is missing; a document begins with kind: Pool");
}

static void
wrong_values_are_all_told_at_once(void **state)
{
    assert_refused("kind: Pool\nname: Office\ntemplate: t\nready: many\nnetwork: Nat\n",
                   "office.yaml:2:7: name: 'Office' is no name: lower-case letters, digits and "
                   "inner hyphens, a letter first, at most 63\n"
                   "office.yaml:4:8: ready: 'many' must be a whole number from 0 to 500\n"
                   "office.yaml:5:10: network: 'Nat' must be isolated or nat "
                   "(did you mean 'nat'?)");
}

static void
numbers_are_bounded_and_not_quoted(void **state)
{
    assert_refused("kind: Pool\nname: a\ntemplate: t\nmax: 501\n",
                   "office.yaml:4:6: max: '501' must be a whole number from 1 to 500");
    assert_refused("kind: Pool\nname: a\ntemplate: t\nmax: '5'\n",
                   "office.yaml:4:6: max: '5' must be a whole number from 1 to 500");
    assert_refused("kind: Pool\nname: a\ntemplate: t\nmax: 5 MiB\n",
                   "office.yaml:4:6: max: '5 MiB' must be a whole number from 1 to 500");
}

static void
a_missing_name_or_template_is_said(void **state)
{
    assert_refused("kind: Pool\nname: a\n", "office.yaml:1:1: template: is missing");
}

static void
a_field_or_a_pool_given_twice_is_refused(void **state)
{
    assert_refused("kind: Pool\nname: a\ntemplate: t\nready: 1\nready: 2\n",
                   "office.yaml:5:1: ready: is given twice");
    assert_refused("kind: Pool\nname: a\ntemplate: t\n---\nkind: Pool\nname: a\ntemplate: t\n",
                   "office.yaml:5:1: name: 'a' is already described at line 1");
}

static void
wrong_shapes_are_refused(void **state)
{
    assert_refused("- a\n", "office.yaml:1:1: a document must be a group of fields");
    assert_refused("kind: Pool\nname: a\ntemplate: t\nentitle: all\n",
                   "office.yaml:4:10: entitle: must be a group of fields");
    assert_refused("kind: Pool\nname: a\ntemplate: t\nentitle: {users: ana}\n",
                   "office.yaml:4:18: entitle.users: must be a list, e.g. [a, b]");
    assert_refused("kind: Pool\nname: [a]\ntemplate: t\n",
                   "office.yaml:2:7: name: must be one value, not a list");
    assert_refused("kind: Pool\nname: a\ntemplate: t\ntitle: \"a\\u0007\"\n",
                   "office.yaml:4:8: title: holds a control character");
}

static void
syntax_errors_carry_their_place(void **state)
{
    g_autoptr(GError) error = NULL;

    assert_null(parse("kind: Pool\nname: [a\n", &error));
    assert_true(g_str_has_prefix(error->message, "office.yaml:3:1: "));
    g_clear_error(&error);
    assert_null(zg_manifest_parse("x", "a: \xff\n", 6, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
}

static void
an_empty_or_huge_file_is_refused(void **state)
{
    g_autofree char *huge = g_strnfill(ZG_MANIFEST_MOST_BYTES + 1, '#');
    g_autoptr(GError) error = NULL;

    assert_refused("", "office.yaml:1:1: nothing is described here");
    assert_refused("# only a comment\n", "office.yaml:1:1: nothing is described here");
    assert_null(parse(huge, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_TOO_LARGE));
}

static void
only_fields_of_the_manifest_count_as_a_difference(void **state)
{
    g_autoptr(GPtrArray) found = parse(office, NULL);
    const ZgManifest *pool = found->pdata[0];
    g_autoptr(json_t) actual = json_deep_copy(pool->object);

    json_object_set_new(actual, "revision", json_integer(7));
    json_object_set_new(json_object_get(actual, "session"), "keyboard", json_string("es"));
    assert_false(zg_manifest_differs(pool->object, actual));
    json_object_set_new(json_object_get(actual, "session"), "locale", json_string("en_GB.UTF-8"));
    assert_true(zg_manifest_differs(pool->object, actual));
}

static void
the_nearest_word_is_suggested_only_when_it_is_near(void **state)
{
    static const char *const words[] = {"list", "show", NULL, "delete"};

    assert_string_equal(zg_suggest("lits", words, 4), "list");
    assert_string_equal(zg_suggest("delte", words, 4), "delete");
    assert_null(zg_suggest("banana", words, 4));
    assert_null(zg_suggest("", words, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_becomes_an_api_object),
        cmocka_unit_test(several_documents_are_read_and_empty_ones_skipped),
        cmocka_unit_test(an_unknown_field_is_named_with_its_place_and_the_nearest_one),
        cmocka_unit_test(an_unknown_kind_is_named_with_the_nearest_one),
        cmocka_unit_test(wrong_values_are_all_told_at_once),
        cmocka_unit_test(numbers_are_bounded_and_not_quoted),
        cmocka_unit_test(a_missing_name_or_template_is_said),
        cmocka_unit_test(a_field_or_a_pool_given_twice_is_refused),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(syntax_errors_carry_their_place),
        cmocka_unit_test(an_empty_or_huge_file_is_refused),
        cmocka_unit_test(only_fields_of_the_manifest_count_as_a_difference),
        cmocka_unit_test(the_nearest_word_is_suggested_only_when_it_is_near),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
