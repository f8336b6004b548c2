/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one main loop of a process: run until SIGTERM or SIGINT. */
#pragma once

#include <glib-unix.h>
#include <glib.h>
#include <stdbool.h>

/* Called on the loop for SIGTERM and SIGINT. Return true to end the loop now. */
typedef bool (*ZgStopFunc)(int signal_number, void *user);

/**
 * zg_loop_run() - run the default main context until a stop signal or zg_loop_quit()
 * @on_stop: asked at each stop signal; NULL ends at the first one
 */
void zg_loop_run(ZgStopFunc on_stop, void *user);

/** zg_loop_quit() - end zg_loop_run(); loop thread. */
void zg_loop_quit(void);

/**
 * zg_loop_watch_fd() - g_unix_fd_add() for descriptors that are busy
 * @handler: must bear to be called by a loop that it runs itself
 *
 * While GLib calls a handler it takes an ordinary watch out of its poll and puts it back. Each
 * wakes the loop through an eventfd: five system calls an event that do nothing.
 *
 * Return: id for g_source_remove().
 */
guint zg_loop_watch_fd(int fd, GIOCondition condition, GUnixFDSourceFunc handler, gpointer data);
