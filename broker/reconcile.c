/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/reconcile.h"

#include <string.h>
#include "broker/assign.h"
#include "broker/capacity.h"
#include "broker/command.h"
#include "broker/operation.h"
#include "broker/session.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

#define COMMANDS_PER_HOST 256

static void
free_pool(gpointer data)
{
    zg_pool_free(data);
}

static void
free_host(gpointer data)
{
    zg_host_free(data);
}

static void
free_desktop(gpointer data)
{
    zg_desktop_free(data);
}

static void
free_session(gpointer data)
{
    zg_session_free(data);
}

static void
free_desired(gpointer data)
{
    zg_desired_free(data);
}

static void
free_command(gpointer data)
{
    zg_host_command_free(data);
}

static void
free_orders(gpointer data)
{
    zg_host_orders_free(data);
}

void
zg_host_orders_free(ZgHostOrders *orders)
{
    if (orders != NULL) {
        g_free(orders->host);
        g_clear_pointer(&orders->desired, g_ptr_array_unref);
        g_clear_pointer(&orders->commands, g_ptr_array_unref);
        g_free(orders);
    }
}

typedef struct {
    ZgTx *tx;
    GHashTable *links;
    ZgHostState absent;
    ZgLines *lines;
    ZgSweepRows rows;
    GHashTable *hosts;    /* name → ZgHost, borrowed */
    GHashTable *pools;    /* name → ZgPool, borrowed */
    GHashTable *sessions; /* id → ZgSession, borrowed */
    GHashTable *held_by;  /* session id → ZgDesktop, borrowed */
} Sweep;

static void
sweep_clear(Sweep *sweep)
{
    g_clear_pointer(&sweep->hosts, g_hash_table_unref);
    g_clear_pointer(&sweep->pools, g_hash_table_unref);
    g_clear_pointer(&sweep->sessions, g_hash_table_unref);
    g_clear_pointer(&sweep->held_by, g_hash_table_unref);
    g_clear_pointer(&sweep->rows.pools, g_ptr_array_unref);
    g_clear_pointer(&sweep->rows.hosts, g_ptr_array_unref);
    g_clear_pointer(&sweep->rows.desktops, g_ptr_array_unref);
    g_clear_pointer(&sweep->rows.sessions, g_ptr_array_unref);
    g_clear_pointer(&sweep->tx, zg_tx_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sweep, sweep_clear)

static bool
load(Sweep *sweep, GError **error)
{
    ZgSweepRows *rows = &sweep->rows;
    ZgTx *tx = sweep->tx;

    rows->pools = zg_row_select(tx, &zg_pool_rows, free_pool, error, "ORDER BY name", "");
    rows->hosts = rows->pools == NULL ? NULL
                                      : zg_row_select(tx, &zg_host_rows, free_host, error,
                                                      "ORDER BY name", "");
    rows->desktops = rows->hosts == NULL ? NULL
                                         : zg_row_select(tx, &zg_desktop_rows, free_desktop, error,
                                                         "ORDER BY created_us, id", "");
    rows->sessions = rows->desktops == NULL
                         ? NULL
                         : zg_row_select(tx, &zg_session_rows, free_session, error,
                                         "WHERE state <> 'ended' ORDER BY created_us, id", "");
    return rows->sessions != NULL;
}

static void
index_rows(Sweep *sweep)
{
    sweep->hosts = g_hash_table_new(g_str_hash, g_str_equal);
    sweep->pools = g_hash_table_new(g_str_hash, g_str_equal);
    sweep->sessions = g_hash_table_new(g_str_hash, g_str_equal);
    sweep->held_by = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < sweep->rows.hosts->len; i++) {
        ZgHost *host = g_ptr_array_index(sweep->rows.hosts, i);

        g_hash_table_insert(sweep->hosts, host->name, host);
    }
    for (guint i = 0; i < sweep->rows.pools->len; i++) {
        ZgPool *pool = g_ptr_array_index(sweep->rows.pools, i);

        g_hash_table_insert(sweep->pools, pool->name, pool);
    }
    for (guint i = 0; i < sweep->rows.sessions->len; i++) {
        ZgSession *session = g_ptr_array_index(sweep->rows.sessions, i);

        g_hash_table_insert(sweep->sessions, session->id, session);
    }
    for (guint i = 0; i < sweep->rows.desktops->len; i++) {
        ZgDesktop *desktop = g_ptr_array_index(sweep->rows.desktops, i);
        ZgSession *session = desktop->session != NULL
                                 ? g_hash_table_lookup(sweep->sessions, desktop->session)
                                 : NULL;

        if (session != NULL) {
            g_hash_table_insert(sweep->held_by, session->id, desktop);
        }
    }
}

