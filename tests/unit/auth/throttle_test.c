/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sign-in throttle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/throttle.h"

#define SECOND ((int64_t)G_USEC_PER_SEC)
#define MINUTE (60 * SECOND)

static bool
guess(ZgThrottle *throttle, const char *user, const char *address, int64_t now_us)
{
    return zg_throttle_try(throttle, user, address, now_us, NULL);
}

static void
five_tries_then_pauses_that_double_to_fifteen_minutes(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(64);
    const int64_t pauses_min[] = {1, 2, 4, 8, 15, 15};
    int64_t now_us = SECOND;
    int64_t wait_us = 0;

    for (int i = 0; i < 5; i++) {
        assert_true(guess(throttle, "ana", "10.0.0.1", now_us));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(pauses_min); i++) {
        assert_false(zg_throttle_try(throttle, "ana", "10.0.0.1", now_us, &wait_us));
        assert_int_equal(wait_us, pauses_min[i] * MINUTE);
        now_us += wait_us;
        assert_true(guess(throttle, "Ana", "10.0.0.1", now_us));
    }
}

static void
a_success_forgets_the_tries(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(64);

    for (int i = 0; i < 20; i++) {
        for (int j = 0; j < 5; j++) {
            assert_true(guess(throttle, "ana", "10.0.0.1", SECOND));
        }
        zg_throttle_succeeded(throttle, "ana", "10.0.0.1");
    }
}

static void
a_stranger_cannot_lock_a_person_out_where_that_person_works(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(256);

    assert_true(guess(throttle, "ana", "10.0.0.1", SECOND));
    zg_throttle_succeeded(throttle, "ana", "10.0.0.1");
    for (int i = 0; i < 50; i++) {
        g_autofree char *address = g_strdup_printf("192.0.2.%d", i);

        guess(throttle, "ana", address, 2 * SECOND);
    }
    assert_false(guess(throttle, "ana", "198.51.100.1", 3 * SECOND)); /* a new place has to wait */
    assert_true(guess(throttle, "ana", "10.0.0.1", 3 * SECOND));
}

static void
many_addresses_guess_one_user_only_five_times(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(256);
    int n_tries = 0;

    for (int i = 0; i < 100; i++) {
        g_autofree char *address = g_strdup_printf("192.0.2.%d", i);

        n_tries += guess(throttle, "ana", address, SECOND);
    }
    assert_int_equal(n_tries, 5);
}

static void
one_address_guesses_many_users_only_thirty_times(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(1024);
    int n_tries = 0;

    for (int i = 0; i < 200; i++) {
        g_autofree char *user = g_strdup_printf("user%d", i);
        g_autofree char *address = g_strdup_printf("2001:db8:1:2::%x", i); /* all one /64 */

        n_tries += guess(throttle, user, address, SECOND);
    }
    assert_int_equal(n_tries, 30);
}

static void
five_hundred_people_behind_one_address_are_not_one_guesser(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(4096);

    for (int i = 0; i < 500; i++) {
        g_autofree char *user = g_strdup_printf("user%d", i);

        if (i % 2 == 0) { /* every second person mistypes once */
            assert_true(guess(throttle, user, "10.0.0.1", SECOND));
        }
        assert_true(guess(throttle, user, "10.0.0.1", SECOND));
        zg_throttle_succeeded(throttle, user, "10.0.0.1");
    }
}

static void
a_guesser_with_an_account_of_his_own_gets_no_more_tries(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(1024);
    int n_tries = 0;

    for (int i = 0; i < 200; i++) {
        g_autofree char *user = g_strdup_printf("user%d", i);

        n_tries += guess(throttle, user, "10.0.0.9", SECOND);
        if (guess(throttle, "mallory", "10.0.0.9", SECOND)) {
            zg_throttle_succeeded(throttle, "mallory", "10.0.0.9");
        }
    }
    assert_in_range(n_tries, 30, 34);
}

static void
tries_at_the_same_time_are_counted_before_they_are_answered(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(64);
    int n_tries = 0;

    for (int i = 0; i < 50; i++) {
        n_tries += guess(throttle, "ana", "10.0.0.1", SECOND);
    }
    assert_int_equal(n_tries, 5);
}

static void
a_directory_that_is_down_costs_no_tries(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(64);

    for (int i = 0; i < 100; i++) {
        assert_true(guess(throttle, "ana", "10.0.0.1", SECOND));
        zg_throttle_refund(throttle, "ana", "10.0.0.1");
    }
}

static void
memory_is_bounded_and_a_known_place_survives_a_flood_of_guesses(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(16);

    zg_throttle_remember(throttle, "ana", "10.0.0.1");
    for (int i = 0; i < 10000; i++) {
        g_autofree char *user = g_strdup_printf("user%d", i);
        g_autofree char *address = g_strdup_printf("10.%d.%d.1", i / 250, i % 250);

        guess(throttle, user, address, SECOND);
        guess(throttle, "ana", address, SECOND);
    }
    assert_true(guess(throttle, "ana", "10.0.0.1", SECOND));
}

static void
an_hour_later_all_is_forgotten(void **state)
{
    g_autoptr(ZgThrottle) throttle = zg_throttle_new(64);

    for (int i = 0; i < 5; i++) {
        guess(throttle, "ana", "10.0.0.1", SECOND);
    }
    for (int i = 0; i < 5; i++) {
        assert_true(guess(throttle, "ana", "10.0.0.1", 62 * MINUTE));
    }
    assert_false(guess(throttle, "ana", "10.0.0.1", 62 * MINUTE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_tries_then_pauses_that_double_to_fifteen_minutes),
        cmocka_unit_test(a_success_forgets_the_tries),
        cmocka_unit_test(a_stranger_cannot_lock_a_person_out_where_that_person_works),
        cmocka_unit_test(many_addresses_guess_one_user_only_five_times),
        cmocka_unit_test(one_address_guesses_many_users_only_thirty_times),
        cmocka_unit_test(five_hundred_people_behind_one_address_are_not_one_guesser),
        cmocka_unit_test(a_guesser_with_an_account_of_his_own_gets_no_more_tries),
        cmocka_unit_test(tries_at_the_same_time_are_counted_before_they_are_answered),
        cmocka_unit_test(a_directory_that_is_down_costs_no_tries),
        cmocka_unit_test(memory_is_bounded_and_a_known_place_survives_a_flood_of_guesses),
        cmocka_unit_test(an_hour_later_all_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
