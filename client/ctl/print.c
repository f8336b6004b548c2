/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/print.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/proto/json.h"

#define BAR_CELLS 24
#define SHORT_ID_CHARS 8
#define LINE_EVERY_US (15 * G_USEC_PER_SEC)

/* Control characters become '?'; the text stays valid UTF-8. */
static char *
harmless(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_new(NULL);

    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        g_string_append_unichar(out, g_unichar_iscntrl(c) ? '?' : c);
    }
    return g_string_free(out, FALSE);
}

static char *
array_text(const json_t *array)
{
    GString *out = g_string_new(NULL);
    size_t i;
    json_t *item;

    json_array_foreach(array, i, item)
    {
        g_autofree char *text = zg_value_text(item);

        g_string_append_printf(out, "%s%s", i > 0 ? "," : "", text);
    }
    return g_string_free(out, FALSE);
}

char *
zg_value_text(const json_t *value)
{
    if (value == NULL || json_is_null(value)) {
        return g_strdup("-");
    }
    if (json_is_string(value)) {
        return harmless(json_string_value(value));
    }
    if (json_is_integer(value)) {
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
    if (json_is_boolean(value)) {
        return g_strdup(json_is_true(value) ? "yes" : "no");
    }
    if (json_is_array(value)) {
        return json_array_size(value) == 0 ? g_strdup("-") : array_text(value);
    }
    if (json_is_object(value) && json_object_size(value) == 0) {
        return g_strdup("-");
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    char *copy = harmless(text ? text : "?");

    free(text);
    return copy;
}

/* The value at "a.b.c"; NULL when something on the way is absent. */
static const json_t *
value_at(const json_t *object, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, ".", 8);

    for (size_t i = 0; keys[i] != NULL; i++) {
        object = json_object_get(object, keys[i]);
    }
    return object;
}

char *
zg_cell_text(const json_t *value)
{
    const char *text = json_string_value(value);
    g_autoptr(GDateTime) at = NULL;

    if (text != NULL && zg_id_is_valid(text)) {
        return g_strndup(text, SHORT_ID_CHARS);
    }
    if (text != NULL && strlen(text) == strlen("2026-01-01T00:00:00.000Z") && text[10] == 'T' &&
        (at = g_date_time_new_from_iso8601(text, NULL)) != NULL) {
        g_autoptr(GDateTime) here = g_date_time_to_local(at);

        return g_date_time_format(here, "%F %T");
    }
    return zg_value_text(value);
}

static void
fill_line(struct libscols_line *line, const ZgColumn *columns, const json_t *item)
{
    for (size_t c = 0; columns[c].title != NULL; c++) {
        g_autofree char *text = zg_cell_text(value_at(item, columns[c].path));

        scols_line_set_data(line, c, text);
    }
}

char *
zg_table_text(const ZgColumn *columns, const json_t *items)
{
    struct libscols_table *table = scols_new_table();
    char *drawn = NULL;
    char *copy;
    size_t i;
    json_t *item;

    scols_table_enable_nowrap(table, 1);
    scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER); /* a pipe gets whole values */
    for (size_t c = 0; columns[c].title != NULL; c++) {
        scols_table_new_column(table, columns[c].title, 0, columns[c].right ? SCOLS_FL_RIGHT : 0);
    }
    json_array_foreach(items, i, item)
    {
        struct libscols_line *line = scols_table_new_line(table, NULL);

        if (line != NULL) {
            fill_line(line, columns, item);
        }
    }
    scols_print_table_to_string(table, &drawn);
    scols_unref_table(table);
    if (drawn == NULL || drawn[0] == '\0') {
        copy = g_strdup("");
    } else {
        copy = g_str_has_suffix(drawn, "\n") ? g_strdup(drawn) : g_strconcat(drawn, "\n", NULL);
    }
    free(drawn);
    return copy;
}

