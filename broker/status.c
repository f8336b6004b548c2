/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong with this installation, from the store and from what the broker itself saw. */
#include <string.h>
#include <sys/statvfs.h>
#include "broker/capacity.h"
#include "broker/desktop.h"
#include "broker/pool.h"
#include "broker/reason.h"
#include "broker/service_priv.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/net/tls.h"

#define DISK_LOW_MIB 512
#define CERTIFICATE_DAYS 30

typedef struct {
    ZgService *service;
    ZgTx *tx;
    json_t *problems;
    bool any_error;
} Look;

static void
free_row_host(gpointer data)
{
    zg_host_free(data);
}

static void
free_row_pool(gpointer data)
{
    zg_pool_free(data);
}

static void
add(Look *look, const char *severity, const char *thing, const char *text, const char *hint)
{
    look->any_error = look->any_error || strcmp(severity, "error") == 0;
    json_array_append_new(look->problems, json_pack("{s:s, s:s, s:s, s:s}", "severity", severity,
                                                    "thing", thing, "text", text, "hint", hint));
}

static bool
look_at_hosts(Look *look, json_t *hosts, GError **error)
{
    g_autoptr(GPtrArray) rows = zg_row_select(look->tx, &zg_host_rows, free_row_host, error,
                                              "ORDER BY name", "");

    if (rows == NULL) {
        return false;
    }
    for (guint i = 0; i < rows->len; i++) {
        const ZgHost *host = g_ptr_array_index(rows, i);
        g_autofree char *thing = g_strdup_printf("host '%s'", host->name);

        json_array_append_new(hosts, zg_view_host(host));
        if (strcmp(host->state, "linked") != 0) {
            add(look, strcmp(host->state, "lost") == 0 ? "error" : "warning", thing,
                "its hostd does not answer", "look at the log of zaguan-hostd on that host");
        } else if (host->disk_free_mib < DISK_LOW_MIB && host->memory_free_mib > 0) {
            add(look, "error", thing, "its disk is nearly full",
                "free space in its state directory");
        }
        if (host->maintenance) {
            add(look, "info", thing, "it is in maintenance and takes no new desktops",
                "end it with `zaguan host maintenance NAME off`");
        }
    }
    if (rows->len == 0) {
        add(look, "error", "hosts", "no hypervisor host has joined",
            "is zaguan-hostd running? a new host joins with `zaguan host token NAME`");
    }
    return true;
}

static bool
count_desktops(Look *look, const ZgPool *pool, int64_t *out_n, GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(
        look->tx, error, "SELECT COUNT(*) FROM desktops WHERE pool = $1", "t", pool->name);

    *out_n = rows != NULL && zg_rows_next(rows, NULL) ? zg_rows_int(rows, 0) : 0;
    return rows != NULL;
}

static bool
look_at_pool(Look *look, const ZgPool *pool, GError **error)
{
    g_autofree char *thing = g_strdup_printf("pool '%s'", pool->name);
    g_autofree char *text = NULL;
    g_autofree char *hint = NULL;
    int64_t n_ready = 0;
    int64_t n_all = 0;
    int64_t version = 0;

    if (!pool->enabled) {
        return true;
    }
    if (!zg_capacity_usable(look->tx, pool->name, &n_ready, error) ||
        !zg_capacity_version(look->tx, pool, &version, error) ||
        !count_desktops(look, pool, &n_all, error)) {
        return false;
    }
    if (version == 0) {
        add(look, "error", thing, zg_reason_text("no-version", "en"),
            "import the template with `zaguan template import`");
    }
    if (zg_capacity_breaker(pool, zg_tx_now_us(look->tx))) {
        add(look, "error", thing, "too many desktops failed; making new ones is paused",
            "`zaguan why desktop NAME` tells what failed");
    } else if (n_ready < pool->ready && n_all >= pool->max) {
        text = g_strdup_printf("%d of %d desktops are ready, and there are no more than %d of it",
                               (int)n_ready, (int)pool->ready, (int)pool->max);
        hint = g_strdup_printf("`zaguan pool scale %s --max N` allows more", pool->name);
        add(look, "info", thing, text, hint);
    } else if (n_ready < pool->ready && pool->reason != NULL) {
        text = g_strdup_printf("%d of %d desktops are ready: %s", (int)n_ready, (int)pool->ready,
                               zg_reason_text(pool->reason, "en"));
        add(look, n_ready == 0 ? "error" : "warning", thing, text,
            "look at the hosts' memory, disk and images");
    } else if (n_ready < pool->ready) {
        text = g_strdup_printf("%d of %d desktops are ready; more are being made", (int)n_ready,
                               (int)pool->ready);
        add(look, "info", thing, text, "wait a moment");
    }
    return true;
}

static bool
look_at_pools(Look *look, json_t *pools, GError **error)
{
    g_autoptr(GPtrArray) rows = zg_row_select(look->tx, &zg_pool_rows, free_row_pool, error,
                                              "WHERE deleting = 0 ORDER BY name", "");

    for (guint i = 0; rows != NULL && i < rows->len; i++) {
        const ZgPool *pool = g_ptr_array_index(rows, i);
        json_t *view = zg_view_pool(look->tx, pool, error);

        if (view == NULL) {
            return false;
        }
        json_array_append_new(pools, view);
        if (!look_at_pool(look, pool, error)) {
            return false;
        }
    }
    return rows != NULL;
}

