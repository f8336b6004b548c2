/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base/worker.h"

#include "common/base/error.h"
#include "common/base/tsan.h"

struct ZgWorkerPool {
    GThreadPool *threads;
    unsigned n_queued_max;
    int n_queued; /* atomic: raised on the loop, lowered where `done` has run */
    int refs;     /* atomic: the owner and every job */
};

typedef struct {
    ZgWorkerPool *pool;
    ZgWorkFunc work;
    ZgDoneFunc done;
    void *job;
} QueuedJob;

static void
pool_unref(ZgWorkerPool *pool)
{
    if (g_atomic_int_dec_and_test(&pool->refs)) {
        g_free(pool);
    }
}

static gboolean
finish_on_loop(gpointer data)
{
    QueuedJob *queued = data;

    ZG_TSAN_TAKES_OVER(queued);
    queued->done(queued->job);
    g_atomic_int_add(&queued->pool->n_queued, -1);
    pool_unref(queued->pool);
    g_free(queued);
    return G_SOURCE_REMOVE;
}

static void
run_on_thread(gpointer data, gpointer user_data)
{
    QueuedJob *queued = data;

    (void)user_data;
    ZG_TSAN_TAKES_OVER(queued);
    queued->work(queued->job);
    ZG_TSAN_HANDS_OVER(queued);
    g_idle_add_full(G_PRIORITY_DEFAULT, finish_on_loop, queued, NULL);
}

ZgWorkerPool *
zg_worker_pool_new(unsigned n_threads, unsigned n_queued)
{
    ZgWorkerPool *pool = g_new0(ZgWorkerPool, 1);

    g_assert(n_threads >= 1 && n_threads <= 64);
    pool->threads = g_thread_pool_new(run_on_thread, NULL, (gint)n_threads, FALSE, NULL);
    pool->n_queued_max = n_queued;
    pool->refs = 1;
    return pool;
}

void
zg_worker_pool_free(ZgWorkerPool *pool)
{
    if (pool != NULL) {
        g_thread_pool_free(pool->threads, FALSE, TRUE);
        pool_unref(pool);
    }
}

bool
zg_worker_run(ZgWorkerPool *pool, ZgWorkFunc work, ZgDoneFunc done, void *job, GError **error)
{
    QueuedJob *queued;

    if ((unsigned)g_atomic_int_get(&pool->n_queued) >= pool->n_queued_max) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE,
                    "%u jobs are already waiting; try again in a moment", pool->n_queued_max);
        return false;
    }
    queued = g_new(QueuedJob, 1);
    *queued = (QueuedJob){.pool = pool, .work = work, .done = done, .job = job};
    g_atomic_int_inc(&pool->n_queued);
    g_atomic_int_inc(&pool->refs);
    ZG_TSAN_HANDS_OVER(queued);
    g_thread_pool_push(pool->threads, queued, NULL);
    return true;
}
