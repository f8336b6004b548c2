/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Life of the service: store, workers, links, sweeps. */
#include "broker/service_priv.h"

#include "broker/clean.h"
#include "broker/reconcile.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

#define SWEEP_EVERY_S 5
#define SWEEPS_PER_CLEANING 120
#define SERIAL_QUEUE 8192
#define WORKER_QUEUE 2048

static void
on_store_events(void *user)
{
    zg_feed_post(((ZgService *)user)->feed);
}

ZgService *
zg_service_new(const ZgServiceOptions *options, GError **error)
{
    ZgStore *store = zg_store_open_sqlite(options->store_sqlite, error);
    ZgService *service;

    if (store == NULL) {
        return NULL;
    }
    service = g_new0(ZgService, 1);
    g_mutex_init(&service->lock);
    service->broker_name = g_strdup(options->broker_name);
    service->program_version = g_strdup(options->program_version);
    service->store_path = g_strdup(options->store_sqlite);
    service->link_unix = g_strdup(options->link_unix);
    service->link_tcp_address = g_strdup(options->link_tcp_address);
    service->link_tcp_port = options->link_tcp_port;
    service->certificate = g_strdup(options->certificate);
    service->key = g_strdup(options->key);
    service->ca = g_strdup(options->ca);
    service->ca_key = g_strdup(options->ca_key);
    service->store = store;
    service->started_us = zg_clock_mono_us();
    service->workers = zg_worker_pool_new(CLAMP(options->n_workers, 2, 64), WORKER_QUEUE);
    service->serial = zg_worker_pool_new(1, SERIAL_QUEUE);
    service->feed = zg_feed_new(store, service->workers);
    service->tickets = zg_tickets_new(service);
    service->lines = zg_lines_new();
    zg_store_set_event_func(store, on_store_events, service);
    return service;
}

/* ---- sweeps ---- */

typedef struct {
    ZgService *service;
    GHashTable *states;
    ZgHostState absent;
    bool clean; /* afterwards */
    GPtrArray *orders;
    GError *error;
} SweepJob;

static void start_sweep(ZgService *service);

static void
sweep_work(void *data)
{
    SweepJob *job = data;

    job->orders = zg_reconcile_sweep(job->service->store, job->states, job->absent,
                                     job->service->lines, &job->error);
    if (job->orders != NULL && job->clean) {
        zg_clean_store(job->service->store, &job->error);
    }
}

static void
note_sweep(ZgService *service, const GError *error)
{
    bool news;

    g_mutex_lock(&service->lock);
    news = g_strcmp0(service->sweep_error, error != NULL ? error->message : NULL) != 0;
    g_free(service->sweep_error);
    service->sweep_error = error != NULL ? g_strdup(error->message) : NULL;
    g_mutex_unlock(&service->lock);
    if (news && error != NULL) {
        zg_log_error("sweep-failed", NULL, "%s", error->message);
    } else if (news) {
        zg_log_info("sweep-works", NULL, "the store answers again");
    }
}

static void
sweep_done(void *data)
{
    SweepJob *job = data;
    ZgService *service = job->service;

    service->sweeping = false;
    note_sweep(service, job->error);
    if (service->agents != NULL && job->orders != NULL) {
        zg_agents_give(service->agents, job->orders);
    }
    g_clear_pointer(&job->orders, g_ptr_array_unref);
    g_hash_table_unref(job->states);
    g_clear_error(&job->error);
    g_free(job);
    if (service->sweep_again && service->agents != NULL) {
        start_sweep(service);
    }
}

static void
start_sweep(ZgService *service)
{
    SweepJob *job;

    if (service->sweeping || service->agents == NULL) {
        service->sweep_again = true;
        return;
    }
    job = g_new0(SweepJob, 1);
    job->service = service;
    job->states = zg_agents_states(service->agents);
    job->absent = zg_agents_absent(service->agents);
    job->clean = service->n_sweeps++ % SWEEPS_PER_CLEANING == 0;
    service->sweep_again = false;
    service->sweeping = true;
    if (!zg_worker_run(service->serial, sweep_work, sweep_done, job, NULL)) {
        service->sweeping = false;
        g_hash_table_unref(job->states);
        g_free(job);
    }
}

static gboolean
on_kick(gpointer data)
{
    ZgService *service = data;

    g_atomic_int_set(&service->kick_posted, 0);
    start_sweep(service);
    return G_SOURCE_REMOVE;
}

