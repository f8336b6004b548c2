/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/capacity.h"

#include <string.h>
#include "broker/assign.h"
#include "broker/desktop.h"
#include "broker/placement.h"
#include "broker/pool.h"
#include "broker/record.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/log.h"

#define POOL_STEM_CHARS 50 /* so that NAME-NUMBER stays a label */

bool
zg_capacity_usable(ZgTx *tx, const char *pool, int64_t *out_n, GError **error)
{
    g_autoptr(ZgRows) rows =
        zg_tx_query(tx, error,
                    "SELECT COUNT(*) FROM desktops JOIN hosts ON hosts.name = desktops.host"
                    " WHERE desktops.pool = $1 AND desktops.life = $2"
                    " AND desktops.seen_power = $3 AND hosts.state = $4",
                    "tttt", pool, zg_life_name(ZG_LIFE_READY), zg_power_name(ZG_POWER_ON),
                    zg_host_state_name(ZG_HOST_LINKED));

    if (rows == NULL) {
        return false;
    }
    *out_n = zg_rows_next(rows, NULL) ? zg_rows_int(rows, 0) : 0;
    return true;
}

bool
zg_capacity_breaker(const ZgPool *pool, int64_t now_us)
{
    return pool->breaker_until_us > now_us;
}

bool
zg_capacity_keep(ZgTx *tx, const ZgPool *pool, GError **error)
{
    int64_t n_changed = 0;

    if (!zg_tx_run(tx, &n_changed, error,
                   "UPDATE pools SET next_number = $3, breaker_until_us = $4, make_ms = $5,"
                   " reason = $6 WHERE name = $1 AND revision = $2",
                   "tiiiit", pool->name, pool->revision, pool->next_number,
                   pool->breaker_until_us, pool->make_ms, pool->reason)) {
        return false;
    }
    if (n_changed != 1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "pool '%s' was changed by somebody else",
                    pool->name);
        return false;
    }
    return true;
}

bool
zg_capacity_made(ZgTx *tx, ZgPool *pool, int64_t asked_us, GError **error)
{
    pool->make_ms = (3 * pool->make_ms + (zg_tx_now_us(tx) - asked_us) / 1000) / 4;
    return zg_capacity_keep(tx, pool, error);
}

bool
zg_capacity_version(ZgTx *tx, const ZgPool *pool, int64_t *out_version, GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(
        tx, error,
        "SELECT COALESCE(MAX(version), 0) FROM template_versions"
        " WHERE template = $1 AND state = 'ready' AND ($2 = 0 OR version = $2)",
        "ti", pool->template_name, pool->version);

    if (rows == NULL) {
        return false;
    }
    *out_version = zg_rows_next(rows, NULL) ? zg_rows_int(rows, 0) : 0;
    return true;
}

static ZgHost *
find_host(const ZgSweepRows *rows, const char *name)
{
    for (guint i = 0; i < rows->hosts->len; i++) {
        ZgHost *host = g_ptr_array_index(rows->hosts, i);

        if (strcmp(host->name, name) == 0) {
            return host;
        }
    }
    return NULL;
}

static bool
is_linked(const ZgHost *host)
{
    return host != NULL && strcmp(host->state, zg_host_state_name(ZG_HOST_LINKED)) == 0;
}

static void
count_desktop(const ZgDesktop *desktop, bool host_serves, ZgPoolCounts *counts)
{
    switch (zg_desktop_life(desktop)) {
    case ZG_LIFE_PROVISIONING:
    case ZG_LIFE_CUSTOMIZING:
        counts->making++;
        break;
    case ZG_LIFE_REFRESHING:
        counts->refreshing++;
        break;
    case ZG_LIFE_READY:
        if (host_serves) {
            counts->ready++;
            counts->outdated += desktop->image_outdated;
        } else {
            counts->lost++;
        }
        break;
    case ZG_LIFE_RESERVED:
    case ZG_LIFE_IN_USE:
        counts->used++;
        break;
    case ZG_LIFE_ERROR:
    case ZG_LIFE_DELETING:
        counts->leaving++;
        break;
    case ZG_LIFE_LOST:
    case ZG_N_LIVES:
        counts->lost++;
        break;
    }
}

