/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/views.h"

#include <string.h>
#include "broker/capacity.h"
#include "broker/pool.h"
#include "broker/record.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static void
free_version(gpointer data)
{
    zg_template_version_free(data);
}

void
zg_view_set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        json_object_set_new(object, key, json_string(text));
    }
}

void
zg_view_set_time(json_t *object, const char *key, int64_t utc_us)
{
    if (utc_us != 0) {
        g_autofree char *text = zg_clock_utc_text(utc_us);

        zg_view_set_text(object, key, text);
    }
}

static void
set_int(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

static void
set_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}

static void
set_list(json_t *object, const char *key, const char *list_json)
{
    json_t *list = zg_json_parse_any(list_json, strlen(list_json), NULL);

    json_object_set_new(object, key, list != NULL ? list : json_array());
}

static json_t *
view_flags(const ZgDesktop *desktop)
{
    const struct {
        const char *name;
        bool on;
    } flags[] = {
        {"maintenance", desktop->maintenance}, {"draining", desktop->draining},
        {"tainted", desktop->tainted},         {"image-outdated", desktop->image_outdated},
        {"quarantined", desktop->quarantined},
    };
    json_t *list = json_array();

    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (flags[i].on) {
            json_array_append_new(list, json_string(flags[i].name));
        }
    }
    return list;
}

json_t *
zg_view_desktop(const ZgDesktop *desktop)
{
    json_t *view = json_object();

    zg_view_set_text(view, "id", desktop->id);
    zg_view_set_text(view, "name", desktop->name);
    zg_view_set_text(view, "pool", desktop->pool);
    zg_view_set_text(view, "host", desktop->host);
    zg_view_set_text(view, "template", desktop->template_name);
    set_int(view, "version", desktop->version);
    set_int(view, "generation", desktop->generation);
    set_int(view, "revision", desktop->revision);
    zg_view_set_text(view, "life", desktop->life);
    zg_view_set_text(view, "power", desktop->seen_power);
    zg_view_set_text(view, "agent", desktop->seen_agent);
    json_object_set_new(view, "flags", view_flags(desktop));
    zg_view_set_text(view, "user", desktop->user_name);
    zg_view_set_text(view, "session", desktop->session);
    zg_view_set_text(view, "reason", desktop->reason);
    zg_view_set_time(view, "since", desktop->since_us);
    set_int(view, "memory_mib", desktop->seen_memory_mib);
    set_int(view, "overlay_mib", desktop->seen_overlay_mib);
    if (desktop->error_code != NULL) {
        json_t *failure = json_object();

        zg_view_set_text(failure, "code", desktop->error_code);
        zg_view_set_text(failure, "message",
                         desktop->error_message != NULL ? desktop->error_message : "");
        json_object_set_new(view, "error", failure);
    }
    return view;
}

json_t *
zg_view_operation(const ZgOperation *operation)
{
    json_t *view = json_object();

    zg_view_set_text(view, "id", operation->id);
    zg_view_set_text(view, "kind", operation->kind);
    zg_view_set_text(view, "state", operation->state);
    set_int(view, "percent", operation->percent);
    zg_view_set_text(view, "text", operation->text != NULL ? operation->text : "");
    zg_view_set_text(view, "subject", operation->subject);
    if (operation->error_code != NULL) {
        json_t *failure = json_object();

        zg_view_set_text(failure, "code", operation->error_code);
        zg_view_set_text(failure, "message",
                         operation->error_text != NULL ? operation->error_text : "");
        json_object_set_new(view, "error", failure);
    }
    zg_view_set_time(view, "created_at", operation->created_us);
    zg_view_set_time(view, "finished_at", operation->finished_us);
    return view;
}

static json_t *
words_to_list(const char *words)
{
    g_auto(GStrv) parts = g_strsplit(words, " ", -1);
    json_t *list = json_array();

    for (char **part = parts; *part != NULL; part++) {
        if (**part != '\0') {
            json_array_append_new(list, json_string(*part));
        }
    }
    return list;
}

