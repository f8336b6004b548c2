/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole ways through the core: stock, assignment, viewers, log-off, failures, lost hosts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "broker/capacity.h"
#include "broker/command.h"
#include "broker/reason.h"
#include "broker/session.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/proto/json.h"
#include "tests/unit/broker/flow.h"

static Flow flow;

static int
setup(void **state)
{
    (void)state;
    flow_start(&flow);
    flow_template(&flow, "tiny");
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
keep_ticket(const ZgTicketAnswer *answer, const GError *error, void *data)
{
    char **out = data;

    *out = answer != NULL ? g_strdup(answer->secret) : g_strdup_printf("! %s", error->message);
}

/* Issues a ticket: its job runs on the pool, then the host answers, as on a link: the display has
 * the ticket, the guest has the person. */
static char *
ticket_for(const char *session, const char *user)
{
    ZgCaller caller = {.user = user};
    char *text = NULL;
    int64_t deadline = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
    g_autoptr(GError) error = NULL;

    zg_service_issue_ticket(flow.service, &caller, session, false, false, keep_ticket, &text);
    while (text == NULL && g_get_monotonic_time() < deadline) {
        g_autoptr(ZgTx) tx = zg_tx_begin(flow.service->store, ZG_TX_READ, &error);
        g_autoptr(ZgRows) rows =
            zg_tx_query(tx, &error, "SELECT id FROM commands WHERE kind IN ('ticket', 'sign_on')"
                                    " AND state = 'queued'", "");

        while (text == NULL && zg_rows_next(rows, NULL)) {
            g_autoptr(ZgAgentDone) done = zg_agent_done_new(zg_rows_text(rows, 0), true);

            zg_tickets_done(flow.service->tickets, done);
        }
        g_clear_pointer(&rows, zg_rows_free);
        g_clear_pointer(&tx, zg_tx_free);
        g_main_context_iteration(NULL, text == NULL && g_main_context_pending(NULL));
    }
    assert_non_null(text);
    flow_settle(&flow);
    return text;
}

static void
a_pool_fills_its_stock_and_refills_it_when_one_is_taken(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *session_state = NULL;

    (void)state;
    flow_pool(&flow, "office", 2, 5);
    flow_settle(&flow);
    assert_int_equal(flow_count(&flow, "ready"), 2);
    session = flow_open(&flow, "anna", "office", &session_state);
    assert_string_equal(session_state, "connecting");
    flow_settle(&flow);
    assert_int_equal(flow_count(&flow, "reserved"), 1);
    assert_int_equal(flow_count(&flow, "ready"), 2);
}

static void
who_asks_again_gets_the_same_session(void **state)
{
    g_autofree char *first = NULL;
    g_autofree char *again = NULL;

    (void)state;
    flow_pool(&flow, "office", 2, 5);
    flow_settle(&flow);
    first = flow_open(&flow, "anna", "office", NULL);
    again = flow_open(&flow, "anna", "office", NULL);
    assert_string_equal(first, again);
}

static void
a_pool_never_has_more_than_max_and_people_queue_in_order(void **state)
{
    g_autofree char *a = NULL;
    g_autofree char *b = NULL;
    g_autofree char *c = NULL;
    g_autofree char *b_state = NULL;
    g_autoptr(json_t) operation = NULL;
    ZgCaller anna = {.user = "anna"};
    g_autoptr(GError) error = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    a = flow_open(&flow, "anna", "office", NULL);
    flow_now_us++;
    b = flow_open(&flow, "berta", "office", &b_state);
    flow_now_us++;
    c = flow_open(&flow, "carla", "office", NULL);
    assert_string_equal(b_state, "pending");
    flow_settle(&flow);
    assert_int_equal(flow_count(&flow, NULL), 1);
    assert_true(zg_service_log_off(flow.service, &anna, a, false, &operation, &error));
    flow_settle(&flow);
    assert_session(a, "state", "ended");
    assert_session(b, "state", "connecting");
    assert_session(c, "state", "pending");
}

static void
the_first_ticket_signs_on_and_taints_in_one_transaction(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *secret = NULL;
    g_autofree char *second = NULL;
    g_autoptr(json_t) view = NULL;
    g_autoptr(GError) error = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 2);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    assert_int_equal(strlen(secret), 64);
    desktop = flow_session(&flow, session, "desktop");
    assert_true(zg_service_get_desktop(flow.service, desktop, &view, &error));
    assert_string_equal(json_string_value(json_array_get(json_object_get(view, "flags"), 0)),
                        "tainted");
    assert_string_equal(flow_machine(&flow, desktop)->signed_on, "anna");
    second = ticket_for(session, "anna");
    assert_string_not_equal(secret, second);
    assert_int_equal(flow_did(&flow, "sign_on"), 1);
}