static ZgPoolCounts
count(const ZgSweepRows *rows, const ZgPool *pool)
{
    ZgPoolCounts counts = {0};

    for (guint i = 0; i < rows->desktops->len; i++) {
        const ZgDesktop *desktop = g_ptr_array_index(rows->desktops, i);

        if (strcmp(desktop->pool, pool->name) == 0) {
            const ZgHost *host = find_host(rows, desktop->host);

            count_desktop(desktop, is_linked(host) && !host->maintenance, &counts);
        }
    }
    for (guint i = 0; i < rows->sessions->len; i++) {
        const ZgSession *session = g_ptr_array_index(rows->sessions, i);

        counts.waiting += strcmp(session->pool, pool->name) == 0 &&
                          zg_session_state(session) == ZG_SESSION_PENDING;
    }
    return counts;
}

/* Notes which desktops are not of the wished version, or not of the pool's present shape. */
static bool
mark_outdated(ZgTx *tx, const ZgSweepRows *rows, const ZgPool *pool, int64_t version,
              GError **error)
{
    for (guint i = 0; version > 0 && i < rows->desktops->len; i++) {
        ZgDesktop *desktop = g_ptr_array_index(rows->desktops, i);
        bool outdated;

        if (strcmp(desktop->pool, pool->name) != 0) {
            continue;
        }
        outdated = desktop->version != version ||
                   strcmp(desktop->template_name, pool->template_name) != 0 ||
                   desktop->memory_mib != pool->memory_mib || desktop->vcpus != pool->vcpus ||
                   desktop->disk_mib != pool->disk_mib ||
                   strcmp(desktop->network, pool->network) != 0;
        if (outdated != desktop->image_outdated) {
            desktop->image_outdated = outdated;
            if (!zg_desktop_save(tx, desktop, error)) {
                return false;
            }
        }
    }
    return true;
}

static bool
remove_some(ZgTx *tx, const ZgSweepRows *rows, const ZgPool *pool, int n, bool outdated,
            const char *reason, GError **error)
{
    ZgCause cause = {.reason = reason, .actor = "broker"};

    for (guint i = 0; n > 0 && i < rows->desktops->len; i++) {
        ZgDesktop *desktop = g_ptr_array_index(rows->desktops, i);

        if (strcmp(desktop->pool, pool->name) == 0 && zg_assign_may_take(desktop) &&
            desktop->image_outdated == outdated) {
            if (!zg_desktop_delete(tx, desktop, &cause, error)) {
                return false;
            }
            n--;
        }
    }
    return true;
}

static bool
has_image(ZgTx *tx, const char *host, const char *template_name, int64_t version, bool *out_has,
          GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(
        tx, error, "SELECT 1 FROM host_images WHERE host = $1 AND template = $2 AND version = $3",
        "tti", host, template_name, version);

    if (rows == NULL) {
        return false;
    }
    *out_has = zg_rows_next(rows, NULL);
    return true;
}

static bool
view_host(ZgTx *tx, const ZgSweepRows *rows, const ZgHost *host, const ZgPool *pool,
          int64_t version, ZgHostView *view, GError **error)
{
    *view = (ZgHostView){
        .name = host->name,
        .linked = is_linked(host),
        .maintenance = host->maintenance,
        .driver = host->driver != NULL ? host->driver : "",
        .capabilities = host->capabilities,
        .memory_free_mib = host->memory_free_mib,
        .disk_free_mib = host->disk_free_mib - host->disk_promised_mib,
    };
    for (guint i = 0; i < rows->desktops->len; i++) {
        const ZgDesktop *desktop = g_ptr_array_index(rows->desktops, i);
        ZgLife life = zg_desktop_life(desktop);

        if (strcmp(desktop->host, host->name) == 0 &&
            (life == ZG_LIFE_PROVISIONING || life == ZG_LIFE_CUSTOMIZING)) {
            view->n_starting++;
        }
        if (strcmp(desktop->host, host->name) == 0 && life == ZG_LIFE_PROVISIONING) {
            view->in_flight_memory_mib += desktop->memory_mib;
            view->in_flight_disk_mib += desktop->seen_present ? 0 : desktop->disk_mib;
        }
    }
    return has_image(tx, host->name, pool->template_name, version, &view->has_image, error);
}

