/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/store/store_ops.h"

#include <stdarg.h>
#include "common/base/clock.h"
#include "common/base/error.h"

struct ZgRows {
    ZgStore *store;
    void *cursor;
};

void
zg_store_free(ZgStore *store)
{
    if (store != NULL) {
        store->ops->free(store);
    }
}

void
zg_store_set_clock(ZgStore *store, int64_t (*clock)(void))
{
    store->clock = clock;
}

void
zg_store_set_event_func(ZgStore *store, void (*func)(void *user), void *user)
{
    store->on_events = func;
    store->on_events_user = user;
}

ZgTx *
zg_tx_begin(ZgStore *store, ZgTxMode mode, GError **error)
{
    void *connection = NULL;
    ZgTx *tx;

    if (!store->ops->begin(store, mode, &connection, error)) {
        return NULL;
    }
    tx = g_new0(ZgTx, 1);
    tx->store = store;
    tx->connection = connection;
    tx->mode = mode;
    tx->now_us = store->clock != NULL ? store->clock() : zg_clock_utc_us();
    return tx;
}

bool
zg_tx_commit(ZgTx *tx, GError **error)
{
    void *connection = tx->connection;
    bool committed;

    g_assert(connection != NULL);
    tx->connection = NULL;
    committed = tx->store->ops->end(tx->store, connection, tx->mode, true, error);
    if (committed && tx->has_events && tx->store->on_events != NULL) {
        tx->store->on_events(tx->store->on_events_user);
    }
    return committed;
}

void
zg_tx_free(ZgTx *tx)
{
    if (tx != NULL) {
        if (tx->connection != NULL) {
            tx->store->ops->end(tx->store, tx->connection, tx->mode, false, NULL);
        }
        g_free(tx);
    }
}

void
zg_tx_note_event(ZgTx *tx)
{
    tx->has_events = true;
}

int64_t
zg_tx_now_us(const ZgTx *tx)
{
    return tx->now_us;
}

size_t
zg_params_collect(ZgParam *params, size_t n_max, const char *types, va_list args)
{
    size_t n = 0;

    for (const char *type = types; *type != '\0'; type++, n++) {
        g_assert(n < n_max);
        switch (*type) {
        case 't':
            params[n] = (ZgParam){.is_text = true, .text = va_arg(args, const char *)};
            break;
        case 'i':
            params[n] = (ZgParam){.number = va_arg(args, int64_t)};
            break;
        case 'b':
            params[n] = (ZgParam){.number = va_arg(args, int) ? 1 : 0};
            break;
        default:
            g_assert_not_reached();
        }
    }
    return n;
}

bool
zg_tx_run_params(ZgTx *tx, int64_t *out_n_changed, GError **error, const char *sql,
                 const ZgParam *params, size_t n_params)
{
    int64_t n_changed = 0;

    g_assert(tx->connection != NULL && tx->mode == ZG_TX_WRITE);
    if (!tx->store->ops->run(tx->connection, sql, params, n_params, &n_changed, error)) {
        return false;
    }
    if (out_n_changed != NULL) {
        *out_n_changed = n_changed;
    }
    return true;
}

bool
zg_tx_run(ZgTx *tx, int64_t *out_n_changed, GError **error, const char *sql, const char *types, ...)
{
    ZgParam params[ZG_PARAMS_MAX];
    size_t n_params;
    va_list args;

    va_start(args, types);
    n_params = zg_params_collect(params, ZG_PARAMS_MAX, types, args);
    va_end(args);
    return zg_tx_run_params(tx, out_n_changed, error, sql, params, n_params);
}

ZgRows *
zg_tx_query_params(ZgTx *tx, GError **error, const char *sql, const ZgParam *params,
                   size_t n_params)
{
    void *cursor;
    ZgRows *rows;

    g_assert(tx->connection != NULL);
    cursor = tx->store->ops->query(tx->connection, sql, params, n_params, error);
    if (cursor == NULL) {
        return NULL;
    }
    rows = g_new(ZgRows, 1);
    *rows = (ZgRows){.store = tx->store, .cursor = cursor};
    return rows;
}

ZgRows *
zg_tx_query(ZgTx *tx, GError **error, const char *sql, const char *types, ...)
{
    ZgParam params[ZG_PARAMS_MAX];
    size_t n_params;
    va_list args;

    va_start(args, types);
    n_params = zg_params_collect(params, ZG_PARAMS_MAX, types, args);
    va_end(args);
    return zg_tx_query_params(tx, error, sql, params, n_params);
}

bool
zg_rows_next(ZgRows *rows, GError **error)
{
    return rows->store->ops->next(rows->cursor, error);
}

const char *
zg_rows_text(ZgRows *rows, int column)
{
    return rows->store->ops->text(rows->cursor, column);
}

int64_t
zg_rows_int(ZgRows *rows, int column)
{
    return rows->store->ops->number(rows->cursor, column);
}

void
zg_rows_free(ZgRows *rows)
{
    if (rows != NULL) {
        rows->store->ops->close(rows->cursor);
        g_free(rows);
    }
}
