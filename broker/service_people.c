/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service's part about people: sign-ins, local accounts, idempotency keys. */
#include <string.h>
#include "broker/service_priv.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/proto/json.h"

#define IDEMPOTENCY_CLAIM_US (60 * G_USEC_PER_SEC)
#define IDEMPOTENCY_KEEP_US (24 * 3600 * (int64_t)G_USEC_PER_SEC)
#define USERS_MAX 500

void
zg_sign_in_free(ZgSignIn *sign_in)
{
    if (sign_in != NULL) {
        g_free(sign_in->id);
        g_free(sign_in->user);
        g_free(sign_in->full_name);
        g_strfreev(sign_in->groups);
        g_free(sign_in->provider);
        g_free(sign_in->peer);
        g_free(sign_in->typed);
        g_free(sign_in->terminal);
        g_free(sign_in);
    }
}

static char *
groups_to_text(char **groups)
{
    g_autoptr(json_t) list = json_array();
    char *text;
    char *copy;

    for (; groups != NULL && *groups != NULL; groups++) {
        json_array_append_new(list, json_string(*groups));
    }
    text = zg_json_text(list);
    copy = g_strdup(text);
    free(text);
    return copy;
}

static char **
groups_from_text(const char *text)
{
    g_autoptr(json_t) list = zg_json_parse_any(text, strlen(text), NULL);
    GPtrArray *groups = g_ptr_array_new();
    size_t i;
    json_t *entry;

    json_array_foreach(list, i, entry)
    {
        g_ptr_array_add(groups, g_strdup(json_string_value(entry)));
    }
    g_ptr_array_add(groups, NULL);
    return (char **)g_ptr_array_free(groups, FALSE);
}

static bool
audit_user(ZgTx *tx, const char *event, const char *user, const char *reason, const char *actor,
           const char *text, GError **error)
{
    ZgAuditRow row = {.event = event, .thing = "user", .thing_id = user, .user = user};
    ZgCause cause = {.reason = reason, .actor = actor, .text = text};

    return zg_record_audit(tx, &row, &cause, error);
}

#define TYPED_MARK " as "

/* "192.0.2.7", or "192.0.2.7 as ana@example.org" for somebody with several names. */
static char *
place_text(const ZgSignIn *sign_in)
{
    return sign_in->typed == NULL || strcmp(sign_in->typed, sign_in->user) == 0
               ? g_strdup(sign_in->peer)
               : g_strconcat(sign_in->peer, TYPED_MARK, sign_in->typed, NULL);
}

bool
zg_service_known_places(ZgService *service, unsigned n_most, ZgPlaceFunc func, void *data,
                        GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(ZgRows) rows = NULL;

    if (tx == NULL) {
        return false;
    }
    rows = zg_tx_query(tx, error,
                       "SELECT user_name, text FROM audit WHERE event = 'sign-in'"
                       " AND text IS NOT NULL ORDER BY id DESC LIMIT $1",
                       "i", (int64_t)n_most);
    if (rows == NULL) {
        return false;
    }
    while (zg_rows_next(rows, NULL)) {
        g_ptr_array_add(texts, g_strdup(zg_rows_text(rows, 0)));
        g_ptr_array_add(texts, g_strdup(zg_rows_text(rows, 1)));
    }
    g_clear_pointer(&rows, zg_rows_free);
    for (guint i = texts->len; i >= 2; i -= 2) {
        char *place = g_ptr_array_index(texts, i - 1);
        char *mark = strstr(place, TYPED_MARK);
        const char *typed = mark != NULL ? mark + strlen(TYPED_MARK)
                                         : g_ptr_array_index(texts, i - 2);

        if (mark != NULL) {
            *mark = '\0';
        }
        func(typed, place, data);
    }
    return true;
}

bool
zg_service_add_sign_in(ZgService *service, ZgSignIn *sign_in, const char *token_sha256,
                       int64_t ttl_s, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autofree char *groups = groups_to_text(sign_in->groups);
    g_autofree char *actor = g_strdup_printf("user:%s", sign_in->user);
    g_autofree char *place = place_text(sign_in);

    if (tx == NULL) {
        return false;
    }
    g_free(sign_in->id);
    sign_in->id = zg_id_new();
    sign_in->created_us = zg_tx_now_us(tx);
    sign_in->expires_us = sign_in->created_us + ttl_s * G_USEC_PER_SEC;
    return zg_tx_run(tx, NULL, error,
                     "INSERT INTO sign_ins (id, token_sha256, user_name, full_name, member_of,"
                     " admin, provider, peer, terminal, created_us, expires_us)"
                     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                     "tttttbtttii", sign_in->id, token_sha256, sign_in->user, sign_in->full_name,
                     groups, sign_in->admin, sign_in->provider, sign_in->peer, sign_in->terminal,
                     sign_in->created_us, sign_in->expires_us) &&
           zg_tx_run(tx, NULL, error,
                     "INSERT INTO users_seen (name, full_name, provider, admin, seen_us)"
                     " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET"
                     " full_name = $2, provider = $3, admin = $4, seen_us = $5",
                     "tttbi", sign_in->user, sign_in->full_name, sign_in->provider,
                     sign_in->administers, sign_in->created_us) &&
           audit_user(tx, "sign-in", sign_in->user, "signed-in", actor, place, error) &&
           zg_tx_commit(tx, error);
}