static bool
choose_host(ZgTx *tx, const ZgSweepRows *rows, const ZgPool *pool, int64_t version,
            const ZgHost **out_host, const char **out_reason, GError **error)
{
    g_autofree ZgHostView *views = g_new0(ZgHostView, rows->hosts->len + 1);
    ZgPlacementWish wish = {.memory_mib = pool->memory_mib, .disk_mib = pool->disk_mib,
                            .network = pool->network};
    int chosen;

    for (guint i = 0; i < rows->hosts->len; i++) {
        if (!view_host(tx, rows, g_ptr_array_index(rows->hosts, i), pool, version, &views[i],
                       error)) {
            return false;
        }
    }
    chosen = zg_placement_choose(views, rows->hosts->len, &wish, out_reason);
    *out_host = chosen >= 0 ? g_ptr_array_index(rows->hosts, chosen) : NULL;
    return true;
}

static bool
create(ZgTx *tx, const ZgSweepRows *rows, ZgPool *pool, const ZgHost *host, int64_t version,
       GError **error)
{
    ZgDesktop *desktop = g_new0(ZgDesktop, 1);
    ZgCause cause = {.reason = "stock", .actor = "broker"};
    ZgAuditRow row = {.event = "desktop-life", .thing = "desktop", .to = "provisioning"};

    g_ptr_array_add(rows->desktops, desktop);
    desktop->id = zg_id_new();
    desktop->name = g_strdup_printf("%.*s-%" G_GINT64_FORMAT, POOL_STEM_CHARS, pool->name,
                                    pool->next_number++);
    desktop->pool = g_strdup(pool->name);
    desktop->host = g_strdup(host->name);
    desktop->template_name = g_strdup(pool->template_name);
    desktop->version = version;
    desktop->generation = 1;
    desktop->epoch = host->epoch;
    desktop->life = g_strdup(zg_life_name(ZG_LIFE_PROVISIONING));
    desktop->wished = g_strdup(zg_wish_name(ZG_WISH_ON));
    desktop->memory_mib = pool->memory_mib;
    desktop->vcpus = pool->vcpus;
    desktop->disk_mib = pool->disk_mib;
    desktop->network = g_strdup(pool->network);
    desktop->reason = g_strdup(cause.reason);
    desktop->since_us = desktop->created_us = zg_tx_now_us(tx);
    desktop->seen_power = g_strdup(zg_power_name(ZG_POWER_UNKNOWN));
    desktop->seen_agent = g_strdup(zg_agent_state_name(ZG_AGENT_WAITING));
    desktop->revision = 1;
    row.thing_id = row.desktop = desktop->id;
    zg_log_info("desktop-made", desktop->name, "asked of host '%s'", host->name);
    return zg_capacity_keep(tx, pool, error) &&
           zg_row_insert(tx, &zg_desktop_rows, desktop, error) &&
           zg_record_audit(tx, &row, &cause, error) &&
           zg_record_event(tx, "desktop", desktop->id, NULL, false, error);
}

static bool
set_reason(ZgTx *tx, ZgPool *pool, const char *reason, GError **error)
{
    if (g_strcmp0(pool->reason, reason) == 0) {
        return true;
    }
    if (reason != NULL) {
        zg_log_warning("pool-short", pool->name, "fewer desktops than wished: %s", reason);
    }
    zg_set_text(&pool->reason, reason);
    return zg_capacity_keep(tx, pool, error) &&
           zg_record_event(tx, "pool", pool->name, NULL, false, error);
}

static bool
create_some(ZgTx *tx, const ZgSweepRows *rows, ZgPool *pool, int n, int64_t version,
            const char *reason, GError **error)
{
    if (n > 0 && version == 0) {
        return set_reason(tx, pool, "no-version", error);
    }
    for (; n > 0; n--) {
        const ZgHost *host = NULL;

        if (!choose_host(tx, rows, pool, version, &host, &reason, error)) {
            return false;
        }
        if (host == NULL) {
            break;
        }
        if (!create(tx, rows, pool, host, version, error)) {
            return false;
        }
    }
    /* Hosts that are busy starting others are the normal way a stock grows. */
    return set_reason(tx, pool, g_strcmp0(reason, "starts-busy") == 0 ? NULL : reason, error);
}

