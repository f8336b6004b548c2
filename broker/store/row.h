/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structs as rows: one table of columns per struct says how it is read, written and freed. */
#pragma once

#include <stddef.h>
#include "broker/store/store.h"

typedef struct {
    const char *name;
    char type; /* 't' char *, owned · 'i' int64_t · 'b' bool */
    size_t offset;
} ZgColumn;

/* The first column is the key (text); one column may be `revision` (int64_t). */
typedef struct {
    const char *table;
    const char *thing; /* word for people, e.g. "pool" */
    size_t size;
    const ZgColumn *columns;
    size_t n_columns;
} ZgRowType;

#define ZG_COLUMN_TEXT(struct_, column, field) {column, 't', offsetof(struct_, field)}
#define ZG_COLUMN_INT(struct_, column, field) {column, 'i', offsetof(struct_, field)}
#define ZG_COLUMN_BOOL(struct_, column, field) {column, 'b', offsetof(struct_, field)}

/** zg_row_free() - free one struct and its texts; accepts NULL. */
void zg_row_free(const ZgRowType *type, void *row);

/**
 * zg_row_select() - structs of all rows that match
 * @tail:  what follows FROM, e.g. "WHERE pool = $1 ORDER BY name"
 * @types: as zg_tx_run()
 * Return: array that frees its structs with @free_row; NULL with @error.
 */
GPtrArray *zg_row_select(ZgTx *tx, const ZgRowType *type, GDestroyNotify free_row, GError **error,
                         const char *tail, const char *types, ...);

/** zg_row_find() - the row with this key; NULL with ZG_ERROR_NOT_FOUND "no such THING: 'KEY'". */
void *zg_row_find(ZgTx *tx, const ZgRowType *type, const char *key, GError **error);

/** zg_row_insert() - ZG_ERROR_CONFLICT when there is one already. */
bool zg_row_insert(ZgTx *tx, const ZgRowType *type, const void *row, GError **error);

/**
 * zg_row_save() - write every column, as a compare-and-set on (key, revision)
 * @column, @value: further condition on a text column, e.g. "life", "ready"; or NULL
 *
 * On success the struct's revision is one higher. ZG_ERROR_CONFLICT when not exactly one row
 * was changed: somebody else was first.
 */
bool zg_row_save(ZgTx *tx, const ZgRowType *type, void *row, const char *column, const char *value,
                 GError **error);

/** zg_row_delete() - a compare-and-set like zg_row_save(). */
bool zg_row_delete(ZgTx *tx, const ZgRowType *type, const void *row, GError **error);

/** zg_set_text() - replace an owned text field by a copy. */
void zg_set_text(char **field, const char *text);
