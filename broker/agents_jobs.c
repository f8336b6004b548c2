/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a message of a host means for the store: one job each, run in order on one thread. */
#include "broker/agents_priv.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/secret.h"

typedef struct Job Job;

struct Job {
    bool (*run)(Job *job, GError **error);
    void (*finish)(Job *job, Link *link); /* loop; @link NULL when it has ended; or NULL */
    ZgAgents *agents;
    guint64 link_id;
    char *host;
    ZgStore *store;
    const ZgAuthority *authority;
    GError *error;
    /* of one kind or another */
    ZgAgentHello *hello;
    int64_t epoch;
    ZgAgentReport *load;
    GPtrArray *observed;
    GHashTable *present;
    ZgAgentViewer *viewer;
    ZgAgentDone *done;
    char *id;
    char *text;
    int64_t percent;
    char *token_secret;
    char *csr;
    char *certificate;
};

static void
free_job(Job *job)
{
    zg_agents_unref(job->agents);
    g_free(job->host);
    g_clear_error(&job->error);
    zg_agent_hello_free(job->hello);
    zg_agent_report_free(job->load);
    g_clear_pointer(&job->observed, g_ptr_array_unref);
    g_clear_pointer(&job->present, g_hash_table_unref);
    zg_agent_viewer_free(job->viewer);
    zg_agent_done_free(job->done);
    g_free(job->id);
    g_free(job->text);
    zg_wipe_free_text(job->token_secret);
    g_free(job->csr);
    g_free(job->certificate);
    g_free(job);
}

static void
work(void *data)
{
    Job *job = data;

    job->run(job, &job->error);
}

static void
finished(void *data)
{
    Job *job = data;
    Link *link = job->agents->closed ? NULL : zg_link_find(job->agents, job->link_id);

    if (job->error != NULL) {
        zg_log_warning("link-refused", job->host, "%s", job->error->message);
        if (link != NULL) {
            zg_link_close(link, job->error); /* its host dials again and says everything anew */
        }
    } else if (job->finish != NULL) {
        job->finish(job, link);
    }
    if (!job->agents->closed) {
        job->agents->handlers->on_change(job->agents->user);
    }
    free_job(job);
}

static Job *
new_job(Link *link, const char *host, bool (*run)(Job *, GError **), void (*finish)(Job *, Link *))
{
    Job *job = g_new0(Job, 1);

    job->agents = link->agents;
    zg_agents_ref(job->agents);
    job->run = run;
    job->finish = finish;
    job->link_id = link->id;
    job->host = g_strdup(host);
    job->store = link->agents->store;
    job->authority = &link->agents->authority;
    return job;
}

static void
start(Job *job)
{
    g_autoptr(GError) error = NULL;

    if (!zg_worker_run(job->agents->serial, work, finished, job, &error)) {
        Link *link = zg_link_find(job->agents, job->link_id);

        zg_log_warning("link-overrun", job->host, "%s", error->message);
        if (link != NULL) {
            zg_link_close(link, error);
        }
        free_job(job);
    }
}

static bool
run_hello(Job *job, GError **error)
{
    return zg_agent_store_hello(job->store, job->hello, &job->epoch, error);
}

static void
finish_hello(Job *job, Link *link)
{
    if (link != NULL) {
        zg_link_up(link, job->host, job->epoch);
    }
}

void
zg_agents_job_hello(Link *link, ZgAgentHello *hello)
{
    Job *job = new_job(link, hello->host, run_hello, finish_hello);

    job->hello = hello;
    start(job);
}

static bool
run_enrol(Job *job, GError **error)
{
    return zg_agent_store_enrol(job->store, job->authority, job->host, job->token_secret, job->csr,
                                &job->certificate, error);
}

static void
finish_enrol(Job *job, Link *link)
{
    if (link != NULL) {
        zg_link_enrolled(link, job->certificate);
    }
}

void
zg_agents_job_enrol(Link *link, const char *host, const char *token_secret, const char *csr)
{
    Job *job = new_job(link, host, run_enrol, finish_enrol);

    job->token_secret = g_strdup(token_secret);
    job->csr = g_strdup(csr);
    start(job);
}

static bool
run_report(Job *job, GError **error)
{
    return zg_agent_store_report(job->store, job->host, job->load, job->observed, job->present,
                                 error);
}

void
zg_agents_job_report(Link *link, ZgAgentReport *load, GPtrArray *observed, GHashTable *present)
{
    Job *job = new_job(link, link->host, run_report, NULL);

    job->load = load;
    job->observed = observed;
    job->present = present;
    start(job);
}

static bool
run_viewer(Job *job, GError **error)
{
    return zg_agent_store_viewer(job->store, job->host, job->viewer, error);
}

void
zg_agents_job_viewer(Link *link, ZgAgentViewer *viewer)
{
    Job *job = new_job(link, link->host, run_viewer, NULL);

    job->viewer = viewer;
    start(job);
}

static bool
run_done(Job *job, GError **error)
{
    return zg_agent_store_done(job->store, job->host, job->done, error);
}

void
zg_agents_job_done(Link *link, ZgAgentDone *done)
{
    Job *job = new_job(link, link->host, run_done, NULL);

    job->done = done;
    start(job);
}

static bool
run_progress(Job *job, GError **error)
{
    return zg_agent_store_progress(job->store, job->host, job->id, job->percent, job->text, error);
}

void
zg_agents_job_progress(Link *link, const char *id, int64_t percent, const char *text)
{
    Job *job = new_job(link, link->host, run_progress, NULL);

    job->id = g_strdup(id);
    job->percent = percent;
    job->text = g_strdup(text);
    start(job);
}
