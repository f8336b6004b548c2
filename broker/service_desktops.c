/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service's part about desktops and sessions. */
#include <string.h>
#include "broker/assign.h"
#include "broker/command.h"
#include "broker/desktop.h"
#include "broker/list.h"
#include "broker/operation.h"
#include "broker/reason.h"
#include "broker/service_priv.h"
#include "broker/session.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/json.h"

#define REFRESH_LIMIT_S 900
#define DELETE_LIMIT_S 900
#define RESTART_LIMIT_S 180
#define LOG_OFF_LIMIT_S 120
#define MESSAGE_LIMIT_S 60

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

static json_t *
view_desktop(ZgTx *tx, const void *row, GError **error)
{
    (void)tx;
    (void)error;
    return zg_view_desktop(row);
}

static json_t *
view_session(ZgTx *tx, const void *row, GError **error)
{
    return zg_view_session(tx, row, error);
}

static const ZgListKind desktop_list = {
    .type = &zg_desktop_rows,
    .free_row = free_desktop,
    .where = "($1 = '' OR pool = $1) AND ($2 = '' OR host = $2) AND ($3 = '' OR life = $3)",
    .order = "name",
    .view = view_desktop,
};

static const ZgListKind session_list = {
    .type = &zg_session_rows,
    .free_row = free_session,
    .where = "$1 = '' OR user_name = $1",
    .order = "created_us",
    .newest_first = true,
    .view = view_session,
};

bool
zg_service_list_desktops(ZgService *service, const ZgPage *page, const char *pool, const char *host,
                         const char *life, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);

    return tx != NULL && zg_list_page(tx, &desktop_list, page, pool, host, life, out_json, error);
}

/* By id, or by the name that people see. */
static ZgDesktop *
find_desktop(ZgTx *tx, const char *id, GError **error)
{
    g_autoptr(GPtrArray) found = zg_row_select(tx, &zg_desktop_rows, free_desktop, error,
                                               "WHERE id = $1 OR name = $1", "t", id);

    if (found == NULL) {
        return NULL;
    }
    if (found->len == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no such desktop: '%s'", id);
        return NULL;
    }
    return g_ptr_array_steal_index(found, 0);
}

bool
zg_service_get_desktop(ZgService *service, const char *id, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(ZgDesktop) desktop = tx != NULL ? find_desktop(tx, id, error) : NULL;

    if (desktop == NULL) {
        return false;
    }
    *out_json = zg_view_desktop(desktop);
    return true;
}

/* A session's row; for @user only if it is theirs. */
static ZgSession *
find_session(ZgTx *tx, const char *id, const char *user, GError **error)
{
    g_autoptr(ZgSession) session = zg_row_find(tx, &zg_session_rows, id, error);

    if (session != NULL && user != NULL && strcmp(session->user_name, user) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no such session: '%s'", id);
        return NULL;
    }
    return g_steal_pointer(&session);
}

static bool
finish(ZgService *service, ZgTx *tx, const ZgOperation *operation, json_t **out_operation,
       GError **error)
{
    if (!zg_service_commit(service, tx, error)) {
        return false;
    }
    *out_operation = zg_view_operation(operation);
    return true;
}

static bool
refuse_used(const ZgDesktop *desktop, GError **error)
{
    if (desktop->session != NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "desktop '%s' is used by '%s': end the session first", desktop->name,
                    desktop->user_name);
        return false;
    }
    return true;
}

bool
zg_service_refresh_desktop(ZgService *service, const ZgCaller *caller, const char *id,
                           json_t **out_operation, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgDesktop) desktop = tx != NULL ? find_desktop(tx, id, error) : NULL;
    g_autoptr(ZgOperation) operation = NULL;
    g_autofree char *actor = zg_service_actor(caller);
    ZgCause cause = {.reason = "asked-refresh", .actor = actor};

    if (desktop == NULL || !refuse_used(desktop, error)) {
        return false;
    }
    operation = zg_operation_start(tx, ZG_OP_REFRESH, desktop->id, desktop->generation + 1,
                                   caller->user, REFRESH_LIMIT_S, error);
    return operation != NULL && zg_desktop_refresh(tx, desktop, &cause, error) &&
           finish(service, tx, operation, out_operation, error);
}

