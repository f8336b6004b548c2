/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record, read: history of a thing, the whole audit, and "why". */
#include <stdlib.h>
#include <string.h>
#include "broker/reason.h"
#include "broker/service_priv.h"
#include "common/base/error.h"

#define COLUMNS                                                                                    \
    "SELECT id, at_us, event, thing, thing_id, desktop, session, user_name, from_state, to_state," \
    " reason, actor, text FROM audit "

static json_t *
view_row(ZgRows *rows)
{
    static const struct {
        int column;
        const char *key;
    } texts[] = {
        {2, "event"}, {3, "thing"}, {4, "id"},      {5, "desktop"}, {6, "session"}, {7, "user"},
        {8, "from"},  {9, "to"},    {10, "reason"}, {11, "actor"},
    };
    json_t *view = json_object();
    const char *reason = zg_rows_text(rows, 10);
    const char *more = zg_rows_text(rows, 12);

    zg_view_set_time(view, "at", zg_rows_int(rows, 1));
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        zg_view_set_text(view, texts[i].key, zg_rows_text(rows, texts[i].column));
    }
    if (reason != NULL && zg_reason_is_known(reason)) {
        g_autofree char *text = more != NULL
                                    ? g_strdup_printf("%s (%s)", zg_reason_text(reason, "en"), more)
                                    : g_strdup(zg_reason_text(reason, "en"));

        zg_view_set_text(view, "text", text);
    } else {
        zg_view_set_text(view, "text", more != NULL ? more : reason);
    }
    return view;
}

static bool
read_cursor(const ZgPage *page, int64_t *out_id, GError **error)
{
    *out_id = G_MAXINT64;
    if (page != NULL && page->after != NULL &&
        !g_ascii_string_to_signed(page->after, 10, 0, G_MAXINT64, out_id, NULL)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "after: not a cursor of this list");
        return false;
    }
    return true;
}

/* Newest first. */
static bool
list(ZgService *service, const ZgPage *page, const char *where, const char *key, json_t **out_json,
     GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(service->store, ZG_TX_READ, error);
    int64_t limit = page != NULL && page->limit > 0 ? MIN(page->limit, 500) : 100;
    g_autofree char *sql = g_strdup_printf(
        COLUMNS "WHERE (%s) AND id < $2 ORDER BY id DESC LIMIT $3", where);
    g_autoptr(ZgRows) rows = NULL;
    int64_t cursor = 0;
    int64_t last = 0;
    json_t *items;

    if (tx == NULL || !read_cursor(page, &cursor, error)) {
        return false;
    }
    rows = zg_tx_query(tx, error, sql, "tii", key, cursor, limit + 1);
    if (rows == NULL) {
        return false;
    }
    items = json_array();
    *out_json = json_pack("{s:o}", "items", items);
    while (zg_rows_next(rows, NULL)) {
        if ((int64_t)json_array_size(items) == limit) {
            g_autofree char *next = g_strdup_printf("%" G_GINT64_FORMAT, last);

            zg_view_set_text(*out_json, "next", next);
            break;
        }
        last = zg_rows_int(rows, 0);
        json_array_append_new(items, view_row(rows));
    }
    return true;
}

bool
zg_service_desktop_history(ZgService *service, const char *id, const ZgPage *page,
                           json_t **out_json, GError **error)
{
    return list(service, page,
                "desktop = $1 OR desktop IN (SELECT id FROM desktops WHERE name = $1)", id,
                out_json, error);
}

bool
zg_service_list_audit(ZgService *service, const ZgPage *page, json_t **out_json, GError **error)
{
    return list(service, page, "$1 = ''", "", out_json, error);
}

bool
zg_service_why(ZgService *service, const char *thing, const char *id, const ZgPage *page,
               json_t **out_json, GError **error)
{
    static const struct {
        const char *thing;
        const char *where;
    } kinds[] = {
        {"desktop", "desktop = $1 OR desktop IN (SELECT id FROM desktops WHERE name = $1)"},
        {"session", "session = $1"},
        {"user", "user_name = $1"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(thing, kinds[i].thing) == 0) {
            return list(service, page, kinds[i].where, id, out_json, error);
        }
    }
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "thing: must be one of: desktop, session, user");
    return false;
}
