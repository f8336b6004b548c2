/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the viewers' lines are now, by session: the last `stats` of each, in memory only. They are
 * old after seconds, come again every few seconds and decide nothing, so the store never sees them;
 * the broker whose link the host uses knows them. Any thread.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include "common/proto/line.h"

typedef struct ZgLines ZgLines;

ZgLines *zg_lines_new(void);
void zg_lines_free(ZgLines *lines); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgLines, zg_lines_free)

/** zg_lines_take() - the newest of its session; @line is handed over. */
void zg_lines_take(ZgLines *lines, ZgLine *line, int64_t now_us);

/** zg_lines_view() - {rtt_ms, rate_kbit, fps, encodings, bottleneck}; NULL when none is fresh. */
json_t *zg_lines_view(ZgLines *lines, const char *session, int64_t now_us);
