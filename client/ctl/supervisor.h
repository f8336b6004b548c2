/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `zaguan up` and `zaguan down`: a small supervisor that starts broker, hostd and front of one
 * machine, starts a dead one again, and reaps what they leave behind. Under systemd, units do this.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * zg_supervisor_run() - run an installation in the foreground until it is told to stop
 * @directory: an installation made by `zaguan init`
 * @report_fd: gets a line once broker and front listen; -1: nobody asks
 * @error: ZG_ERROR_NOT_FOUND (no installation there), ZG_ERROR_CONFLICT (it runs already),
 *         ZG_ERROR_FAILED (a program ended, or did not listen within 30 s, while starting)
 *
 * SIGTERM and SIGINT save the desktops (hostd writes their memory to disk), then end everything.
 * SIGHUP ends the programs and leaves the desktops running.
 * The process becomes the reaper of its descendants, so that QEMU's end is seen at once.
 *
 * Return: true after an orderly stop.
 */
bool zg_supervisor_run(const char *directory, int report_fd, GError **error);

/**
 * zg_supervisor_detach() - the same in the background; returns when the programs answer
 * @error: as zg_supervisor_run(), and ZG_ERROR_TIMEOUT
 */
bool zg_supervisor_detach(const char *directory, GError **error);

/**
 * zg_supervisor_stop() - stop an installation and wait for its end
 * @save: write the memory of running desktops to disk; otherwise they run on
 * @timeout_ms: most time until the supervisor is gone
 * @error: ZG_ERROR_NOT_FOUND (it does not run), ZG_ERROR_TIMEOUT
 */
bool zg_supervisor_stop(const char *directory, bool save, unsigned timeout_ms, GError **error);

/** zg_supervisor_pid() - process id of a running supervisor, or 0. */
int zg_supervisor_pid(const char *directory);

/** zg_supervisor_listens() - does somebody listen on DIR/run/NAME.sock? */
bool zg_supervisor_listens(const char *directory, const char *name);

/** zg_supervisor_last_words() - last line of DIR/log/NAME.log, or that there is none; g_free(). */
char *zg_supervisor_last_words(const char *directory, const char *name);