json_t *
zg_view_host(const ZgHost *host)
{
    json_t *view = json_object();

    zg_view_set_text(view, "name", host->name);
    zg_view_set_text(view, "state", host->state);
    set_bool(view, "maintenance", host->maintenance);
    set_int(view, "epoch", host->epoch);
    zg_view_set_text(view, "program_version", host->program_version);
    zg_view_set_text(view, "driver", host->driver);
    zg_view_set_text(view, "accel", host->accel);
    zg_view_set_text(view, "accel_reason", host->accel_reason);
    set_int(view, "cpus", host->cpus);
    set_int(view, "memory_mib", host->memory_mib);
    set_int(view, "disk_mib", host->disk_mib);
    set_int(view, "memory_free_mib", host->memory_free_mib);
    set_int(view, "disk_free_mib", host->disk_free_mib);
    set_int(view, "disk_promised_mib", host->disk_promised_mib);
    set_int(view, "load_milli", host->load_milli);
    json_object_set_new(view, "capabilities", words_to_list(host->capabilities));
    zg_view_set_time(view, "since", host->since_us);
    zg_view_set_time(view, "created_at", host->created_us);
    set_int(view, "revision", host->revision);
    return view;
}

/* One whole number; 0 when there is no row. */
static bool
read_int(ZgTx *tx, int64_t *out_value, GError **error, const char *sql, const char *a, int64_t b)
{
    g_autoptr(ZgRows) rows = zg_tx_query(tx, error, sql, "ti", a, b);

    if (rows == NULL) {
        return false;
    }
    *out_value = zg_rows_next(rows, NULL) ? zg_rows_int(rows, 0) : 0;
    return true;
}

static bool
add_queue_place(ZgTx *tx, const ZgSession *session, const ZgPool *pool, json_t *view,
                GError **error)
{
    int64_t before = 0;
    int64_t coming = 0;
    int64_t n_linked = 0;

    if (!read_int(tx, &n_linked, error,
                  "SELECT COUNT(*) FROM hosts WHERE state = $1 AND maintenance = $2", "linked",
                  0) ||
        !read_int(tx, &before, error,
                  "SELECT COUNT(*) FROM sessions WHERE pool = $1 AND state = 'pending'"
                  " AND created_us < $2",
                  session->pool, session->created_us) ||
        !read_int(tx, &coming, error,
                  "SELECT COUNT(*) FROM desktops WHERE pool = $1 AND life IN"
                  " ('provisioning', 'customizing', 'refreshing', 'ready')",
                  session->pool, 0)) {
        return false;
    }
    set_int(view, "position", before + 1);
    if (n_linked == 0) { /* nobody knows how long; say what it waits for */
        zg_view_set_text(view, "reason", "no-host");
        return true;
    }
    set_int(view, "estimate_s", zg_pool_estimate_s((int)before + 1, pool->make_ms, (int)coming));
    return true;
}

