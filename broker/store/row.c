/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/store/row.h"

#include <stdarg.h>
#include <string.h>
#include "broker/store/store_ops.h"
#include "common/base/error.h"

static void *
field_of(const void *row, const ZgColumn *column)
{
    return (char *)row + column->offset;
}

void
zg_set_text(char **field, const char *text)
{
    char *copy = g_strdup(text);

    g_free(*field);
    *field = copy;
}

void
zg_row_free(const ZgRowType *type, void *row)
{
    if (row == NULL) {
        return;
    }
    for (size_t i = 0; i < type->n_columns; i++) {
        if (type->columns[i].type == 't') {
            g_free(*(char **)field_of(row, &type->columns[i]));
        }
    }
    g_free(row);
}

static void *
load(const ZgRowType *type, ZgRows *rows)
{
    void *row = g_malloc0(type->size);

    for (size_t i = 0; i < type->n_columns; i++) {
        const ZgColumn *column = &type->columns[i];
        void *field = field_of(row, column);

        if (column->type == 't') {
            *(char **)field = g_strdup(zg_rows_text(rows, (int)i));
        } else if (column->type == 'i') {
            *(int64_t *)field = zg_rows_int(rows, (int)i);
        } else {
            *(bool *)field = zg_rows_int(rows, (int)i) != 0;
        }
    }
    return row;
}

static ZgParam
param_of(const ZgColumn *column, const void *row)
{
    const void *field = field_of(row, column);

    if (column->type == 't') {
        return (ZgParam){.is_text = true, .text = *(char *const *)field};
    }
    return (ZgParam){.number = column->type == 'i' ? *(const int64_t *)field
                                                   : *(const bool *)field};
}

static char *
select_text(const ZgRowType *type, const char *tail)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");

    for (size_t i = 0; i < type->n_columns; i++) {
        g_string_append_printf(sql, "%s%s", i > 0 ? ", " : "", type->columns[i].name);
    }
    g_string_append_printf(sql, " FROM %s %s", type->table, tail);
    return g_string_free(g_steal_pointer(&sql), FALSE);
}

GPtrArray *
zg_row_select(ZgTx *tx, const ZgRowType *type, GDestroyNotify free_row, GError **error,
              const char *tail, const char *types, ...)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_row);
    g_autofree char *sql = select_text(type, tail);
    g_autoptr(ZgRows) rows = NULL;
    g_autoptr(GError) failure = NULL;
    ZgParam params[ZG_PARAMS_MAX];
    size_t n_params;
    va_list args;

    va_start(args, types);
    n_params = zg_params_collect(params, ZG_PARAMS_MAX, types, args);
    va_end(args);
    rows = zg_tx_query_params(tx, error, sql, params, n_params);
    if (rows == NULL) {
        return NULL;
    }
    while (zg_rows_next(rows, &failure)) {
        g_ptr_array_add(found, load(type, rows));
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return g_steal_pointer(&found);
}

void *
zg_row_find(ZgTx *tx, const ZgRowType *type, const char *key, GError **error)
{
    g_autofree char *tail = g_strdup_printf("WHERE %s = $1", type->columns[0].name);
    g_autofree char *sql = select_text(type, tail);
    g_autoptr(ZgRows) rows = NULL;
    g_autoptr(GError) failure = NULL;

    rows = zg_tx_query(tx, error, sql, "t", key);
    if (rows == NULL) {
        return NULL;
    }
    if (zg_rows_next(rows, &failure)) {
        return load(type, rows);
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
    } else {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no such %s: '%s'", type->thing, key);
    }
    return NULL;
}

bool
zg_row_insert(ZgTx *tx, const ZgRowType *type, const void *row, GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    g_autoptr(GString) values = g_string_new(NULL);
    ZgParam params[ZG_PARAMS_MAX];

    g_assert(type->n_columns <= ZG_PARAMS_MAX);
    g_string_append_printf(sql, "INSERT INTO %s (", type->table);
    for (size_t i = 0; i < type->n_columns; i++) {
        g_string_append_printf(sql, "%s%s", i > 0 ? ", " : "", type->columns[i].name);
        g_string_append_printf(values, "%s$%zu", i > 0 ? ", " : "", i + 1);
        params[i] = param_of(&type->columns[i], row);
    }
    g_string_append_printf(sql, ") VALUES (%s)", values->str);
    return zg_tx_run_params(tx, NULL, error, sql->str, params, type->n_columns);
}

static int64_t *
revision_of(const ZgRowType *type, const void *row)
{
    for (size_t i = 0; i < type->n_columns; i++) {
        if (strcmp(type->columns[i].name, "revision") == 0) {
            return field_of(row, &type->columns[i]);
        }
    }
    g_assert_not_reached();
}

static bool
exactly_one(const ZgRowType *type, const void *row, int64_t n_changed, GError **error)
{
    if (n_changed != 1) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "%s '%s' was changed by somebody else first", type->thing,
                    *(char *const *)field_of(row, &type->columns[0]));
        return false;
    }
    return true;
}

bool
zg_row_save(ZgTx *tx, const ZgRowType *type, void *row, const char *column, const char *value,
            GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    int64_t *revision = revision_of(type, row);
    ZgParam params[ZG_PARAMS_MAX];
    size_t n = type->n_columns;
    int64_t n_changed = 0;
    bool ok;

    g_assert(n + 2 <= ZG_PARAMS_MAX);
    g_string_append_printf(sql, "UPDATE %s SET ", type->table);
    *revision += 1;
    for (size_t i = 0; i < n; i++) {
        params[i] = param_of(&type->columns[i], row);
        if (i > 0) {
            g_string_append_printf(sql, "%s%s = $%zu", i > 1 ? ", " : "", type->columns[i].name,
                                   i + 1);
        }
    }
    params[n] = (ZgParam){.number = *revision - 1};
    params[n + 1] = (ZgParam){.is_text = true, .text = value};
    g_string_append_printf(sql, " WHERE %s = $1 AND revision = $%zu", type->columns[0].name, n + 1);
    if (column != NULL) {
        g_string_append_printf(sql, " AND %s = $%zu", column, n + 2);
    }
    ok = zg_tx_run_params(tx, &n_changed, error, sql->str, params,
                          column != NULL ? n + 2 : n + 1) &&
         exactly_one(type, row, n_changed, error);
    if (!ok) {
        *revision -= 1;
    }
    return ok;
}

bool
zg_row_delete(ZgTx *tx, const ZgRowType *type, const void *row, GError **error)
{
    g_autofree char *sql = g_strdup_printf("DELETE FROM %s WHERE %s = $1 AND revision = $2",
                                           type->table, type->columns[0].name);
    int64_t n_changed = 0;

    return zg_tx_run(tx, &n_changed, error, sql, "ti",
                     *(char *const *)field_of(row, &type->columns[0]), *revision_of(type, row)) &&
           exactly_one(type, row, n_changed, error);
}
