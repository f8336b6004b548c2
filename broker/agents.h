/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The link server: hosts dial in, say hello, report, and are told what is wished.
 * Source: docs/protocol/hostd.md. Loop thread; store work goes to one serial worker, in order.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include "broker/agent_store.h"
#include "broker/desktop.h"
#include "common/base/worker.h"
#include "common/proto/line.h"

#define ZG_HEARTBEAT_MS 1000
#define ZG_SUSPECTED_US (6 * G_USEC_PER_SEC)
#define ZG_LOST_US (15 * G_USEC_PER_SEC)

typedef struct ZgAgents ZgAgents;

/* All borrowed; they outlive the server. */
typedef struct {
    ZgStore *store;
    ZgWorkerPool *serial; /* one thread */
    ZgAuthority authority;
    const char *certificate;
    const char *key;
    const char *unix_path;   /* or NULL */
    const char *tcp_address; /* or NULL */
    uint16_t tcp_port;
} ZgAgentsOptions;

typedef struct {
    void (*on_change)(void *user); /* something a sweep should look at */
    void (*on_done)(const ZgAgentDone *done, void *user);
    void (*on_line)(ZgLine *line, void *user); /* handed over */
} ZgAgentsHandlers;

/** zg_agents_new() - listen; errors name the file or address. */
ZgAgents *zg_agents_new(const ZgAgentsOptions *options, const ZgAgentsHandlers *handlers,
                        void *user, GError **error);

/** zg_agents_free() - end all links. Accepts NULL. */
void zg_agents_free(ZgAgents *agents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgAgents, zg_agents_free)

/** zg_agents_states() - host name → ZgHostState; g_hash_table_unref(). */
GHashTable *zg_agents_states(ZgAgents *agents);

/** zg_agents_absent() - state of a host that never dialled this broker. */
ZgHostState zg_agents_absent(ZgAgents *agents);

/** zg_agents_give() - tell hosts what is new to them; @orders: of ZgHostOrders, borrowed. */
void zg_agents_give(ZgAgents *agents, GPtrArray *orders);

/** zg_agents_tcp_port() - port of the TCP listener, or 0. */
uint16_t zg_agents_tcp_port(ZgAgents *agents);
