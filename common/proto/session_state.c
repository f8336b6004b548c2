/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/proto/session_state.h"

#include <glib.h>

static const char *const names[ZG_N_SESSION_STATES] = {
    [ZG_SESSION_PENDING] = "pending",
    [ZG_SESSION_CONNECTING] = "connecting",
    [ZG_SESSION_ACTIVE] = "active",
    [ZG_SESSION_HELD] = "held",
    [ZG_SESSION_DISCONNECTED] = "disconnected",
    [ZG_SESSION_LOGGING_OFF] = "logging-off",
    [ZG_SESSION_ENDED] = "ended",
};

static const struct {
    ZgSessionState from;
    ZgSessionState to;
} moves[] = {
    {ZG_SESSION_PENDING, ZG_SESSION_CONNECTING},        /* a desktop was reserved */
    {ZG_SESSION_PENDING, ZG_SESSION_ENDED},             /* gave up waiting */
    {ZG_SESSION_CONNECTING, ZG_SESSION_ACTIVE},         /* viewer in */
    {ZG_SESSION_CONNECTING, ZG_SESSION_LOGGING_OFF},    /* log-off asked */
    {ZG_SESSION_CONNECTING, ZG_SESSION_ENDED},          /* never came, desktop failed */
    {ZG_SESSION_ACTIVE, ZG_SESSION_HELD},               /* transport lost */
    {ZG_SESSION_ACTIVE, ZG_SESSION_DISCONNECTED},       /* viewer closed */
    {ZG_SESSION_ACTIVE, ZG_SESSION_LOGGING_OFF},        /* log-off asked */
    {ZG_SESSION_ACTIVE, ZG_SESSION_ENDED},              /* guest's session over, desktop gone */
    {ZG_SESSION_HELD, ZG_SESSION_ACTIVE},               /* resumed, or a new ticket */
    {ZG_SESSION_HELD, ZG_SESSION_DISCONNECTED},         /* nobody came back in time */
    {ZG_SESSION_HELD, ZG_SESSION_LOGGING_OFF},          /* log-off asked */
    {ZG_SESSION_HELD, ZG_SESSION_ENDED},                /* guest's session over, desktop gone */
    {ZG_SESSION_DISCONNECTED, ZG_SESSION_ACTIVE},       /* viewer in */
    {ZG_SESSION_DISCONNECTED, ZG_SESSION_LOGGING_OFF},  /* log-off asked or time over */
    {ZG_SESSION_DISCONNECTED, ZG_SESSION_ENDED},        /* guest's session over, desktop gone */
    {ZG_SESSION_LOGGING_OFF, ZG_SESSION_ENDED},         /* signed off, or its deadline */
};

const char *
zg_session_state_name(ZgSessionState state)
{
    g_assert((unsigned)state < ZG_N_SESSION_STATES);
    return names[state];
}

bool
zg_session_state_from_name(const char *name, ZgSessionState *out_state)
{
    for (int state = 0; state < ZG_N_SESSION_STATES; state++) {
        if (g_strcmp0(name, names[state]) == 0) {
            *out_state = (ZgSessionState)state;
            return true;
        }
    }
    return false;
}

bool
zg_session_may_move(ZgSessionState from, ZgSessionState to)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(moves); i++) {
        if (moves[i].from == from && moves[i].to == to) {
            return true;
        }
    }
    return false;
}
