/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of the link: what a host or a broker may send, read and, if accepted, written again. */
#include <stdint.h>
#include <stdlib.h>
#include "common/proto/agent.h"
#include "common/proto/json.h"
#include "common/proto/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
read_and_write(const json_t *message)
{
    g_autoptr(ZgAgentHello) hello = zg_agent_hello_read(message, NULL);
    g_autoptr(ZgAgentReport) report = zg_agent_report_read(message, NULL);
    g_autoptr(ZgDesired) desired = zg_desired_read(message, NULL);
    g_autoptr(ZgAgentDone) done = zg_agent_done_read(message, NULL);
    g_autoptr(ZgAgentViewer) viewer = zg_agent_viewer_read(message, NULL);
    g_autoptr(ZgLine) line = zg_line_read(message, NULL);

    json_decref(line != NULL ? zg_line_write(line) : NULL);
    json_decref(hello != NULL ? zg_agent_hello_write(hello) : NULL);
    json_decref(report != NULL ? zg_agent_report_write(report) : NULL);
    json_decref(desired != NULL ? zg_desired_write(desired) : NULL);
    json_decref(done != NULL ? zg_agent_done_write(done) : NULL);
    json_decref(viewer != NULL ? zg_agent_viewer_write(viewer) : NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    g_autoptr(json_t) message = zg_json_parse(data, n, NULL);

    if (message != NULL) {
        read_and_write(message);
    }
    return 0;
}
