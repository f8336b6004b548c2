/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hard deadline over a library that waits on sockets of its own: when it passes, the sockets
 * are shut down, so every read and write inside the library returns at once.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZgDeadline ZgDeadline;

/** zg_deadline_start() - @at_us: monotonic microseconds. Starts one thread. */
ZgDeadline *zg_deadline_start(int64_t at_us);

/** zg_deadline_watch() - also end this socket; @fd is borrowed, a duplicate is kept. */
void zg_deadline_watch(ZgDeadline *deadline, int fd);

/** zg_deadline_remaining_us() - 0 when it has passed. */
int64_t zg_deadline_remaining_us(const ZgDeadline *deadline);

/** zg_deadline_stop() - ends the thread and frees; accepts NULL. */
void zg_deadline_stop(ZgDeadline *deadline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgDeadline, zg_deadline_stop)
