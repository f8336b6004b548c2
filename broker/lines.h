/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the viewers' lines are now, by session: the last `stats` of each, in memory only. They are
 * old after seconds and come again every few seconds, so the store never sees them; the broker
 * whose link the host uses knows them, and sees who is idle. Any thread.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include "common/proto/line.h"

typedef struct ZgLines ZgLines;

typedef enum {
    ZG_IDLE_NOTHING,
    ZG_IDLE_WARN,
    ZG_IDLE_DISCONNECT,
} ZgIdleStep;

ZgLines *zg_lines_new(void);
void zg_lines_free(ZgLines *lines); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgLines, zg_lines_free)

/** zg_lines_take() - the newest of its session; @line is handed over. */
void zg_lines_take(ZgLines *lines, ZgLine *line, int64_t now_us);

/**
 * zg_lines_idle_step() - what @session, at a limit of @limit_min (0: none), gets now
 * @active_s: how long it has been active: nobody can be idle for longer
 *
 * Warns once, 60 s before; a key or a pointer in between starts it all again.
 */
ZgIdleStep zg_lines_idle_step(ZgLines *lines, const char *session, int64_t active_s,
                              int64_t limit_min, int64_t now_us);

/** zg_lines_view() - {rtt_ms, rate_kbit, fps, encodings, bottleneck}; NULL when none is fresh. */
json_t *zg_lines_view(ZgLines *lines, const char *session, int64_t now_us);