static ZgHostState
state_of(const Sweep *sweep, const char *host)
{
    gpointer value = NULL;

    if (!g_hash_table_lookup_extended(sweep->links, host, NULL, &value)) {
        return sweep->absent;
    }
    return (ZgHostState)GPOINTER_TO_INT(value);
}

static bool
check_host(Sweep *sweep, ZgHost *host, GError **error)
{
    const char *state = zg_host_state_name(state_of(sweep, host->name));
    ZgCause cause = {.reason = state, .actor = "broker"};
    ZgAuditRow row = {.event = "host-state", .thing = "host", .thing_id = host->name,
                      .from = host->state, .to = state};

    if (strcmp(host->state, state) == 0) {
        return true;
    }
    if (!zg_record_audit(sweep->tx, &row, &cause, error)) {
        return false;
    }
    zg_log(strcmp(state, "linked") == 0 ? ZG_LOG_INFO : ZG_LOG_WARNING, "host-state", host->name,
           "%s → %s", host->state, state);
    if (strcmp(state, "lost") == 0) {
        host->epoch++; /* whoever gets the lease next is told apart from this one */
    }
    zg_set_text(&host->state, state);
    host->since_us = zg_tx_now_us(sweep->tx);
    return zg_row_save(sweep->tx, &zg_host_rows, host, NULL, NULL, error) &&
           zg_record_event(sweep->tx, "host", host->name, NULL, false, error);
}

static bool
check_idle(Sweep *sweep, ZgSession *session, const ZgDesktop *desktop, const ZgPool *pool,
           GError **error)
{
    int64_t active_s = (zg_tx_now_us(sweep->tx) - session->since_us) / G_USEC_PER_SEC;

    if (zg_session_state(session) != ZG_SESSION_ACTIVE || desktop == NULL) {
        return true;
    }
    return zg_session_idle(sweep->tx, session, desktop,
                           zg_lines_idle_step(sweep->lines, session->id, active_s,
                                              pool->idle_disconnect_min, zg_clock_mono_us()),
                           error);
}

static bool
check_session(Sweep *sweep, ZgSession *session, GError **error)
{
    ZgDesktop *desktop = g_hash_table_lookup(sweep->held_by, session->id);
    ZgPool *pool = g_hash_table_lookup(sweep->pools, session->pool);
    ZgCause deleted = {.reason = "pool-deleted", .actor = "broker"};
    ZgCause failed = {.reason = "desktop-failed", .actor = "broker"};
    ZgSessionState state = zg_session_state(session);

    if ((pool == NULL || pool->deleting) && state != ZG_SESSION_LOGGING_OFF) {
        return zg_session_log_off(sweep->tx, session, desktop, &deleted,
                                  ZG_LOG_OFF_FORCED_GRACE_MS, error);
    }
    if (state != ZG_SESSION_PENDING && desktop == NULL) {
        return zg_session_end(sweep->tx, session, NULL, &failed, error);
    }
    return zg_session_check(sweep->tx, session, desktop, pool, error) &&
           check_idle(sweep, session, desktop, pool, error);
}