bool
zg_service_find_sign_in(ZgService *service, const char *token_sha256, ZgSignIn **out_sign_in,
                        GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(ZgRows) rows = NULL;
    g_autoptr(GError) failure = NULL;
    ZgSignIn *sign_in;

    if (tx == NULL) {
        return false;
    }
    rows = zg_tx_query(tx, error,
                       "SELECT id, user_name, full_name, member_of, admin, provider, peer,"
                       " terminal, created_us, expires_us FROM sign_ins"
                       " WHERE token_sha256 = $1 AND expires_us > $2",
                       "ti", token_sha256, zg_tx_now_us(tx));
    if (rows == NULL) {
        return false;
    }
    if (!zg_rows_next(rows, &failure)) {
        if (failure != NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
        } else {
            g_set_error(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED, "sign in again");
        }
        g_clear_pointer(&rows, zg_rows_free);
        return false;
    }
    sign_in = g_new0(ZgSignIn, 1);
    sign_in->id = g_strdup(zg_rows_text(rows, 0));
    sign_in->user = g_strdup(zg_rows_text(rows, 1));
    sign_in->full_name = g_strdup(zg_rows_text(rows, 2));
    sign_in->groups = groups_from_text(zg_rows_text(rows, 3));
    sign_in->admin = zg_rows_int(rows, 4) != 0;
    sign_in->provider = g_strdup(zg_rows_text(rows, 5));
    sign_in->peer = g_strdup(zg_rows_text(rows, 6));
    sign_in->terminal = g_strdup(zg_rows_text(rows, 7));
    sign_in->created_us = zg_rows_int(rows, 8);
    sign_in->expires_us = zg_rows_int(rows, 9);
    *out_sign_in = sign_in;
    g_clear_pointer(&rows, zg_rows_free);
    return true;
}

bool
zg_service_end_sign_in(ZgService *service, const ZgCaller *caller, const char *token_sha256,
                       GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autofree char *actor = zg_service_actor(caller);

    return tx != NULL &&
           zg_tx_run(tx, NULL, error, "DELETE FROM sign_ins WHERE token_sha256 = $1", "t",
                     token_sha256) &&
           audit_user(tx, "sign-out", caller->user, "signed-out", actor, caller->peer, error) &&
           zg_tx_commit(tx, error);
}

bool
zg_service_list_sign_ins(ZgService *service, const char *user, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(ZgRows) rows = NULL;
    json_t *items;

    if (tx == NULL) {
        return false;
    }
    rows = zg_tx_query(tx, error,
                       "SELECT id, user_name, provider, peer, terminal, created_us, expires_us"
                       " FROM sign_ins WHERE user_name = $1 AND expires_us > $2"
                       " ORDER BY created_us DESC LIMIT 500",
                       "ti", user, zg_tx_now_us(tx));
    if (rows == NULL) {
        return false;
    }
    items = json_array();
    while (zg_rows_next(rows, NULL)) {
        json_t *view = json_object();

        zg_view_set_text(view, "id", zg_rows_text(rows, 0));
        zg_view_set_text(view, "user", zg_rows_text(rows, 1));
        zg_view_set_text(view, "provider", zg_rows_text(rows, 2));
        zg_view_set_text(view, "peer", zg_rows_text(rows, 3));
        zg_view_set_text(view, "terminal", zg_rows_text(rows, 4));
        zg_view_set_time(view, "created_at", zg_rows_int(rows, 5));
        zg_view_set_time(view, "expires_at", zg_rows_int(rows, 6));
        json_array_append_new(items, view);
    }
    g_clear_pointer(&rows, zg_rows_free);
    *out_json = json_pack("{s:o}", "items", items);
    return true;
}

bool
zg_service_revoke_sign_ins(ZgService *service, const ZgCaller *caller, const char *user,
                           GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autofree char *actor = zg_service_actor(caller);

    return tx != NULL &&
           zg_tx_run(tx, NULL, error, "DELETE FROM sign_ins WHERE user_name = $1", "t", user) &&
           audit_user(tx, "sign-ins-revoked", user, "revoked", actor, NULL, error) &&
           zg_tx_commit(tx, error);
}

