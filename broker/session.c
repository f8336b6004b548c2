/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/session.h"

#include <string.h>
#include "broker/command.h"
#include "broker/desktop.h"
#include "broker/reason.h"
#include "common/base/error.h"
#include "common/base/log.h"

static const ZgCause by_broker = {.actor = "broker"};

static ZgCause
because(const char *reason)
{
    ZgCause cause = by_broker;

    cause.reason = reason;
    return cause;
}

static void
free_desktop(gpointer data)
{
    zg_desktop_free(data);
}

bool
zg_session_find_desktop(ZgTx *tx, const ZgSession *session, ZgDesktop **out_desktop, GError **error)
{
    g_autoptr(GPtrArray) found = zg_row_select(tx, &zg_desktop_rows, free_desktop, error,
                                               "WHERE session = $1", "t", session->id);

    if (found == NULL) {
        return false;
    }
    *out_desktop = found->len > 0 ? g_ptr_array_steal_index(found, 0) : NULL;
    return true;
}

static const char *
language_of(const ZgSession *session)
{
    return session->locale != NULL && g_str_has_prefix(session->locale, "es") ? "es" : "en";
}

static bool
queue_cut(ZgTx *tx, const ZgSession *session, const ZgDesktop *desktop, const char *reason,
          GError **error)
{
    ZgCommandWish wish = {.host = desktop->host, .kind = "cut", .desktop = desktop->id,
                          .session = session->id};

    return zg_command_queue(tx, &wish,
                            json_pack("{s:s, s:s, s:s, s:s}", "desktop", desktop->id, "session",
                                      session->id, "reason", reason, "user_text",
                                      zg_reason_text(reason, language_of(session))),
                            error);
}

bool
zg_session_end(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, const ZgCause *cause,
               GError **error)
{
    g_autofree char *reason = g_strdup(cause->reason); /* may be the session's own field */
    ZgCause release = {.reason = desktop != NULL && !desktop->tainted ? "nobody-came"
                                                                      : "session-over",
                       .actor = cause->actor, .text = reason};
    ZgCause end = {.reason = reason, .actor = cause->actor, .text = cause->text};

    if (!zg_session_move(tx, session, ZG_SESSION_ENDED, &end, error)) {
        return false;
    }
    if (desktop == NULL) {
        return true;
    }
    return (session->signing_on == ZG_SIGNING_NONE ||
            queue_cut(tx, session, desktop, reason, error)) &&
           zg_desktop_release(tx, desktop, &release, error);
}

bool
zg_session_log_off(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, const ZgCause *cause,
                   int64_t grace_ms, GError **error)
{
    ZgSessionState state = zg_session_state(session);
    ZgCommandWish wish = {.kind = "sign_off", .session = session->id};

    if (state == ZG_SESSION_ENDED || state == ZG_SESSION_LOGGING_OFF) {
        return true;
    }
    if (desktop == NULL || session->signing_on == ZG_SIGNING_NONE) {
        return zg_session_end(tx, session, desktop, cause, error);
    }
    wish.host = desktop->host;
    wish.desktop = desktop->id;
    wish.ttl_ms = grace_ms + ZG_LOG_OFF_SLACK_US / 1000;
    return zg_session_move(tx, session, ZG_SESSION_LOGGING_OFF, cause, error) &&
           zg_command_queue(tx, &wish,
                            json_pack("{s:s, s:I, s:I}", "desktop", desktop->id, "generation",
                                      (json_int_t)desktop->generation, "grace_ms",
                                      (json_int_t)grace_ms),
                            error);
}

static bool
viewer_in(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, const ZgAgentViewer *viewer,
          GError **error)
{
    ZgCause in = because("viewer-in");
    ZgCause first = because("first-viewer");
    ZgSessionState state = zg_session_state(session);

    session->viewers = MAX(viewer->viewers, 1);
    if (viewer->terminal != NULL) {
        zg_set_text(&session->terminal, viewer->terminal);
    }
    if (zg_desktop_life(desktop) == ZG_LIFE_RESERVED) {
        desktop->tainted = true;
        if (!zg_desktop_move(tx, desktop, ZG_LIFE_IN_USE, &first, error)) {
            return false;
        }
    }
    if (state != ZG_SESSION_ACTIVE && zg_session_may_move(state, ZG_SESSION_ACTIVE)) {
        return zg_session_move(tx, session, ZG_SESSION_ACTIVE, &in, error);
    }
    return zg_session_save(tx, session, error);
}

