/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the two files of the link server: agents.c (links) and agents_jobs.c (store work). */
#pragma once

#include "broker/agents.h"
#include "common/net/channel.h"
#include "common/net/listener.h"
#include "common/net/tls.h"

typedef enum {
    LINK_NEW,      /* TLS not there yet, or nothing said */
    LINK_GREETING, /* hello or enrol is being looked at */
    LINK_UP,
} LinkState;

typedef struct {
    ZgAgents *agents;
    guint64 id;
    ZgChannel *channel;
    char *peer;
    char *certified; /* host name of the client certificate, or NULL */
    LinkState state;
    char *host; /* from LINK_UP on */
    int64_t since_us;
    int64_t heard_us;
    GHashTable *seen;          /* desktop id → digest of what was reported last */
    GHashTable *sent;          /* desktop id → text of the desired sent last */
    GHashTable *sent_commands; /* ids */
    bool told_all;             /* desired_all was sent on this link */
    char *load;                /* digest of the host's load stored last */
} Link;

struct ZgAgents {
    int refs; /* loop thread: the owner and every job */
    bool closed;
    ZgStore *store;
    ZgWorkerPool *serial;
    ZgAuthority authority;
    const ZgAgentsHandlers *handlers;
    void *user;
    SSL_CTX *tls;
    ZgListener *unix_listener;
    ZgListener *tcp_listener;
    uint16_t tcp_port;
    GHashTable *links; /* &link->id → Link, owned */
    GHashTable *hosts; /* name → int64_t *: when last heard */
    GHashTable *told;  /* name → ZgHostState as of the last tick */
    guint64 next_id;
    guint timer;
    int64_t started_us;
};

/** zg_link_find() - the link with this id, or NULL when it has ended. */
Link *zg_link_find(ZgAgents *agents, guint64 id);

/** zg_link_close() - tell the peer why (if @error) and end. The link may be freed on return. */
void zg_link_close(Link *link, const GError *error);

/** zg_link_up() - the store knows the host: send welcome. */
void zg_link_up(Link *link, const char *host, int64_t epoch);

/** zg_link_enrolled() - send the certificate and end. */
void zg_link_enrolled(Link *link, const char *certificate);

void zg_agents_ref(ZgAgents *agents);
void zg_agents_unref(ZgAgents *agents);

/* Store work in the order of arrival; each takes what it is given. */
void zg_agents_job_hello(Link *link, ZgAgentHello *hello);
void zg_agents_job_enrol(Link *link, const char *host, const char *token_secret, const char *csr);
void zg_agents_job_report(Link *link, ZgAgentReport *load, GPtrArray *observed,
                          GHashTable *present);
void zg_agents_job_viewer(Link *link, ZgAgentViewer *viewer);
void zg_agents_job_done(Link *link, ZgAgentDone *done);
void zg_agents_job_progress(Link *link, const char *id, int64_t percent, const char *text);
