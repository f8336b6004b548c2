/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/list.h"

#include <string.h>
#include "common/base/error.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 500

static char *
cursor_of(const ZgListKind *kind, const void *row)
{
    for (size_t i = 0; i < kind->type->n_columns; i++) {
        const ZgColumn *column = &kind->type->columns[i];
        const void *field = (const char *)row + column->offset;

        if (strcmp(column->name, kind->order) == 0) {
            return kind->newest_first
                       ? g_strdup_printf("%" G_GINT64_FORMAT, *(const int64_t *)field)
                       : g_strdup(*(char *const *)field);
        }
    }
    g_assert_not_reached();
}

static bool
read_cursor(const ZgListKind *kind, const ZgPage *page, int64_t *out_number, GError **error)
{
    *out_number = G_MAXINT64;
    if (!kind->newest_first || page == NULL || page->after == NULL) {
        return true;
    }
    if (!g_ascii_string_to_signed(page->after, 10, 0, G_MAXINT64, out_number, NULL)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "after: not a cursor of this list");
        return false;
    }
    return true;
}

bool
zg_list_page(ZgTx *tx, const ZgListKind *kind, const ZgPage *page, const char *a, const char *b,
             const char *c, json_t **out_json, GError **error)
{
    unsigned limit = page != NULL && page->limit > 0 ? MIN(page->limit, LIMIT_MAX) : LIMIT_DEFAULT;
    const char *after = page != NULL && page->after != NULL ? page->after : "";
    const char *where = kind->where != NULL ? kind->where : "1 = 1";
    g_autofree char *tail =
        kind->newest_first
            ? g_strdup_printf("WHERE (%s) AND %s < $5 ORDER BY %s DESC LIMIT $6", where,
                              kind->order, kind->order)
            : g_strdup_printf("WHERE (%s) AND %s > $4 ORDER BY %s LIMIT $6", where, kind->order,
                              kind->order);
    g_autoptr(GPtrArray) rows = NULL;
    json_t *list = json_array();
    json_t *answer = json_pack("{s:o}", "items", list);
    int64_t number = 0;

    if (read_cursor(kind, page, &number, error)) {
        rows = zg_row_select(tx, kind->type, kind->free_row, error,
                             tail, "ttttii", a != NULL ? a : "", b != NULL ? b : "",
                             c != NULL ? c : "", after, number, (int64_t)limit + 1);
    }
    for (guint i = 0; rows != NULL && i < MIN(rows->len, limit); i++) {
        json_t *view = kind->view(tx, g_ptr_array_index(rows, i), error);

        if (view == NULL) {
            json_decref(answer);
            return false;
        }
        json_array_append_new(list, view);
    }
    if (rows == NULL) {
        json_decref(answer);
        return false;
    }
    if (rows->len > limit) {
        g_autofree char *cursor = cursor_of(kind, g_ptr_array_index(rows, limit - 1));

        json_object_set_new(answer, "next", json_string(cursor));
    }
    *out_json = answer;
    return true;
}
