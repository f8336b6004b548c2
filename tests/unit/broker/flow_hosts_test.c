/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts that come late or come back: imports wait for them, and who looks on stays. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "broker/command.h"
#include "common/base/error.h"
#include "common/proto/json.h"
#include "tests/unit/broker/flow.h"

static Flow flow;

static int
setup(void **state)
{
    (void)state;
    flow_start(&flow);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    flow_stop(&flow);
    return 0;
}

static void
set_host(const char *name, ZgHostState state)
{
    g_hash_table_insert(flow.links, (gpointer)name, GINT_TO_POINTER(state));
}

/* Return: id of the operation; the caller frees. */
static char *
import(const char *template)
{
    static const ZgCaller admin = {.user = "admin", .admin = true};
    g_autoptr(json_t) operation = NULL;
    g_autoptr(GError) error = NULL;

    if (!zg_service_import_template(flow.service, &admin, template, "x.qcow2", NULL, NULL, NULL,
                                    &operation, &error)) {
        fail_msg("import: %s", error->message);
    }
    return g_strdup(json_string_value(json_object_get(operation, "id")));
}

static json_t *
operation_now(const char *id)
{
    json_t *view = NULL;
    g_autoptr(GError) error = NULL;

    assert_true(zg_service_get_operation(flow.service, id, NULL, &view, &error));
    return view;
}

#define assert_operation(id, field, expected)                                                      \
    do {                                                                                           \
        g_autoptr(json_t) now_ = operation_now(id);                                                \
        assert_string_equal(json_string_value(json_object_get(now_, field)), expected);            \
    } while (0)

static void
an_import_waits_for_the_first_host_to_connect(void **state)
{
    g_autofree char *operation = NULL;

    (void)state;
    set_host("h1", ZG_HOST_LOST);
    operation = import("tiny");
    flow_advance(&flow, 20);
    assert_operation(operation, "state", "running");
    assert_operation(operation, "text", "waiting for a hypervisor host to connect");
    assert_int_equal(flow_did(&flow, "image_import"), 0);
    set_host("h1", ZG_HOST_LINKED);
    flow_settle(&flow);
    assert_operation(operation, "state", "done");
    assert_int_equal(flow_did(&flow, "image_import"), 1);
}

static void
an_import_that_no_host_comes_for_fails_after_half_a_minute(void **state)
{
    g_autofree char *operation = NULL;
    g_autoptr(json_t) view = NULL;
    const json_t *failure;

    (void)state;
    set_host("h1", ZG_HOST_LOST);
    operation = import("tiny");
    flow_advance(&flow, 25);
    assert_operation(operation, "state", "running");
    flow_advance(&flow, 5);
    view = operation_now(operation);
    failure = json_object_get(view, "error");
    assert_string_equal(json_string_value(json_object_get(view, "state")), "failed");
    assert_string_equal(json_string_value(json_object_get(failure, "code")), "no-host");
    set_host("h1", ZG_HOST_LINKED);
    flow_settle(&flow);
    assert_int_equal(flow_did(&flow, "image_import"), 0);
}

static void
an_import_waits_for_a_host_that_is_away_for_a_moment_but_not_for_ever(void **state)
{
    g_autofree char *operation = NULL;

    (void)state;
    flow_host(&flow, "h2");
    set_host("h2", ZG_HOST_SUSPECTED);
    operation = import("tiny");
    flow_advance(&flow, 5);
    assert_int_equal(flow_did(&flow, "image_import"), 0);
    set_host("h2", ZG_HOST_LINKED);
    flow_settle(&flow);
    assert_operation(operation, "state", "done");
    assert_int_equal(flow_did(&flow, "image_import"), 2);
    g_free(operation);
    set_host("h2", ZG_HOST_SUSPECTED);
    operation = import("tiny");
    flow_advance(&flow, 35);
    assert_operation(operation, "state", "done");
    assert_int_equal(flow_did(&flow, "image_import"), 3);
}

/* A person at a desktop whose hostd has just been started again: a link without a console yet. */
static char *
looked_at(int viewers_told)
{
    g_autofree char *desktop = NULL;
    char *session;
    ZgObserved *machine;

    flow_template(&flow, "tiny");
    flow_pool(&flow, "office", 1, 2);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    flow_viewer(&flow, session, "in", 1);
    flow_settle(&flow);
    assert_session(session, "state", "active");
    desktop = flow_session(&flow, session, "desktop");
    machine = flow_machine(&flow, desktop);
    machine->console = false;
    machine->viewers = viewers_told;
    flow_hello(&flow);
    flow_settle(&flow);
    return session;
}

static void
who_looks_on_while_a_console_is_opened_anew_is_not_held(void **state)
{
    g_autofree char *session = looked_at(1);

    (void)state;
    assert_session(session, "state", "active");
}

static void
who_is_told_of_again_is_active_again(void **state)
{
    g_autofree char *session = looked_at(0);

    (void)state;
    assert_session(session, "state", "held");
    flow_viewer(&flow, session, "first-frame", 1);
    assert_session(session, "state", "active");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_import_waits_for_the_first_host_to_connect),
        T(an_import_that_no_host_comes_for_fails_after_half_a_minute),
        T(an_import_waits_for_a_host_that_is_away_for_a_moment_but_not_for_ever),
        T(who_looks_on_while_a_console_is_opened_anew_is_not_held),
        T(who_is_told_of_again_is_active_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