void
zg_print_json(const json_t *value)
{
    size_t flags = JSON_ENCODE_ANY | JSON_SORT_KEYS |
                   (isatty(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT);

    json_dumpf(value, stdout, flags);
    fputc('\n', stdout);
    fflush(stdout);
}

void
zg_print_items(bool as_json, const ZgColumn *columns, json_t *items)
{
    if (as_json) {
        g_autoptr(json_t) wrapped = json_pack("{s:O}", "items", items);

        zg_print_json(wrapped);
    } else if (json_array_size(items) == 0) {
        zg_say("nothing to show");
    } else {
        g_autofree char *text = zg_table_text(columns, items);

        fputs(text, stdout);
        fflush(stdout);
    }
}

static void
print_fields(const json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        g_autofree char *name = g_strconcat(prefix, key, NULL);

        if (json_is_object(value) && json_object_size(value) > 0) {
            g_autofree char *below = g_strconcat(name, ".", NULL);

            print_fields(value, below);
        } else {
            g_autofree char *text = zg_value_text(value);

            printf("%-32s %s\n", name, text);
        }
    }
}

void
zg_print_object(bool as_json, const json_t *object)
{
    if (as_json) {
        zg_print_json(object);
    } else {
        print_fields(object, "");
        fflush(stdout);
    }
}

void
zg_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static bool
colour_wanted(int fd)
{
    const char *no_color = g_getenv("NO_COLOR");

    return (no_color == NULL || no_color[0] == '\0') && isatty(fd);
}

char *
zg_paint(ZgPaint paint, const char *text)
{
    static const char *const codes[] = {
        [ZG_PAINT_GOOD] = "32", [ZG_PAINT_WARN] = "33", [ZG_PAINT_BAD] = "31",
        [ZG_PAINT_STRONG] = "1"};

    return colour_wanted(STDOUT_FILENO) ? g_strdup_printf("\033[%sm%s\033[0m", codes[paint], text)
                                        : g_strdup(text);
}

struct ZgProgress {
    char *title;
    char *text;
    bool terminal;
    bool drawn;
    int64_t said_us; /* when the last line was written */
};

ZgProgress *
zg_progress_new(const char *title)
{
    ZgProgress *progress = g_new0(ZgProgress, 1);

    progress->title = g_strdup(title);
    progress->terminal = isatty(STDERR_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
    return progress;
}

static int
terminal_columns(void)
{
    struct winsize size = {0};

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void
draw_bar(ZgProgress *progress, int percent, const char *text)
{
    GString *line = g_string_new(progress->title);
    g_autofree char *cut = NULL;

    if (percent >= 0) {
        int filled = percent * BAR_CELLS / 100;

        g_string_append(line, " [");
        for (int i = 0; i < BAR_CELLS; i++) {
            g_string_append_c(line, i < filled ? '#' : '.');
        }
        g_string_append_printf(line, "] %3d%%", percent);
    }
    g_string_append_printf(line, "  %s", text);
    cut = g_utf8_substring(line->str, 0,
                           MIN(g_utf8_strlen(line->str, -1), terminal_columns() - 1));
    fprintf(stderr, "\r%s\033[K", cut);
    fflush(stderr);
    progress->drawn = true;
    g_string_free(line, TRUE);
}

bool
zg_progress_wants_line(const char *said, const char *text, int64_t quiet_us)
{
    g_autofree char *before = g_strdelimit(g_strdup(said != NULL ? said : ""), "0123456789", '0');
    g_autofree char *now = g_strdelimit(g_strdup(text), "0123456789", '0');

    /* "12 MiB of 90" and "13 MiB of 90" are one step; another word is another step. */
    return said == NULL || strcmp(before, now) != 0 || quiet_us >= LINE_EVERY_US;
}

void
zg_progress_update(ZgProgress *progress, int percent, const char *text)
{
    g_autofree char *safe = harmless(text ? text : "");
    int64_t now_us = zg_clock_mono_us();

    percent = MIN(percent, 100);
    if (progress->terminal) {
        draw_bar(progress, percent, safe);
        return;
    }
    if (zg_progress_wants_line(progress->text, safe, now_us - progress->said_us)) {
        if (percent > 0) {
            zg_say("%s: %d%% %s", progress->title, percent, safe);
        } else if (safe[0] != '\0') {
            zg_say("%s: %s", progress->title, safe);
        }
        progress->said_us = now_us;
        g_free(progress->text);
        progress->text = g_steal_pointer(&safe);
    }
}

void
zg_progress_free(ZgProgress *progress)
{
    if (progress != NULL) {
        if (progress->drawn) {
            fputc('\n', stderr);
        }
        g_free(progress->title);
        g_free(progress->text);
        g_free(progress);
    }
}
