/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service's part about pools and templates. */
#include <stdlib.h>
#include <string.h>
#include "broker/assign.h"
#include "broker/command.h"
#include "broker/list.h"
#include "broker/operation.h"
#include "broker/service_priv.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/proto/json.h"
#include "common/proto/profile.h"

#define POOL_DELETE_LIMIT_S 1800
#define IMPORT_LIMIT_S 3700
#define MAKE_MS_DEFAULT 60000

static void
free_pool(gpointer data)
{
    zg_pool_free(data);
}

static void
free_template(gpointer data)
{
    zg_template_free(data);
}

static json_t *
view_pool(ZgTx *tx, const void *row, GError **error)
{
    return zg_view_pool(tx, row, error);
}

static json_t *
view_template(ZgTx *tx, const void *row, GError **error)
{
    return zg_view_template(tx, row, error);
}

static const ZgListKind pool_list = {
    .type = &zg_pool_rows, .free_row = free_pool, .order = "name", .view = view_pool,
};

static const ZgListKind template_list = {
    .type = &zg_template_rows, .free_row = free_template, .order = "name", .view = view_template,
};

static bool
audit_thing(ZgTx *tx, const ZgCaller *caller, const char *event, const char *thing, const char *id,
            const char *reason, GError **error)
{
    g_autofree char *actor = zg_service_actor(caller);
    ZgAuditRow row = {.event = event, .thing = thing, .thing_id = id};
    ZgCause cause = {.reason = reason, .actor = actor};

    return zg_record_audit(tx, &row, &cause, error);
}

static bool
in_range(const char *field, int64_t value, int64_t least, int64_t most, GError **error)
{
    if (value < least || value > most) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "%s: must be %" G_GINT64_FORMAT "..%" G_GINT64_FORMAT, field, least, most);
        return false;
    }
    return true;
}

static bool
is_word(const char *field, const char *value, const char *const *words, GError **error)
{
    g_autofree char *known = g_strjoinv(", ", (char **)words);

    if (value == NULL || !g_strv_contains(words, value)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "%s: must be one of: %s", field, known);
        return false;
    }
    return true;
}

static bool
check_spec(const ZgPoolSpec *spec, GError **error)
{
    static const char *const kinds[] = {"floating", NULL};
    static const char *const networks[] = {"isolated", "nat", NULL};

    if (!zg_name_is_valid(spec->name)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "name: lower-case letters, digits and hyphens, a letter first");
        return false;
    }
    if (!zg_name_is_valid(spec->template_name)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "template: not a template's name");
        return false;
    }
    if (spec->ready > spec->max) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "ready: must not be more than max");
        return false;
    }
    return is_word("kind", spec->kind, kinds, error) &&
           is_word("network", spec->network, networks, error) &&
           is_word("profile", spec->profile, zg_profile_names, error) &&
           in_range("ready", spec->ready, 0, 500, error) &&
           in_range("max", spec->max, 1, 500, error) &&
           in_range("memory_mib", spec->memory_mib, 64, 1048576, error) &&
           in_range("vcpus", spec->vcpus, 1, 128, error) &&
           in_range("disk_mib", spec->disk_mib, 64, 16777216, error) &&
           in_range("version", spec->version, 0, G_MAXINT32, error) &&
           in_range("session.idle_disconnect_min", spec->idle_disconnect_min, 0, 10080, error) &&
           in_range("session.disconnected_log_off_min", spec->disconnected_log_off_min, 0, 10080,
                    error);
}

static void
set_list(char **field, const char *const *list)
{
    json_t *array = json_array();
    char *text;

    for (; list != NULL && *list != NULL; list++) {
        json_array_append_new(array, json_string(*list));
    }
    text = json_dumps(array, JSON_COMPACT);
    zg_set_text(field, text);
    free(text);
    json_decref(array);
}

