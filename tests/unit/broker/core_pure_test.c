/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The core's pure parts: machines, capacity, placement, choice, names, reasons. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "broker/assign.h"
#include "broker/life.h"
#include "broker/placement.h"
#include "broker/pool.h"
#include "broker/reason.h"
#include "broker/unix_name.h"
#include "common/base/error.h"
#include "common/proto/session_state.h"

/* Every allowed move, written down a second time: from, then where to. */
static const char *const session_moves[][8] = {
    {"pending", "connecting", "ended"},
    {"connecting", "active", "logging-off", "ended"},
    {"active", "held", "disconnected", "logging-off", "ended"},
    {"held", "active", "disconnected", "logging-off", "ended"},
    {"disconnected", "active", "logging-off", "ended"},
    {"logging-off", "ended"},
    {"ended"},
};

static const char *const life_moves[][8] = {
    {"provisioning", "customizing", "error", "deleting", "lost"},
    {"customizing", "ready", "error", "deleting", "lost"},
    {"ready", "reserved", "refreshing", "deleting", "error", "lost"},
    {"reserved", "in-use", "ready", "refreshing", "lost"},
    {"in-use", "refreshing", "lost"},
    {"refreshing", "ready", "deleting", "error", "lost"},
    {"deleting", "lost"},
    {"error", "deleting", "lost"},
    {"lost", "deleting"},
};

static bool
is_written(const char *const *row, const char *to)
{
    for (int i = 1; i < 8 && row[i] != NULL; i++) {
        if (strcmp(row[i], to) == 0) {
            return true;
        }
    }
    return false;
}

static void
every_session_move_not_in_the_table_is_refused(void **state)
{
    (void)state;
    assert_int_equal(G_N_ELEMENTS(session_moves), ZG_N_SESSION_STATES);
    for (int from = 0; from < ZG_N_SESSION_STATES; from++) {
        assert_string_equal(session_moves[from][0], zg_session_state_name((ZgSessionState)from));
        for (int to = 0; to < ZG_N_SESSION_STATES; to++) {
            assert_int_equal(zg_session_may_move((ZgSessionState)from, (ZgSessionState)to),
                             is_written(session_moves[from],
                                        zg_session_state_name((ZgSessionState)to)));
        }
    }
}

static void
every_desktop_move_not_in_the_table_is_refused(void **state)
{
    (void)state;
    assert_int_equal(G_N_ELEMENTS(life_moves), ZG_N_LIVES);
    for (int from = 0; from < ZG_N_LIVES; from++) {
        assert_string_equal(life_moves[from][0], zg_life_name((ZgLife)from));
        for (int to = 0; to < ZG_N_LIVES; to++) {
            assert_int_equal(zg_life_may_move((ZgLife)from, (ZgLife)to, false),
                             is_written(life_moves[from], zg_life_name((ZgLife)to)));
        }
    }
}

static void
a_tainted_desktop_may_never_become_ready_or_be_reserved(void **state)
{
    (void)state;
    for (int from = 0; from < ZG_N_LIVES; from++) {
        assert_false(zg_life_may_move((ZgLife)from, ZG_LIFE_READY, true));
        assert_false(zg_life_may_move((ZgLife)from, ZG_LIFE_RESERVED, true));
    }
    assert_true(zg_life_may_move(ZG_LIFE_RESERVED, ZG_LIFE_IN_USE, true));
    assert_true(zg_life_may_move(ZG_LIFE_RESERVED, ZG_LIFE_REFRESHING, true));
}

