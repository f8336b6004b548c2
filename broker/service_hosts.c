/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service's part about hosts and operations. */
#include <string.h>
#include "broker/ca.h"
#include "broker/list.h"
#include "broker/service_priv.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/secret.h"

#define TOKEN_LIFE_US (24 * 3600 * (int64_t)G_USEC_PER_SEC)
#define TOKEN_BYTES 32

static void
free_host(gpointer data)
{
    zg_host_free(data);
}

static void
free_operation(gpointer data)
{
    zg_operation_free(data);
}

static json_t *
view_host(ZgTx *tx, const void *row, GError **error)
{
    (void)tx;
    (void)error;
    return zg_view_host(row);
}

static json_t *
view_operation(ZgTx *tx, const void *row, GError **error)
{
    (void)tx;
    (void)error;
    return zg_view_operation(row);
}

static const ZgListKind host_list = {
    .type = &zg_host_rows, .free_row = free_host, .order = "name", .view = view_host,
};

static const ZgListKind operation_list = {
    .type = &zg_operation_rows,
    .free_row = free_operation,
    .where = "$1 = '' OR user_name = $1",
    .order = "created_us",
    .newest_first = true,
    .view = view_operation,
};

bool
zg_service_list_hosts(ZgService *service, const ZgPage *page, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);

    return tx != NULL && zg_list_page(tx, &host_list, page, NULL, NULL, NULL, out_json, error);
}

bool
zg_service_get_host(ZgService *service, const char *name, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    json_t *view = tx != NULL ? zg_view_find(tx, "host", name, error) : NULL;

    if (view == NULL) {
        return false;
    }
    *out_json = view;
    return true;
}

static bool
audit_host(ZgTx *tx, const ZgCaller *caller, const char *event, const char *host, GError **error)
{
    g_autofree char *actor = zg_service_actor(caller);
    ZgAuditRow row = {.event = event, .thing = "host", .thing_id = host};
    ZgCause cause = {.reason = "administered", .actor = actor};

    return zg_record_audit(tx, &row, &cause, error);
}

static bool
has_desktops(ZgTx *tx, const char *host, GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(tx, error, "SELECT COUNT(*) FROM desktops WHERE host = $1",
                                         "t", host);

    if (rows == NULL || !zg_rows_next(rows, error)) {
        return true;
    }
    if (zg_rows_int(rows, 0) > 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "host '%s' has %" G_GINT64_FORMAT " desktops", host, zg_rows_int(rows, 0));
        return true;
    }
    return false;
}

bool
zg_service_delete_host(ZgService *service, const ZgCaller *caller, const char *name, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgHost) host = tx != NULL ? zg_row_find(tx, &zg_host_rows, name, error) : NULL;

    return host != NULL && !has_desktops(tx, name, error) &&
           zg_tx_run(tx, NULL, error, "DELETE FROM host_images WHERE host = $1", "t", name) &&
           zg_tx_run(tx, NULL, error, "DELETE FROM join_tokens WHERE host = $1", "t", name) &&
           zg_row_delete(tx, &zg_host_rows, host, error) &&
           audit_host(tx, caller, "host-deleted", name, error) &&
           zg_record_event(tx, "host", name, NULL, true, error) &&
           zg_service_commit(service, tx, error);
}

bool
zg_service_set_host_maintenance(ZgService *service, const ZgCaller *caller, const char *name,
                                bool maintenance, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgHost) host = tx != NULL ? zg_row_find(tx, &zg_host_rows, name, error) : NULL;

    if (host == NULL) {
        return false;
    }
    host->maintenance = maintenance;
    if (!zg_row_save(tx, &zg_host_rows, host, NULL, NULL, error) ||
        !audit_host(tx, caller, maintenance ? "maintenance-on" : "maintenance-off", name, error) ||
        !zg_record_event(tx, "host", name, NULL, false, error) ||
        !zg_service_commit(service, tx, error)) {
        return false;
    }
    *out_json = zg_view_host(host);
    return true;
}

bool
zg_service_new_join_token(ZgService *service, const ZgCaller *caller, const char *host,
                          json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = NULL;
    g_autofree char *fingerprint = NULL;
    g_autofree char *sha256 = NULL;
    g_autofree char *token = NULL;
    uint8_t bytes[TOKEN_BYTES];
    char *secret;
    bool ok;

    if (!zg_name_is_valid(host)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "host: lower-case letters, digits and hyphens, a letter first");
        return false;
    }
    if (service->ca_key == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "this broker cannot enrol hosts");
        return false;
    }
    fingerprint = zg_ca_fingerprint(service->ca, error);
    tx = fingerprint != NULL ? zg_tx_begin(service->store, ZG_TX_WRITE, error) : NULL;
    if (tx == NULL) {
        return false;
    }
    zg_random_bytes(bytes, sizeof bytes);
    secret = zg_hex_encode(bytes, sizeof bytes);
    zg_wipe(bytes, sizeof bytes);
    sha256 = zg_sha256_hex(secret, strlen(secret));
    token = g_strdup_printf("%s.%s.%s", host, secret, fingerprint);
    zg_wipe_free_text(secret);
    ok = zg_tx_run(tx, NULL, error,
                   "INSERT INTO join_tokens (secret_sha256, host, created_us, expires_us, used_us)"
                   " VALUES ($1, $2, $3, $4, 0)",
                   "ttii", sha256, host, zg_tx_now_us(tx), zg_tx_now_us(tx) + TOKEN_LIFE_US) &&
         audit_host(tx, caller, "join-token", host, error) && zg_tx_commit(tx, error);
    if (ok) {
        *out_json = json_pack("{s:s}", "token", token);
        zg_view_set_time(*out_json, "expires_at", zg_tx_now_us(tx) + TOKEN_LIFE_US);
    }
    zg_wipe(token, strlen(token));
    return ok;
}

bool
zg_service_list_operations(ZgService *service, const ZgPage *page, const char *user,
                           json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);

    return tx != NULL &&
           zg_list_page(tx, &operation_list, page, user, NULL, NULL, out_json, error);
}

bool
zg_service_get_operation(ZgService *service, const char *id, const char *user, json_t **out_json,
                         GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(ZgOperation) operation =
        tx != NULL ? zg_row_find(tx, &zg_operation_rows, id, error) : NULL;

    if (operation == NULL) {
        return false;
    }
    if (user != NULL && g_strcmp0(operation->user_name, user) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no such operation: '%s'", id);
        return false;
    }
    *out_json = zg_view_operation(operation);
    return true;
}
