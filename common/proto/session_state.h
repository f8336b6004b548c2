/* SPDX-License-Identifier: GPL-3.0-or-later */
/* States of a session, their names and the only moves between them. Pure. */
#pragma once

#include <stdbool.h>

typedef enum {
    ZG_SESSION_PENDING,      /* waits for a desktop */
    ZG_SESSION_CONNECTING,   /* has one; no viewer yet */
    ZG_SESSION_ACTIVE,       /* somebody looks */
    ZG_SESSION_HELD,         /* the transport was lost; resumes without signing in */
    ZG_SESSION_DISCONNECTED, /* nobody looks; the desktop runs on */
    ZG_SESSION_LOGGING_OFF,
    ZG_SESSION_ENDED,
    ZG_N_SESSION_STATES
} ZgSessionState;

/** zg_session_state_name() - as in the API: "pending" … "ended". */
const char *zg_session_state_name(ZgSessionState state);

/** zg_session_state_from_name() - false when it is none. */
bool zg_session_state_from_name(const char *name, ZgSessionState *out_state);

/** zg_session_may_move() - is the move in the table? */
bool zg_session_may_move(ZgSessionState from, ZgSessionState to);
