/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bounded pool for work that blocks or burns: `work` on a pool thread, `done` on the loop. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct ZgWorkerPool ZgWorkerPool;

/* Runs on a pool thread and sees only its own job. */
typedef void (*ZgWorkFunc)(void *job);
/* Runs on the default main context after `work`; owns the job and frees it. */
typedef void (*ZgDoneFunc)(void *job);

/**
 * zg_worker_pool_new() - threads that start on first use
 * @n_threads: 1..64
 * @n_queued:  most jobs waiting or running; past it zg_worker_run() refuses
 */
ZgWorkerPool *zg_worker_pool_new(unsigned n_threads, unsigned n_queued);

/** zg_worker_pool_free() - waits for running jobs; their `done` still runs on the loop. */
void zg_worker_pool_free(ZgWorkerPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgWorkerPool, zg_worker_pool_free)

/**
 * zg_worker_run() - queue one job; loop thread
 * @job: handed over on success; still the caller's on refusal
 * Return: false with ZG_ERROR_UNAVAILABLE when the queue is full.
 */
bool zg_worker_run(ZgWorkerPool *pool, ZgWorkFunc work, ZgDoneFunc done, void *job,
                   GError **error);
