/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/proto/line.h"

#include "common/base/limits.h"
#include "common/proto/json.h"

#define ENCODINGS_MAX 16
#define WORD_BYTES_MAX 32
#define RTT_US_MAX 3600000000
#define RATE_KBIT_MAX 1000000000

const char *const zg_line_bottlenecks[] = {"none", "link", "encoder", "viewer", "guest", NULL};

void
zg_line_free(ZgLine *line)
{
    if (line != NULL) {
        g_free(line->desktop);
        g_free(line->session);
        g_strfreev(line->encodings);
        g_free(line);
    }
}

ZgLine *
zg_line_read(const json_t *message, GError **error)
{
    g_autoptr(ZgLine) line = g_new0(ZgLine, 1);
    const char *desktop = NULL, *session = NULL;
    ZgJsonReader reader;
    int bottleneck = 0;

    zg_json_reader_init(&reader, message, "stats");
    zg_json_take_text(&reader, "desktop", ZG_JSON_REQUIRED, 1, ZG_LIMIT_NAME_BYTES, &desktop);
    zg_json_take_text(&reader, "session", ZG_JSON_REQUIRED, 1, ZG_LIMIT_NAME_BYTES, &session);
    zg_json_take_int(&reader, "rtt_us", ZG_JSON_OPTIONAL, 0, RTT_US_MAX, &line->rtt_us);
    zg_json_take_int(&reader, "rate_kbit", ZG_JSON_OPTIONAL, 0, RATE_KBIT_MAX, &line->rate_kbit);
    zg_json_take_int(&reader, "fps", ZG_JSON_OPTIONAL, 0, 1000000, &line->fps);
    zg_json_take_int(&reader, "bytes_out", ZG_JSON_OPTIONAL, 0, INT64_MAX, &line->bytes_out);
    zg_json_take_int(&reader, "idle_s", ZG_JSON_OPTIONAL, 0, INT32_MAX, &line->idle_s);
    zg_json_take_texts(&reader, "encodings", ZG_JSON_OPTIONAL, ENCODINGS_MAX, WORD_BYTES_MAX,
                       &line->encodings);
    zg_json_take_word(&reader, "bottleneck", ZG_JSON_OPTIONAL, zg_line_bottlenecks,
                      g_strv_length((char **)zg_line_bottlenecks), &bottleneck);
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, error)) {
        return NULL;
    }
    line->desktop = g_strdup(desktop);
    line->session = g_strdup(session);
    line->bottleneck = zg_line_bottlenecks[bottleneck];
    if (line->encodings == NULL) {
        line->encodings = g_new0(char *, 1);
    }
    return g_steal_pointer(&line);
}

json_t *
zg_line_write(const ZgLine *line)
{
    json_t *encodings = json_array();

    for (char **name = line->encodings; *name != NULL; name++) {
        json_array_append_new(encodings, json_string(*name));
    }
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "type", "stats",
                     "desktop", line->desktop, "session", line->session, "rtt_us",
                     (json_int_t)line->rtt_us, "rate_kbit", (json_int_t)line->rate_kbit, "fps",
                     (json_int_t)line->fps, "bytes_out", (json_int_t)line->bytes_out, "idle_s",
                     (json_int_t)line->idle_s, "bottleneck", line->bottleneck, "encodings",
                     encodings);
}