bool
zg_service_delete_desktop(ZgService *service, const ZgCaller *caller, const char *id,
                          json_t **out_operation, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgDesktop) desktop = tx != NULL ? find_desktop(tx, id, error) : NULL;
    g_autoptr(ZgOperation) operation = NULL;
    g_autofree char *actor = zg_service_actor(caller);
    ZgCause cause = {.reason = "asked-delete", .actor = actor};

    if (desktop == NULL || !refuse_used(desktop, error)) {
        return false;
    }
    operation = zg_operation_start(tx, ZG_OP_DELETE, desktop->id, 0, caller->user, DELETE_LIMIT_S,
                                   error);
    return operation != NULL && zg_desktop_delete(tx, desktop, &cause, error) &&
           finish(service, tx, operation, out_operation, error);
}

static bool
restart(ZgService *service, ZgTx *tx, const ZgCaller *caller, const ZgDesktop *desktop,
        ZgSession *session, json_t **out_operation, GError **error)
{
    g_autoptr(ZgOperation) operation = zg_operation_start(
        tx, ZG_OP_RESTART, desktop->id, 0, caller->user, RESTART_LIMIT_S, error);
    ZgCommandWish wish = {.host = desktop->host, .kind = "restart", .desktop = desktop->id};
    g_autofree char *actor = zg_service_actor(caller);
    ZgCause cause = {.reason = "restart", .actor = actor};
    ZgAuditRow row = {.event = "desktop-restart", .thing = "desktop", .thing_id = desktop->id,
                      .desktop = desktop->id, .session = desktop->session,
                      .user = desktop->user_name};

    if (operation == NULL) {
        return false;
    }
    wish.operation = operation->id;
    wish.session = session != NULL ? session->id : NULL;
    if (session != NULL && session->signing_on != ZG_SIGNING_NONE) {
        session->signing_on = ZG_SIGNING_RESTART;
        if (!zg_session_save(tx, session, error)) {
            return false;
        }
    }
    return zg_command_queue(tx, &wish,
                            json_pack("{s:s, s:I}", "desktop", desktop->id, "generation",
                                      (json_int_t)desktop->generation),
                            error) &&
           zg_record_audit(tx, &row, &cause, error) &&
           finish(service, tx, operation, out_operation, error);
}

bool
zg_service_restart_desktop(ZgService *service, const ZgCaller *caller, const char *id,
                           json_t **out_operation, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgDesktop) desktop = tx != NULL ? find_desktop(tx, id, error) : NULL;
    g_autoptr(ZgSession) session = NULL;

    if (desktop == NULL) {
        return false;
    }
    if (desktop->session != NULL) {
        session = zg_row_find(tx, &zg_session_rows, desktop->session, error);
        if (session == NULL) {
            return false;
        }
    }
    return restart(service, tx, caller, desktop, session, out_operation, error);
}

bool
zg_service_open_session(ZgService *service, const ZgCaller *caller, const ZgSessionRequest *request,
                        bool *out_created, json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgSession) session = NULL;
    g_autoptr(json_t) view = NULL;

    if (tx == NULL || !zg_assign_open(tx, caller, request, out_created, &session, error)) {
        return false;
    }
    view = zg_view_session(tx, session, error);
    if (view == NULL || !zg_service_commit(service, tx, error)) {
        return false;
    }
    *out_json = g_steal_pointer(&view);
    return true;
}

bool
zg_service_list_sessions(ZgService *service, const ZgPage *page, const char *user,
                         json_t **out_json, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);

    return tx != NULL && zg_list_page(tx, &session_list, page, user, NULL, NULL, out_json, error);
}

