/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes, problems, words, the portal's paths and broker.conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include "broker/config.h"
#include "broker/portal.h"
#include "broker/problem.h"
#include "broker/route.h"
#include "broker/words.h"
#include "common/base/error.h"
#include "common/proto/json.h"

#define CERTIFICATES "[link]\ncertificate=a.pem\nkey=a.key\nca=ca.pem\n"

static void
every_route_finds_itself(void **state)
{
    for (size_t i = 0; i < ZG_N_ROUTES; i++) {
        const ZgRoute *route = zg_route_at(i);
        g_autofree char *path = g_strconcat(ZG_ROUTE_PREFIX, route->pattern, NULL);
        ZgRouteMatch match = {0};

        assert_non_null(route->pattern); /* no hole in the table */
        assert_int_equal(route->id, i);
        assert_int_equal(zg_route_match(route->method, path, &match), ZG_ROUTE_FOUND);
        assert_int_equal(match.route->id, route->id);
        zg_route_match_clear(&match);
    }
}

static void
parameters_are_the_segments_of_the_path(void **state)
{
    ZgRouteMatch match = {0};

    assert_int_equal(zg_route_match(ZG_METHOD_GET, "/api/v1/why/desktop/ab c", &match),
                     ZG_ROUTE_FOUND);
    assert_int_equal(match.n_params, 2);
    assert_string_equal(match.params[0], "desktop");
    assert_string_equal(match.params[1], "ab c");
    zg_route_match_clear(&match);
}

static void
a_known_path_with_another_method_says_which_it_knows(void **state)
{
    ZgRouteMatch match = {0};

    assert_int_equal(zg_route_match(ZG_METHOD_PUT, "/api/v1/hosts/tokens", &match),
                     ZG_ROUTE_WRONG_METHOD);
    assert_int_equal(match.allowed, 1u << ZG_METHOD_GET | 1u << ZG_METHOD_POST |
                                        1u << ZG_METHOD_PATCH | 1u << ZG_METHOD_DELETE);
    zg_route_match_clear(&match);
}

static void
odd_paths_match_nothing(void **state)
{
    static const char *const paths[] = {
        "",          "/",           "/api/v1",         "/api/v1/",          "/api/v1//me",
        "/api/v1/me/", "/api/v1/pools/", "/api/v1/pools/.", "/api/v1/pools/..", "/api/v2/me",
        "/api/v1/pools/a/b", "/api/v1/pools/a\nb", "api/v1/me", "/api/v1/pools/\xff",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        ZgRouteMatch match = {0};

        assert_int_equal(zg_route_match(ZG_METHOD_GET, paths[i], &match), ZG_ROUTE_UNKNOWN);
        zg_route_match_clear(&match);
    }
}

static void
only_known_query_keys_are_allowed(void **state)
{
    const ZgRoute *route = zg_route_at(ZG_ROUTE_DESKTOPS);

    assert_true(zg_route_allows_query(route, "limit"));
    assert_true(zg_route_allows_query(route, "life"));
    assert_false(zg_route_allows_query(route, ""));
    assert_false(zg_route_allows_query(route, "lif"));
    assert_false(zg_route_allows_query(route, "host life"));
    assert_false(zg_route_allows_query(zg_route_at(ZG_ROUTE_ME), "limit"));
}

static void
nothing_but_signing_in_is_public(void **state)
{
    for (size_t i = 0; i < ZG_N_ROUTES; i++) {
        const ZgRoute *route = zg_route_at(i);

        assert_int_equal((route->flags & ZG_ROUTE_PUBLIC) != 0, i == ZG_ROUTE_SIGN_IN);
        assert_int_equal(strstr(route->pattern, "/my/") == route->pattern,
                         route->action == ZG_ACTION_USE_OWN);
    }
}

static void
a_problem_names_code_hint_field_and_trace(void **state)
{
    g_autoptr(GError) error =
        g_error_new(ZG_ERROR, ZG_ERROR_INVALID, "vcpus: must be from 1 to 128");
    int status = 0;
    g_autofree char *text = zg_problem_text(error, "es", "abc123", "vcpus", &status);
    g_autoptr(json_t) problem = json_loads(text, 0, NULL);

    assert_int_equal(status, 400);
    assert_string_equal(json_string_value(json_object_get(problem, "code")), "invalid");
    assert_string_equal(json_string_value(json_object_get(problem, "trace_id")), "abc123");
    assert_string_equal(json_string_value(json_object_get(problem, "title")),
                        "La petición no es válida");
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(problem, "errors"), 0), "field")),
                        "vcpus");
}

static void
our_own_faults_do_not_tell_their_inside(void **state)
{
    g_autoptr(GError) error = g_error_new(ZG_ERROR, ZG_ERROR_FAILED, "/secret/path: no");
    int status = 0;
    g_autofree char *text = zg_problem_text(error, "en", "t", NULL, &status);

    assert_int_equal(status, 500);
    assert_null(strstr(text, "secret"));
}

