/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: transactions and statements. Kinds (SQLite now) are tables of functions. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZgStore ZgStore;
typedef struct ZgTx ZgTx;     /* one transaction: the only thing that can read or write */
typedef struct ZgRows ZgRows; /* the rows of one query, read before the transaction ends */

typedef enum {
    ZG_TX_READ,  /* a consistent snapshot; several at once */
    ZG_TX_WRITE, /* one at a time; waits at most 5 s for its turn */
} ZgTxMode;

/**
 * zg_store_open_sqlite() - open (creating with mode 0600) one SQLite file and migrate its schema
 * @path: file name; its folder must exist
 * Return: owned by the caller, or NULL with ZG_ERROR_FAILED naming the file, or
 * ZG_ERROR_CONFLICT when a newer program wrote the schema.
 */
ZgStore *zg_store_open_sqlite(const char *path, GError **error);

/** zg_store_free() - close; no transaction may be open. Accepts NULL. */
void zg_store_free(ZgStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgStore, zg_store_free)

/** zg_store_set_clock() - time for records from @clock (UTC microseconds); for tests. */
void zg_store_set_clock(ZgStore *store, int64_t (*clock)(void));

/**
 * zg_store_set_event_func() - be told that a commit carried events; @func runs on that worker's
 * thread and must only pass the news on.
 */
void zg_store_set_event_func(ZgStore *store, void (*func)(void *user), void *user);

/**
 * zg_tx_begin() - start a transaction; worker threads only (it blocks)
 * Return: owned by the caller, or NULL with ZG_ERROR_UNAVAILABLE (busy, disk).
 */
ZgTx *zg_tx_begin(ZgStore *store, ZgTxMode mode, GError **error);

/**
 * zg_tx_commit() - make it durable; on false nothing of it happened, or (connection lost while
 * committing) it is unknown and the caller reads again before it repeats.
 */
bool zg_tx_commit(ZgTx *tx, GError **error);

/** zg_tx_free() - rolls back what was not committed. Accepts NULL. */
void zg_tx_free(ZgTx *tx);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgTx, zg_tx_free)

/** zg_tx_note_event() - this transaction carries an event; see zg_store_set_event_func(). */
void zg_tx_note_event(ZgTx *tx);

/** zg_tx_now_us() - the transaction's own time, UTC microseconds; the same all through it. */
int64_t zg_tx_now_us(const ZgTx *tx);

/**
 * zg_tx_run() - one INSERT, UPDATE or DELETE
 * @out_n_changed: rows changed; may be NULL
 * @sql:   SQL that SQLite and PostgreSQL both know, parameters `$1`…
 * @types: one letter per parameter: `t` const char * (NULL is NULL), `i` int64_t, `b` bool (as int)
 * Errors: ZG_ERROR_CONFLICT (a uniqueness or reference rule), ZG_ERROR_UNAVAILABLE,
 * ZG_ERROR_FAILED.
 */
bool zg_tx_run(ZgTx *tx, int64_t *out_n_changed, GError **error, const char *sql,
               const char *types, ...);

/** zg_tx_query() - one SELECT; parameters as zg_tx_run(). Return: owned by the caller, or NULL. */
ZgRows *zg_tx_query(ZgTx *tx, GError **error, const char *sql, const char *types, ...);

/** zg_rows_next() - step to the next row; false at the end or with @error set. */
bool zg_rows_next(ZgRows *rows, GError **error);

/** zg_rows_text() - column from 0 of this row; borrowed until the next step; NULL for NULL. */
const char *zg_rows_text(ZgRows *rows, int column);

/** zg_rows_int() - column from 0 as integer; 0 for NULL. */
int64_t zg_rows_int(ZgRows *rows, int column);

/** zg_rows_free() - accepts NULL. */
void zg_rows_free(ZgRows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgRows, zg_rows_free)