static void
a_ticket_is_refused_to_others_and_while_waiting(void **state)
{
    g_autofree char *a = NULL;
    g_autofree char *b = NULL;
    g_autofree char *stranger = NULL;
    g_autofree char *waiting = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    a = flow_open(&flow, "anna", "office", NULL);
    b = flow_open(&flow, "berta", "office", NULL);
    stranger = ticket_for(a, "berta");
    assert_true(g_str_has_prefix(stranger, "! no such session"));
    waiting = ticket_for(b, "berta");
    assert_true(g_str_has_prefix(waiting, "! not-ready"));
}

static void
viewers_move_the_session_and_log_off_brings_a_new_generation(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *life = NULL;
    g_autofree char *secret = NULL;
    g_autoptr(json_t) operation = NULL;
    g_autoptr(json_t) after = NULL;
    ZgCaller anna = {.user = "anna"};
    g_autoptr(GError) error = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_viewer(&flow, session, "in", 1);
    assert_session(session, "state", "active");
    flow_viewer(&flow, session, "lost", 0);
    assert_session(session, "state", "held");
    flow_viewer(&flow, session, "in", 1);
    assert_session(session, "state", "active");
    flow_viewer(&flow, session, "out", 0);
    assert_session(session, "state", "disconnected");
    life = flow_desktop(&flow, desktop, "life");
    assert_string_equal(life, "in-use");
    assert_true(zg_service_log_off(flow.service, &anna, session, false, &operation, &error));
    assert_session(session, "state", "logging-off");
    flow_settle(&flow);
    assert_session(session, "state", "ended");
    assert_session(session, "reason", "user-log-off");
    assert_int_equal(flow_machine(&flow, desktop)->generation, 2);
    assert_int_equal(flow_count(&flow, "ready"), 1);
    assert_int_equal(flow_did(&flow, "cut"), 1);
    assert_true(zg_service_get_operation(
        flow.service, json_string_value(json_object_get(operation, "id")), "anna", &after, &error));
    assert_string_equal(json_string_value(json_object_get(after, "state")), "done");
}

static void
a_guest_that_does_not_sign_off_is_reset_at_the_deadline(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *secret = NULL;
    g_autoptr(json_t) operation = NULL;
    ZgCaller anna = {.user = "anna"};
    g_autoptr(GError) error = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_viewer(&flow, session, "in", 1);
    flow.sees_nothing = true; /* the host is silent about it */
    assert_true(zg_service_log_off(flow.service, &anna, session, false, &operation, &error));
    flow_advance(&flow, 15);
    assert_session(session, "state", "logging-off");
    flow_advance(&flow, 10);
    assert_session(session, "state", "ended");
    flow.sees_nothing = false;
    flow_settle(&flow);
    assert_int_equal(flow_machine(&flow, desktop)->generation, 2);
}

static void
power_off_inside_the_guest_ends_the_session(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *secret = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_viewer(&flow, session, "in", 1);
    flow_machine(&flow, desktop)->power = ZG_POWER_OFF;
    flow_settle(&flow);
    assert_session(session, "state", "ended");
    assert_session(session, "reason", "guest-powered-off");
    assert_int_equal(flow_count(&flow, "ready"), 1);
    assert_int_equal(flow_machine(&flow, desktop)->generation, 2);
}

static void
a_desktop_nobody_signed_on_to_goes_back_to_ready(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *life = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    desktop = flow_session(&flow, session, "desktop");
    flow_advance(&flow, 130);
    assert_session(session, "state", "ended");
    assert_session(session, "reason", "never-connected");
    life = flow_desktop(&flow, desktop, "life");
    assert_string_equal(life, "ready");
    assert_int_equal(flow_machine(&flow, desktop)->generation, 1);
}