static bool
check_breaker(ZgTx *tx, ZgPool *pool, GError **error)
{
    g_autoptr(ZgRows) rows = NULL;
    int64_t errors_us[ZG_BREAKER_ERRORS];
    size_t n = 0;

    if (zg_capacity_breaker(pool, zg_tx_now_us(tx))) {
        return true;
    }
    rows = zg_tx_query(tx, error,
                       "SELECT at_us FROM pool_errors WHERE pool = $1 AND at_us > $2"
                       " ORDER BY at_us DESC",
                       "ti", pool->name, pool->breaker_until_us);
    if (rows == NULL) {
        return false;
    }
    while (n < ZG_BREAKER_ERRORS && zg_rows_next(rows, NULL)) {
        errors_us[n++] = zg_rows_int(rows, 0);
    }
    g_clear_pointer(&rows, zg_rows_free);
    if (!zg_pool_breaker_opens(errors_us, n, zg_tx_now_us(tx))) {
        return true;
    }
    pool->breaker_until_us = zg_tx_now_us(tx) + ZG_BREAKER_OPEN_US;
    zg_log_error("breaker-open", pool->name, "%d desktops failed; the next try is in %d s",
                 ZG_BREAKER_ERRORS, (int)(ZG_BREAKER_OPEN_US / G_USEC_PER_SEC));
    return zg_capacity_keep(tx, pool, error) &&
           zg_record_event(tx, "pool", pool->name, NULL, false, error);
}

/* A pool that is being deleted: sessions end elsewhere; when nothing is left the row goes. */
static bool
finish_deletion(ZgTx *tx, const ZgSweepRows *rows, ZgPool *pool, GError **error)
{
    ZgCause cause = {.reason = "pool-deleted", .actor = "broker"};
    bool empty = true;

    for (guint i = 0; i < rows->desktops->len; i++) {
        ZgDesktop *desktop = g_ptr_array_index(rows->desktops, i);

        if (strcmp(desktop->pool, pool->name) != 0) {
            continue;
        }
        empty = empty && zg_desktop_life(desktop) == ZG_LIFE_LOST;
        if (zg_desktop_is_idle(desktop) && !zg_desktop_delete(tx, desktop, &cause, error)) {
            return false;
        }
    }
    return !empty || (zg_row_delete(tx, &zg_pool_rows, pool, error) &&
                      zg_record_event(tx, "pool", pool->name, NULL, true, error));
}

static bool
check_pool(ZgTx *tx, const ZgSweepRows *rows, ZgPool *pool, GError **error)
{
    ZgPoolWish wish = {.ready = (int)pool->ready, .max = (int)pool->max,
                       .enabled = pool->enabled, .deleting = pool->deleting};
    ZgPoolCounts counts;
    ZgPoolPlan plan;
    int64_t version = 0;

    if (pool->deleting) {
        return finish_deletion(tx, rows, pool, error);
    }
    if (!check_breaker(tx, pool, error) || !zg_capacity_version(tx, pool, &version, error) ||
        !mark_outdated(tx, rows, pool, version, error)) {
        return false;
    }
    wish.breaker_open = zg_capacity_breaker(pool, zg_tx_now_us(tx));
    counts = count(rows, pool);
    plan = zg_pool_plan(&wish, &counts);
    return remove_some(tx, rows, pool, plan.n_delete_outdated, true, "outdated", error) &&
           remove_some(tx, rows, pool, plan.n_delete_ready, false, "surplus", error) &&
           create_some(tx, rows, pool, plan.n_create, version, plan.reason, error);
}

bool
zg_capacity_check(ZgTx *tx, const ZgSweepRows *rows, GError **error)
{
    for (guint i = 0; i < rows->pools->len; i++) {
        if (!check_pool(tx, rows, g_ptr_array_index(rows->pools, i), error)) {
            return false;
        }
    }
    return true;
}
