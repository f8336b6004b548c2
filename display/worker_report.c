/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/worker_report.h"

#include "common/base/limits.h"
#include "common/proto/json.h"

#define WORD_BYTES_MAX 16
#define ENCODINGS_MAX 8

static void
take_stats(ZgJsonReader *in, ZgWorkerReport *out)
{
    static const char *const bottlenecks[] = {"none", "link", "encoder", "viewer", "guest"};
    const struct {
        const char *key;
        int64_t *value;
    } numbers[] = {
        {"frames", &out->frames}, {"rtt_us", &out->rtt_us},
        {"rate_kbit", &out->rate_kbit}, {"fps", &out->fps},
        {"queued_bytes", &out->queued_bytes}, {"idle_s", &out->idle_s},
    };
    int word = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        zg_json_take_int(in, numbers[i].key, ZG_JSON_OPTIONAL, 0, G_MAXINT64, numbers[i].value);
    }
    zg_json_take_word(in, "bottleneck", ZG_JSON_OPTIONAL, bottlenecks,
                      G_N_ELEMENTS(bottlenecks), &word);
    zg_json_take_texts(in, "encodings", ZG_JSON_OPTIONAL, ENCODINGS_MAX, WORD_BYTES_MAX,
                       &out->encodings);
    out->bottleneck = bottlenecks[word];
}

bool
zg_worker_report_read(const json_t *message, ZgWorkerReport *out, GError **error)
{
    static const struct {
        const char *type;
        ZgWorkerSays kind;
        bool viewer, reason;
    } kinds[] = {
        {"ready", ZG_WORKER_SAYS_READY, false, false},
        {"size", ZG_WORKER_SAYS_SIZE, false, false},
        {"console-lost", ZG_WORKER_SAYS_CONSOLE_LOST, false, true},
        {"first-frame", ZG_WORKER_SAYS_FIRST_FRAME, true, false},
        {"viewer-gone", ZG_WORKER_SAYS_VIEWER_GONE, true, true},
        {"stats", ZG_WORKER_SAYS_STATS, true, false},
    };
    const char *type = NULL;
    ZgJsonReader in;

    *out = (ZgWorkerReport){.reason = ""};
    zg_json_reader_init(&in, message, "worker");
    zg_json_take_text(&in, "type", ZG_JSON_REQUIRED, 1, ZG_LIMIT_NAME_BYTES, &type);
    for (gsize i = 0; type != NULL && i < G_N_ELEMENTS(kinds); i++) {
        if (!g_str_equal(type, kinds[i].type)) {
            continue;
        }
        out->kind = kinds[i].kind;
        if (kinds[i].viewer) {
            zg_json_take_id(&in, "id", ZG_JSON_REQUIRED, &out->viewer);
        }
        if (kinds[i].reason) {
            zg_json_take_text(&in, "reason", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES,
                              &out->reason);
        }
    }
    if (out->kind == ZG_WORKER_SAYS_SIZE) {
        zg_json_take_int(&in, "width", ZG_JSON_REQUIRED, 1, ZG_LIMIT_SCREEN_SIDE, &out->width);
        zg_json_take_int(&in, "height", ZG_JSON_REQUIRED, 1, ZG_LIMIT_SCREEN_SIDE, &out->height);
    } else if (out->kind == ZG_WORKER_SAYS_STATS) {
        take_stats(&in, out);
    }
    return zg_json_reader_finish(&in, ZG_JSON_SKIP_UNKNOWN, NULL, error);
}

void
zg_worker_report_clear(ZgWorkerReport *report)
{
    g_clear_pointer(&report->encodings, g_strfreev);
}
