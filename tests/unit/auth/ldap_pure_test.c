/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Escaping for LDAP, and the walk over nested groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <string.h>
#include "auth/ldap.h"
#include "auth/ldap_escape.h"
#include "auth/ldap_groups.h"
#include "common/base/error.h"

static void
filter_values_are_escaped(void **state)
{
    g_autofree char *star = zg_ldap_escape_filter("*)(uid=*");
    g_autofree char *slash = zg_ldap_escape_filter("a\\b\n");
    g_autofree char *plain = zg_ldap_escape_filter("peña ana");

    assert_string_equal(star, "\\2a\\29\\28uid=\\2a");
    assert_string_equal(slash, "a\\5cb\\0a");
    assert_string_equal(plain, "peña ana");
}

static void
dn_values_are_escaped(void **state)
{
    g_autofree char *a = zg_ldap_escape_dn(" #Peña, Ana; x=\"1\" <y>+ ");
    g_autofree char *b = zg_ldap_escape_dn("#1");

    assert_string_equal(a, "\\ #Peña\\, Ana\\; x\\=\\\"1\\\" \\<y\\>\\+\\ ");
    assert_string_equal(b, "\\#1");
}

static void
a_value_that_looks_like_a_placeholder_is_not_filled_again(void **state)
{
    g_autofree char *filter = zg_ldap_fill_filter("(&(a=b)(uid={user}))", "{dn}", "cn=x");

    assert_string_equal(filter, "(&(a=b)(uid={dn}))");
    assert_null(zg_ldap_fill_filter("(member={dn})", "u", NULL));
}

static void
the_user_attribute_is_read_from_the_filter(void **state)
{
    g_autofree char *a = zg_ldap_filter_attribute("(&(objectClass=person)(uid={user}))");

    assert_string_equal(a, "uid");
    assert_null(zg_ldap_filter_attribute("(uid=*)"));
    assert_null(zg_ldap_filter_attribute("(={user})"));
}

static void
a_loop_of_groups_ends(void **state)
{
    g_autoptr(ZgGroupWalk) walk = zg_group_walk_new();
    g_auto(GStrv) names = NULL;
    char **next;
    int n_queries = 0;

    zg_group_walk_found(walk, "cn=a,dc=x", "a");
    while ((next = zg_group_walk_next(walk, 16)) != NULL) {
        n_queries++;
        for (char **dn = next; *dn != NULL; dn++) {
            /* a is in b, b is in a and in itself */
            zg_group_walk_found(walk, "cn=b,dc=x", "b");
            zg_group_walk_found(walk, "cn=a,dc=x", "a");
        }
        g_strfreev(next);
    }
    assert_int_equal(n_queries, 2);
    assert_false(zg_group_walk_is_cut(walk));
    names = zg_group_walk_names(walk);
    assert_int_equal(g_strv_length(names), 4);
    assert_string_equal(names[0], "a");
}

static void
groups_and_queries_are_bounded(void **state)
{
    g_autoptr(ZgGroupWalk) walk = zg_group_walk_new();
    char **next;
    int n_queries = 0;
    int n_groups = 0;

    zg_group_walk_found(walk, "g", NULL);
    while ((next = zg_group_walk_next(walk, 1)) != NULL) {
        g_strfreev(next);
        n_queries++;
        for (int i = 0; i < 20; i++) {
            g_autofree char *dn = g_strdup_printf("g%d", n_groups++);

            zg_group_walk_found(walk, dn, NULL);
        }
    }
    g_auto(GStrv) names = zg_group_walk_names(walk);

    assert_int_equal(n_queries, ZG_GROUP_QUERIES_MAX);
    assert_int_equal(g_strv_length(names), ZG_GROUPS_MAX);
    assert_true(zg_group_walk_is_cut(walk));
}

static ZgProvider *
provider_of(const char *text, GError **error)
{
    g_autoptr(ZgConfigFile) file = zg_config_parse("t.conf", text, strlen(text), NULL);
    g_auto(ZgLdapConfig) config = {0};

    assert_true(zg_ldap_config_take(file, &config, NULL));
    assert_true(zg_config_finish(file, NULL));
    return zg_ldap_provider_new(&config, error);
}

static void
plain_ldap_needs_the_word_insecure(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgProvider) good = NULL;

    assert_null(provider_of("[ldap]\nuris=ldap://127.0.0.1\nuser-base=dc=x\n", &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
    assert_non_null(strstr(error->message, "insecure"));
    good = provider_of("[ldap]\nuris=ldap://127.0.0.1\nuser-base=dc=x\ninsecure=true\n", NULL);
    assert_non_null(good);
}

static void
a_configuration_without_the_user_in_its_filter_is_refused(void **state)
{
    g_autoptr(GError) error = NULL;

    assert_null(provider_of("[ldap]\nuris=ldap://h\ninsecure=true\nuser-base=dc=x\n"
                            "user-filter=(uid=*)\n", &error));
    assert_non_null(strstr(error->message, "user-filter"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_values_are_escaped),
        cmocka_unit_test(dn_values_are_escaped),
        cmocka_unit_test(a_value_that_looks_like_a_placeholder_is_not_filled_again),
        cmocka_unit_test(the_user_attribute_is_read_from_the_filter),
        cmocka_unit_test(a_loop_of_groups_ends),
        cmocka_unit_test(groups_and_queries_are_bounded),
        cmocka_unit_test(plain_ldap_needs_the_word_insecure),
        cmocka_unit_test(a_configuration_without_the_user_in_its_filter_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
