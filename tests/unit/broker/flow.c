/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/broker/flow.h"

#include <glib/gstdio.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "broker/session.h"
#include "common/proto/json.h"

int64_t flow_now_us;

static const ZgCaller admin = {.user = "admin", .admin = true};

static int64_t
clock_of_test(void)
{
    return flow_now_us;
}

static void
free_observed(gpointer data)
{
    zg_observed_free(data);
}

void
flow_host(Flow *flow, const char *name)
{
    g_autoptr(ZgAgentHello) hello = zg_agent_hello_new();
    g_autoptr(GError) error = NULL;
    int64_t epoch = 0;

    hello->host = g_strdup(name);
    hello->boot_id = g_strdup("boot-1");
    hello->driver = g_strdup("fake");
    hello->cpus = 8;
    hello->memory_mib = 65536;
    hello->disk_mib = 500000;
    hello->capabilities = g_strsplit("save nat isolated", " ", -1);
    assert_true(zg_agent_store_hello(flow->service->store, hello, &epoch, &error));
    assert_int_equal(epoch, 1);
}

void
flow_hello(Flow *flow)
{
    flow_host(flow, "h1");
}

void
flow_start(Flow *flow)
{
    ZgServiceOptions options = {.broker_name = "b1", .n_workers = 2, .program_version = "test"};
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;

    memset(flow, 0, sizeof *flow);
    flow_now_us = 1700000000 * (int64_t)G_USEC_PER_SEC;
    flow->directory = g_dir_make_tmp("zaguan-flow-XXXXXX", NULL);
    path = g_build_filename(flow->directory, "store.sqlite", NULL);
    options.store_sqlite = path;
    flow->service = zg_service_new(&options, &error);
    assert_non_null(flow->service);
    zg_store_set_clock(flow->service->store, clock_of_test);
    flow->links = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_insert(flow->links, (gpointer) "h1", GINT_TO_POINTER(ZG_HOST_LINKED));
    flow->machines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_observed);
    flow->done_kinds = g_ptr_array_new_with_free_func(g_free);
    flow_hello(flow);
}

void
flow_stop(Flow *flow)
{
    g_autoptr(GDir) dir = NULL;
    const char *name;

    zg_service_free(flow->service);
    g_hash_table_unref(flow->links);
    g_hash_table_unref(flow->machines);
    g_ptr_array_unref(flow->done_kinds);
    dir = g_dir_open(flow->directory, 0, NULL);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(flow->directory, name, NULL);

        g_unlink(path);
    }
    g_rmdir(flow->directory);
    g_free(flow->directory);
}

ZgObserved *
flow_machine(Flow *flow, const char *desktop)
{
    return g_hash_table_lookup(flow->machines, desktop);
}

static void
obey(Flow *flow, const ZgDesired *desired)
{
    ZgObserved *machine = flow_machine(flow, desired->desktop);

    if (desired->power == ZG_WISH_ABSENT) {
        g_hash_table_remove(flow->machines, desired->desktop);
        return;
    }
    if (machine != NULL && machine->generation == desired->generation) {
        return;
    }
    machine = g_new0(ZgObserved, 1);
    machine->desktop = g_strdup(desired->desktop);
    machine->generation = desired->generation;
    machine->epoch = desired->epoch;
    machine->power = flow->lazy ? ZG_POWER_STARTING : ZG_POWER_ON;
    machine->agent = flow->lazy ? ZG_AGENT_WAITING : ZG_AGENT_READY;
    machine->prepared = machine->console = !flow->lazy;
    if (flow->breaks) {
        machine->prepared = false;
        machine->error_code = g_strdup("start-failed");
        machine->error_message = g_strdup("scripted");
    }
    g_hash_table_insert(flow->machines, g_strdup(desired->desktop), machine);
}

static void
carry_out(Flow *flow, const ZgHostCommand *command)
{
    g_autoptr(ZgAgentDone) done = zg_agent_done_new(command->id, !flow->refuses_commands);
    g_autoptr(json_t) fields = zg_json_parse(command->fields, strlen(command->fields), NULL);
    g_autoptr(GError) error = NULL;
    ZgObserved *machine = command->desktop != NULL ? flow_machine(flow, command->desktop) : NULL;

    g_ptr_array_add(flow->done_kinds, g_strdup(command->kind));
    if (strcmp(command->kind, "image_import") == 0) {
        done->result = json_pack("{s:s, s:i, s:i}", "sha256", "ab", "bytes", 1000, "virtual_mib",
                                 2048);
    }
    if (done->ok && machine != NULL && strcmp(command->kind, "sign_on") == 0) {
        g_free(machine->signed_on);
        machine->signed_on = g_strdup(json_string_value(json_object_get(fields, "user")));
    }
    if (done->ok && machine != NULL && strcmp(command->kind, "restart") == 0) {
        g_clear_pointer(&machine->signed_on, g_free);
    }
    if (done->ok && machine != NULL && strcmp(command->kind, "sign_off") == 0) {
        machine->signed_off = true;
    }
    assert_true(zg_agent_store_done(flow->service->store, command->host, done, &error));
}