static void
take_spec(ZgPool *pool, const ZgPoolSpec *spec)
{
    zg_set_text(&pool->name, spec->name);
    zg_set_text(&pool->title, spec->title != NULL ? spec->title : spec->name);
    zg_set_text(&pool->description, spec->description);
    zg_set_text(&pool->template_name, spec->template_name);
    pool->version = spec->version;
    zg_set_text(&pool->kind, spec->kind);
    pool->ready = spec->ready;
    pool->max = spec->max;
    pool->memory_mib = spec->memory_mib;
    pool->vcpus = spec->vcpus;
    pool->disk_mib = spec->disk_mib;
    zg_set_text(&pool->network, spec->network);
    zg_set_text(&pool->profile, spec->profile);
    set_list(&pool->entitled_users, spec->entitled_users);
    set_list(&pool->entitled_groups, spec->entitled_groups);
    zg_set_text(&pool->locale, spec->locale);
    zg_set_text(&pool->keyboard, spec->keyboard);
    zg_set_text(&pool->time_zone, spec->time_zone);
    pool->idle_disconnect_min = spec->idle_disconnect_min;
    pool->disconnected_log_off_min = spec->disconnected_log_off_min;
    pool->enabled = spec->enabled;
}

static bool
check_template(ZgTx *tx, const ZgPoolSpec *spec, GError **error)
{
    g_autoptr(ZgTemplate) row = zg_row_find(tx, &zg_template_rows, spec->template_name, error);

    if (row == NULL) {
        g_prefix_error(error, "template: ");
        return false;
    }
    if (row->deleting) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "template: '%s' is being deleted",
                    spec->template_name);
        return false;
    }
    return true;
}

static bool
check_revision(const ZgPool *pool, int64_t if_revision, GError **error)
{
    if (if_revision == -1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "pool '%s' exists already", pool->name);
        return false;
    }
    if (pool->deleting) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "pool '%s' is being deleted", pool->name);
        return false;
    }
    if (if_revision > 0 && if_revision != pool->revision) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_STALE,
                    "pool '%s' was changed by somebody else first (revision %" G_GINT64_FORMAT ")",
                    pool->name, pool->revision);
        return false;
    }
    return true;
}

bool
zg_service_put_pool(ZgService *service, const ZgCaller *caller, const ZgPoolSpec *spec,
                    int64_t if_revision, bool *out_created, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = NULL;
    g_autoptr(ZgPool) pool = NULL;
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) view = NULL;
    bool created;

    if (!check_spec(spec, error) ||
        (tx = zg_tx_begin(service->store, ZG_TX_WRITE, error)) == NULL ||
        !check_template(tx, spec, error)) {
        return false;
    }
    pool = zg_row_find(tx, &zg_pool_rows, spec->name, &failure);
    created = pool == NULL;
    if (created && !g_error_matches(failure, ZG_ERROR, ZG_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (created && if_revision != 0 && if_revision != -1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_STALE, "pool '%s' is not there any more",
                    spec->name);
        return false;
    }
    if (created) {
        pool = g_new0(ZgPool, 1);
        pool->next_number = 1;
        pool->make_ms = MAKE_MS_DEFAULT;
        pool->created_us = zg_tx_now_us(tx);
        pool->revision = 1;
    } else if (!check_revision(pool, if_revision, error)) {
        return false;
    }
    take_spec(pool, spec);
    if (!(created ? zg_row_insert(tx, &zg_pool_rows, pool, error)
                  : zg_row_save(tx, &zg_pool_rows, pool, NULL, NULL, error)) ||
        !audit_thing(tx, caller, created ? "pool-created" : "pool-changed", "pool", pool->name,
                     "administered", error) ||
        !zg_record_event(tx, "pool", pool->name, NULL, false, error)) {
        return false;
    }
    view = zg_view_pool(tx, pool, error);
    if (view == NULL || !zg_service_commit(service, tx, error)) {
        return false;
    }
    *out_created = created;
    *out_json = g_steal_pointer(&view);
    return true;
}

static bool
get_one(ZgService *service, const char *type, const char *key, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    json_t *view = tx != NULL ? zg_view_find(tx, type, key, error) : NULL;

    if (view == NULL) {
        return false;
    }
    *out_json = view;
    return true;
}

