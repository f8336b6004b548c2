/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store on SQLite: one connection writes, a few read. WAL, so readers never wait for the
 * writer; synchronous FULL, so what was committed is on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include "broker/store/store_ops.h"
#include "common/base/error.h"
#include "common/base/fd.h"
#include "common/base/tsan.h"

#define BUSY_MS 5000
#define WRITER_WAIT_US (5 * G_USEC_PER_SEC)

typedef struct {
    ZgStore base;
    char *path;
    GMutex lock; /* guards the three below */
    GCond writer_free;
    sqlite3 *writer; /* taken while writer_busy */
    bool writer_busy;
    GQueue idle_readers; /* of sqlite3 */
} SqliteStore;

static void
set_error(sqlite3 *db, const char *what, GError **error)
{
    int code = sqlite3_errcode(db);
    ZgErrorCode kind = ZG_ERROR_FAILED;

    if (code == SQLITE_CONSTRAINT) {
        kind = ZG_ERROR_CONFLICT;
    } else if (code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL ||
               code == SQLITE_IOERR || code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
        kind = ZG_ERROR_UNAVAILABLE;
    }
    g_set_error(error, ZG_ERROR, kind, "store: %s: %s", what, sqlite3_errmsg(db));
}

static bool
script(void *connection, const char *sql, GError **error)
{
    sqlite3 *db = connection;

    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        set_error(db, "statement", error);
        return false;
    }
    return true;
}

static sqlite3 *
open_connection(const char *path, GError **error)
{
    static const char setup[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;";
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "store '%s': %s", path,
                    db != NULL ? sqlite3_errmsg(db) : "out of memory");
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    if (!script(db, setup, error)) {
        g_prefix_error(error, "store '%s': ", path);
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

static void
lock(SqliteStore *store)
{
    g_mutex_lock(&store->lock);
    ZG_TSAN_TAKES_OVER(store);
}

static void
unlock(SqliteStore *store)
{
    ZG_TSAN_HANDS_OVER(store);
    g_mutex_unlock(&store->lock);
}

static bool
take_writer(SqliteStore *store, GError **error)
{
    int64_t deadline = g_get_monotonic_time() + WRITER_WAIT_US;
    bool taken = false, late = false;

    lock(store);
    while (store->writer_busy && !late) {
        ZG_TSAN_HANDS_OVER(store);
        late = !g_cond_wait_until(&store->writer_free, &store->lock, deadline);
        ZG_TSAN_TAKES_OVER(store);
    }
    if (!store->writer_busy) {
        store->writer_busy = taken = true;
    }
    unlock(store);
    if (!taken) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE,
                    "the store is busy; try again in a moment");
    }
    return taken;
}

static void
give_back(SqliteStore *store, sqlite3 *db, ZgTxMode mode)
{
    lock(store);
    if (mode == ZG_TX_WRITE) {
        store->writer_busy = false;
        g_cond_signal(&store->writer_free);
    } else {
        g_queue_push_head(&store->idle_readers, db);
    }
    unlock(store);
}

static sqlite3 *
take_reader(SqliteStore *store, GError **error)
{
    sqlite3 *db;

    lock(store);
    db = g_queue_pop_head(&store->idle_readers);
    unlock(store);
    return db != NULL ? db : open_connection(store->path, error);
}

static bool
begin(ZgStore *base, ZgTxMode mode, void **out_connection, GError **error)
{
    SqliteStore *store = (SqliteStore *)base;
    sqlite3 *db;

    if (mode == ZG_TX_WRITE) {
        if (!take_writer(store, error)) {
            return false;
        }
        db = store->writer;
    } else {
        db = take_reader(store, error);
        if (db == NULL) {
            return false;
        }
    }
    if (!script(db, mode == ZG_TX_WRITE ? "BEGIN IMMEDIATE" : "BEGIN", error)) {
        give_back(store, db, mode);
        return false;
    }
    *out_connection = db;
    return true;
}

