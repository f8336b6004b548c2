/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One worker process and the door to it: spawned, spoken to, reaped. Loop thread. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "display/worker_report.h"

#define ZG_WORKER_READY_MS 5000 /* a worker that has not said `ready` by then is killed */
#define ZG_WORKER_STOP_MS 2000  /* from `stop` to SIGKILL */
#define ZG_WORKER_REPORTS_MAX 300 /* a worker that says more in a second is killed */

typedef struct ZgWorkerLink ZgWorkerLink;

typedef struct {
    /* The worker says something, borrowed. Freeing the link here is allowed. */
    void (*on_report)(ZgWorkerLink *link, const ZgWorkerReport *report, void *user);
    /* The process has ended and was reaped, or its door closed; called once. */
    void (*on_ended)(ZgWorkerLink *link, const char *reason, void *user);
} ZgWorkerHandlers;

typedef struct {
    const char *program; /* path of zaguan-display */
    uid_t uid;           /* as root: user and group of the worker; 0 when not root */
} ZgWorkerSettings;

/**
 * zg_worker_link_new() - start a worker
 * @settings: read during the call
 * Return: owned by the caller; NULL with ZG_ERROR_FAILED.
 *
 * The child has descriptors 0..2 and 3 (its door) and nothing else, no capabilities, an
 * environment of ZAGUAN_LOG only, and its own network where the kernel allows that.
 */
ZgWorkerLink *zg_worker_link_new(const ZgWorkerSettings *settings,
                                 const ZgWorkerHandlers *handlers, void *user, GError **error);

/** zg_worker_link_free() - no further callbacks; the process is told to stop, or killed. */
void zg_worker_link_free(ZgWorkerLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgWorkerLink, zg_worker_link_free)

/**
 * zg_worker_link_send() - one packet with at most one descriptor
 * @message: handed over
 * @pass_fd: borrowed, or -1
 * Return: false when the worker does not take its packets; it is being killed then.
 */
bool zg_worker_link_send(ZgWorkerLink *link, json_t *message, int pass_fd);

/** zg_worker_link_is_ready() - has it said `ready`? */
bool zg_worker_link_is_ready(const ZgWorkerLink *link);

pid_t zg_worker_link_pid(const ZgWorkerLink *link);

/** zg_worker_link_uid() - the uid it was started with. */
uid_t zg_worker_link_uid(const ZgWorkerLink *link);
