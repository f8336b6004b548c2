/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostd's small pure rules: next step, admission, routes, join tokens, memory, configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "common/base/error.h"
#include "hostd/admission.h"
#include "hostd/config.h"
#include "hostd/confine.h"
#include "hostd/desktop.h"
#include "hostd/enrol.h"
#include "hostd/inventory.h"
#include "hostd/user.h"

static void
every_situation_has_one_next_step(void **state)
{
    static const struct {
        ZgStepFacts facts;
        ZgStep step;
    } rows[] = {
        {{ZG_WISH_ON, 1, 0, ZG_POWER_OFF}, ZG_STEP_PROVISION},
        {{ZG_WISH_ON, 1, 1, ZG_POWER_OFF}, ZG_STEP_START},
        {{ZG_WISH_ON, 1, 1, ZG_POWER_SUSPENDED}, ZG_STEP_START},
        {{ZG_WISH_ON, 1, 1, ZG_POWER_ON}, ZG_STEP_NONE},
        {{ZG_WISH_ON, 2, 1, ZG_POWER_ON}, ZG_STEP_DROP},
        {{ZG_WISH_ON, 2, 1, ZG_POWER_SUSPENDED}, ZG_STEP_DROP},
        {{ZG_WISH_ON, 1, 1, ZG_POWER_OFF, .ended = true}, ZG_STEP_NONE},
        {{ZG_WISH_ON, 2, 1, ZG_POWER_OFF, .ended = true}, ZG_STEP_DROP},
        {{ZG_WISH_ON, 1, 1, ZG_POWER_SUSPENDED, .rests = true}, ZG_STEP_NONE},
        {{ZG_WISH_OFF, 1, 1, ZG_POWER_ON}, ZG_STEP_STOP},
        {{ZG_WISH_OFF, 1, 1, ZG_POWER_OFF}, ZG_STEP_NONE},
        {{ZG_WISH_OFF, 2, 1, ZG_POWER_OFF}, ZG_STEP_DROP},
        {{ZG_WISH_OFF, 1, 0, ZG_POWER_OFF}, ZG_STEP_NONE},
        {{ZG_WISH_ABSENT, 1, 1, ZG_POWER_ON}, ZG_STEP_REMOVE},
        {{ZG_WISH_ABSENT, 1, 0, ZG_POWER_OFF}, ZG_STEP_REMOVE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        assert_int_equal(zg_step_choose(&rows[i].facts), rows[i].step);
    }
}

static void
a_start_needs_free_memory_beside_promises_and_reserve(void **state)
{
    ZgAdmission facts = {.memory_free = 2000, .memory_promised = 500, .memory_reserve = 340,
                         .memory_wanted = 1000};
    g_autoptr(GError) error = NULL;

    assert_true(zg_admission_check(&facts, NULL));
    facts.memory_promised++;
    assert_false(zg_admission_check(&facts, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE));
    assert_non_null(strstr(error->message, "memory"));
}

static void
a_disk_needs_room_for_what_all_overlays_may_grow_to(void **state)
{
    ZgAdmission facts = {.disk_free = 100, .disk_promised = 60, .disk_reserve = 10,
                         .disk_wanted = 30};
    g_autoptr(GError) error = NULL;

    assert_true(zg_admission_check(&facts, NULL));
    facts.disk_wanted++;
    assert_false(zg_admission_check(&facts, &error));
    assert_non_null(strstr(error->message, "disk"));
    facts.disk_wanted = 0;
    facts.disk_promised = 1000; /* a guest whose disk is there already may start */
    assert_true(zg_admission_check(&facts, NULL));
}

static void
routes_are_addresses_or_networks(void **state)
{
    uint32_t address = 0;
    uint32_t mask = 0;

    assert_true(zg_confine_parse_route("192.0.2.7", &address, &mask));
    assert_int_equal(address, 0xc0000207);
    assert_int_equal(mask, 0xffffffff);
    assert_true(zg_confine_parse_route("192.0.2.7/24", &address, &mask));
    assert_int_equal(address, 0xc0000200);
    assert_int_equal(mask, 0xffffff00);
    assert_true(zg_confine_parse_route("0.0.0.0/0", &address, &mask));
    assert_int_equal(mask, 0);
    assert_false(zg_confine_parse_route("192.0.2.7/33", &address, &mask));
    assert_false(zg_confine_parse_route("ldap.branch.test", &address, &mask));
    assert_false(zg_confine_parse_route("", &address, &mask));
    assert_false(zg_confine_parse_route("192.0.2", &address, &mask));
}

static void
a_join_token_has_three_parts(void **state)
{
    g_autofree char *secret = g_strnfill(64, 'a');
    g_autofree char *good = g_strdup_printf(" host1.%s.%s\n", secret, secret);
    g_autofree char *unnamed = g_strdup_printf("../x.%s.%s", secret, secret);
    g_autofree char *cut = g_strdup_printf("host1.%s.%.63s", secret, secret);
    ZgJoinToken token = {0};

    assert_true(zg_join_token_parse(good, &token, NULL));
    assert_string_equal(token.host, "host1");
    assert_string_equal(token.secret, secret);
    zg_join_token_clear(&token);
    assert_false(zg_join_token_parse(unnamed, &token, NULL));
    assert_false(zg_join_token_parse(cut, &token, NULL));
    assert_false(zg_join_token_parse("", &token, NULL));
}

static void
a_request_carries_a_key_of_its_own(void **state)
{
    g_autofree char *key = NULL;
    g_autofree char *csr = NULL;

    assert_true(zg_enrol_request("host1", &key, &csr, NULL));
    assert_non_null(strstr(key, "PRIVATE KEY"));
    assert_non_null(strstr(csr, "BEGIN CERTIFICATE REQUEST"));
}

static void
memory_is_read_by_whole_names(void **state)
{
    const char *text = "MemTotal:       24000000 kB\nMemAvailableX: 1 kB\n"
                       "MemAvailable:    2048 kB\n";

    assert_int_equal(zg_inventory_meminfo(text, "MemAvailable"), 2);
    assert_int_equal(zg_inventory_meminfo(text, "Mem"), 0);
}

static void
guests_never_run_as_root(void **state)
{
    uid_t uid;
    gid_t gid;
    g_autoptr(GError) error = NULL;

    assert_true(zg_user_find("+64055", &uid, &gid, NULL));
    assert_int_equal(uid, 64055);
    assert_false(zg_user_find("+0", &uid, &gid, NULL));
    assert_false(zg_user_find("root", &uid, &gid, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
}

static char *
config_error(const char *text)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("zg-conf-XXXXXX", &path, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgHostdConfig) config = NULL;

    close(fd);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    config = zg_hostd_config_load(path, &error);
    g_unlink(path);
    return config != NULL ? NULL : g_strdup(error->message);
}

static void
configuration_errors_name_the_key(void **state)
{
    static const struct {
        const char *text;
        const char *word;
    } rows[] = {
        {"[hostd]\nname=Bad Name\nstate-directory=/s\n", "name"},
        {"[hostd]\nname=a\nstate-directory=s\n", "state-directory"},
        {"[hostd]\nname=a\nstate-directory=/s\nbroker=http://x\n", "broker"},
        {"[hostd]\nname=a\nstate-directory=/s\nbroker=unix:/x\n", "certificate"},
        {"[hostd]\nname=a\nstate-directory=/s\n[libvirt]\nqemu-user=root\n", "qemu-user"},
        {"[hostd]\nname=a\nstate-directory=/s\nnmae=b\n", "nmae"},
        {"[hostd]\nname=a\nstate-directory=/s\n[limits]\nstarts-at-once=0\n", "starts-at-once"},
    };
    g_autofree char *good = config_error("[hostd]\nname=a\nstate-directory=/s\n");

    assert_null(good);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *message = config_error(rows[i].text);

        assert_non_null(message);
        assert_non_null(strstr(message, rows[i].word));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_situation_has_one_next_step),
        cmocka_unit_test(a_start_needs_free_memory_beside_promises_and_reserve),
        cmocka_unit_test(a_disk_needs_room_for_what_all_overlays_may_grow_to),
        cmocka_unit_test(routes_are_addresses_or_networks),
        cmocka_unit_test(a_join_token_has_three_parts),
        cmocka_unit_test(a_request_carries_a_key_of_its_own),
        cmocka_unit_test(memory_is_read_by_whole_names),
        cmocka_unit_test(guests_never_run_as_root),
        cmocka_unit_test(configuration_errors_name_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
