/* SPDX-License-Identifier: GPL-3.0-or-later */
/* display/admission and the front's configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "common/base/error.h"
#include "display/admission.h"
#include "display/front.h"

static void
places_are_bounded_in_all_and_per_address(void **state)
{
    g_autoptr(ZgAdmission) admission = zg_admission_new(3, 2);

    assert_true(zg_admission_enter(admission, "a"));
    assert_true(zg_admission_enter(admission, "a"));
    assert_false(zg_admission_enter(admission, "a"));
    assert_true(zg_admission_enter(admission, "b"));
    assert_false(zg_admission_enter(admission, "c"));
    zg_admission_leave(admission, "a");
    assert_int_equal(zg_admission_count(admission), 2);
    assert_true(zg_admission_enter(admission, "c"));
    zg_admission_leave(admission, "a");
    assert_true(zg_admission_enter(admission, "a"));
}

static bool
load(const char *text, ZgFrontConfig *config, GError **error)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("zaguan-front-XXXXXX", &path, NULL);
    bool good;

    assert_true(fd >= 0);
    close(fd);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    good = zg_front_config_load(path, config, error);
    g_unlink(path);
    return good;
}

#define NEEDED "[front]\ncertificate=/c\nkey=/k\nbroker=/b\ncontrol=/f\n"

static void
the_configuration_has_defaults(void **state)
{
    g_auto(ZgFrontConfig) config = {0};

    assert_true(load(NEEDED "portal-origin=https://a;https://b:8443\n", &config, NULL));
    assert_int_equal(config.https_port, 8443);
    assert_int_equal(config.rfb_port, 5900);
    assert_string_equal(config.portal_origins[1], "https://b:8443");
    assert_int_equal(config.worker_uid_base, geteuid() == 0 ? 1900000000 : 0);
}

static void
a_wrong_configuration_names_the_key(void **state)
{
    static const struct {
        const char *text;
        const char *key;
    } cases[] = {
        {"[front]\ncertificate=/c\nbroker=/b\ncontrol=/f\n", "key"},
        {NEEDED "https-port=65536\n", "https-port"},
        {NEEDED "colour=blue\n", "colour"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(ZgFrontConfig) config = {0};
        g_autoptr(GError) error = NULL;

        assert_false(load(cases[i].text, &config, &error));
        assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
        assert_non_null(strstr(error->message, cases[i].key));
        assert_null(config.broker);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_bounded_in_all_and_per_address),
        cmocka_unit_test(the_configuration_has_defaults),
        cmocka_unit_test(a_wrong_configuration_names_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
