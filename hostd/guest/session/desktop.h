/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "hostd/guest/session/session_lines.h"

#include <stdbool.h>
#include <sys/types.h>

/* A person's desktop session: the Unix user, and the session program of the template running as
 * that user. */

/* Why a session did not start: exit statuses of its process before the session program runs. */
enum {
    ZG_DESKTOP_NO_USER = 101,    /* the Unix user could not be made */
    ZG_DESKTOP_NO_RUNTIME = 102, /* no runtime folder */
    ZG_DESKTOP_NO_RIGHTS = 103,  /* root could not be given up */
    ZG_DESKTOP_NO_PROGRAM = 104, /* the template has no session program */
};

/**
 * zg_desktop_start() - make the user and open the session, in a child
 * @sign_on:   whose; borrowed
 * @out_ready: read end of a pipe: the session program writes a line when the desktop is visible;
 * caller closes
 *
 * Return: the session's first process, or -1.
 */
pid_t zg_desktop_start(const ZgGuestSignOn *sign_on, int *out_ready);

/* A sentence for one of the exit statuses above, or for any other. */
const char *zg_desktop_reason(int exit_status);

/* Path of the session's access cookie, in its runtime folder. */
void zg_desktop_authority(uid_t uid, char *out, size_t n_out);

/* Whether the person asked for power-off from inside (the desktop's menu). */
bool zg_desktop_wants_power_off(uid_t uid);

/* Removes the runtime folder; the session is over. */
void zg_desktop_clean(uid_t uid);
