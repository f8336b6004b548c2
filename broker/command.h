/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outbox of commands to hosts, kept in the store until done or expired. Worker threads. */
#pragma once

#include <jansson.h>
#include "broker/store/model.h"
#include "common/proto/agent.h"

#define ZG_COMMAND_TTL_MS 30000
#define ZG_COMMAND_IMPORT_TTL_MS (3600 * 1000)
/* As a wish's host: every host that is linked, or the first to come before the command expires. */
#define ZG_COMMAND_ALL_HOSTS "*"
/* Silence makes a host lost long before this; then the others need not wait for it. */
#define ZG_COMMAND_HOSTS_WAIT_MS 30000

/* What to send; borrowed. */
typedef struct {
    const char *id; /* or NULL: a new one */
    const char *host;
    const char *kind;
    const char *desktop;   /* the rest may be NULL */
    const char *session;
    const char *operation;
    int64_t ttl_ms;        /* 0: ZG_COMMAND_TTL_MS */
} ZgCommandWish;

/** zg_command_queue() - put one into the outbox; @fields is handed over. */
bool zg_command_queue(ZgTx *tx, const ZgCommandWish *wish, json_t *fields, GError **error);

/** zg_command_sign_on() - queue the sign-on of this session in this desktop's guest. */
bool zg_command_sign_on(ZgTx *tx, const ZgSession *session, const ZgDesktop *desktop,
                        const ZgPool *pool, GError **error);

/**
 * zg_commands_spread() - what is for all hosts becomes one command each
 * As long as no host is linked, or one may come back at any moment, it waits, and its operation
 * says so. Hosts' rows must be up to date.
 */
bool zg_commands_spread(ZgTx *tx, GError **error);

/**
 * zg_command_done() - a host answered; acts on the answer (image known, operation over, …)
 * A repeated or unknown id changes nothing.
 */
bool zg_command_done(ZgTx *tx, const char *host, const ZgAgentDone *done, GError **error);

/** zg_commands_expire() - those whose deadline has passed, and what hangs on them. */
bool zg_commands_expire(ZgTx *tx, GError **error);
