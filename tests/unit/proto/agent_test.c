/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The link's messages: what is written is read back the same, and what is wrong is named. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "common/base/error.h"
#include "common/proto/agent.h"
#include "common/proto/json.h"

#define ID "0123456789abcdef0123456789abcdef"

static json_t *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    json_t *message = zg_json_parse(text, strlen(text), &error);

    assert_non_null(message);
    return message;
}

static void
hello_is_read_back_the_same(void **state)
{
    g_autoptr(ZgAgentHello) hello = zg_agent_hello_new();
    g_autoptr(ZgAgentHello) back = NULL;
    g_autoptr(json_t) message = NULL;
    g_autoptr(json_t) again = NULL;
    g_autoptr(GError) error = NULL;
    char sha256[65];

    (void)state;
    memset(sha256, 'a', 64);
    sha256[64] = '\0';
    hello->host = g_strdup("h1");
    hello->boot_id = g_strdup("b");
    hello->driver = g_strdup("embed");
    hello->accel = g_strdup("tcg");
    hello->cpus = 2;
    hello->memory_mib = 2048;
    hello->disk_mib = 10000;
    hello->capabilities = g_strsplit("save nat", " ", -1);
    g_ptr_array_add(hello->images, zg_agent_image_new("tiny", 3, sha256, 77));
    message = zg_agent_hello_write(hello);
    back = zg_agent_hello_read(message, &error);
    assert_non_null(back);
    again = zg_agent_hello_write(back);
    assert_true(json_equal(message, again));
}

static void
a_report_is_read_back_the_same(void **state)
{
    g_autoptr(json_t) message = parse(
        "{\"type\":\"report\",\"full\":true,\"host\":{\"memory_free_mib\":1,\"disk_free_mib\":2,"
        "\"disk_promised_mib\":3,\"load_milli\":4},\"desktops\":[{\"desktop\":\"" ID "\","
        "\"generation\":2,\"epoch\":1,\"power\":\"on\",\"agent\":\"ready\",\"prepared\":true,"
        "\"console\":true,\"signed_on\":null,\"signed_off\":false,\"viewers\":1,\"memory_mib\":9,"
        "\"overlay_mib\":8,\"error\":{\"code\":\"x\",\"message\":\"y\"}}]}");
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgAgentReport) report = zg_agent_report_read(message, &error);
    g_autoptr(json_t) again = NULL;

    (void)state;
    assert_non_null(report);
    assert_int_equal(report->desktops->len, 1);
    again = zg_agent_report_write(report);
    assert_true(json_equal(message, again));
}

static void
a_wish_is_read_back_the_same_and_absent_needs_no_spec(void **state)
{
    g_autoptr(json_t) message = parse(
        "{\"type\":\"desired\",\"desktop\":\"" ID "\",\"generation\":1,\"epoch\":1,"
        "\"power\":\"on\",\"spec\":{\"name\":\"office-1\",\"pool\":\"office\","
        "\"template\":\"tiny\",\"version\":1,"
        "\"memory_mib\":256,\"vcpus\":1,\"disk_mib\":2048,\"network\":\"nat\",\"profile\":\"lan\","
        "\"keyboard\":\"es\",\"title\":\"T\"}}");
    g_autoptr(json_t) absent = parse("{\"type\":\"desired\",\"desktop\":\"" ID
                                     "\",\"generation\":1,\"epoch\":1,\"power\":\"absent\"}");
    g_autoptr(json_t) on = parse("{\"type\":\"desired\",\"desktop\":\"" ID
                                 "\",\"generation\":1,\"epoch\":1,\"power\":\"on\"}");
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgDesired) desired = zg_desired_read(message, &error);
    g_autoptr(ZgDesired) gone = zg_desired_read(absent, &error);
    g_autoptr(ZgDesired) refused = NULL;
    g_autoptr(json_t) again = NULL;

    (void)state;
    assert_non_null(desired);
    assert_non_null(gone);
    again = zg_desired_write(desired);
    assert_true(json_equal(message, again));
    refused = zg_desired_read(on, &error);
    assert_null(refused);
    assert_non_null(strstr(error->message, "spec"));
}

static void
done_and_viewer_are_read_back_the_same(void **state)
{
    g_autoptr(json_t) done_text = parse("{\"type\":\"done\",\"id\":\"" ID "\",\"ok\":false,"
                                        "\"code\":\"timeout\",\"message\":\"m\",\"result\":{}}");
    g_autoptr(json_t) viewer_text =
        parse("{\"type\":\"viewer\",\"desktop\":\"" ID "\",\"session\":\"" ID "\","
              "\"user\":\"anna\",\"event\":\"in\",\"viewers\":1,"
              "\"terminal\":\"t\",\"protocol\":\"wss\"}");
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgAgentDone) done = zg_agent_done_read(done_text, &error);
    g_autoptr(ZgAgentViewer) viewer = zg_agent_viewer_read(viewer_text, &error);
    g_autoptr(json_t) done_again = zg_agent_done_write(done);
    g_autoptr(json_t) viewer_again = zg_agent_viewer_write(viewer);

    (void)state;
    assert_true(json_equal(done_text, done_again));
    assert_true(json_equal(viewer_text, viewer_again));
}

static void
wrong_messages_are_refused_by_the_name_of_the_field(void **state)
{
    static const struct {
        const char *text;
        const char *field;
    } wrong[] = {
        {"{\"host\":{\"memory_free_mib\":-1,\"disk_free_mib\":2},\"desktops\":[]}",
         "memory_free_mib"},
        {"{\"host\":{\"memory_free_mib\":1},\"desktops\":[]}", "disk_free_mib"},
        {"{\"host\":{\"memory_free_mib\":1,\"disk_free_mib\":2},\"desktops\":[{}]}", "desktop"},
        {"{\"host\":{\"memory_free_mib\":1,\"disk_free_mib\":2},\"desktops\":[{\"desktop\":\"" ID
         "\",\"generation\":1,\"epoch\":1,\"power\":\"perhaps\"}]}",
         "power"},
        {"{\"desktops\":[]}", "host"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(json_t) message = parse(wrong[i].text);
        g_autoptr(GError) error = NULL;

        assert_null(zg_agent_report_read(message, &error));
        assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_INVALID));
        assert_non_null(strstr(error->message, wrong[i].field));
    }
}

static void
names_and_values_match_both_ways(void **state)
{
    ZgWish wish = ZG_WISH_ON;

    (void)state;
    for (int power = 0; power < ZG_N_POWERS; power++) {
        assert_int_equal(zg_power_from_name(zg_power_name((ZgPower)power)), power);
    }
    for (int i = 0; i < ZG_N_WISHES; i++) {
        assert_true(zg_wish_from_name(zg_wish_name((ZgWish)i), &wish));
        assert_int_equal(wish, i);
    }
    assert_false(zg_wish_from_name("perhaps", &wish));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_is_read_back_the_same),
        cmocka_unit_test(a_report_is_read_back_the_same),
        cmocka_unit_test(a_wish_is_read_back_the_same_and_absent_needs_no_spec),
        cmocka_unit_test(done_and_viewer_are_read_back_the_same),
        cmocka_unit_test(wrong_messages_are_refused_by_the_name_of_the_field),
        cmocka_unit_test(names_and_values_match_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
