/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Data on stdout as tables or JSON; talk and progress on stderr. The only place of libsmartcols. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* One column: where its value is found in each item. */
typedef struct {
    const char *title; /* NULL ends a table of columns */
    const char *path;  /* keys joined by dots: "counts.ready" */
    bool right;        /* numbers */
} ZgColumn;

/**
 * zg_table_text() - items as a table with a heading
 * @items: array of objects; borrowed
 * Control characters in values are replaced: what a guest wrote cannot steer a terminal.
 * Return: text with a final line feed; the caller frees with g_free().
 */
char *zg_table_text(const ZgColumn *columns, const json_t *items);

/** zg_value_text() - one JSON value as a person reads it ("-" when absent); the caller frees. */
char *zg_value_text(const json_t *value);

/**
 * zg_cell_text() - as zg_value_text(), short: the start of an id, which every command takes, and
 * a time as the clock on the wall shows it. The caller frees.
 */
char *zg_cell_text(const json_t *value);

/** zg_print_items() - a table, or {"items": …} when @as_json. */
void zg_print_items(bool as_json, const ZgColumn *columns, json_t *items);

/** zg_print_object() - one thing, a field a line (nested ones with dots), or JSON. */
void zg_print_object(bool as_json, const json_t *object);

/** zg_print_json() - JSON on stdout, indented when a person looks. */
void zg_print_json(const json_t *value);

/** zg_say() - one line on stderr. */
void zg_say(const char *format, ...) G_GNUC_PRINTF(1, 2);

typedef enum {
    ZG_PAINT_GOOD,
    ZG_PAINT_WARN,
    ZG_PAINT_BAD,
    ZG_PAINT_STRONG,
} ZgPaint;

/** zg_paint() - @text with colour when stdout is a terminal and NO_COLOR is not set; g_free(). */
char *zg_paint(ZgPaint paint, const char *text);

typedef struct ZgProgress ZgProgress;

/** zg_progress_wants_line() - without a terminal: is @text a new step, or was it quiet for long? */
bool zg_progress_wants_line(const char *said, const char *text, int64_t quiet_us);

/** zg_progress_new() - a bar on a terminal; else a line at each new step, or every 15 s. */
ZgProgress *zg_progress_new(const char *title);

/** zg_progress_update() - @percent 0..100, or -1 when it is not known; @text may be NULL. */
void zg_progress_update(ZgProgress *progress, int percent, const char *text);

/** zg_progress_free() - end the line; accepts NULL. */
void zg_progress_free(ZgProgress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgProgress, zg_progress_free)
