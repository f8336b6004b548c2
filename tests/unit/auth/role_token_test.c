/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Roles and sign-in tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <string.h>
#include "auth/role.h"
#include "auth/token.h"

static void
groups_make_an_administrator_without_regard_to_case(void **state)
{
    char *groups[] = {(char *)"branch-1", (char *)"CN=Zaguan Admins,dc=x", NULL};
    char *wanted[] = {(char *)"cn=zaguan admins,dc=x", NULL};
    char *other[] = {(char *)"branch", NULL};

    assert_true(zg_roles_allow(zg_roles_of(groups, wanted, false), ZG_ACTION_MANAGE_POOLS));
    assert_false(zg_roles_allow(zg_roles_of(groups, other, false), ZG_ACTION_MANAGE_POOLS));
    assert_true(zg_roles_allow(zg_roles_of(NULL, NULL, true), ZG_ACTION_MANAGE_USERS));
}

static void
a_user_may_only_use_what_is_their_own(void **state)
{
    ZgRoles user = zg_roles_of(NULL, NULL, false);

    for (int action = 0; action < ZG_N_ACTIONS; action++) {
        bool own = action == ZG_ACTION_SEE_SELF || action == ZG_ACTION_USE_OWN ||
                   action == ZG_ACTION_SEE_OPERATION;

        assert_int_equal(zg_roles_allow(user, (ZgAction)action), own);
        assert_false(zg_roles_allow(0, (ZgAction)action));
    }
    assert_false(zg_roles_allow(~0u, ZG_N_ACTIONS));
}

static void
only_the_digest_of_a_token_is_known_to_the_store(void **state)
{
    const uint8_t random[ZG_TOKEN_RANDOM_BYTES] = {0xab, 1, 2};
    g_autofree char *token = zg_token_text(random);
    g_autofree char *digest = zg_token_digest(token);

    assert_int_equal(strlen(token), ZG_TOKEN_CHARS);
    assert_int_equal(strlen(digest), 64);
    assert_string_not_equal(token, digest);
    assert_null(zg_token_digest(NULL));
    assert_null(zg_token_digest("abc"));
    token[0] = 'A';
    assert_null(zg_token_digest(token));
}

static void
a_sign_in_ends_by_time_by_idleness_and_by_revocation(void **state)
{
    assert_true(zg_token_is_alive(99, 100, 0, 0, false));
    assert_false(zg_token_is_alive(100, 100, 0, 0, false));
    assert_false(zg_token_is_alive(50, 100, 0, 0, true));
    assert_true(zg_token_is_alive(50, 100, 10, 41, false));
    assert_false(zg_token_is_alive(50, 100, 10, 40, false));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_make_an_administrator_without_regard_to_case),
        cmocka_unit_test(a_user_may_only_use_what_is_their_own),
        cmocka_unit_test(only_the_digest_of_a_token_is_known_to_the_store),
        cmocka_unit_test(a_sign_in_ends_by_time_by_idleness_and_by_revocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
