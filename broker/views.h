/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows as the JSON resources of docs/api. Worker threads. */
#pragma once

#include <jansson.h>
#include "broker/store/model.h"

json_t *zg_view_desktop(const ZgDesktop *desktop);
json_t *zg_view_operation(const ZgOperation *operation);
json_t *zg_view_host(const ZgHost *host);

/**
 * zg_view_session() - with title of its pool, and place in the queue while pending; NULL on error.
 */
json_t *zg_view_session(ZgTx *tx, const ZgSession *session, GError **error);

/** zg_view_pool() - with counts by life. */
json_t *zg_view_pool(ZgTx *tx, const ZgPool *pool, GError **error);

/** zg_view_template() - with its versions. */
json_t *zg_view_template(ZgTx *tx, const ZgTemplate *row, GError **error);

/**
 * zg_view_find() - the resource of this type and key, or NULL with ZG_ERROR_NOT_FOUND
 * @type: "desktop", "session", "pool", "host", "operation", "template"
 */
json_t *zg_view_find(ZgTx *tx, const char *type, const char *key, GError **error);

/* Small helpers for the same style everywhere. */
void zg_view_set_text(json_t *object, const char *key, const char *text); /* absent when NULL */
void zg_view_set_time(json_t *object, const char *key, int64_t utc_us);   /* absent when 0 */
