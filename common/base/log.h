/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structured log lines on stderr: time, level, stable id, subject, a sentence. Any thread. */
#pragma once

#include <glib.h>

typedef enum {
    ZG_LOG_ERROR,   /* something was lost */
    ZG_LOG_WARNING, /* we went on without it */
    ZG_LOG_INFO,    /* an operator's day */
    ZG_LOG_DEBUG,   /* ours */
} ZgLogLevel;

/**
 * zg_log_init() - name the program and take the level from ZAGUAN_LOG (error|warning|info|debug)
 * @program: static text shown on every line
 */
void zg_log_init(const char *program);

/**
 * zg_log() - write one line
 * @level:   who should care
 * @id:      stable message id in kebab-case, for scripts, e.g. "desktop-ready"
 * @subject: the session, desktop, host or user meant, or NULL
 *
 * Control characters in the result are replaced, so that outside text cannot forge a line.
 * Never pass passwords, tickets or keystrokes.
 */
void zg_log(ZgLogLevel level, const char *id, const char *subject, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

#define zg_log_error(id, subject, ...) zg_log(ZG_LOG_ERROR, id, subject, __VA_ARGS__)
#define zg_log_warning(id, subject, ...) zg_log(ZG_LOG_WARNING, id, subject, __VA_ARGS__)
#define zg_log_info(id, subject, ...) zg_log(ZG_LOG_INFO, id, subject, __VA_ARGS__)
#define zg_log_debug(id, subject, ...) zg_log(ZG_LOG_DEBUG, id, subject, __VA_ARGS__)
