/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/base/clock.h"

static const char *program_name = "zaguan";
static ZgLogLevel most = ZG_LOG_INFO;
static const char *const level_names[] = {"error", "warning", "info", "debug"};

void
zg_log_init(const char *program)
{
    const char *wanted = g_getenv("ZAGUAN_LOG");

    program_name = program;
    for (unsigned i = 0; wanted != NULL && i < G_N_ELEMENTS(level_names); i++) {
        if (strcmp(wanted, level_names[i]) == 0) {
            most = (ZgLogLevel)i;
        }
    }
}

static void
append_plain(GString *line, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        g_string_append_c(line, (unsigned char)*at < 0x20 || *at == 0x7f ? ' ' : *at);
    }
}

void
zg_log(ZgLogLevel level, const char *id, const char *subject, const char *format, ...)
{
    g_autoptr(GString) line = NULL;
    g_autofree char *text = NULL;
    g_autofree char *now = NULL;
    va_list args;

    if (level > most) {
        return;
    }
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    now = zg_clock_utc_text(zg_clock_utc_us());
    line = g_string_sized_new(160);
    g_string_append_printf(line, "%s %s %s %s", now, program_name, level_names[level], id);
    if (subject != NULL) {
        g_string_append(line, " [");
        append_plain(line, subject);
        g_string_append_c(line, ']');
    }
    g_string_append(line, ": ");
    append_plain(line, text);
    g_string_append_c(line, '\n');
    /* One write, so that lines of several threads and processes never mix. */
    if (write(STDERR_FILENO, line->str, line->len) < 0) {
        return; /* nowhere left to complain */
    }
}
