/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/api/sse.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"

struct ZgSse {
    ZgSseFunc on_event;
    void *user_data;
    GString *line;
    GString *data;
    GString *kind;
    GString *id;
};

ZgSse *
zg_sse_new(ZgSseFunc on_event, void *user_data)
{
    ZgSse *sse = g_new0(ZgSse, 1);

    sse->on_event = on_event;
    sse->user_data = user_data;
    sse->line = g_string_new(NULL);
    sse->data = g_string_new(NULL);
    sse->kind = g_string_new(NULL);
    sse->id = g_string_new(NULL);
    return sse;
}

static void
take_field(ZgSse *sse, const char *line)
{
    const char *colon = strchr(line, ':');
    const char *value = colon ? colon + 1 : "";
    size_t n_name = colon ? (size_t)(colon - line) : strlen(line);

    if (value[0] == ' ') {
        value++;
    }
    if (n_name == 4 && memcmp(line, "data", 4) == 0) {
        if (sse->data->len > 0) {
            g_string_append_c(sse->data, '\n');
        }
        g_string_append(sse->data, value);
    } else if (n_name == 5 && memcmp(line, "event", 5) == 0) {
        g_string_assign(sse->kind, value);
    } else if (n_name == 2 && memcmp(line, "id", 2) == 0) {
        g_string_assign(sse->id, value);
    }
}

/* An empty line ends an event; false when the listener has had enough. */
static bool
take_line(ZgSse *sse)
{
    bool go_on = true;

    if (sse->line->len > 0 && sse->line->str[sse->line->len - 1] == '\r') {
        g_string_truncate(sse->line, sse->line->len - 1);
    }
    if (sse->line->len > 0) {
        take_field(sse, sse->line->str);
    } else {
        if (sse->data->len > 0) {
            go_on = sse->on_event(sse->kind->len > 0 ? sse->kind->str : "message", sse->data->str,
                                  sse->id->str, sse->user_data);
        }
        g_string_truncate(sse->data, 0);
        g_string_truncate(sse->kind, 0);
    }
    g_string_truncate(sse->line, 0);
    return go_on;
}

bool
zg_sse_feed(ZgSse *sse, const char *bytes, size_t n_bytes, GError **error)
{
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] == '\n') {
            if (!take_line(sse)) {
                return false;
            }
        } else {
            g_string_append_c(sse->line, bytes[i]);
        }
        if (sse->line->len + sse->data->len > ZG_LIMIT_FRAME_BYTES) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_TOO_LARGE, "event larger than %d bytes",
                        ZG_LIMIT_FRAME_BYTES);
            return false;
        }
    }
    return true;
}

const char *
zg_sse_last_id(const ZgSse *sse)
{
    return sse->id->str;
}

void
zg_sse_free(ZgSse *sse)
{
    if (sse != NULL) {
        g_string_free(sse->line, TRUE);
        g_string_free(sse->data, TRUE);
        g_string_free(sse->kind, TRUE);
        g_string_free(sse->id, TRUE);
        g_free(sse);
    }
}