static void
a_tainted_desktop_never_goes_back_to_ready(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *secret = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_advance(&flow, 130);
    assert_session(session, "state", "ended");
    assert_int_equal(flow_machine(&flow, desktop)->generation, 2);
}

static void
three_failures_open_the_breaker_and_it_closes_again(void **state)
{
    int made;

    (void)state;
    flow.breaks = true;
    flow_pool(&flow, "office", 3, 5);
    flow_settle(&flow);
    assert_int_equal(flow_count(&flow, "error"), 3);
    flow_advance(&flow, 60);
    made = flow_count(&flow, NULL);
    assert_int_equal(made, 0);
    flow.breaks = false;
    flow_advance(&flow, 300);
    assert_int_equal(flow_count(&flow, NULL), 0);
    flow_advance(&flow, 400);
    assert_int_equal(flow_count(&flow, "ready"), 3);
}

static void
a_desktop_that_does_not_get_ready_fails_in_time(void **state)
{
    (void)state;
    flow.lazy = true;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    assert_int_equal(flow_count(&flow, "customizing"), 1);
    flow_advance(&flow, 605);
    assert_int_equal(flow_count(&flow, "error"), 1);
}

static void
a_new_template_version_replaces_idle_desktops_at_once_and_used_ones_at_log_off(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *secret = NULL;
    g_autoptr(json_t) operation = NULL;
    g_autoptr(json_t) view = NULL;
    ZgCaller anna = {.user = "anna"};
    g_autoptr(GError) error = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 2);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_viewer(&flow, session, "in", 1);
    flow_template(&flow, "tiny");
    flow_settle(&flow);
    assert_true(zg_service_get_desktop(flow.service, desktop, &view, &error));
    assert_int_equal(json_integer_value(json_object_get(view, "version")), 1);
    assert_true(zg_service_log_off(flow.service, &anna, session, false, &operation, &error));
    flow_settle(&flow);
    assert_false(zg_service_get_desktop(flow.service, desktop, &view, &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_NOT_FOUND));
    assert_int_equal(flow_count(&flow, "ready"), 1);
}

static void
lose_host(bool lost)
{
    g_hash_table_insert(flow.links, (gpointer) "h1",
                        GINT_TO_POINTER(lost ? ZG_HOST_LOST : ZG_HOST_LINKED));
    flow.sees_nothing = lost;
}

static void
a_lost_host_loses_idle_desktops_only_after_a_while_and_deletes_them_when_back(void **state)
{
    (void)state;
    flow_pool(&flow, "office", 2, 3);
    flow_settle(&flow);
    lose_host(true);
    flow_advance(&flow, 120);
    assert_int_equal(flow_count(&flow, "ready"), 2);
    flow_advance(&flow, 120);
    assert_int_equal(flow_count(&flow, "lost"), 2);
    lose_host(false);
    flow_settle(&flow);
    assert_int_equal(flow_count(&flow, "lost"), 0);
    assert_int_equal(flow_count(&flow, "ready"), 2);
}

static void
a_person_keeps_the_desktop_however_long_its_host_is_away(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *again = NULL;
    g_autofree char *secret = NULL;
    g_autofree char *desktop = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 2);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_viewer(&flow, session, "in", 1);
    lose_host(true);
    flow_advance(&flow, 1200);
    assert_session(session, "state", "active");
    again = flow_open(&flow, "anna", "office", NULL);
    assert_string_equal(again, session);
    lose_host(false);
    flow_settle(&flow);
    assert_session(session, "state", "active");
    assert_session(session, "desktop", desktop);
    assert_int_equal(flow_machine(&flow, desktop)->generation, 1);
}

static void
a_desktop_that_cannot_be_resumed_yet_keeps_its_session(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *secret = NULL;
    g_autofree char *desktop = NULL;
    ZgObserved *machine;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_viewer(&flow, session, "in", 1);
    machine = flow_machine(&flow, desktop);
    machine->power = ZG_POWER_SUSPENDED;
    machine->console = false;
    machine->error_code = g_strdup("unavailable");
    machine->error_message = g_strdup("512 MiB of memory are missing");
    flow_settle(&flow);
    assert_session(session, "state", "held");
    machine->power = ZG_POWER_OFF; /* its process ended: what was in memory is gone */
    flow_settle(&flow);
    assert_session(session, "state", "ended");
    assert_session(session, "reason", "desktop-failed");
}

