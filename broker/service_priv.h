/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files that make up the service; not for its callers. */
#pragma once

#include "broker/agents.h"
#include "broker/lines.h"
#include "broker/record.h"
#include "broker/service.h"
#include "broker/views.h"

typedef struct ZgFeed ZgFeed;
typedef struct ZgTickets ZgTickets;

struct ZgService {
    char *broker_name;
    char *program_version;
    char *link_unix;
    char *link_tcp_address;
    uint16_t link_tcp_port;
    char *certificate;
    char *key;
    char *ca;
    char *ca_key;
    char *store_path;
    ZgStore *store;
    ZgWorkerPool *workers;
    ZgWorkerPool *serial; /* sweeps and link work, in order */
    ZgAgents *agents;     /* NULL before start */
    ZgFeed *feed;
    ZgTickets *tickets;
    ZgLines *lines;
    GMainContext *loop;
    int64_t started_us;
    guint sweep_timer;
    bool sweeping;
    bool sweep_again;
    unsigned n_sweeps;
    int kick_posted; /* atomic */
    GMutex lock;     /* guards the three below */
    char *directory_name;
    char *directory_text; /* what is wrong, or NULL */
    bool directory_known;
    char *sweep_error; /* of the last sweep, or NULL; also under lock */
};

/** zg_service_kick() - something changed: sweep soon. Any thread. */
void zg_service_kick(ZgService *service);

/** zg_service_actor() - "user:NAME"; the caller frees. */
char *zg_service_actor(const ZgCaller *caller);

/* A transaction that a mutating call commits; a sweep follows. */
bool zg_service_commit(ZgService *service, ZgTx *tx, GError **error);

/* Feed: changes after commit to subscriptions. Loop. */
ZgFeed *zg_feed_new(ZgStore *store, ZgWorkerPool *workers);
void zg_feed_free(ZgFeed *feed);
/** zg_feed_post() - a commit carried events. Any thread. */
void zg_feed_post(ZgFeed *feed);
ZgSubscription *zg_feed_subscribe(ZgFeed *feed, const char *user, int64_t after_id,
                                  ZgEventFunc func, void *data, GError **error);

/* Tickets on their way. Loop. */
ZgTickets *zg_tickets_new(ZgService *service);
void zg_tickets_free(ZgTickets *tickets);
void zg_tickets_done(ZgTickets *tickets, const ZgAgentDone *done);
void zg_tickets_issue(ZgTickets *tickets, const ZgCaller *caller, const char *session_id,
                      bool share, bool view_only, ZgTicketFunc done, void *data);
