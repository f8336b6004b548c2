/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Applies the numbered migrations that the schema does not have yet. */
#include "broker/store/store_ops.h"

#include "common/base/error.h"
#include "common/base/log.h"

static bool
read_version(ZgTx *tx, int64_t *out_version, GError **error)
{
    g_autoptr(ZgRows) rows = NULL;
    g_autoptr(GError) failure = NULL;

    rows = zg_tx_query(tx, error, "SELECT version FROM schema_version", "");
    if (rows == NULL) {
        return false;
    }
    if (zg_rows_next(rows, &failure)) {
        *out_version = zg_rows_int(rows, 0);
        return true;
    }
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    g_clear_pointer(&rows, zg_rows_free);
    *out_version = 0;
    return zg_tx_run(tx, NULL, error, "INSERT INTO schema_version (version) VALUES (0)", "");
}

static bool
apply(ZgStore *store, ZgTx *tx, const ZgMigration *migration, GError **error)
{
    if (!store->ops->script(tx->connection, migration->sql, error)) {
        g_prefix_error(error, "schema/%s: ", migration->name);
        return false;
    }
    return zg_tx_run(tx, NULL, error, "UPDATE schema_version SET version = $1", "i",
                     (int64_t)migration->version);
}

bool
zg_store_migrate(ZgStore *store, GError **error)
{
    g_autoptr(ZgTx) tx = zg_tx_begin(store, ZG_TX_WRITE, error);
    int64_t version = 0;

    if (tx == NULL ||
        !store->ops->script(tx->connection,
                            "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)",
                            error) ||
        !read_version(tx, &version, error)) {
        return false;
    }
    if (version > zg_migrations[zg_n_migrations - 1].version) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "the store has schema %" G_GINT64_FORMAT
                    ", this program knows up to %d: start the newer program",
                    version, zg_migrations[zg_n_migrations - 1].version);
        return false;
    }
    for (size_t i = 0; i < zg_n_migrations; i++) {
        if (zg_migrations[i].version > version) {
            if (!apply(store, tx, &zg_migrations[i], error)) {
                return false;
            }
            zg_log_info("store-migrated", NULL, "schema %s applied", zg_migrations[i].name);
        }
    }
    return zg_tx_commit(tx, error);
}
