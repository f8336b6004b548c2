/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker says: what was read is inside its bounds. */
#include <stdlib.h>
#include <string.h>
#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/proto/json.h"
#include "display/worker_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(const ZgWorkerReport *r)
{
    bool of_viewer = r->kind == ZG_WORKER_SAYS_FIRST_FRAME ||
                     r->kind == ZG_WORKER_SAYS_VIEWER_GONE || r->kind == ZG_WORKER_SAYS_STATS;

    if (of_viewer != (r->viewer != NULL) || (of_viewer && !zg_id_is_valid(r->viewer)) ||
        strlen(r->reason) > ZG_LIMIT_TEXT_BYTES || r->frames < 0 || r->rtt_us < 0 ||
        r->rate_kbit < 0 || r->fps < 0 || r->queued_bytes < 0 || r->idle_s < 0) {
        abort();
    }
    if (r->kind == ZG_WORKER_SAYS_SIZE &&
        (r->width < 1 || r->width > ZG_LIMIT_SCREEN_SIDE || r->height < 1 ||
         r->height > ZG_LIMIT_SCREEN_SIDE)) {
        abort();
    }
    if (r->kind == ZG_WORKER_SAYS_STATS && r->bottleneck == NULL) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(json_t) message = zg_json_parse(data, n, NULL);
    g_auto(ZgWorkerReport) report = {0};

    if (message != NULL && zg_worker_report_read(message, &report, NULL)) {
        check(&report);
    }
    return 0;
}
