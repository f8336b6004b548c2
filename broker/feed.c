/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes after commit, in counter order, to whoever subscribed. A worker reads what is new and
 * makes the resources once; the loop hands them out. A newcomer with an older id is brought up to
 * date by a reading of its own before it joins the others.
 */
#include <stdlib.h>
#include <string.h>
#include "broker/service_priv.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/proto/json.h"

#define BATCH 500
#define SUBSCRIPTIONS_MAX 1000

typedef struct {
    int64_t id;
    char *type;
    char *user;
    char *data;
} Entry;

struct ZgSubscription {
    ZgFeed *feed;
    char *user;
    int64_t last_id;
    bool live; /* caught up */
    ZgEventFunc func;
    void *func_data;
};

struct ZgFeed {
    int refs;
    bool closed;
    ZgStore *store;
    ZgWorkerPool *workers;
    GPtrArray *subscriptions;
    int64_t last_id; /* handed out; -1: nobody has said from where */
    bool reading;
    bool again;
    int posted; /* atomic */
};

typedef struct {
    ZgFeed *feed;
    ZgSubscription *newcomer; /* or NULL; only compared, never followed, on the worker */
    int64_t after_id;
    int64_t last_id;
    bool reset;
    bool full; /* the batch was full: there is more */
    GPtrArray *entries;
    GError *error;
} Reading;

static void
free_entry(gpointer data)
{
    Entry *entry = data;

    g_free(entry->type);
    g_free(entry->user);
    g_free(entry->data);
    g_free(entry);
}

static void
feed_unref(ZgFeed *feed)
{
    if (--feed->refs == 0) {
        g_ptr_array_unref(feed->subscriptions);
        g_free(feed);
    }
}

static bool
read_int(ZgTx *tx, const char *sql, int64_t *out_value, GError **error)
{
    g_autoptr(ZgRows) rows = zg_tx_query(tx, error, sql, "");

    if (rows == NULL) {
        return false;
    }
    *out_value = zg_rows_next(rows, NULL) ? zg_rows_int(rows, 0) : 0;
    return true;
}

static char *
deleted_text(const char *type, const char *subject)
{
    bool by_name = strcmp(type, "pool") == 0 || strcmp(type, "host") == 0 ||
                   strcmp(type, "template") == 0;
    g_autoptr(json_t) view = json_pack("{s:s, s:b}", by_name ? "name" : "id", subject, "deleted",
                                       1);

    return zg_json_text(view);
}