bool
zg_service_audit_sign_in_refused(ZgService *service, const char *user, const char *peer,
                                 const char *reason, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autofree char *actor = g_strdup_printf("peer:%s", peer != NULL ? peer : "unknown");

    return tx != NULL && audit_user(tx, "sign-in-refused", user, reason, actor, peer, error) &&
           zg_tx_commit(tx, error);
}

bool
zg_service_find_local_user(ZgService *service, const char *name, char **out_password_hash,
                           char **out_full_name, bool *out_admin, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(ZgRows) rows = NULL;
    g_autoptr(GError) failure = NULL;

    if (tx == NULL) {
        return false;
    }
    rows = zg_tx_query(tx, error,
                       "SELECT password_hash, full_name, admin FROM local_users WHERE name = $1",
                       "t", name);
    if (rows == NULL) {
        return false;
    }
    if (!zg_rows_next(rows, &failure)) {
        if (failure != NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
        } else {
            g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no such user: '%s'", name);
        }
        g_clear_pointer(&rows, zg_rows_free);
        return false;
    }
    *out_password_hash = g_strdup(zg_rows_text(rows, 0));
    *out_full_name = g_strdup(zg_rows_text(rows, 1));
    *out_admin = zg_rows_int(rows, 2) != 0;
    g_clear_pointer(&rows, zg_rows_free);
    return true;
}

bool
zg_service_has_local_users(ZgService *service, bool *out_any, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(ZgRows) rows = NULL;

    if (tx == NULL) {
        return false;
    }
    rows = zg_tx_query(tx, error, "SELECT COUNT(*) FROM local_users", "");
    if (rows == NULL) {
        return false;
    }
    *out_any = zg_rows_next(rows, NULL) && zg_rows_int(rows, 0) > 0;
    g_clear_pointer(&rows, zg_rows_free);
    return true;
}

bool
zg_service_add_local_user(ZgService *service, const ZgCaller *caller, const char *name,
                          const char *password_hash, const char *full_name, bool admin,
                          json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autofree char *actor = zg_service_actor(caller);
    g_autoptr(GError) failure = NULL;
    json_t *view;

    if (tx == NULL) {
        return false;
    }
    if (!zg_tx_run(tx, NULL, &failure,
                   "INSERT INTO local_users (name, password_hash, full_name, admin, created_us,"
                   " revision) VALUES ($1, $2, $3, $4, $5, 1)",
                   "tttbi", name, password_hash, full_name, admin, zg_tx_now_us(tx))) {
        if (g_error_matches(failure, ZG_ERROR, ZG_ERROR_CONFLICT)) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "user '%s' exists already", name);
        } else {
            g_propagate_error(error, g_steal_pointer(&failure));
        }
        return false;
    }
    if (!audit_user(tx, "user-added", name, "added", actor, NULL, error) ||
        !zg_tx_commit(tx, error)) {
        return false;
    }
    view = json_object();
    zg_view_set_text(view, "name", name);
    zg_view_set_text(view, "full_name", full_name);
    json_object_set_new(view, "admin", json_boolean(admin));
    zg_view_set_text(view, "provider", "local");
    *out_json = view;
    return true;
}

/* One change of a local account that ends its sign-ins. */
static bool
change_local_user(ZgService *service, const ZgCaller *caller, const char *name, const char *sql,
                  const char *value, const char *event, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autofree char *actor = zg_service_actor(caller);
    int64_t n_changed = 0;

    if (tx == NULL || !zg_tx_run(tx, &n_changed, error, sql, "tt", name, value)) {
        return false;
    }
    if (n_changed != 1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no such local user: '%s'", name);
        return false;
    }
    return zg_tx_run(tx, NULL, error,
                     "DELETE FROM sign_ins WHERE user_name = $1 AND provider = 'local'", "t",
                     name) &&
           audit_user(tx, event, name, "changed", actor, NULL, error) && zg_tx_commit(tx, error);
}

bool
zg_service_set_local_password(ZgService *service, const ZgCaller *caller, const char *name,
                              const char *password_hash, GError **error)
{
    return change_local_user(service, caller, name,
                             "UPDATE local_users SET password_hash = $2, revision = revision + 1"
                             " WHERE name = $1",
                             password_hash, "password-set", error);
}

bool
zg_service_delete_local_user(ZgService *service, const ZgCaller *caller, const char *name,
                             GError **error)
{
    return change_local_user(service, caller, name, "DELETE FROM local_users WHERE name = $1",
                             NULL, "user-deleted", error);
}

