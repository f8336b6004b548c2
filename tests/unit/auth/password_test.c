/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local accounts and their passwords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "auth/local.h"
#include "auth/password.h"
#include "common/base/error.h"

static void
a_password_is_right_only_for_its_own_hash(void **state)
{
    g_autofree char *hash = zg_password_hash("correct horse", 13, NULL);
    g_autofree char *again = zg_password_hash("correct horse", 13, NULL);

    assert_true(zg_password_verify(hash, "correct horse", 13));
    assert_false(zg_password_verify(hash, "correct hors", 12));
    assert_false(zg_password_verify(NULL, "correct horse", 13));
    assert_false(zg_password_verify("$5$x", "correct horse", 13));
    assert_string_not_equal(hash, again);
}

static void
short_passwords_are_not_hashed(void **state)
{
    g_autoptr(GError) error = NULL;

    assert_null(zg_password_hash("seven77", 7, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
}

static bool
find(void *data, const char *name, ZgLocalAccount *out_account, GError **error)
{
    int *n_calls = data;

    (*n_calls)++;
    if (strcmp(name, "admin") != 0 && strcmp(name, "gone") != 0) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "none");
        return false;
    }
    out_account->name = g_strdup(name);
    out_account->hash = zg_password_hash("correct horse", 13, NULL);
    out_account->admin = true;
    out_account->enabled = strcmp(name, "admin") == 0;
    return true;
}

static ZgErrorCode
refusal(ZgProvider *provider, const char *user, const char *password, size_t n_password)
{
    g_autoptr(ZgIdentity) identity = NULL;
    g_autoptr(GError) error = NULL;

    assert_false(zg_provider_check(provider, user, password, n_password, &identity, &error));
    assert_null(identity);
    if (error->code == ZG_ERROR_UNAUTHENTICATED) {
        assert_string_equal(error->message, ZG_SIGN_IN_REFUSED);
    }
    return (ZgErrorCode)error->code;
}

static void
unknown_name_and_wrong_password_are_one_answer(void **state)
{
    int n_calls = 0;
    g_autoptr(ZgProvider) provider = zg_local_provider_new(find, &n_calls);
    g_autoptr(ZgIdentity) identity = NULL;

    assert_int_equal(refusal(provider, "nobody", "correct horse", 13), ZG_ERROR_UNAUTHENTICATED);
    assert_int_equal(refusal(provider, "admin", "wrong horse", 11), ZG_ERROR_UNAUTHENTICATED);
    assert_int_equal(refusal(provider, "gone", "correct horse", 13), ZG_ERROR_DENIED);
    assert_true(zg_provider_check(provider, "admin", "correct horse", 13, &identity, NULL));
    assert_true(identity->admin);
    assert_string_equal(identity->full_name, "admin");
}

static void
empty_and_nul_passwords_never_reach_a_provider(void **state)
{
    int n_calls = 0;
    g_autoptr(ZgProvider) provider = zg_local_provider_new(find, &n_calls);

    assert_int_equal(refusal(provider, "admin", "", 0), ZG_ERROR_UNAUTHENTICATED);
    assert_int_equal(refusal(provider, "admin", "a\0b", 3), ZG_ERROR_UNAUTHENTICATED);
    assert_int_equal(refusal(provider, "", "password", 8), ZG_ERROR_UNAUTHENTICATED);
    assert_int_equal(refusal(provider, "a\nb", "password", 8), ZG_ERROR_UNAUTHENTICATED);
    assert_int_equal(refusal(provider, "a\xff", "password", 8), ZG_ERROR_UNAUTHENTICATED);
    assert_int_equal(n_calls, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_right_only_for_its_own_hash),
        cmocka_unit_test(short_passwords_are_not_hashed),
        cmocka_unit_test(unknown_name_and_wrong_password_are_one_answer),
        cmocka_unit_test(empty_and_nul_passwords_never_reach_a_provider),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
