/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a worker says, read strictly: a hostile console may have taken it over. Pure.
 * Source: docs/protocol/control.md, "front ↔ worker".
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    ZG_WORKER_SAYS_SOMETHING_ELSE, /* a newer worker's, or nothing for the front */
    ZG_WORKER_SAYS_READY,
    ZG_WORKER_SAYS_SIZE,
    ZG_WORKER_SAYS_CONSOLE_LOST,
    ZG_WORKER_SAYS_FIRST_FRAME,
    ZG_WORKER_SAYS_VIEWER_GONE,
    ZG_WORKER_SAYS_STATS,
} ZgWorkerSays;

/* Texts are borrowed from the message and short. */
typedef struct {
    ZgWorkerSays kind;
    const char *viewer; /* id, with `first-frame`, `viewer-gone` and `stats` */
    const char *reason; /* with `console-lost` and `viewer-gone`; may be empty */
    int64_t width, height;
    /* stats */
    int64_t frames, rtt_us, rate_kbit, fps, queued_bytes, idle_s;
    const char *bottleneck;
    char **encodings; /* NULL-terminated, owned; NULL: none */
} ZgWorkerReport;

/**
 * zg_worker_report_read()
 * @message: a JSON object; must outlive @out
 * @out:     zg_worker_report_clear() it, also after a failure
 * Return: false with ZG_ERROR_INVALID when a field is missing, of another kind or out of bounds.
 */
bool zg_worker_report_read(const json_t *message, ZgWorkerReport *out, GError **error);
void zg_worker_report_clear(ZgWorkerReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ZgWorkerReport, zg_worker_report_clear)