static void
restart_signs_on_again_and_its_sign_off_does_not_count(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *secret = NULL;
    g_autoptr(json_t) operation = NULL;
    ZgCaller anna = {.user = "anna"};
    g_autoptr(GError) error = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_viewer(&flow, session, "in", 1);
    assert_true(zg_service_restart_session(flow.service, &anna, session, &operation, &error));
    flow_settle(&flow);
    assert_session(session, "state", "active");
    assert_int_equal(flow_did(&flow, "restart"), 1);
    assert_int_equal(flow_did(&flow, "sign_on"), 2);
    assert_int_equal(flow_machine(&flow, desktop)->generation, 1);
}

static void
deleting_a_pool_ends_its_sessions_and_removes_everything(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *secret = NULL;
    g_autoptr(json_t) operation = NULL;
    g_autoptr(json_t) after = NULL;
    ZgCaller admin = {.user = "admin", .admin = true};
    g_autoptr(GError) error = NULL;

    (void)state;
    flow_pool(&flow, "office", 2, 3);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    flow_viewer(&flow, session, "in", 1);
    assert_true(zg_service_delete_pool(flow.service, &admin, "office", 0, &operation, &error));
    flow_settle(&flow);
    assert_session(session, "state", "ended");
    assert_int_equal(flow_count(&flow, NULL), 0);
    assert_int_equal(g_hash_table_size(flow.machines), 0);
    assert_true(zg_service_get_operation(
        flow.service, json_string_value(json_object_get(operation, "id")), NULL, &after, &error));
    assert_string_equal(json_string_value(json_object_get(after, "state")), "done");
}

static void
who_is_not_entitled_is_refused_with_a_reason(void **state)
{
    static const char *const groups[] = {"cn=branch-1", NULL};
    static const char *const other[] = {"cn=branch-2", NULL};
    ZgPoolSpec spec = {
        .name = "office", .template_name = "tiny", .kind = "floating", .ready = 1, .max = 1,
        .memory_mib = 256, .vcpus = 1, .disk_mib = 2048, .network = "isolated", .profile = "lan",
        .entitled_groups = groups, .enabled = true,
    };
    ZgCaller caller = {.user = "anna", .groups = other};
    ZgSessionRequest request = {.pool = "office"};
    g_autoptr(json_t) view = NULL;
    g_autoptr(GError) error = NULL;
    bool created = false;

    (void)state;
    assert_true(zg_service_put_pool(flow.service, &caller, &spec, -1, &created, &view, &error));
    g_clear_pointer(&view, json_decref);
    assert_false(zg_service_open_session(flow.service, &caller, &request, &created, &view,
                                         &error));
    assert_true(g_error_matches(error, ZG_ERROR, ZG_ERROR_DENIED));
    assert_string_equal(zg_reason_of_error(error), "not-entitled");
    caller.groups = groups;
    g_clear_error(&error);
    assert_true(zg_service_open_session(flow.service, &caller, &request, &created, &view, &error));
    assert_true(created);
}

static void
why_tells_every_step_of_a_session(void **state)
{
    g_autofree char *session = NULL;
    g_autoptr(json_t) why = NULL;
    g_autoptr(GError) error = NULL;
    json_t *items;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    assert_true(zg_service_why(flow.service, "session", session, NULL, &why, &error));
    items = json_object_get(why, "items");
    assert_int_equal(json_array_size(items), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "to")),
                        "connecting");
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 1), "to")),
                        "reserved");
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 2), "to")),
                        "pending");
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 2), "actor")),
                        "user:anna");
}

typedef struct {
    GPtrArray *lines;
    int64_t last_id;
    bool in_order;
} Heard;

static void
hear(const ZgEvent *event, void *data)
{
    Heard *heard = data;

    heard->in_order = heard->in_order && event->id > heard->last_id;
    heard->last_id = event->id;
    g_ptr_array_add(heard->lines, g_strdup_printf("%s %s", event->type, event->data));
}

