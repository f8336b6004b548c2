/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/lines.h"

#include <stdbool.h>

#define FRESH_US (20 * G_USEC_PER_SEC) /* a few reports may be lost */
#define WARN_BEFORE_S 60               /* of the idle limit */
#define LINES_MAX 20000                /* past it what is old is swept out */

typedef struct {
    ZgLine *line;
    int64_t at_us;
    bool warned; /* told that the idle limit is near */
} Entry;

struct ZgLines {
    GMutex lock;         /* guards what follows */
    GHashTable *entries; /* session → Entry */
};

static void
entry_free(gpointer data)
{
    Entry *entry = data;

    zg_line_free(entry->line);
    g_free(entry);
}

ZgLines *
zg_lines_new(void)
{
    ZgLines *lines = g_new0(ZgLines, 1);

    g_mutex_init(&lines->lock);
    lines->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    return lines;
}

void
zg_lines_free(ZgLines *lines)
{
    if (lines != NULL) {
        g_hash_table_unref(lines->entries);
        g_mutex_clear(&lines->lock);
        g_free(lines);
    }
}

static gboolean
is_old(gpointer key, gpointer value, gpointer now_us)
{
    return *(int64_t *)now_us - ((Entry *)value)->at_us > FRESH_US;
}

void
zg_lines_take(ZgLines *lines, ZgLine *line, int64_t now_us)
{
    Entry *entry = g_new0(Entry, 1);
    const Entry *old;

    entry->line = line;
    entry->at_us = now_us;
    g_mutex_lock(&lines->lock);
    old = g_hash_table_lookup(lines->entries, line->session);
    entry->warned = old != NULL && old->warned && line->idle_s >= old->line->idle_s;
    if (g_hash_table_size(lines->entries) >= LINES_MAX) {
        g_hash_table_foreach_remove(lines->entries, is_old, &now_us);
    }
    if (g_hash_table_size(lines->entries) < LINES_MAX ||
        g_hash_table_contains(lines->entries, line->session)) {
        g_hash_table_replace(lines->entries, line->session, entry);
    } else {
        entry_free(entry);
    }
    g_mutex_unlock(&lines->lock);
}

ZgIdleStep
zg_lines_idle_step(ZgLines *lines, const char *session, int64_t active_s, int64_t limit_min,
                   int64_t now_us)
{
    ZgIdleStep step = ZG_IDLE_NOTHING;
    Entry *entry;

    g_mutex_lock(&lines->lock);
    entry = g_hash_table_lookup(lines->entries, session);
    if (limit_min > 0 && entry != NULL && now_us - entry->at_us <= FRESH_US) {
        int64_t left_s = limit_min * 60 - MIN(entry->line->idle_s, active_s);

        if (left_s <= 0) {
            step = ZG_IDLE_DISCONNECT;
        } else if (left_s <= WARN_BEFORE_S && !entry->warned) {
            entry->warned = true;
            step = ZG_IDLE_WARN;
        }
    }
    g_mutex_unlock(&lines->lock);
    return step;
}

static json_t *
view_of(const ZgLine *line)
{
    json_t *encodings = json_array();

    for (char **name = line->encodings; *name != NULL; name++) {
        json_array_append_new(encodings, json_string(*name));
    }
    return json_pack("{s:I, s:I, s:I, s:o, s:s}", "rtt_ms",
                     (json_int_t)(line->rtt_us + 500) / 1000, "rate_kbit",
                     (json_int_t)line->rate_kbit, "fps", (json_int_t)line->fps, "encodings",
                     encodings, "bottleneck", line->bottleneck);
}

json_t *
zg_lines_view(ZgLines *lines, const char *session, int64_t now_us)
{
    json_t *view = NULL;
    Entry *entry;

    g_mutex_lock(&lines->lock);
    entry = g_hash_table_lookup(lines->entries, session);
    if (entry != NULL && now_us - entry->at_us <= FRESH_US) {
        view = view_of(entry->line);
    }
    g_mutex_unlock(&lines->lock);
    return view;
}