bool
zg_service_get_pool(ZgService *service, const char *name, json_t **out_json, GError **error)
{
    return get_one(service, "pool", name, out_json, error);
}

bool
zg_service_list_pools(ZgService *service, const ZgPage *page, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);

    return tx != NULL && zg_list_page(tx, &pool_list, page, NULL, NULL, NULL, out_json, error);
}

bool
zg_service_delete_pool(ZgService *service, const ZgCaller *caller, const char *name,
                       int64_t if_revision, json_t **out_operation, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgPool) pool = tx != NULL ? zg_row_find(tx, &zg_pool_rows, name, error) : NULL;
    g_autoptr(ZgOperation) operation = NULL;

    if (pool == NULL || !check_revision(pool, if_revision, error)) {
        return false;
    }
    pool->deleting = true;
    pool->enabled = false;
    operation = zg_operation_start(tx, ZG_OP_POOL_DELETE, name, 0, caller->user,
                                   POOL_DELETE_LIMIT_S, error);
    if (operation == NULL || !zg_row_save(tx, &zg_pool_rows, pool, NULL, NULL, error) ||
        !audit_thing(tx, caller, "pool-deleted", "pool", name, "administered", error) ||
        !zg_record_event(tx, "pool", name, NULL, false, error) ||
        !zg_service_commit(service, tx, error)) {
        return false;
    }
    *out_operation = zg_view_operation(operation);
    return true;
}

/* One word on what a person gets from this pool now. */
static bool
pool_state(ZgTx *tx, const ZgPool *pool, const ZgSession *session, const char **out_state,
           GError **error)
{
    g_autoptr(ZgRows) rows = NULL;
    int64_t n_ready = 0;
    int64_t n_all = 0;

    if (session != NULL) {
        ZgSessionState state = zg_session_state(session);

        *out_state = state == ZG_SESSION_PENDING || state == ZG_SESSION_LOGGING_OFF ? "starting"
                     : state == ZG_SESSION_HELD                                     ? "held"
                     : state == ZG_SESSION_DISCONNECTED ? "disconnected" : "active";
        return true;
    }
    rows = zg_tx_query(tx, error,
                       "SELECT life, COUNT(*) FROM desktops WHERE pool = $1"
                       " AND life <> 'lost' GROUP BY life",
                       "t", pool->name);
    while (rows != NULL && zg_rows_next(rows, NULL)) {
        n_all += zg_rows_int(rows, 1);
        if (strcmp(zg_rows_text(rows, 0), "ready") == 0) {
            n_ready = zg_rows_int(rows, 1);
        }
    }
    *out_state = !pool->enabled       ? "unavailable"
                 : n_ready > 0        ? "available"
                 : n_all >= pool->max ? "full" : "starting";
    return rows != NULL;
}

static void
free_session(gpointer data)
{
    zg_session_free(data);
}

static bool
view_my_pool(ZgTx *tx, const ZgCaller *caller, const ZgPool *pool, json_t *items, GError **error)
{
    g_autoptr(GPtrArray) found = zg_row_select(
        tx, &zg_session_rows, free_session, error,
        "WHERE pool = $1 AND user_name = $2 AND state <> 'ended'", "tt", pool->name, caller->user);
    ZgSession *session = found != NULL && found->len > 0 ? g_ptr_array_index(found, 0) : NULL;
    const char *state = NULL;
    json_t *view;

    if (found == NULL || !pool_state(tx, pool, session, &state, error)) {
        return false;
    }
    view = json_object();
    json_array_append_new(items, view);
    zg_view_set_text(view, "pool", pool->name);
    zg_view_set_text(view, "title", pool->title);
    zg_view_set_text(view, "description", pool->description);
    zg_view_set_text(view, "state", state);
    if (session != NULL) {
        json_t *session_view = zg_view_session(tx, session, error);

        if (session_view == NULL) {
            return false;
        }
        json_object_set_new(view, "session", session_view);
    }
    return true;
}

