/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A console for a stock VNC viewer: a private unix socket on one side, the front on the other. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include "client/ctl/context.h"

typedef struct {
    const ZgContext *context; /* where the front is; borrowed */
    const char *ticket;       /* secret; borrowed for the call */
    const char *viewer;       /* program that takes a socket's path; NULL: only print the path */
} ZgConsoleOptions;

/**
 * zg_console_run() - redeem the ticket, open the viewer, relay until either side ends
 *
 * The socket is 0600 in a fresh 0700 folder; both are removed at the end. When the transport is
 * lost the viewer is closed, and opened again once the session was resumed (a viewer cannot
 * continue in the middle of a picture). Runs the default main loop; SIGINT and SIGTERM end it.
 *
 * Return: true when the viewer was closed or the person logged off; false with the front's reason.
 */
bool zg_console_run(const ZgConsoleOptions *options, GError **error);