bool
zg_service_get_session(ZgService *service, const char *id, const char *user, json_t **out_json,
                       GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    g_autoptr(ZgSession) session = tx != NULL ? find_session(tx, id, user, error) : NULL;
    json_t *view = session != NULL ? zg_view_session(tx, session, error) : NULL;
    json_t *line;

    if (view == NULL) {
        return false;
    }
    line = zg_lines_view(service->lines, session->id, zg_clock_mono_us());
    if (line != NULL) {
        json_object_set_new(view, "line", line);
    }
    *out_json = view;
    return true;
}

bool
zg_service_log_off(ZgService *service, const ZgCaller *caller, const char *id, bool forced,
                   json_t **out_operation, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgSession) session =
        tx != NULL ? find_session(tx, id, forced ? NULL : caller->user, error) : NULL;
    g_autoptr(ZgDesktop) desktop = NULL;
    g_autoptr(ZgOperation) operation = NULL;
    g_autofree char *actor = zg_service_actor(caller);
    ZgCause cause = {.reason = forced ? "forced-log-off" : "user-log-off", .actor = actor};

    if (session == NULL || !zg_session_find_desktop(tx, session, &desktop, error)) {
        return false;
    }
    operation = zg_operation_start(tx, ZG_OP_LOG_OFF, session->id, 0, caller->user,
                                   LOG_OFF_LIMIT_S, error);
    return operation != NULL &&
           zg_session_log_off(tx, session, desktop, &cause,
                              forced ? ZG_LOG_OFF_FORCED_GRACE_MS : ZG_LOG_OFF_GRACE_MS, error) &&
           finish(service, tx, operation, out_operation, error);
}

/* The desktop of a live session, or an error that says what it is instead. */
static ZgDesktop *
desktop_of(ZgTx *tx, const ZgSession *session, GError **error)
{
    ZgDesktop *desktop = NULL;

    if (!zg_session_find_desktop(tx, session, &desktop, error)) {
        return NULL;
    }
    if (desktop == NULL) {
        zg_reason_set(error, ZG_ERROR_CONFLICT,
                      zg_session_state(session) == ZG_SESSION_ENDED ? "session-ended"
                                                                    : "not-ready");
    }
    return desktop;
}

bool
zg_service_restart_session(ZgService *service, const ZgCaller *caller, const char *id,
                           json_t **out_operation, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    g_autoptr(ZgSession) session = tx != NULL ? find_session(tx, id, caller->user, error) : NULL;
    g_autoptr(ZgDesktop) desktop = session != NULL ? desktop_of(tx, session, error) : NULL;

    return desktop != NULL &&
           restart(service, tx, caller, desktop, session, out_operation, error);
}

bool
zg_service_message(ZgService *service, const ZgCaller *caller, const char *id, const char *text,
                   json_t **out_operation, GError **error)
{
    g_autoptr(ZgTx) tx = NULL;
    g_autoptr(ZgSession) session = NULL;
    g_autoptr(ZgDesktop) desktop = NULL;
    g_autoptr(ZgOperation) operation = NULL;
    ZgCommandWish wish = {.kind = "message"};

    if (*text == '\0' || strlen(text) > ZG_LIMIT_TEXT_BYTES) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "text: 1..%d bytes", ZG_LIMIT_TEXT_BYTES);
        return false;
    }
    tx = zg_tx_begin(service->store, ZG_TX_WRITE, error);
    session = tx != NULL ? find_session(tx, id, NULL, error) : NULL;
    desktop = session != NULL ? desktop_of(tx, session, error) : NULL;
    if (desktop == NULL) {
        return false;
    }
    operation = zg_operation_start(tx, ZG_OP_MESSAGE, session->id, 0, caller->user,
                                   MESSAGE_LIMIT_S, error);
    if (operation == NULL) {
        return false;
    }
    wish.host = desktop->host;
    wish.desktop = desktop->id;
    wish.session = session->id;
    wish.operation = operation->id;
    return zg_command_queue(tx, &wish,
                            json_pack("{s:s, s:s}", "desktop", desktop->id, "text", text), error) &&
           finish(service, tx, operation, out_operation, error);
}