bool
zg_service_my_pools(ZgService *service, const ZgCaller *caller, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(GPtrArray) pools = tx == NULL ? NULL
                                            : zg_row_select(
                                                tx, &zg_pool_rows, free_pool, error,
                                                "WHERE deleting = 0 ORDER BY title", "");
    g_autoptr(json_t) items = json_array();

    for (guint i = 0; pools != NULL && i < pools->len; i++) {
        const ZgPool *pool = g_ptr_array_index(pools, i);

        if (zg_assign_is_entitled(pool, caller->user, caller->groups) &&
            !view_my_pool(tx, caller, pool, items, error)) {
            return false;
        }
    }
    if (pools == NULL) {
        return false;
    }
    *out_json = json_pack("{s:O}", "items", items);
    return true;
}

bool
zg_service_list_templates(ZgService *service, const ZgPage *page, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);

    return tx != NULL && zg_list_page(tx, &template_list, page, NULL, NULL, NULL, out_json, error);
}

bool
zg_service_get_template(ZgService *service, const char *name, json_t **out_json, GError **error)
{
    return get_one(service, "template", name, out_json, error);
}

static bool
is_used(ZgTx *tx, const char *name, GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(
        tx, error,
        "SELECT 'pool', name FROM pools WHERE template = $1"
        " UNION ALL SELECT 'desktop', name FROM desktops WHERE template = $1 LIMIT 1",
        "t", name);

    if (rows == NULL) {
        return true;
    }
    if (zg_rows_next(rows, error)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "template '%s' is used by %s '%s'", name,
                    zg_rows_text(rows, 0), zg_rows_text(rows, 1));
        return true;
    }
    return false;
}

/* Hosts drop the images; the rows go now, for nothing needs them. */
static bool
queue_removals(ZgTx *tx, const char *name, GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(
        tx, error, "SELECT host, version FROM host_images WHERE template = $1", "t", name);

    while (rows != NULL && zg_rows_next(rows, NULL)) {
        ZgCommandWish wish = {.host = zg_rows_text(rows, 0), .kind = "image_remove",
                              .ttl_ms = ZG_COMMAND_IMPORT_TTL_MS};

        if (!zg_command_queue(tx, &wish,
                              json_pack("{s:s, s:I}", "template", name, "version",
                                        (json_int_t)zg_rows_int(rows, 1)),
                              error)) {
            return false;
        }
    }
    return rows != NULL;
}

bool
zg_service_delete_template(ZgService *service, const ZgCaller *caller, const char *name,
                           json_t **out_operation, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgTemplate) row = tx != NULL ? zg_row_find(tx, &zg_template_rows, name, error)
                                           : NULL;
    g_autoptr(ZgOperation) operation = NULL;

    if (row == NULL || is_used(tx, name, error) || !queue_removals(tx, name, error)) {
        return false;
    }
    operation = zg_operation_start(tx, ZG_OP_TEMPLATE_DELETE, name, 0, caller->user, 600, error);
    if (operation == NULL ||
        !zg_tx_run(tx, NULL, error, "DELETE FROM template_versions WHERE template = $1", "t",
                   name) ||
        !zg_row_delete(tx, &zg_template_rows, row, error) ||
        !audit_thing(tx, caller, "template-deleted", "template", name, "administered", error) ||
        !zg_record_event(tx, "template", name, NULL, true, error) ||
        !zg_service_commit(service, tx, error)) {
        return false;
    }
    *out_operation = zg_view_operation(operation);
    return true;
}

static bool
path_is_plain(const char *field, const char *path, GError **error)
{
    if (path == NULL || *path == '\0' || *path == '/' || strstr(path, "..") != NULL ||
        strlen(path) > ZG_LIMIT_TEXT_BYTES) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "%s: a name inside the folder 'incoming', without '..'", field);
        return false;
    }
    return true;
}

