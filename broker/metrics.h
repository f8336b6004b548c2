/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters as Prometheus text, and health, for a loopback port. */
#pragma once

#include "broker/api.h"

typedef struct {
    ZgApi *api;
    const ZgHttpServer *http;
} ZgMetrics;

/** zg_metrics_handle() - a ZgHttpHandler for /metrics and /healthz; @data is a ZgMetrics. */
void zg_metrics_handle(ZgHttpRequest *request, void *data);

/** zg_health_handle() - answer /healthz: 200 `ok`, or 503 when the store cannot be written. */
void zg_health_handle(ZgApi *api, ZgHttpRequest *request);