/* The last viewer went: how, decides where the session goes. */
static const struct {
    const char *event;
    ZgSessionState to;
    const char *reason;
} departures[] = {
    {"lost", ZG_SESSION_HELD, "transport-lost"},
    {"held-expired", ZG_SESSION_DISCONNECTED, "held-expired"},
    {"out", ZG_SESSION_DISCONNECTED, "viewer-closed"},
};

static bool
viewer_left(ZgTx *tx, ZgSession *session, const ZgAgentViewer *viewer, GError **error)
{
    ZgSessionState state = zg_session_state(session);

    session->viewers = viewer->viewers;
    for (unsigned i = 0; i < G_N_ELEMENTS(departures); i++) {
        if (viewer->viewers == 0 && strcmp(viewer->event, departures[i].event) == 0 &&
            zg_session_may_move(state, departures[i].to)) {
            ZgCause cause = because(departures[i].reason);

            return zg_session_move(tx, session, departures[i].to, &cause, error);
        }
    }
    return zg_session_save(tx, session, error);
}

bool
zg_session_viewer(ZgTx *tx, const char *host, const ZgAgentViewer *viewer, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(ZgSession) session = zg_row_find(tx, &zg_session_rows, viewer->session, &failure);
    g_autoptr(ZgDesktop) desktop = NULL;

    if (session == NULL) {
        if (g_error_matches(failure, ZG_ERROR, ZG_ERROR_NOT_FOUND)) {
            return true;
        }
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (!zg_session_find_desktop(tx, session, &desktop, error)) {
        return false;
    }
    if (desktop == NULL || strcmp(desktop->host, host) != 0 ||
        strcmp(desktop->id, viewer->desktop) != 0 ||
        zg_session_state(session) == ZG_SESSION_ENDED) {
        return true;
    }
    if (strcmp(viewer->event, "in") == 0 || strcmp(viewer->event, "taken-over") == 0) {
        return viewer_in(tx, session, desktop, viewer, error);
    }
    if (strcmp(viewer->event, "first-frame") == 0) {
        /* Told again of everybody who looks when hostd is back: this one never left. */
        return zg_session_state(session) == ZG_SESSION_ACTIVE ||
               viewer_in(tx, session, desktop, viewer, error);
    }
    return viewer_left(tx, session, viewer, error);
}

static bool
check_logging_off(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, int64_t age_us, GError **error)
{
    bool forced = g_strcmp0(session->reason, "user-log-off") != 0;
    int64_t grace_ms = forced ? ZG_LOG_OFF_FORCED_GRACE_MS : ZG_LOG_OFF_GRACE_MS;
    ZgCause cause = {.reason = session->reason, .actor = "broker", .text = "log-off-deadline"};

    return age_us <= grace_ms * 1000 + ZG_LOG_OFF_SLACK_US ||
           zg_session_end(tx, session, desktop, &cause, error);
}

bool
zg_session_check(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, const ZgPool *pool,
                 GError **error)
{
    int64_t age_us = zg_tx_now_us(tx) - session->since_us;
    int64_t log_off_min = pool != NULL ? pool->disconnected_log_off_min : 0;
    ZgCause cause;

    switch (zg_session_state(session)) {
    case ZG_SESSION_PENDING:
        cause = because("queue-expired");
        return age_us <= ZG_PENDING_LIMIT_US || zg_session_end(tx, session, NULL, &cause, error);
    case ZG_SESSION_CONNECTING:
        cause = because("never-connected");
        return age_us <= ZG_CONNECT_LIMIT_US ||
               zg_session_end(tx, session, desktop, &cause, error);
    case ZG_SESSION_HELD:
        cause = because("held-expired");
        return age_us <= ZG_HELD_LIMIT_US ||
               zg_session_move(tx, session, ZG_SESSION_DISCONNECTED, &cause, error);
    case ZG_SESSION_DISCONNECTED:
        cause = because("disconnected-too-long");
        return log_off_min == 0 || age_us <= log_off_min * 60 * G_USEC_PER_SEC ||
               zg_session_log_off(tx, session, desktop, &cause, ZG_LOG_OFF_FORCED_GRACE_MS, error);
    case ZG_SESSION_LOGGING_OFF:
        return check_logging_off(tx, session, desktop, age_us, error);
    case ZG_SESSION_ACTIVE:
    case ZG_SESSION_ENDED:
    case ZG_N_SESSION_STATES:
        break;
    }
    return true;
}

bool
zg_session_idle(ZgTx *tx, ZgSession *session, const ZgDesktop *desktop, ZgIdleStep step,
                GError **error)
{
    ZgCause cause = because("idle");
    ZgCommandWish wish = {.host = desktop->host, .kind = "message", .desktop = desktop->id,
                          .session = session->id};

    if (step == ZG_IDLE_WARN) {
        return zg_command_queue(tx, &wish,
                                json_pack("{s:s, s:s}", "desktop", desktop->id, "text",
                                          zg_reason_text("idle-soon", language_of(session))),
                                error);
    }
    return step == ZG_IDLE_NOTHING ||
           (zg_session_move(tx, session, ZG_SESSION_DISCONNECTED, &cause, error) &&
            queue_cut(tx, session, desktop, "idle", error));
}

/* The session of an answered command, or NULL (then *out_ok tells whether that is fine). */
static ZgSession *
find_live(ZgTx *tx, const char *id, bool *out_ok, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(ZgSession) session = NULL;

    *out_ok = true;
    if (id == NULL) {
        return NULL;
    }
    session = zg_row_find(tx, &zg_session_rows, id, &failure);
    if (session == NULL && !g_error_matches(failure, ZG_ERROR, ZG_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        *out_ok = false;
    }
    if (session != NULL && zg_session_state(session) == ZG_SESSION_ENDED) {
        return NULL;
    }
    return g_steal_pointer(&session);
}

bool
zg_session_signed_on(ZgTx *tx, const char *id, bool ok, const char *message, GError **error)
{
    bool fine;
    g_autoptr(ZgSession) session = find_live(tx, id, &fine, error);
    ZgCause cause = {.reason = "sign-on-failed", .actor = "broker", .text = message};
    ZgAuditRow row = {.event = "sign-on", .thing = "session", .thing_id = id, .session = id};

    if (session == NULL) {
        return fine;
    }
    row.desktop = session->desktop;
    row.user = session->user_name;
    session->signing_on = ZG_SIGNING_DONE;
    if (ok) {
        return zg_session_save(tx, session, error);
    }
    zg_log_warning("sign-on-failed", session->id, "the guest did not take the sign-on: %s",
                   message != NULL ? message : "no details");
    zg_set_text(&session->reason, "sign-on-failed");
    return zg_session_save(tx, session, error) && zg_record_audit(tx, &row, &cause, error);
}

bool
zg_session_sign_off_failed(ZgTx *tx, const char *id, const char *message, GError **error)
{
    bool fine;
    g_autoptr(ZgSession) session = find_live(tx, id, &fine, error);
    g_autoptr(ZgDesktop) desktop = NULL;
    ZgCause cause = {.actor = "broker", .text = message};

    if (session == NULL || zg_session_state(session) != ZG_SESSION_LOGGING_OFF) {
        return fine;
    }
    cause.reason = session->reason;
    return zg_session_find_desktop(tx, session, &desktop, error) &&
           zg_session_end(tx, session, desktop, &cause, error);
}

bool
zg_session_restarted(ZgTx *tx, const char *id, bool ok, GError **error)
{
    bool fine;
    g_autoptr(ZgSession) session = find_live(tx, id, &fine, error);
    g_autoptr(ZgDesktop) desktop = NULL;

    if (session == NULL || session->signing_on != ZG_SIGNING_RESTART) {
        return fine;
    }
    session->signing_on = ok ? ZG_SIGNING_RESTARTED : ZG_SIGNING_DONE;
    if (!zg_session_save(tx, session, error) ||
        !zg_session_find_desktop(tx, session, &desktop, error)) {
        return false;
    }
    if (!ok || desktop == NULL) {
        return true;
    }
    desktop->seen_prepared = false; /* until it is reported anew */
    return zg_desktop_save(tx, desktop, error);
}

bool
zg_session_sign_on_again(ZgTx *tx, ZgSession *session, const ZgDesktop *desktop, GError **error)
{
    g_autoptr(ZgPool) pool = zg_row_find(tx, &zg_pool_rows, session->pool, error);

    session->signing_on = ZG_SIGNING_QUEUED;
    return pool != NULL && zg_session_save(tx, session, error) &&
           zg_command_sign_on(tx, session, desktop, pool, error);
}