/* The template's row, made when it is new. */
static bool
take_template(ZgTx *tx, const char *name, const char *os, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(ZgTemplate) row = zg_row_find(tx, &zg_template_rows, name, &failure);

    if (row != NULL) {
        if (os != NULL) {
            zg_set_text(&row->os, os);
        }
        return zg_row_save(tx, &zg_template_rows, row, NULL, NULL, error);
    }
    if (!g_error_matches(failure, ZG_ERROR, ZG_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    row = g_new0(ZgTemplate, 1);
    row->name = g_strdup(name);
    row->os = g_strdup(os);
    row->created_us = zg_tx_now_us(tx);
    row->revision = 1;
    return zg_row_insert(tx, &zg_template_rows, row, error);
}

static bool
new_version(ZgTx *tx, const char *name, int64_t *out_version, GError **error)
{
    g_autoptr(ZgTemplateVersion) version = g_new0(ZgTemplateVersion, 1);
    g_autoptr(ZgRows) rows = zg_tx_query(
        tx, error,
        "SELECT COALESCE(MAX(version), 0) + 1 FROM ("
        "SELECT version FROM template_versions WHERE template = $1"
        " UNION ALL SELECT version FROM host_images WHERE template = $1) AS known",
        "t", name);

    if (rows == NULL || !zg_rows_next(rows, error)) {
        return false;
    }
    version->id = zg_id_new();
    version->template_name = g_strdup(name);
    version->version = zg_rows_int(rows, 0);
    version->state = g_strdup("importing");
    version->created_us = zg_tx_now_us(tx);
    version->revision = 1;
    *out_version = version->version;
    return zg_row_insert(tx, &zg_template_version_rows, version, error);
}

typedef struct {
    const char *name;
    int64_t version;
    const char *path;
    const char *kernel;
    const char *initrd;
    const char *os;
} Import;

/* Hosts may be on their way, e.g. after a start: the sweep gives it to them. */
static bool
queue_imports(ZgTx *tx, const Import *import, const char *operation, GError **error)
{
    ZgCommandWish wish = {.host = ZG_COMMAND_ALL_HOSTS, .kind = "image_import",
                          .operation = operation, .ttl_ms = ZG_COMMAND_HOSTS_WAIT_MS};
    json_t *fields = json_pack("{s:s, s:I, s:s}", "template", import->name, "version",
                               (json_int_t)import->version, "path", import->path);

    zg_view_set_text(fields, "kernel", import->kernel);
    zg_view_set_text(fields, "initrd", import->initrd);
    zg_view_set_text(fields, "os", import->os);
    return zg_command_queue(tx, &wish, fields, error);
}

bool
zg_service_import_template(ZgService *service, const ZgCaller *caller, const char *name,
                           const char *path, const char *kernel, const char *initrd,
                           const char *os, json_t **out_operation, GError **error)
{
    Import import = {.name = name, .path = path, .kernel = kernel, .initrd = initrd, .os = os};
    g_autoptr(ZgTx) tx = NULL;
    g_autoptr(ZgOperation) operation = NULL;

    if (!zg_name_is_valid(name)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "name: lower-case letters, digits and hyphens, a letter first");
        return false;
    }
    if (!path_is_plain("path", path, error) ||
        (kernel != NULL && !path_is_plain("kernel", kernel, error)) ||
        (initrd != NULL && !path_is_plain("initrd", initrd, error))) {
        return false;
    }
    tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    if (tx == NULL || !take_template(tx, name, os, error) ||
        !new_version(tx, name, &import.version, error)) {
        return false;
    }
    operation = zg_operation_start(tx, ZG_OP_IMPORT, name, import.version, caller->user,
                                   IMPORT_LIMIT_S, error);
    if (operation == NULL || !queue_imports(tx, &import, operation->id, error) ||
        !audit_thing(tx, caller, "template-import", "template", name, "administered", error) ||
        !zg_record_event(tx, "template", name, NULL, false, error) ||
        !zg_service_commit(service, tx, error)) {
        return false;
    }
    *out_operation = zg_view_operation(operation);
    return true;
}