static bool
was_heard(const Heard *heard, const char *type, const char *part)
{
    for (guint i = 0; i < heard->lines->len; i++) {
        const char *line = g_ptr_array_index(heard->lines, i);

        if (g_str_has_prefix(line, type) && strstr(line, part) != NULL) {
            return true;
        }
    }
    return false;
}

static void
changes_reach_subscribers_in_order_and_only_their_own(void **state)
{
    Heard all = {.lines = g_ptr_array_new_with_free_func(g_free), .in_order = true};
    Heard own = {.lines = g_ptr_array_new_with_free_func(g_free), .in_order = true};
    Heard late = {.lines = g_ptr_array_new_with_free_func(g_free), .in_order = true};
    g_autoptr(GError) error = NULL;
    g_autoptr(ZgSubscription) admin = zg_service_subscribe(flow.service, NULL, -1, hear, &all,
                                                           &error);
    g_autoptr(ZgSubscription) berta = zg_service_subscribe(flow.service, "berta", -1, hear, &own,
                                                           &error);
    g_autoptr(ZgSubscription) resumed = NULL;
    g_autofree char *session = NULL;
    int64_t deadline = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

    (void)state;
    while (all.lines->len == 0 && g_get_monotonic_time() < deadline) {
        flow_pool(&flow, "office", 1, 1); /* until the subscription stands */
        g_main_context_iteration(NULL, FALSE);
    }
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    while (!was_heard(&all, "session", "connecting") && g_get_monotonic_time() < deadline) {
        g_main_context_iteration(NULL, FALSE);
    }
    assert_true(was_heard(&all, "session", "connecting"));
    assert_true(was_heard(&all, "desktop", "\"life\":"));
    assert_true(all.in_order);
    assert_false(was_heard(&own, "session", ""));
    resumed = zg_service_subscribe(flow.service, NULL, 0, hear, &late, &error);
    while (!was_heard(&late, "session", "connecting") && g_get_monotonic_time() < deadline) {
        g_main_context_iteration(NULL, FALSE);
    }
    assert_true(was_heard(&late, "session", "connecting"));
    assert_true(late.in_order);
    g_ptr_array_unref(all.lines);
    g_ptr_array_unref(own.lines);
    g_clear_pointer(&resumed, zg_subscription_free);
    g_ptr_array_unref(late.lines);
    all.lines = own.lines = late.lines = NULL;
}

static void
status_names_what_is_wrong(void **state)
{
    g_autoptr(json_t) fine = NULL;
    g_autoptr(json_t) bad = NULL;
    g_autoptr(GError) error = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    assert_true(zg_service_status(flow.service, &fine, &error));
    assert_string_equal(json_string_value(json_object_get(fine, "state")), "ok");
    g_hash_table_insert(flow.links, (gpointer) "h1", GINT_TO_POINTER(ZG_HOST_LOST));
    flow_settle(&flow);
    assert_true(zg_service_status(flow.service, &bad, &error));
    assert_string_equal(json_string_value(json_object_get(bad, "state")), "degraded");
    assert_true(json_array_size(json_object_get(bad, "problems")) > 0);
}

static void
status_tells_of_a_pool_that_may_not_grow(void **state)
{
    g_autofree char *session = NULL;
    g_autoptr(json_t) status = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "ana", "office", NULL);
    flow_settle(&flow);
    assert_true(zg_service_status(flow.service, &status, &error));
    text = json_dumps(status, 0);
    assert_non_null(strstr(text, "`zaguan pool scale office --max N` allows more"));
    assert_string_equal(json_string_value(json_object_get(status, "state")), "ok");
}

static void
status_tells_of_certificates_before_they_end(void **state)
{
    g_autoptr(json_t) status = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    char *kept = flow.service->ca;

    (void)state;
    flow.service->ca = (char *)"/nonexistent/ca.pem";
    assert_true(zg_service_status(flow.service, &status, &error));
    flow.service->ca = kept;
    text = json_dumps(status, 0);
    assert_non_null(strstr(text, "'/nonexistent/ca.pem' has no certificate to read"));
    assert_string_equal(json_string_value(json_object_get(status, "state")), "degraded");
}

static void
seem_idle(const char *session, const char *desktop, int64_t idle_s)
{
    g_autoptr(json_t) stats = json_pack("{s:s, s:s, s:s, s:I}", "type", "stats", "desktop", desktop,
                                        "session", session, "idle_s", (json_int_t)idle_s);

    zg_lines_take(flow.service->lines, zg_line_read(stats, NULL), zg_clock_mono_us());
}