void
zg_service_kick(ZgService *service)
{
    if (g_atomic_int_compare_and_exchange(&service->kick_posted, 0, 1)) {
        g_idle_add_full(G_PRIORITY_DEFAULT, on_kick, service, NULL);
    }
}

static gboolean
on_sweep_timer(gpointer data)
{
    start_sweep(data);
    return G_SOURCE_CONTINUE;
}

static void
on_agents_change(void *user)
{
    zg_service_kick(user);
}

static void
on_agents_done(const ZgAgentDone *done, void *user)
{
    zg_tickets_done(((ZgService *)user)->tickets, done);
}

static void
on_agents_line(ZgLine *line, void *user)
{
    zg_lines_take(((ZgService *)user)->lines, line, zg_clock_mono_us());
}

static const ZgAgentsHandlers agents_handlers = {
    .on_change = on_agents_change,
    .on_done = on_agents_done,
    .on_line = on_agents_line,
};

bool
zg_service_start(ZgService *service, GError **error)
{
    ZgAgentsOptions options = {
        .store = service->store,
        .serial = service->serial,
        .authority = {.ca = service->ca, .ca_key = service->ca_key},
        .certificate = service->certificate,
        .key = service->key,
        .unix_path = service->link_unix,
        .tcp_address = service->link_tcp_port != 0 ? service->link_tcp_address : NULL,
        .tcp_port = service->link_tcp_port,
    };

    service->agents = zg_agents_new(&options, &agents_handlers, service, error);
    if (service->agents == NULL) {
        return false;
    }
    service->sweep_timer = g_timeout_add_seconds(SWEEP_EVERY_S, on_sweep_timer, service);
    zg_service_kick(service);
    return true;
}

/* Jobs that ran have their `done` on the loop: let those run while everything still stands. */
static void
drain(ZgService *service)
{
    g_clear_pointer(&service->serial, zg_worker_pool_free);
    g_clear_pointer(&service->workers, zg_worker_pool_free);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    while (g_source_remove_by_user_data(service)) {
    }
}

void
zg_service_free(ZgService *service)
{
    if (service == NULL) {
        return;
    }
    if (service->sweep_timer != 0) {
        g_source_remove(service->sweep_timer);
    }
    g_clear_pointer(&service->agents, zg_agents_free);
    drain(service);
    zg_tickets_free(service->tickets);
    zg_lines_free(service->lines);
    zg_feed_free(service->feed);
    zg_store_free(service->store);
    g_mutex_clear(&service->lock);
    g_free(service->broker_name);
    g_free(service->program_version);
    g_free(service->store_path);
    g_free(service->link_unix);
    g_free(service->link_tcp_address);
    g_free(service->certificate);
    g_free(service->key);
    g_free(service->ca);
    g_free(service->ca_key);
    g_free(service->directory_name);
    g_free(service->directory_text);
    g_free(service->sweep_error);
    g_free(service);
}

ZgWorkerPool *
zg_service_workers(ZgService *service)
{
    return service->workers;
}

void
zg_service_set_directory_fact(ZgService *service, const ZgPartFact *fact)
{
    g_mutex_lock(&service->lock);
    g_free(service->directory_name);
    g_free(service->directory_text);
    service->directory_known = true;
    service->directory_name = g_strdup(fact->name);
    service->directory_text = fact->ok ? NULL : g_strdup(fact->text != NULL ? fact->text : "down");
    g_mutex_unlock(&service->lock);
}

char *
zg_service_actor(const ZgCaller *caller)
{
    return g_strdup_printf("user:%s", caller->user);
}

bool
zg_service_commit(ZgService *service, ZgTx *tx, GError **error)
{
    if (!zg_tx_commit(tx, error)) {
        return false;
    }
    zg_service_kick(service);
    return true;
}

ZgSubscription *
zg_service_subscribe(ZgService *service, const char *user, int64_t after_id, ZgEventFunc func,
                     void *data, GError **error)
{
    return zg_feed_subscribe(service->feed, user, after_id, func, data, error);
}

void
zg_service_issue_ticket(ZgService *service, const ZgCaller *caller, const char *session_id,
                        bool share, bool view_only, ZgTicketFunc done, void *data)
{
    zg_tickets_issue(service->tickets, caller, session_id, share, view_only, done, data);
}
