/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Long work that somebody asked for and may watch. Worker threads. */
#pragma once

#include <jansson.h>
#include "broker/store/model.h"

/* What ends an operation. */
#define ZG_OP_LOG_OFF "session-log-off"     /* subject: session; when it has ended */
#define ZG_OP_REFRESH "desktop-refresh"     /* subject: desktop; goal: generation that is ready */
#define ZG_OP_DELETE "desktop-delete"       /* subject: desktop; when the row is gone */
#define ZG_OP_POOL_DELETE "pool-delete"     /* subject: pool; when the row is gone */
#define ZG_OP_TEMPLATE_DELETE "template-delete" /* subject: template; its commands */
#define ZG_OP_IMPORT "template-import"      /* subject: template; goal: version; its commands */
#define ZG_OP_RESTART "desktop-restart"     /* subject: desktop; its command */
#define ZG_OP_MESSAGE "session-message"     /* subject: session; its command */

/**
 * zg_operation_start() - a new one, running
 * @user: whose it is
 * @limit_s: it fails when not over by then
 * Return: the caller owns it, or NULL.
 */
ZgOperation *zg_operation_start(ZgTx *tx, const char *kind, const char *subject, int64_t goal,
                                const char *user, int64_t limit_s, GError **error);

/** zg_operation_finish() - done, or failed with @code and @text. Over already: nothing happens. */
bool zg_operation_finish(ZgTx *tx, ZgOperation *operation, const char *code, const char *text,
                         GError **error);

/** zg_operation_progress() - @percent 0..100. */
bool zg_operation_progress(ZgTx *tx, ZgOperation *operation, int64_t percent, const char *text,
                           GError **error);

/** zg_operations_check() - end what has reached its goal or its limit. */
bool zg_operations_check(ZgTx *tx, GError **error);