static bool
check_desktop(Sweep *sweep, ZgDesktop *desktop, GError **error)
{
    const ZgHost *host = g_hash_table_lookup(sweep->hosts, desktop->host);
    ZgPool *pool = g_hash_table_lookup(sweep->pools, desktop->pool);
    ZgSession *session = desktop->session != NULL
                             ? g_hash_table_lookup(sweep->sessions, desktop->session)
                             : NULL;
    bool is_first = desktop->generation == 1 && zg_desktop_life(desktop) != ZG_LIFE_READY;

    if (!zg_desktop_step(sweep->tx, desktop, session, state_of(sweep, desktop->host),
                         zg_tx_now_us(sweep->tx) - host->since_us, error)) {
        return false;
    }
    return pool == NULL || !is_first || zg_desktop_life(desktop) != ZG_LIFE_READY ||
           zg_capacity_made(sweep->tx, pool, desktop->created_us, error);
}

static bool
assign_waiting(Sweep *sweep, GError **error)
{
    for (guint i = 0; i < sweep->rows.sessions->len; i++) {
        ZgSession *session = g_ptr_array_index(sweep->rows.sessions, i);

        if (zg_session_state(session) == ZG_SESSION_PENDING &&
            !zg_assign_try(sweep->tx, session, error)) {
            return false;
        }
    }
    return true;
}

/* One thing that cannot go on must not stop the others; a store that fails stops the sweep. */
static bool
tolerate(bool ok, const char *what, const char *id, GError **failure, GError **error)
{
    if (ok) {
        return true;
    }
    if (g_error_matches(*failure, ZG_ERROR, ZG_ERROR_CONFLICT)) {
        zg_log_error("sweep-skipped", id, "%s: %s", what, (*failure)->message);
        g_clear_error(failure);
        return true;
    }
    g_propagate_error(error, g_steal_pointer(failure));
    return false;
}

static bool
check_all(Sweep *sweep, GError **error)
{
    for (guint i = 0; i < sweep->rows.hosts->len; i++) {
        if (!check_host(sweep, g_ptr_array_index(sweep->rows.hosts, i), error)) {
            return false;
        }
    }
    for (guint i = 0; i < sweep->rows.desktops->len; i++) {
        ZgDesktop *desktop = g_ptr_array_index(sweep->rows.desktops, i);
        g_autoptr(GError) failure = NULL;

        if (!tolerate(check_desktop(sweep, desktop, &failure), "desktop", desktop->name, &failure,
                      error)) {
            return false;
        }
    }
    for (guint i = 0; i < sweep->rows.sessions->len; i++) {
        ZgSession *session = g_ptr_array_index(sweep->rows.sessions, i);
        g_autoptr(GError) failure = NULL;

        if (zg_session_state(session) != ZG_SESSION_ENDED &&
            !tolerate(check_session(sweep, session, &failure), "session", session->id, &failure,
                      error)) {
            return false;
        }
    }
    return true;
}

static ZgDesired *
desired_of(const ZgDesktop *desktop, const ZgPool *pool)
{
    ZgDesired *desired = zg_desired_new();
    ZgWish wish = ZG_WISH_ON;

    zg_wish_from_name(desktop->wished, &wish);
    desired->desktop = g_strdup(desktop->id);
    desired->generation = desktop->generation;
    desired->epoch = desktop->epoch;
    desired->power = wish;
    if (wish == ZG_WISH_ABSENT || pool == NULL) {
        desired->power = ZG_WISH_ABSENT;
        return desired;
    }
    desired->spec = zg_spec_new();
    desired->spec->name = g_strdup(desktop->name);
    desired->spec->pool = g_strdup(desktop->pool);
    desired->spec->template_name = g_strdup(desktop->template_name);
    desired->spec->version = desktop->version;
    desired->spec->memory_mib = desktop->memory_mib;
    desired->spec->vcpus = desktop->vcpus;
    desired->spec->disk_mib = desktop->disk_mib;
    desired->spec->network = g_strdup(desktop->network);
    desired->spec->profile = g_strdup(pool->profile);
    desired->spec->locale = g_strdup(pool->locale);
    desired->spec->keyboard = g_strdup(pool->keyboard);
    desired->spec->time_zone = g_strdup(pool->time_zone);
    desired->spec->title = g_strdup(pool->title);
    return desired;
}

