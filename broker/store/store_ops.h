/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a kind of store provides; included only by broker/store. */
#pragma once

#include "broker/store/store.h"

/* One parameter of a statement. */
typedef struct {
    bool is_text;
    const char *text; /* NULL is NULL */
    int64_t number;
} ZgParam;

/* All required. `connection` is what begin gave; a cursor lives inside its transaction. */
typedef struct {
    bool (*begin)(ZgStore *store, ZgTxMode mode, void **out_connection, GError **error);
    /* Ends the transaction and gives the connection back, whatever it returns. */
    bool (*end)(ZgStore *store, void *connection, ZgTxMode mode, bool commit, GError **error);
    bool (*script)(void *connection, const char *sql, GError **error);
    bool (*run)(void *connection, const char *sql, const ZgParam *params, size_t n_params,
                int64_t *out_n_changed, GError **error);
    void *(*query)(void *connection, const char *sql, const ZgParam *params, size_t n_params,
                   GError **error);
    bool (*next)(void *cursor, GError **error);
    const char *(*text)(void *cursor, int column);
    int64_t (*number)(void *cursor, int column);
    void (*close)(void *cursor);
    void (*free)(ZgStore *store);
} ZgStoreOps;

typedef void (*ZgCommitFunc)(void *user);

/* First member of every kind's struct. */
struct ZgStore {
    const ZgStoreOps *ops;
    int64_t (*clock)(void);
    ZgCommitFunc on_events; /* called on the worker's thread after a commit with events; or NULL */
    void *on_events_user;
};

struct ZgTx {
    ZgStore *store;
    void *connection; /* NULL once ended */
    ZgTxMode mode;
    int64_t now_us;
    bool has_events;
};

/** zg_tx_run_params() - zg_tx_run() with an array. */
bool zg_tx_run_params(ZgTx *tx, int64_t *out_n_changed, GError **error, const char *sql,
                      const ZgParam *params, size_t n_params);

/** zg_tx_query_params() - zg_tx_query() with an array. */
ZgRows *zg_tx_query_params(ZgTx *tx, GError **error, const char *sql, const ZgParam *params,
                           size_t n_params);

/** zg_params_collect() - varargs as zg_tx_run() into @params. Return: how many. */
size_t zg_params_collect(ZgParam *params, size_t n_max, const char *types, va_list args);

#define ZG_PARAMS_MAX 64

/** zg_store_migrate() - bring the schema up to date, each step in its own transaction. */
bool zg_store_migrate(ZgStore *store, GError **error);

/* Generated from schema/NNN_*.sql, in order. */
typedef struct {
    int version;
    const char *name;
    const char *sql;
} ZgMigration;

extern const ZgMigration zg_migrations[];
extern const size_t zg_n_migrations;