bool
zg_service_list_users(ZgService *service, const ZgPage *page, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(ZgRows) rows = NULL;
    int64_t limit = page != NULL && page->limit > 0 ? MIN(page->limit, USERS_MAX) : 100;
    g_autofree char *last = NULL;
    json_t *items;

    if (tx == NULL) {
        return false;
    }
    rows = zg_tx_query(
        tx, error,
        "SELECT name, MAX(full_name), MAX(admin), MAX(provider), MAX(seen_us) FROM ("
        "SELECT name, full_name, admin, 'local' AS provider, 0 AS seen_us FROM local_users"
        " UNION ALL SELECT name, full_name, admin, provider, seen_us FROM users_seen) AS everybody"
        " WHERE name > $1 GROUP BY name ORDER BY name LIMIT $2",
        "ti", page != NULL && page->after != NULL ? page->after : "", limit + 1);
    if (rows == NULL) {
        return false;
    }
    items = json_array();
    *out_json = json_pack("{s:o}", "items", items);
    while (zg_rows_next(rows, NULL)) {
        json_t *view;

        if ((int64_t)json_array_size(items) == limit) {
            zg_view_set_text(*out_json, "next", last);
            break;
        }
        view = json_object();
        g_free(last);
        last = g_strdup(zg_rows_text(rows, 0));
        zg_view_set_text(view, "name", last);
        zg_view_set_text(view, "full_name", zg_rows_text(rows, 1));
        json_object_set_new(view, "admin", json_boolean(zg_rows_int(rows, 2)));
        zg_view_set_text(view, "provider", zg_rows_text(rows, 3));
        zg_view_set_time(view, "seen_at", zg_rows_int(rows, 4));
        json_array_append_new(items, view);
    }
    g_clear_pointer(&rows, zg_rows_free);
    return true;
}

static bool
look_at_claim(ZgRows *rows, const char *body_sha256, ZgIdempotency *out_kind, int *out_status,
              char **out_body, GError **error)
{
    if (strcmp(zg_rows_text(rows, 0), body_sha256) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "this Idempotency-Key was used for another request");
        return false;
    }
    if (zg_rows_int(rows, 1) == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "the first request with this Idempotency-Key is still running");
        return false;
    }
    *out_kind = ZG_IDEMPOTENCY_STORED;
    *out_status = (int)zg_rows_int(rows, 1);
    *out_body = g_strdup(zg_rows_text(rows, 2));
    return true;
}

bool
zg_service_idempotency_begin(ZgService *service, const char *user, const char *key,
                             const char *body_sha256, ZgIdempotency *out_kind, int *out_status,
                             char **out_body, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgRows) rows = NULL;
    bool ok;

    if (tx == NULL ||
        !zg_tx_run(tx, NULL, error,
                   "DELETE FROM idempotency WHERE user_name = $1 AND key_text = $2"
                   " AND ((status = 0 AND created_us < $3) OR created_us < $4)",
                   "ttii", user, key, zg_tx_now_us(tx) - IDEMPOTENCY_CLAIM_US,
                   zg_tx_now_us(tx) - IDEMPOTENCY_KEEP_US)) {
        return false;
    }
    rows = zg_tx_query(tx, error,
                       "SELECT body_sha256, status, body FROM idempotency"
                       " WHERE user_name = $1 AND key_text = $2",
                       "tt", user, key);
    if (rows == NULL) {
        return false;
    }
    if (zg_rows_next(rows, NULL)) {
        ok = look_at_claim(rows, body_sha256, out_kind, out_status, out_body, error);
        g_clear_pointer(&rows, zg_rows_free);
        return ok;
    }
    g_clear_pointer(&rows, zg_rows_free);
    *out_kind = ZG_IDEMPOTENCY_FRESH;
    return zg_tx_run(tx, NULL, error,
                     "INSERT INTO idempotency (user_name, key_text, body_sha256, status, body,"
                     " created_us) VALUES ($1, $2, $3, 0, NULL, $4)",
                     "ttti", user, key, body_sha256, zg_tx_now_us(tx)) &&
           zg_tx_commit(tx, error);
}

bool
zg_service_idempotency_finish(ZgService *service, const char *user, const char *key, int status,
                              const char *body, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);

    if (tx == NULL) {
        return false;
    }
    if (status == 0) {
        return zg_tx_run(tx, NULL, error,
                         "DELETE FROM idempotency WHERE user_name = $1 AND key_text = $2", "tt",
                         user, key) &&
               zg_tx_commit(tx, error);
    }
    return zg_tx_run(tx, NULL, error,
                     "UPDATE idempotency SET status = $3, body = $4"
                     " WHERE user_name = $1 AND key_text = $2",
                     "ttit", user, key, (int64_t)status, body) &&
           zg_tx_commit(tx, error);
}