static void
whoever_is_idle_is_warned_and_disconnected_and_the_desktop_runs_on(void **state)
{
    g_autofree char *session = NULL;
    g_autofree char *desktop = NULL;
    g_autofree char *secret = NULL;

    (void)state;
    flow_pool(&flow, "office", 1, 1);
    flow_settle(&flow);
    session = flow_open(&flow, "anna", "office", NULL);
    secret = ticket_for(session, "anna");
    desktop = flow_session(&flow, session, "desktop");
    flow_viewer(&flow, session, "in", 1);
    flow_advance(&flow, 3600);
    seem_idle(session, desktop, 10);
    flow_settle(&flow);
    assert_int_equal(flow_did(&flow, "message"), 0);
    seem_idle(session, desktop, 3570);
    flow_settle(&flow);
    assert_int_equal(flow_did(&flow, "message"), 1);
    assert_session(session, "state", "active");
    seem_idle(session, desktop, 3600);
    flow_settle(&flow);
    assert_int_equal(flow_did(&flow, "message"), 1);
    assert_int_equal(flow_did(&flow, "cut"), 1);
    assert_session(session, "state", "disconnected");
    assert_session(session, "reason", "idle");
    assert_int_equal(flow_machine(&flow, desktop)->generation, 1);
}

static int64_t
usable_of(const char *pool)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(flow.service->store, ZG_TX_READ, NULL);
    int64_t n = -1;

    assert_true(zg_capacity_usable(tx, pool, &n, NULL));
    return n;
}

static void
a_desktop_is_usable_only_while_its_host_says_so(void **state)
{
    (void)state;
    flow_pool(&flow, "office", 2, 2);
    flow_settle(&flow);
    assert_int_equal(usable_of("office"), 2);
    flow_hello(&flow); /* a new link, which has reported nothing yet */
    assert_int_equal(usable_of("office"), 0);
    assert_int_equal(flow_count(&flow, "ready"), 2);
    flow_settle(&flow);
    assert_int_equal(usable_of("office"), 2);
    g_hash_table_insert(flow.links, (gpointer) "h1", GINT_TO_POINTER(ZG_HOST_SUSPECTED));
    flow_settle(&flow);
    assert_int_equal(usable_of("office"), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_pool_fills_its_stock_and_refills_it_when_one_is_taken),
        T(who_asks_again_gets_the_same_session),
        T(a_pool_never_has_more_than_max_and_people_queue_in_order),
        T(the_first_ticket_signs_on_and_taints_in_one_transaction),
        T(a_ticket_is_refused_to_others_and_while_waiting),
        T(viewers_move_the_session_and_log_off_brings_a_new_generation),
        T(a_guest_that_does_not_sign_off_is_reset_at_the_deadline),
        T(power_off_inside_the_guest_ends_the_session),
        T(a_desktop_nobody_signed_on_to_goes_back_to_ready),
        T(a_tainted_desktop_never_goes_back_to_ready),
        T(three_failures_open_the_breaker_and_it_closes_again),
        T(a_desktop_that_does_not_get_ready_fails_in_time),
        T(a_new_template_version_replaces_idle_desktops_at_once_and_used_ones_at_log_off),
        T(a_lost_host_loses_idle_desktops_only_after_a_while_and_deletes_them_when_back),
        T(a_person_keeps_the_desktop_however_long_its_host_is_away),
        T(a_desktop_that_cannot_be_resumed_yet_keeps_its_session),
        T(restart_signs_on_again_and_its_sign_off_does_not_count),
        T(deleting_a_pool_ends_its_sessions_and_removes_everything),
        T(who_is_not_entitled_is_refused_with_a_reason),
        T(why_tells_every_step_of_a_session),
        T(changes_reach_subscribers_in_order_and_only_their_own),
        T(whoever_is_idle_is_warned_and_disconnected_and_the_desktop_runs_on),
        T(a_desktop_is_usable_only_while_its_host_says_so),
        T(status_names_what_is_wrong),
        T(status_tells_of_a_pool_that_may_not_grow),
        T(status_tells_of_certificates_before_they_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
