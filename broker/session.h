/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A person's session on a desktop: viewers, sign-on, log-off, time limits. Worker threads. */
#pragma once

#include "broker/lines.h"
#include "broker/record.h"
#include "common/proto/agent.h"

#define ZG_CONNECT_LIMIT_US (120 * G_USEC_PER_SEC)
#define ZG_HELD_LIMIT_US (200 * G_USEC_PER_SEC) /* the front's 180 s and its report's way */
#define ZG_PENDING_LIMIT_US (1800 * G_USEC_PER_SEC)
#define ZG_LOG_OFF_GRACE_MS 10000
#define ZG_LOG_OFF_FORCED_GRACE_MS 20000
#define ZG_LOG_OFF_SLACK_US (10 * G_USEC_PER_SEC) /* after the grace the desktop is reset */

/**
 * zg_session_end() - it is over: viewers are cut with a reason, the desktop is released
 * @desktop: the session's, or NULL when it has none
 */
bool zg_session_end(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, const ZgCause *cause,
                    GError **error);

/** zg_session_log_off() - ask the guest to sign off; ends at once when nobody was signed on. */
bool zg_session_log_off(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, const ZgCause *cause,
                        int64_t grace_ms, GError **error);

/** zg_session_viewer() - a report about viewers; one that fits nothing is skipped. */
bool zg_session_viewer(ZgTx *tx, const char *host, const ZgAgentViewer *viewer, GError **error);

/** zg_session_check() - time limits of its state; @desktop and @pool may be NULL. */
bool zg_session_check(ZgTx *tx, ZgSession *session, ZgDesktop *desktop, const ZgPool *pool,
                      GError **error);

/** zg_session_idle() - nobody has typed or pointed for too long, or nearly so. */
bool zg_session_idle(ZgTx *tx, ZgSession *session, const ZgDesktop *desktop, ZgIdleStep step,
                     GError **error);

/** zg_session_find_desktop() - the desktop that holds it, or NULL without error when none. */
bool zg_session_find_desktop(ZgTx *tx, const ZgSession *session, ZgDesktop **out_desktop,
                             GError **error);

/* Answers of hosts to commands; a session that is gone is no error. */
bool zg_session_signed_on(ZgTx *tx, const char *id, bool ok, const char *message, GError **error);
bool zg_session_sign_off_failed(ZgTx *tx, const char *id, const char *message, GError **error);
bool zg_session_restarted(ZgTx *tx, const char *id, bool ok, GError **error);

/** zg_session_sign_on_again() - after a reboot, once the guest is prepared. */
bool zg_session_sign_on_again(ZgTx *tx, ZgSession *session, const ZgDesktop *desktop,
                              GError **error);
