/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The only way to change a desktop or a session: move and save, each with its audit row and its
 * event in the caller's transaction. Worker threads.
 */
#pragma once

#include "broker/life.h"
#include "broker/store/model.h"
#include "common/proto/session_state.h"

/* Why something changes; borrowed. */
typedef struct {
    const char *reason; /* code of broker/reason.h */
    const char *actor;  /* "user:anna", "broker", "host:h1" */
    const char *text;   /* more, for people; or NULL */
} ZgCause;

/** zg_record_event() - one line of the change feed, numbered in this transaction. */
bool zg_record_event(ZgTx *tx, const char *type, const char *subject, const char *user,
                     bool deleted, GError **error);

/* One audit row; borrowed; NULL where there is nothing to tell. */
typedef struct {
    const char *event; /* e.g. "desktop-life", "sign-in" */
    const char *thing; /* "desktop", "session", "pool", "host", "user", "template", "operation" */
    const char *thing_id;
    const char *desktop;
    const char *session;
    const char *user;
    const char *from;
    const char *to;
} ZgAuditRow;

bool zg_record_audit(ZgTx *tx, const ZgAuditRow *row, const ZgCause *cause, GError **error);

/**
 * zg_desktop_move() - compare-and-set on (id, revision, from → to), with audit and event
 *
 * Other changed fields of @desktop are written too. A move that is not in the table is logged and
 * refused with ZG_ERROR_CONFLICT, and nothing is written.
 */
bool zg_desktop_move(ZgTx *tx, ZgDesktop *desktop, ZgLife to, const ZgCause *cause, GError **error);

/** zg_desktop_save() - write fields without a move; an event, no audit. */
bool zg_desktop_save(ZgTx *tx, ZgDesktop *desktop, GError **error);

/** zg_desktop_gone() - the row of a desktop in deleting goes away. */
bool zg_desktop_gone(ZgTx *tx, ZgDesktop *desktop, const ZgCause *cause, GError **error);

/** zg_desktop_life() - of a row read from the store. */
ZgLife zg_desktop_life(const ZgDesktop *desktop);

/** zg_session_move() - as zg_desktop_move(). */
bool zg_session_move(ZgTx *tx, ZgSession *session, ZgSessionState to, const ZgCause *cause,
                     GError **error);
bool zg_session_save(ZgTx *tx, ZgSession *session, GError **error);
ZgSessionState zg_session_state(const ZgSession *session);
