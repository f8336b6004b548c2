/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/record.h"

#include "common/base/error.h"
#include "common/base/log.h"

static bool
next_number(ZgTx *tx, const char *counter, int64_t *out_number, GError **error)
{
    g_autoptr(ZgRows) rows = NULL;

    if (!zg_tx_run(tx, NULL, error, "UPDATE counters SET value = value + 1 WHERE name = $1", "t",
                   counter)) {
        return false;
    }
    rows = zg_tx_query(tx, error, "SELECT value FROM counters WHERE name = $1", "t", counter);
    if (rows == NULL || !zg_rows_next(rows, error)) {
        return false;
    }
    *out_number = zg_rows_int(rows, 0);
    return true;
}

bool
zg_record_event(ZgTx *tx, const char *type, const char *subject, const char *user, bool deleted,
                GError **error)
{
    int64_t id = 0;

    zg_tx_note_event(tx);
    return next_number(tx, "event", &id, error) &&
           zg_tx_run(tx, NULL, error,
                     "INSERT INTO events (id, type, subject, user_name, deleted, at_us)"
                     " VALUES ($1, $2, $3, $4, $5, $6)",
                     "itttbi", id, type, subject, user, deleted, zg_tx_now_us(tx));
}

bool
zg_record_audit(ZgTx *tx, const ZgAuditRow *row, const ZgCause *cause, GError **error)
{
    int64_t id = 0;

    return next_number(tx, "audit", &id, error) &&
           zg_tx_run(tx, NULL, error,
                     "INSERT INTO audit (id, at_us, event, thing, thing_id, desktop, session,"
                     " user_name, from_state, to_state, reason, actor, text)"
                     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                     "iittttttttttt", id, zg_tx_now_us(tx), row->event, row->thing, row->thing_id,
                     row->desktop, row->session, row->user, row->from, row->to, cause->reason,
                     cause->actor, cause->text);
}

ZgLife
zg_desktop_life(const ZgDesktop *desktop)
{
    ZgLife life = ZG_LIFE_ERROR;

    if (!zg_life_from_name(desktop->life, &life)) {
        zg_log_error("life-unknown", desktop->name, "the store has life '%s'", desktop->life);
    }
    return life;
}

ZgSessionState
zg_session_state(const ZgSession *session)
{
    ZgSessionState state = ZG_SESSION_ENDED;

    if (!zg_session_state_from_name(session->state, &state)) {
        zg_log_error("state-unknown", session->id, "the store has state '%s'", session->state);
    }
    return state;
}

static bool
refuse_move(const char *thing, const char *id, const char *from, const char *to,
            const ZgCause *cause, GError **error)
{
    zg_log_error("move-refused", id, "%s may not go from %s to %s (%s)", thing, from, to,
                 cause->reason);
    g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT, "%s '%s' may not go from %s to %s", thing, id,
                from, to);
    return false;
}

/* A desktop that leaves its user: session and user go from the row, yet the audit names them. */
static void
release_user(ZgDesktop *desktop, ZgLife to)
{
    if (to != ZG_LIFE_RESERVED && to != ZG_LIFE_IN_USE) {
        g_clear_pointer(&desktop->session, g_free);
        g_clear_pointer(&desktop->user_name, g_free);
    }
}

bool
zg_desktop_move(ZgTx *tx, ZgDesktop *desktop, ZgLife to, const ZgCause *cause, GError **error)
{
    g_autofree char *from = g_strdup(desktop->life);

    g_autofree char *session = g_strdup(desktop->session);
    g_autofree char *user = g_strdup(desktop->user_name);
    ZgAuditRow row = {
        .event = "desktop-life",
        .thing = "desktop",
        .thing_id = desktop->id,
        .desktop = desktop->id,
        .session = session,
        .user = user,
        .from = from,
        .to = zg_life_name(to),
    };

    if (!zg_life_may_move(zg_desktop_life(desktop), to, desktop->tainted)) {
        return refuse_move("desktop", desktop->id, from, zg_life_name(to), cause, error);
    }
    release_user(desktop, to);
    zg_set_text(&desktop->life, zg_life_name(to));
    zg_set_text(&desktop->reason, cause->reason);
    desktop->since_us = zg_tx_now_us(tx);
    if (!zg_row_save(tx, &zg_desktop_rows, desktop, "life", from, error) ||
        !zg_record_audit(tx, &row, cause, error) ||
        !zg_record_event(tx, "desktop", desktop->id, NULL, false, error)) {
        return false;
    }
    zg_log_info("desktop-life", desktop->name, "%s → %s (%s)", from, desktop->life, cause->reason);
    return true;
}

bool
zg_desktop_save(ZgTx *tx, ZgDesktop *desktop, GError **error)
{
    return zg_row_save(tx, &zg_desktop_rows, desktop, "life", desktop->life, error) &&
           zg_record_event(tx, "desktop", desktop->id, NULL, false, error);
}

bool
zg_desktop_gone(ZgTx *tx, ZgDesktop *desktop, const ZgCause *cause, GError **error)
{
    ZgAuditRow row = {
        .event = "desktop-life",
        .thing = "desktop",
        .thing_id = desktop->id,
        .desktop = desktop->id,
        .from = desktop->life,
        .to = "gone",
    };

    if (zg_desktop_life(desktop) != ZG_LIFE_DELETING) {
        return refuse_move("desktop", desktop->id, desktop->life, "gone", cause, error);
    }
    return zg_row_delete(tx, &zg_desktop_rows, desktop, error) &&
           zg_record_audit(tx, &row, cause, error) &&
           zg_record_event(tx, "desktop", desktop->id, NULL, true, error);
}

bool
zg_session_move(ZgTx *tx, ZgSession *session, ZgSessionState to, const ZgCause *cause,
                GError **error)
{
    g_autofree char *from = g_strdup(session->state);
    ZgAuditRow row = {
        .event = "session-state",
        .thing = "session",
        .thing_id = session->id,
        .desktop = session->desktop,
        .session = session->id,
        .user = session->user_name,
        .from = from,
        .to = zg_session_state_name(to),
    };

    if (!zg_session_may_move(zg_session_state(session), to)) {
        return refuse_move("session", session->id, from, row.to, cause, error);
    }
    zg_set_text(&session->state, row.to);
    zg_set_text(&session->reason, cause->reason);
    session->since_us = zg_tx_now_us(tx);
    if (to == ZG_SESSION_ENDED) {
        session->ended_us = session->since_us;
        session->viewers = 0;
    }
    if (!zg_row_save(tx, &zg_session_rows, session, "state", from, error) ||
        !zg_record_audit(tx, &row, cause, error) ||
        !zg_record_event(tx, "session", session->id, session->user_name, false, error)) {
        return false;
    }
    zg_log_info("session-state", session->id, "%s → %s (%s)", from, session->state, cause->reason);
    return true;
}

bool
zg_session_save(ZgTx *tx, ZgSession *session, GError **error)
{
    return zg_row_save(tx, &zg_session_rows, session, "state", session->state, error) &&
           zg_record_event(tx, "session", session->id, session->user_name, false, error);
}
