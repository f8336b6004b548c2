/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time: a monotonic clock for deadlines, UTC for records. Logic takes the time as an argument. */
#pragma once

#include <stdint.h>

/** zg_clock_mono_us() - monotonic microseconds; for deadlines inside one process. */
int64_t zg_clock_mono_us(void);

/** zg_clock_utc_us() - microseconds since 1970-01-01 UTC; for records. */
int64_t zg_clock_utc_us(void);

/**
 * zg_clock_utc_text() - RFC 3339 text with milliseconds, "2026-01-31T09:08:07.654Z"
 * @utc_us: microseconds since 1970
 * Return: text the caller frees with g_free().
 */
char *zg_clock_utc_text(int64_t utc_us);