static ZgHostOrders *
orders_for(Sweep *sweep, const ZgHost *host, GPtrArray *desktops, GError **error)
{
    ZgHostOrders *orders = g_new0(ZgHostOrders, 1);

    orders->host = g_strdup(host->name);
    orders->now_us = zg_tx_now_us(sweep->tx);
    orders->desired = g_ptr_array_new_with_free_func(free_desired);
    for (guint i = 0; i < desktops->len; i++) {
        const ZgDesktop *desktop = g_ptr_array_index(desktops, i);

        if (strcmp(desktop->host, host->name) == 0) {
            g_ptr_array_add(orders->desired,
                            desired_of(desktop, g_hash_table_lookup(sweep->pools, desktop->pool)));
        }
    }
    orders->commands = zg_row_select(sweep->tx, &zg_host_command_rows, free_command, error,
                                     "WHERE host = $1 AND state = 'queued'"
                                     " ORDER BY created_us, id LIMIT $2",
                                     "ti", host->name, (int64_t)COMMANDS_PER_HOST);
    if (orders->commands == NULL) {
        zg_host_orders_free(orders);
        return NULL;
    }
    return orders;
}

static GPtrArray *
collect_orders(Sweep *sweep, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_orders);
    g_autoptr(GPtrArray) desktops = zg_row_select(sweep->tx, &zg_desktop_rows, free_desktop, error,
                                                  "ORDER BY created_us, id", "");

    for (guint i = 0; desktops != NULL && i < sweep->rows.hosts->len; i++) {
        const ZgHost *host = g_ptr_array_index(sweep->rows.hosts, i);
        ZgHostOrders *orders;

        if (state_of(sweep, host->name) == ZG_HOST_LOST) {
            continue;
        }
        orders = orders_for(sweep, host, desktops, error);
        if (orders == NULL) {
            return NULL;
        }
        g_ptr_array_add(all, orders);
    }
    return desktops != NULL ? g_steal_pointer(&all) : NULL;
}

/* Rows changed or gone since they were read are read again. */
static bool
reload(Sweep *sweep, GError **error)
{
    ZgTx *tx = g_steal_pointer(&sweep->tx);

    sweep_clear(sweep);
    sweep->tx = tx;
    if (!load(sweep, error)) {
        return false;
    }
    index_rows(sweep);
    return true;
}

GPtrArray *
zg_reconcile_sweep(ZgStore *store, GHashTable *links, ZgHostState absent, ZgLines *lines,
                   GError **error)
{
    g_auto(Sweep) sweep = {.links = links, .absent = absent, .lines = lines};
    g_autoptr(GPtrArray) orders = NULL;

    sweep.tx = zg_tx_begin(store, ZG_TX_WRITE, error);
    if (sweep.tx == NULL || !zg_commands_expire(sweep.tx, error) || !reload(&sweep, error) ||
        !check_all(&sweep, error) || !zg_commands_spread(sweep.tx, error) ||
        !reload(&sweep, error) || !assign_waiting(&sweep, error) ||
        !reload(&sweep, error) || !zg_capacity_check(sweep.tx, &sweep.rows, error) ||
        !zg_operations_check(sweep.tx, error) || !reload(&sweep, error)) {
        return NULL;
    }
    orders = collect_orders(&sweep, error);
    if (orders == NULL || !zg_tx_commit(sweep.tx, error)) {
        return NULL;
    }
    return g_steal_pointer(&orders);
}
