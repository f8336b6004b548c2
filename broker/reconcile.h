/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sweep: compares wished with seen for everything, in one transaction, and says what each host
 * must be told. Worker threads; one sweep at a time.
 */
#pragma once

#include "broker/desktop.h"
#include "broker/lines.h"
#include "common/proto/agent.h"

/* What a host must be told. */
typedef struct {
    char *host;
    GPtrArray *desired;  /* of ZgDesired, owned */
    GPtrArray *commands; /* of ZgHostCommand, owned: those waiting in the outbox */
    int64_t now_us;      /* the store's, for what remains of deadlines */
} ZgHostOrders;

void zg_host_orders_free(ZgHostOrders *orders);

/**
 * zg_reconcile_sweep() - one sweep
 * @links: host name → ZgHostState (GINT_TO_POINTER) as the link server sees it; hosts that are
 *         not in it count as @absent
 * @lines: who is idle
 * Return: array of ZgHostOrders for the linked hosts, or NULL.
 */
GPtrArray *zg_reconcile_sweep(ZgStore *store, GHashTable *links, ZgHostState absent,
                              ZgLines *lines, GError **error);