/* Images that a pool needs and a linked host lacks. */
static bool
look_at_images(Look *look, GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(
        look->tx, error,
        "SELECT hosts.name, templates.name, templates.current FROM hosts, templates"
        " WHERE hosts.state = 'linked' AND templates.current > 0"
        " AND EXISTS (SELECT 1 FROM pools WHERE pools.template = templates.name)"
        " AND NOT EXISTS (SELECT 1 FROM host_images WHERE host_images.host = hosts.name AND"
        " host_images.template = templates.name AND host_images.version = templates.current)",
        "");

    while (rows != NULL && zg_rows_next(rows, NULL)) {
        g_autofree char *thing = g_strdup_printf("host '%s'", zg_rows_text(rows, 0));
        g_autofree char *text = g_strdup_printf("it lacks template '%s' version %d",
                                                zg_rows_text(rows, 1), (int)zg_rows_int(rows, 2));

        add(look, "warning", thing, text, "import the template again while the host is linked");
    }
    return rows != NULL;
}

static json_t *
look_at_store(Look *look)
{
    ZgService *service = look->service;
    struct statvfs disk;
    int64_t free_mib = 0;
    json_t *store;

    if (statvfs(service->store_path, &disk) == 0) {
        free_mib = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize / (1024 * 1024);
        if (free_mib < DISK_LOW_MIB) {
            add(look, "error", "store", "the disk of the store is nearly full",
                "free space beside the store's file");
        }
    }
    g_mutex_lock(&service->lock);
    if (service->sweep_error != NULL) {
        add(look, "error", "store", service->sweep_error, "look at the broker's log");
    }
    store = json_pack("{s:s, s:b, s:I}", "kind", "sqlite", "ok", service->sweep_error == NULL,
                      "disk_free_mib", (json_int_t)free_mib);
    g_mutex_unlock(&service->lock);
    return store;
}

static json_t *
look_at_directory(Look *look)
{
    ZgService *service = look->service;
    json_t *directory;

    g_mutex_lock(&service->lock);
    directory = json_pack("{s:b}", "ok", service->directory_text == NULL);
    json_object_set_new(directory, "configured", json_boolean(service->directory_known));
    zg_view_set_text(directory, "name", service->directory_name);
    zg_view_set_text(directory, "text", service->directory_text);
    if (service->directory_text != NULL) {
        add(look, "error", "directory", service->directory_text,
            "people cannot sign in until it answers; those who are signed in go on");
    }
    g_mutex_unlock(&service->lock);
    return directory;
}

/* Links of hosts end with these certificates, all at once, on a day that nobody thinks of. */
static void
look_at_certificates(Look *look)
{
    const char *const files[] = {look->service->certificate, look->service->ca};

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *thing = g_strdup_printf("certificate '%s'", files[i]);
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        int days = 0;

        if (files[i] == NULL) {
            continue;
        }
        if (!zg_tls_days_left(files[i], &days, &error)) {
            add(look, "error", thing, error->message, "restore the file");
        } else if (days < CERTIFICATE_DAYS) {
            text = days < 0 ? g_strdup("it has ended: hosts cannot link to this broker")
                            : g_strdup_printf("it ends in %d days", days);
            add(look, days < 0 ? "error" : "warning", thing, text,
                "`zaguan renew DIR` makes new certificates");
        }
    }
}

/* The parts that need the store. */
static bool
look_inside(Look *look, json_t *view, GError **error)
{
    json_t *hosts = json_array();
    json_t *pools = json_array();

    json_object_set_new(view, "hosts", hosts);
    json_object_set_new(view, "pools", pools);
    look->tx = zg_tx_begin(look->service->store, ZG_TX_READ, error);
    return look->tx != NULL && look_at_hosts(look, hosts, error) &&
           look_at_pools(look, pools, error) && look_at_images(look, error);
}

bool
zg_service_status(ZgService *service, json_t **out_json, GError **error)
{
    Look look = {.service = service, .problems = json_array()};
    json_t *view = json_object();
    g_autoptr(GError) failure = NULL;
    bool down;

    (void)error;
    json_object_set_new(view, "store", look_at_store(&look));
    json_object_set_new(view, "directory", look_at_directory(&look));
    look_at_certificates(&look);
    down = !look_inside(&look, view, &failure);
    if (down) {
        add(&look, "error", "store", failure != NULL ? failure->message : "it does not answer",
            "look at the broker's log");
    }
    zg_tx_free(look.tx);
    zg_view_set_text(view, "state", down ? "down" : look.any_error ? "degraded" : "ok");
    json_object_set_new(view, "problems", look.problems);
    zg_view_set_text(view, "version", service->program_version);
    json_object_set_new(view, "uptime_s",
                        json_integer((zg_clock_mono_us() - service->started_us) /
                                     G_USEC_PER_SEC));
    *out_json = view;
    return true;
}

bool
zg_service_healthy(ZgService *service, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);

    return tx != NULL &&
           zg_tx_run(tx, NULL, error, "UPDATE counters SET value = value WHERE name = 'event'", "");
}