static void
report(Flow *flow)
{
    g_autoptr(GPtrArray) observed = g_ptr_array_new();
    g_autoptr(GHashTable) present = g_hash_table_new(g_str_hash, g_str_equal);
    ZgAgentReport load = {.memory_free_mib = 60000, .disk_free_mib = 400000};
    g_autoptr(GError) error = NULL;
    GHashTableIter iter;
    gpointer id, machine;

    g_hash_table_iter_init(&iter, flow->machines);
    while (g_hash_table_iter_next(&iter, &id, &machine)) {
        g_ptr_array_add(observed, machine);
        g_hash_table_add(present, id);
    }
    assert_true(zg_agent_store_report(flow->service->store, "h1", &load, observed, present,
                                      &error));
}

static void
sweep_once(Flow *flow)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) orders = zg_reconcile_sweep(flow->service->store, flow->links,
                                                     ZG_HOST_LOST, flow->service->lines,
                                                     &error);

    if (orders == NULL) {
        fail_msg("sweep: %s", error->message);
        return;
    }
    for (guint i = 0; i < orders->len && !flow->sees_nothing; i++) {
        const ZgHostOrders *of_host = g_ptr_array_index(orders, i);

        for (guint c = 0; c < of_host->commands->len; c++) {
            carry_out(flow, g_ptr_array_index(of_host->commands, c));
        }
        for (guint d = 0; d < of_host->desired->len; d++) {
            obey(flow, g_ptr_array_index(of_host->desired, d));
        }
    }
    if (!flow->sees_nothing) {
        report(flow);
    }
}

void
flow_settle(Flow *flow)
{
    for (int i = 0; i < 8; i++) {
        sweep_once(flow);
    }
}

void
flow_advance(Flow *flow, int seconds)
{
    for (int s = 0; s < seconds; s += 5) {
        flow_now_us += 5 * (int64_t)G_USEC_PER_SEC;
        sweep_once(flow);
    }
}

void
flow_template(Flow *flow, const char *name)
{
    g_autoptr(json_t) operation = NULL;
    g_autoptr(json_t) after = NULL;
    g_autoptr(GError) error = NULL;

    flow_settle(flow);
    if (!zg_service_import_template(flow->service, &admin, name, "x.qcow2", NULL, NULL, "debian",
                                    &operation, &error)) {
        fail_msg("import: %s", error->message);
    }
    flow_settle(flow);
    assert_true(zg_service_get_operation(
        flow->service, json_string_value(json_object_get(operation, "id")), NULL, &after, &error));
    assert_string_equal(json_string_value(json_object_get(after, "state")), "done");
}

void
flow_pool(Flow *flow, const char *name, int ready, int max)
{
    static const char *const everybody[] = {"*", NULL};
    ZgPoolSpec spec = {
        .name = name, .title = "A pool", .template_name = "tiny", .kind = "floating",
        .ready = ready, .max = max, .memory_mib = 256, .vcpus = 1, .disk_mib = 2048,
        .network = "isolated", .profile = "lan", .entitled_users = everybody, .enabled = true,
        .idle_disconnect_min = 60, .disconnected_log_off_min = 60,
    };
    g_autoptr(json_t) view = NULL;
    g_autoptr(GError) error = NULL;
    bool created = false;

    if (!zg_service_put_pool(flow->service, &admin, &spec, 0, &created, &view, &error)) {
        fail_msg("pool: %s", error->message);
    }
}

int
flow_count(Flow *flow, const char *life)
{
    ZgPage page = {.limit = 500};
    g_autoptr(json_t) list = NULL;
    g_autoptr(GError) error = NULL;

    assert_true(zg_service_list_desktops(flow->service, &page, NULL, NULL, life, &list, &error));
    return (int)json_array_size(json_object_get(list, "items"));
}

char *
flow_open(Flow *flow, const char *user, const char *pool, char **out_state)
{
    ZgCaller caller = {.user = user, .full_name = user};
    ZgSessionRequest request = {.pool = pool, .keyboard = "es"};
    g_autoptr(json_t) view = NULL;
    g_autoptr(GError) error = NULL;
    bool created = false;

    if (!zg_service_open_session(flow->service, &caller, &request, &created, &view, &error)) {
        fail_msg("open: %s", error->message);
    }
    if (out_state != NULL) {
        *out_state = g_strdup(json_string_value(json_object_get(view, "state")));
    }
    return g_strdup(json_string_value(json_object_get(view, "id")));
}

char *
flow_session(Flow *flow, const char *id, const char *field)
{
    g_autoptr(json_t) view = NULL;
    g_autoptr(GError) error = NULL;

    assert_true(zg_service_get_session(flow->service, id, NULL, &view, &error));
    return g_strdup(json_string_value(json_object_get(view, field)));
}

char *
flow_desktop(Flow *flow, const char *id, const char *field)
{
    g_autoptr(json_t) view = NULL;
    g_autoptr(GError) error = NULL;

    assert_true(zg_service_get_desktop(flow->service, id, &view, &error));
    return g_strdup(json_string_value(json_object_get(view, field)));
}

void
flow_viewer(Flow *flow, const char *session, const char *event, int viewers)
{
    g_autofree char *desktop = flow_session(flow, session, "desktop");
    ZgAgentViewer viewer = {.desktop = desktop, .session = (char *)session, .event = (char *)event,
                            .viewers = viewers};
    g_autoptr(GError) error = NULL;

    assert_true(zg_agent_store_viewer(flow->service->store, "h1", &viewer, &error));
}

int
flow_did(Flow *flow, const char *kind)
{
    int n = 0;

    for (guint i = 0; i < flow->done_kinds->len; i++) {
        n += strcmp(g_ptr_array_index(flow->done_kinds, i), kind) == 0;
    }
    return n;
}
