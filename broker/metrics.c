/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/metrics.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/log.h"

static const char *const plain[] = {"Cache-Control", "no-store", NULL};

static void
metrics_answer(const ZgMetrics *metrics, ZgHttpRequest *request)
{
    g_autoptr(GString) text = g_string_new(NULL);
    ZgHttpStats stats;

    zg_http_stats(metrics->http, &stats);
    g_string_append_printf(text,
                           "# TYPE zaguan_http_requests_total counter\n"
                           "zaguan_http_requests_total %" G_GUINT64_FORMAT "\n"
                           "# TYPE zaguan_http_answers_total counter\n",
                           (guint64)stats.requests);
    for (int i = 2; i < 6; i++) {
        g_string_append_printf(text,
                               "zaguan_http_answers_total{class=\"%dxx\"} %" G_GUINT64_FORMAT "\n",
                               i, (guint64)stats.answers[i]);
    }
    g_string_append_printf(
        text,
        "# TYPE zaguan_http_open gauge\nzaguan_http_open %u\n"
        "# TYPE zaguan_event_streams gauge\nzaguan_event_streams %u\n"
        "# TYPE zaguan_sign_ins_total counter\n"
        "zaguan_sign_ins_total{result=\"good\"} %" G_GUINT64_FORMAT "\n"
        "zaguan_sign_ins_total{result=\"refused\"} %" G_GUINT64_FORMAT "\n"
        "# TYPE zaguan_uptime_seconds gauge\nzaguan_uptime_seconds %" G_GINT64_FORMAT "\n",
        stats.open, stats.streams, metrics->api->sign_ins_good, metrics->api->sign_ins_refused,
        (g_get_monotonic_time() - metrics->api->started_us) / G_USEC_PER_SEC);
    zg_http_answer(request, 200, plain, "text/plain; version=0.0.4", text->str, text->len);
}

typedef struct {
    ZgService *service;
    ZgHttpRequest *request;
    bool ok;
} Job;

static void
health_work(void *data)
{
    Job *job = data;
    g_autoptr(GError) error = NULL;

    job->ok = zg_service_healthy(job->service, &error);
    if (!job->ok) {
        zg_log_warning("health", NULL, "%s", error->message);
    }
}

static void
health_done(void *data)
{
    Job *job = data;
    const char *text = job->ok ? "ok\n" : "the store cannot be written\n";

    zg_http_answer(job->request, job->ok ? 200 : 503, plain, "text/plain; charset=utf-8", text,
                   strlen(text));
    zg_http_request_unref(job->request);
    g_free(job);
}

void
zg_health_handle(ZgApi *api, ZgHttpRequest *request)
{
    Job *job = g_new0(Job, 1);

    job->service = api->service;
    job->request = zg_http_request_ref(request);
    if (!zg_worker_run(zg_service_workers(api->service), health_work, health_done, job, NULL)) {
        health_done(job);
    }
}

void
zg_metrics_handle(ZgHttpRequest *request, void *data)
{
    const ZgMetrics *metrics = data;

    if (strcmp(zg_http_path(request), "/metrics") == 0) {
        metrics_answer(metrics, request);
    } else if (strcmp(zg_http_path(request), "/healthz") == 0) {
        zg_health_handle(metrics->api, request);
    } else {
        zg_http_answer(request, 404, plain, NULL, NULL, 0);
    }
}