static bool
end(ZgStore *base, void *connection, ZgTxMode mode, bool commit, GError **error)
{
    bool ok = script(connection, commit ? "COMMIT" : "ROLLBACK", error);

    if (!ok && !sqlite3_get_autocommit(connection)) {
        sqlite3_exec(connection, "ROLLBACK", NULL, NULL, NULL);
    }
    give_back((SqliteStore *)base, connection, mode);
    return ok;
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql, const ZgParam *params, size_t n_params, GError **error)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        set_error(db, sql, error);
        return NULL;
    }
    for (size_t i = 0; i < n_params; i++) {
        char name[16];
        int index;

        g_snprintf(name, sizeof name, "$%zu", i + 1);
        index = sqlite3_bind_parameter_index(statement, name);
        if (index == 0) {
            continue; /* a statement need not use every parameter */
        }
        if (!params[i].is_text) {
            sqlite3_bind_int64(statement, index, params[i].number);
        } else if (params[i].text != NULL) {
            sqlite3_bind_text(statement, index, params[i].text, -1, SQLITE_TRANSIENT);
        } else {
            sqlite3_bind_null(statement, index);
        }
    }
    return statement;
}

static bool
run(void *connection, const char *sql, const ZgParam *params, size_t n_params,
    int64_t *out_n_changed, GError **error)
{
    sqlite3_stmt *statement = prepare(connection, sql, params, n_params, error);
    int step;

    if (statement == NULL) {
        return false;
    }
    step = sqlite3_step(statement);
    if (step != SQLITE_DONE && step != SQLITE_ROW) {
        set_error(connection, sql, error);
        sqlite3_finalize(statement);
        return false;
    }
    sqlite3_finalize(statement);
    *out_n_changed = sqlite3_changes(connection);
    return true;
}

static void *
query(void *connection, const char *sql, const ZgParam *params, size_t n_params, GError **error)
{
    return prepare(connection, sql, params, n_params, error);
}

static bool
next(void *cursor, GError **error)
{
    int step = sqlite3_step(cursor);

    if (step == SQLITE_ROW) {
        return true;
    }
    if (step != SQLITE_DONE) {
        set_error(sqlite3_db_handle(cursor), "reading", error);
    }
    return false;
}

static const char *
text(void *cursor, int column)
{
    return (const char *)sqlite3_column_text(cursor, column);
}

static int64_t
number(void *cursor, int column)
{
    return sqlite3_column_int64(cursor, column);
}

static void
close_cursor(void *cursor)
{
    sqlite3_finalize(cursor);
}

static void
close_store(ZgStore *base)
{
    SqliteStore *store = (SqliteStore *)base;
    sqlite3 *db;

    g_assert(!store->writer_busy);
    while ((db = g_queue_pop_head(&store->idle_readers)) != NULL) {
        sqlite3_close(db);
    }
    sqlite3_close(store->writer);
    g_mutex_clear(&store->lock);
    g_cond_clear(&store->writer_free);
    g_free(store->path);
    g_free(store);
}

static const ZgStoreOps sqlite_ops = {
    .begin = begin,
    .end = end,
    .script = script,
    .run = run,
    .query = query,
    .next = next,
    .text = text,
    .number = number,
    .close = close_cursor,
    .free = close_store,
};

ZgStore *
zg_store_open_sqlite(const char *path, GError **error)
{
    g_auto(ZgFd) fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    SqliteStore *store;
    sqlite3 *writer;

    if (fd < 0) {
        zg_set_errno(error, errno, "store '%s'", path);
        return NULL;
    }
    writer = open_connection(path, error);
    if (writer == NULL) {
        return NULL;
    }
    store = g_new0(SqliteStore, 1);
    store->base.ops = &sqlite_ops;
    store->path = g_strdup(path);
    store->writer = writer;
    g_mutex_init(&store->lock);
    g_cond_init(&store->writer_free);
    g_queue_init(&store->idle_readers);
    if (!zg_store_migrate(&store->base, error)) {
        g_prefix_error(error, "store '%s': ", path);
        close_store(&store->base);
        return NULL;
    }
    return &store->base;
}