/* The resource as it is now; what is gone meanwhile is told as deleted. */
static char *
resource_text(ZgTx *tx, const char *type, const char *subject, bool deleted, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) view = deleted ? NULL : zg_view_find(tx, type, subject, &failure);
    char *text;
    char *copy;

    if (view == NULL && failure != NULL &&
        !g_error_matches(failure, ZG_ERROR, ZG_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    text = view != NULL ? zg_json_text(view) : deleted_text(type, subject);
    copy = g_strdup(text);
    free(text);
    return copy;
}

/* Of several changes of one thing in a batch only the last is told: data is the state now. */
static void
add_entry(GPtrArray *entries, GHashTable *places, ZgRows *rows)
{
    Entry *entry = g_new0(Entry, 1);
    char *place;
    gpointer old;

    entry->id = zg_rows_int(rows, 0);
    entry->type = g_strdup(zg_rows_text(rows, 1));
    entry->user = g_strdup(zg_rows_text(rows, 3));
    entry->data = zg_rows_int(rows, 4) != 0 ? g_strdup("deleted") : NULL;
    place = g_strdup_printf("%s/%s", entry->type, zg_rows_text(rows, 2));
    old = g_hash_table_lookup(places, place);
    if (old != NULL) {
        g_ptr_array_remove(entries, old);
    }
    g_ptr_array_add(entries, entry);
    g_hash_table_insert(places, place, entry);
}

static bool
fill_entries(ZgTx *tx, GHashTable *places, GError **error)
{
    GHashTableIter iter;
    gpointer place, value;

    g_hash_table_iter_init(&iter, places);
    while (g_hash_table_iter_next(&iter, &place, &value)) {
        Entry *entry = value;
        bool deleted = entry->data != NULL;

        g_free(entry->data);
        entry->data = resource_text(tx, entry->type, strchr(place, '/') + 1, deleted, error);
        if (entry->data == NULL) {
            return false;
        }
    }
    return true;
}

static bool
read_events(Reading *reading, ZgTx *tx, GError **error)
{
    g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(ZgRows) rows = zg_tx_query(tx, error,
                                         "SELECT id, type, subject, user_name, deleted FROM events"
                                         " WHERE id > $1 ORDER BY id LIMIT $2",
                                         "ii", reading->after_id, (int64_t)BATCH);
    int n = 0;

    while (rows != NULL && zg_rows_next(rows, NULL)) {
        add_entry(reading->entries, places, rows);
        reading->last_id = zg_rows_int(rows, 0);
        n++;
    }
    reading->full = n == BATCH;
    return rows != NULL && fill_entries(tx, places, error);
}

static void
reading_work(void *data)
{
    Reading *reading = data;
    g_autoptr(ZgTx) tx = zg_tx_begin(reading->feed->store, ZG_TX_READ, &reading->error);
    int64_t newest = 0;
    int64_t oldest = 0;

    if (tx == NULL ||
        !read_int(tx, "SELECT value FROM counters WHERE name = 'event'", &newest,
                  &reading->error) ||
        !read_int(tx, "SELECT COALESCE(MIN(id), 0) FROM events", &oldest, &reading->error)) {
        return;
    }
    reading->last_id = newest;
    if (reading->after_id < 0) {
        return;
    }
    if (reading->after_id > newest || (oldest > 0 && reading->after_id < oldest - 1)) {
        reading->reset = true;
        return;
    }
    reading->last_id = reading->after_id;
    read_events(reading, tx, &reading->error);
}

static void
hand_to(ZgSubscription *subscription, const Entry *entry)
{
    ZgEvent event = {.id = entry->id, .type = entry->type, .user = entry->user,
                     .data = entry->data};

    if (entry->id <= subscription->last_id) {
        return;
    }
    subscription->last_id = entry->id;
    if (subscription->user != NULL && strcmp(entry->type, "pool") == 0) {
        event.data = "{}"; /* only: look at /my/pools again */
    } else if (subscription->user != NULL && g_strcmp0(entry->user, subscription->user) != 0) {
        return;
    }
    subscription->func(&event, subscription->func_data);
}

static bool
is_subscribed(const ZgFeed *feed, const ZgSubscription *subscription)
{
    return g_ptr_array_find(feed->subscriptions, subscription, NULL);
}

/* Callees may free subscriptions, also others than their own. */
static void
hand_out(ZgFeed *feed, const Reading *reading)
{
    for (guint i = 0; i < reading->entries->len; i++) {
        g_autoptr(GPtrArray) all = g_ptr_array_copy(feed->subscriptions, NULL, NULL);

        for (guint s = 0; s < all->len; s++) {
            ZgSubscription *subscription = g_ptr_array_index(all, s);

            if (is_subscribed(feed, subscription) &&
                (subscription == reading->newcomer ||
                 (reading->newcomer == NULL && subscription->live))) {
                hand_to(subscription, g_ptr_array_index(reading->entries, i));
            }
        }
    }
}

static void start_reading(ZgFeed *feed, ZgSubscription *newcomer, int64_t after_id);

static void
newcomer_done(ZgFeed *feed, const Reading *reading)
{
    ZgSubscription *subscription = reading->newcomer;

    if (!is_subscribed(feed, subscription)) {
        return;
    }
    if (reading->reset) {
        ZgEvent event = {.id = reading->last_id, .type = "reset", .data = "{}"};

        subscription->last_id = reading->last_id;
        subscription->func(&event, subscription->func_data);
        if (!is_subscribed(feed, subscription)) {
            return;
        }
    }
    subscription->last_id = MAX(subscription->last_id, reading->last_id);
    if (reading->full || subscription->last_id < feed->last_id) {
        start_reading(feed, subscription, subscription->last_id);
    } else {
        subscription->live = true;
        if (feed->last_id < 0) {
            feed->last_id = subscription->last_id;
            start_reading(feed, NULL, feed->last_id);
        }
    }
}

static void
reading_done(void *data)
{
    Reading *reading = data;
    ZgFeed *feed = reading->feed;

    if (reading->error != NULL) {
        zg_log_warning("feed-failed", NULL, "%s", reading->error->message);
    }
    if (!feed->closed && reading->error == NULL) {
        hand_out(feed, reading);
        if (reading->newcomer != NULL) {
            newcomer_done(feed, reading);
        } else {
            feed->last_id = reading->last_id;
            feed->again = feed->again || reading->full;
        }
    }
    if (reading->newcomer == NULL) {
        feed->reading = false;
        if (feed->again && !feed->closed && reading->error == NULL) {
            start_reading(feed, NULL, feed->last_id);
        }
    }
    g_ptr_array_unref(reading->entries);
    g_clear_error(&reading->error);
    g_free(reading);
    feed_unref(feed);
}

static void
start_reading(ZgFeed *feed, ZgSubscription *newcomer, int64_t after_id)
{
    Reading *reading;

    if (newcomer == NULL && feed->reading) {
        feed->again = true;
        return;
    }
    reading = g_new0(Reading, 1);
    reading->feed = feed;
    reading->newcomer = newcomer;
    reading->after_id = after_id;
    reading->entries = g_ptr_array_new_with_free_func(free_entry);
    feed->refs++;
    if (!zg_worker_run(feed->workers, reading_work, reading_done, reading, NULL)) {
        feed_unref(feed);
        g_ptr_array_unref(reading->entries);
        g_free(reading);
        return;
    }
    if (newcomer == NULL) {
        feed->reading = true;
        feed->again = false;
    }
}

static gboolean
on_posted(gpointer data)
{
    ZgFeed *feed = data;

    g_atomic_int_set(&feed->posted, 0);
    if (feed->subscriptions->len == 0) {
        feed->last_id = -1; /* nobody listens: the next to come says from where */
    } else if (feed->last_id >= 0) {
        start_reading(feed, NULL, feed->last_id);
    }
    return G_SOURCE_REMOVE;
}

void
zg_feed_post(ZgFeed *feed)
{
    if (g_atomic_int_compare_and_exchange(&feed->posted, 0, 1)) {
        g_idle_add_full(G_PRIORITY_DEFAULT, on_posted, feed, NULL);
    }
}

ZgFeed *
zg_feed_new(ZgStore *store, ZgWorkerPool *workers)
{
    ZgFeed *feed = g_new0(ZgFeed, 1);

    feed->refs = 1;
    feed->store = store;
    feed->workers = workers;
    feed->last_id = -1;
    feed->subscriptions = g_ptr_array_new();
    return feed;
}

void
zg_feed_free(ZgFeed *feed)
{
    if (feed != NULL) {
        feed->closed = true;
        while (g_source_remove_by_user_data(feed)) {
        }
        feed_unref(feed);
    }
}

ZgSubscription *
zg_feed_subscribe(ZgFeed *feed, const char *user, int64_t after_id, ZgEventFunc func, void *data,
                  GError **error)
{
    ZgSubscription *subscription;

    if (feed->subscriptions->len >= SUBSCRIPTIONS_MAX) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "%d listeners are connected already",
                    SUBSCRIPTIONS_MAX);
        return NULL;
    }
    subscription = g_new0(ZgSubscription, 1);
    subscription->feed = feed;
    feed->refs++;
    subscription->user = g_strdup(user);
    subscription->func = func;
    subscription->func_data = data;
    subscription->last_id = MAX(after_id, 0);
    g_ptr_array_add(feed->subscriptions, subscription);
    start_reading(feed, subscription, after_id);
    return subscription;
}

void
zg_subscription_free(ZgSubscription *subscription)
{
    if (subscription != NULL) {
        g_ptr_array_remove(subscription->feed->subscriptions, subscription);
        feed_unref(subscription->feed);
        g_free(subscription->user);
        g_free(subscription);
    }
}