json_t *
zg_view_session(ZgTx *tx, const ZgSession *session, GError **error)
{
    g_autoptr(json_t) view = json_object();
    g_autoptr(GError) failure = NULL;
    g_autoptr(ZgPool) pool = zg_row_find(tx, &zg_pool_rows, session->pool, &failure);

    if (pool == NULL && !g_error_matches(failure, ZG_ERROR, ZG_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    zg_view_set_text(view, "id", session->id);
    zg_view_set_text(view, "pool", session->pool);
    zg_view_set_text(view, "title", pool != NULL ? pool->title : session->pool);
    zg_view_set_text(view, "user", session->user_name);
    zg_view_set_text(view, "state", session->state);
    zg_view_set_text(view, "desktop", session->desktop);
    zg_view_set_text(view, "reason", session->reason);
    zg_view_set_time(view, "created_at", session->created_us);
    zg_view_set_text(view, "terminal", session->terminal);
    if (pool != NULL && zg_session_state(session) == ZG_SESSION_PENDING &&
        !add_queue_place(tx, session, pool, view, error)) {
        return NULL;
    }
    return g_steal_pointer(&view);
}

static bool
add_counts(ZgTx *tx, const ZgPool *pool, json_t *view, GError **error)
{
    g_autoptr(ZgRows) rows = NULL;
    json_t *counts = json_object();
    int64_t n_usable = 0;

    json_object_set_new(view, "counts", counts);
    for (int life = 0; life < ZG_N_LIVES; life++) {
        set_int(counts, zg_life_name((ZgLife)life), 0);
    }
    rows = zg_tx_query(tx, error,
                       "SELECT life, COUNT(*) FROM desktops WHERE pool = $1 GROUP BY life", "t",
                       pool->name);
    while (rows != NULL && zg_rows_next(rows, NULL)) {
        set_int(counts, zg_rows_text(rows, 0), zg_rows_int(rows, 1));
    }
    if (rows == NULL || !zg_capacity_usable(tx, pool->name, &n_usable, error)) {
        return false;
    }
    set_int(view, "usable", n_usable);
    return true;
}

json_t *
zg_view_pool(ZgTx *tx, const ZgPool *pool, GError **error)
{
    g_autoptr(json_t) view = json_object();
    json_t *entitle = json_object();
    json_t *session = json_object();

    zg_view_set_text(view, "name", pool->name);
    zg_view_set_text(view, "title", pool->title);
    zg_view_set_text(view, "description", pool->description);
    zg_view_set_text(view, "template", pool->template_name);
    if (pool->version > 0) {
        set_int(view, "version", pool->version);
    }
    zg_view_set_text(view, "kind", pool->kind);
    set_int(view, "ready", pool->ready);
    set_int(view, "max", pool->max);
    set_int(view, "memory_mib", pool->memory_mib);
    set_int(view, "vcpus", pool->vcpus);
    set_int(view, "disk_mib", pool->disk_mib);
    zg_view_set_text(view, "network", pool->network);
    set_list(entitle, "users", pool->entitled_users);
    set_list(entitle, "groups", pool->entitled_groups);
    json_object_set_new(view, "entitle", entitle);
    zg_view_set_text(session, "locale", pool->locale);
    zg_view_set_text(session, "keyboard", pool->keyboard);
    zg_view_set_text(session, "time_zone", pool->time_zone);
    set_int(session, "idle_disconnect_min", pool->idle_disconnect_min);
    set_int(session, "disconnected_log_off_min", pool->disconnected_log_off_min);
    json_object_set_new(view, "session", session);
    zg_view_set_text(view, "profile", pool->profile);
    set_bool(view, "enabled", pool->enabled);
    set_int(view, "revision", pool->revision);
    return add_counts(tx, pool, view, error) ? g_steal_pointer(&view) : NULL;
}

json_t *
zg_view_template(ZgTx *tx, const ZgTemplate *row, GError **error)
{
    g_autoptr(json_t) view = json_object();
    g_autoptr(GPtrArray) versions = zg_row_select(tx, &zg_template_version_rows, free_version,
                                                  error, "WHERE template = $1 ORDER BY version",
                                                  "t", row->name);
    json_t *list = json_array();

    json_object_set_new(view, "versions", list);
    if (versions == NULL) {
        return NULL;
    }
    zg_view_set_text(view, "name", row->name);
    zg_view_set_text(view, "os", row->os);
    for (guint i = 0; i < versions->len; i++) {
        const ZgTemplateVersion *version = g_ptr_array_index(versions, i);
        json_t *entry = json_object();

        set_int(entry, "version", version->version);
        zg_view_set_text(entry, "state", version->state);
        zg_view_set_text(entry, "sha256", version->sha256);
        set_int(entry, "bytes", version->bytes);
        zg_view_set_time(entry, "created_at", version->created_us);
        json_array_append_new(list, entry);
    }
    if (row->current > 0) {
        set_int(view, "current", row->current);
    }
    return g_steal_pointer(&view);
}

json_t *
zg_view_find(ZgTx *tx, const char *type, const char *key, GError **error)
{
    if (strcmp(type, "desktop") == 0) {
        g_autoptr(ZgDesktop) desktop = zg_row_find(tx, &zg_desktop_rows, key, error);

        return desktop != NULL ? zg_view_desktop(desktop) : NULL;
    }
    if (strcmp(type, "session") == 0) {
        g_autoptr(ZgSession) session = zg_row_find(tx, &zg_session_rows, key, error);

        return session != NULL ? zg_view_session(tx, session, error) : NULL;
    }
    if (strcmp(type, "pool") == 0) {
        g_autoptr(ZgPool) pool = zg_row_find(tx, &zg_pool_rows, key, error);

        return pool != NULL ? zg_view_pool(tx, pool, error) : NULL;
    }
    if (strcmp(type, "host") == 0) {
        g_autoptr(ZgHost) host = zg_row_find(tx, &zg_host_rows, key, error);

        return host != NULL ? zg_view_host(host) : NULL;
    }
    if (strcmp(type, "operation") == 0) {
        g_autoptr(ZgOperation) operation = zg_row_find(tx, &zg_operation_rows, key, error);

        return operation != NULL ? zg_view_operation(operation) : NULL;
    }
    if (strcmp(type, "template") == 0) {
        g_autoptr(ZgTemplate) row = zg_row_find(tx, &zg_template_rows, key, error);

        return row != NULL ? zg_view_template(tx, row, error) : NULL;
    }
    g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no such resource: '%s'", type);
    return NULL;
}