static void
the_language_is_the_best_one_we_have(void **state)
{
    assert_string_equal(zg_language_of(NULL), "en");
    assert_string_equal(zg_language_of("fr, de"), "en");
    assert_string_equal(zg_language_of("es-MX,es;q=0.9,en;q=0.8"), "es");
    assert_string_equal(zg_language_of("en;q=0.3, es;q=0.4"), "es");
    assert_string_equal(zg_language_of("est"), "en");
    assert_null(zg_word(ZG_WORDS_HINT, "nonsense", "en"));
}

static void
no_path_leaves_the_portals_folder(void **state)
{
    static const char *const bad[] = {"",          "x",         "/..",      "/../etc/passwd",
                                      "/a/../b",   "/.git/x",   "//x",      "/a//b",
                                      "/a\\..\\b", "/a b",      "/a/",      "/a/b/c/d/e/f/g/h/i",
                                      "/%2e%2e/x", "/ñ"};
    g_autofree char *index = zg_portal_file_of("/");
    g_autofree char *asset = zg_portal_file_of("/assets/app-1.js");

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_null(zg_portal_file_of(bad[i]));
    }
    assert_string_equal(index, "index.html");
    assert_string_equal(asset, "assets/app-1.js");
    assert_null(zg_portal_type_of("a.php"));
    assert_string_equal(zg_portal_type_of("a.js"), "text/javascript; charset=utf-8");
}

static void
only_assets_with_a_hash_never_change(void **state)
{
    assert_true(zg_portal_is_immutable("assets/app-0123abcd.js"));
    assert_true(zg_portal_is_immutable("assets/core/rfb.0123456789abcdef.js"));
    assert_false(zg_portal_is_immutable("assets/app.js"));
    assert_false(zg_portal_is_immutable("assets/app-1234.js"));
    assert_false(zg_portal_is_immutable("index-0123abcd.html"));
}

static void
the_policy_allows_no_inline_script(void **state)
{
    char *origins[] = {(char *)"https://desk.example.com:8443", NULL};
    g_autofree char *policy = zg_portal_csp(origins);

    assert_null(strstr(policy, "unsafe-inline"));
    assert_non_null(strstr(policy, "default-src 'none'"));
    assert_non_null(strstr(policy, "wss://desk.example.com:8443"));
}

static ZgBrokerConfig *
load(const char *text, GError **error)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("broker-XXXXXX.conf", &path, NULL);
    ZgBrokerConfig *config;

    assert_true(fd >= 0 && g_close(fd, NULL));
    assert_true(g_file_set_contents(path, text, -1, NULL));
    config = zg_broker_config_load(path, error);
    g_unlink(path);
    return config;
}

static void
a_configuration_with_certificates_alone_is_a_local_broker(void **state)
{
    g_autoptr(ZgBrokerConfig) config = load(CERTIFICATES, NULL);

    assert_non_null(config);
    assert_true(config->local);
    assert_false(config->has_ldap);
    assert_int_equal(config->session_hours, 12);
    assert_true(g_path_is_absolute(config->http_socket));
}

static void
a_configuration_that_cannot_work_is_refused_by_name(void **state)
{
    static const struct {
        const char *text;
        const char *names;
    } bad[] = {
        {CERTIFICATES "[broker]\nname=Bad Name\n", "name"},
        {CERTIFICATES "[http]\nportal-origin=desk.example.com\n", "portal-origin"},
        {"[http]\nsokcet=x\n", "sokcet"},
        {"[link]\nunix=x\nkey=k\nca=c\n", "certificate"},
        {CERTIFICATES "tcp-port=8440\n", "tcp-address"},
        {CERTIFICATES "[sign-in]\nlocal=false\n", "nobody"},
        {"[sign-in]\nsession-hours=0\n", "session-hours"},
        {"[metrics]\nport=99999\n", "port"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        assert_null(load(bad[i].text, &error));
        assert_non_null(strstr(error->message, bad[i].names));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_finds_itself),
        cmocka_unit_test(parameters_are_the_segments_of_the_path),
        cmocka_unit_test(a_known_path_with_another_method_says_which_it_knows),
        cmocka_unit_test(odd_paths_match_nothing),
        cmocka_unit_test(only_known_query_keys_are_allowed),
        cmocka_unit_test(nothing_but_signing_in_is_public),
        cmocka_unit_test(a_problem_names_code_hint_field_and_trace),
        cmocka_unit_test(our_own_faults_do_not_tell_their_inside),
        cmocka_unit_test(the_language_is_the_best_one_we_have),
        cmocka_unit_test(no_path_leaves_the_portals_folder),
        cmocka_unit_test(only_assets_with_a_hash_never_change),
        cmocka_unit_test(the_policy_allows_no_inline_script),
        cmocka_unit_test(a_configuration_with_certificates_alone_is_a_local_broker),
        cmocka_unit_test(a_configuration_that_cannot_work_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