static void
a_pool_is_filled_up_to_its_stock_and_never_past_max(void **state)
{
    static const struct {
        ZgPoolWish wish;
        ZgPoolCounts counts;
        int create, outdated, surplus;
    } cases[] = {
        {{.ready = 3, .max = 9, .enabled = true}, {0}, 3, 0, 0},
        {{.ready = 3, .max = 9, .enabled = true}, {.making = 1, .ready = 1}, 1, 0, 0},
        {{.ready = 3, .max = 9, .enabled = true}, {.refreshing = 3}, 0, 0, 0},
        {{.ready = 3, .max = 4, .enabled = true}, {.used = 4}, 0, 0, 0},
        {{.ready = 3, .max = 5, .enabled = true}, {.used = 4}, 1, 0, 0},
        {{.ready = 3, .max = 5, .enabled = true}, {.used = 2, .leaving = 2}, 1, 0, 0},
        {{.ready = 0, .max = 5, .enabled = true}, {.waiting = 2}, 2, 0, 0},
        {{.ready = 1, .max = 5, .enabled = true}, {.ready = 3}, 0, 0, 2},
        {{.ready = 2, .max = 5, .enabled = true}, {.ready = 2, .waiting = 1}, 1, 0, 0},
        {{.ready = 2, .max = 5, .enabled = false}, {.ready = 2}, 0, 0, 2},
        {{.ready = 4, .max = 9, .enabled = true}, {.ready = 4, .outdated = 4}, 4, 2, 0},
        {{.ready = 1, .max = 1, .enabled = true}, {.ready = 1, .outdated = 1}, 0, 1, 0},
        {{.ready = 3, .max = 9, .enabled = true, .breaker_open = true}, {0}, 0, 0, 0},
        {{.ready = 3, .max = 9, .deleting = true}, {.ready = 2, .used = 1}, 0, 0, 2},
        {{.ready = 1, .max = 3, .enabled = true}, {.lost = 3}, 1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        ZgPoolPlan plan = zg_pool_plan(&cases[i].wish, &cases[i].counts);

        assert_int_equal(plan.n_create, cases[i].create);
        assert_int_equal(plan.n_delete_outdated, cases[i].outdated);
        assert_int_equal(plan.n_delete_ready, cases[i].surplus);
    }
}

static void
a_pool_says_why_it_makes_fewer(void **state)
{
    ZgPoolWish wish = {.ready = 3, .max = 9, .enabled = true, .breaker_open = true};
    ZgPoolCounts counts = {0};
    ZgPoolCounts full = {.used = 9, .waiting = 1};

    (void)state;
    assert_string_equal(zg_pool_plan(&wish, &counts).reason, "breaker-open");
    wish.breaker_open = false;
    assert_string_equal(zg_pool_plan(&wish, &full).reason, "pool-full");
    assert_null(zg_pool_plan(&wish, &counts).reason);
}

static void
the_breaker_opens_at_three_errors_in_ten_minutes(void **state)
{
    const int64_t s = G_USEC_PER_SEC;
    int64_t errors[] = {1000 * s, 700 * s, 401 * s};

    (void)state;
    assert_false(zg_pool_breaker_opens(errors, 2, 1000 * s));
    assert_true(zg_pool_breaker_opens(errors, 3, 1001 * s));
    assert_false(zg_pool_breaker_opens(errors, 3, 1002 * s));
}

static void
estimates_grow_with_the_place_in_the_queue(void **state)
{
    (void)state;
    assert_int_equal(zg_pool_estimate_s(1, 60000, 1), 60);
    assert_true(zg_pool_estimate_s(3, 60000, 1) > zg_pool_estimate_s(2, 60000, 1));
}

static ZgHostView
good_host(const char *name)
{
    return (ZgHostView){.name = name, .linked = true, .driver = "embed",
                        .capabilities = " isolated nat ", .has_image = true,
                        .memory_free_mib = 4096, .disk_free_mib = 40000};
}

static void
placement_takes_the_host_with_most_left_after_what_is_in_flight(void **state)
{
    ZgHostView hosts[] = {good_host("a"), good_host("b")};
    ZgPlacementWish wish = {.memory_mib = 1024, .disk_mib = 8192, .network = "nat"};
    const char *reason = NULL;

    (void)state;
    hosts[1].memory_free_mib = 5000;
    assert_int_equal(zg_placement_choose(hosts, 2, &wish, &reason), 1);
    hosts[1].in_flight_memory_mib = 2048;
    assert_int_equal(zg_placement_choose(hosts, 2, &wish, &reason), 0);
    assert_null(reason);
}

static void
placement_names_the_last_thing_that_was_missing(void **state)
{
    ZgPlacementWish wish = {.memory_mib = 1024, .disk_mib = 8192, .network = "nat"};
    const char *reason = NULL;
    ZgHostView host;

    (void)state;
    assert_int_equal(zg_placement_choose(NULL, 0, &wish, &reason), -1);
    assert_string_equal(reason, "no-host");
#define REFUSED(change, expected)                                                                  \
    host = good_host("a");                                                                         \
    change;                                                                                        \
    assert_int_equal(zg_placement_choose(&host, 1, &wish, &reason), -1);                           \
    assert_string_equal(reason, expected)
    REFUSED(host.linked = false, "no-host");
    REFUSED(host.maintenance = true, "host-maintenance");
    REFUSED(host.has_image = false, "no-image");
    REFUSED(host.capabilities = " isolated ", "no-network-kind");
    REFUSED(host.memory_free_mib = 1023, "no-memory");
    REFUSED(host.in_flight_disk_mib = 40000, "no-disk");
    REFUSED(host.n_starting = ZG_STARTS_AT_ONCE, "starts-busy");
}

static void
the_newest_version_wins_then_headroom_among_the_best_three(void **state)
{
    ZgDesktop a = {.id = (char *)"a", .version = 1};
    ZgDesktop b = {.id = (char *)"b", .version = 2};
    ZgDesktop c = {.id = (char *)"c", .version = 2};
    ZgCandidate list[] = {{&a, 9000}, {&b, 100}, {&c, 200}};
    int chosen;

    (void)state;
    assert_int_equal(zg_assign_choose(NULL, 0, 0), -1);
    chosen = zg_assign_choose(list, 3, 0);
    assert_ptr_equal(list[chosen].desktop, &c);
    chosen = zg_assign_choose(list, 3, 1);
    assert_ptr_equal(list[chosen].desktop, &b);
    chosen = zg_assign_choose(list, 3, 2);
    assert_ptr_equal(list[chosen].desktop, &c);
}

static void
entitlement_is_by_user_group_or_everybody(void **state)
{
    static const char *const in[] = {"cn=a", "cn=b", NULL};
    static const char *const out[] = {"cn=c", NULL};
    ZgPool pool = {.entitled_users = (char *)"[\"anna\"]", .entitled_groups = (char *)"[\"cn=b\"]"};
    ZgPool open = {.entitled_users = (char *)"[\"*\"]", .entitled_groups = (char *)"[]"};

    (void)state;
    assert_true(zg_assign_is_entitled(&pool, "anna", NULL));
    assert_true(zg_assign_is_entitled(&pool, "berta", in));
    assert_false(zg_assign_is_entitled(&pool, "berta", out));
    assert_false(zg_assign_is_entitled(&pool, "*", NULL));
    assert_true(zg_assign_is_entitled(&open, "anybody", NULL));
}

static void
unix_names_follow_the_rule(void **state)
{
    static const char *const same[] = {"anna", "a", "j.perez", "user-1", "x_y"};
    static const struct {
        const char *user;
        const char *stem;
    } changed[] = {
        {"Anna", "anna-"},       {"José", "jose-"},         {"1anna", "u1anna-"},
        {"root", "root-"},       {"user", "user-"},         {"systemd-x", "systemd-x-"},
        {"a b", "a_b-"},         {"CORP\\anna", "corp_anna-"}, {"ñandú", "nandu-"},
        {"", "u-"},              {"anna@x.example", "anna_x.example-"},
        {"a-very-long-name-that-goes-on-and-on", "a-very-long-name-that-goes-o-"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        g_autofree char *name = zg_unix_name(same[i]);

        assert_string_equal(name, same[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(changed); i++) {
        g_autofree char *name = zg_unix_name(changed[i].user);

        assert_int_equal(strlen(name), strlen(changed[i].stem) + 3);
        assert_memory_equal(name, changed[i].stem, strlen(changed[i].stem));
        assert_true(strlen(name) <= 32);
    }
}

static void
names_that_look_alike_do_not_share_a_home(void **state)
{
    g_autofree char *upper = zg_unix_name("Anna");
    g_autofree char *mixed = zg_unix_name("aNNA");
    g_autofree char *plain = zg_unix_name("anna");

    (void)state;
    assert_string_not_equal(upper, mixed);
    assert_string_not_equal(upper, plain);
    assert_int_equal(zg_unix_uid("anna"), zg_unix_uid("anna"));
    assert_in_range(zg_unix_uid("anna"), ZG_UNIX_UID_FIRST, ZG_UNIX_UID_FIRST + ZG_UNIX_UIDS - 1);
}

static void
reasons_have_a_sentence_in_both_languages(void **state)
{
    g_autoptr(GError) error = NULL;

    (void)state;
    assert_string_not_equal(zg_reason_text("pool-full", "es"), zg_reason_text("pool-full", "en"));
    assert_string_equal(zg_reason_text("unheard-of", "en"), "unheard-of");
    zg_reason_set(&error, ZG_ERROR_DENIED, "not-entitled");
    assert_string_equal(zg_reason_of_error(error), "not-entitled");
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_DENIED));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_session_move_not_in_the_table_is_refused),
        cmocka_unit_test(every_desktop_move_not_in_the_table_is_refused),
        cmocka_unit_test(a_tainted_desktop_may_never_become_ready_or_be_reserved),
        cmocka_unit_test(a_pool_is_filled_up_to_its_stock_and_never_past_max),
        cmocka_unit_test(a_pool_says_why_it_makes_fewer),
        cmocka_unit_test(the_breaker_opens_at_three_errors_in_ten_minutes),
        cmocka_unit_test(estimates_grow_with_the_place_in_the_queue),
        cmocka_unit_test(placement_takes_the_host_with_most_left_after_what_is_in_flight),
        cmocka_unit_test(placement_names_the_last_thing_that_was_missing),
        cmocka_unit_test(the_newest_version_wins_then_headroom_among_the_best_three),
        cmocka_unit_test(entitlement_is_by_user_group_or_everybody),
        cmocka_unit_test(unix_names_follow_the_rule),
        cmocka_unit_test(names_that_look_alike_do_not_share_a_home),
        cmocka_unit_test(reasons_have_a_sentence_in_both_languages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
