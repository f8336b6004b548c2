/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan status, why, events: what is wrong, why it is so, and what happens now */
#include <stdio.h>
#include <string.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static const ZgColumn why_columns[] = {
    {"AT", "at", false},         {"EVENT", "event", false}, {"FROM", "from", false},
    {"TO", "to", false},         {"REASON", "reason", false}, {"BY", "actor", false},
    {"TEXT", "text", false},     {NULL, NULL, false},
};

static const char *
text_of(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : fallback;
}

static void
print_problem(const json_t *problem)
{
    const char *severity = text_of(problem, "severity", "problem");
    bool bad = g_str_equal(severity, "error") || g_str_equal(severity, "critical");
    g_autofree char *mark = zg_paint(bad ? ZG_PAINT_BAD : ZG_PAINT_WARN, severity);
    g_autofree char *thing = zg_value_text(json_object_get(problem, "thing"));
    g_autofree char *text = zg_value_text(json_object_get(problem, "text"));
    const char *hint = json_string_value(json_object_get(problem, "hint"));

    printf("  %s  %s: %s\n", mark, thing, text);
    if (hint != NULL && hint[0] != '\0') {
        g_autofree char *safe = zg_value_text(json_object_get(problem, "hint"));

        printf("           -> %s\n", safe);
    }
}

static void
print_line(const char *heading, size_t index, const char *text)
{
    printf("%-12s %s\n", index == 0 ? heading : "", text);
}

/* "h1: linked, tcg (no /dev/kvm)" */
static void
print_hosts(const json_t *hosts)
{
    size_t i;
    json_t *host;

    json_array_foreach(hosts, i, host)
    {
        const char *why = text_of(host, "accel_reason", "");
        g_autofree char *text = g_strdup_printf(
            "%s: %s, %s%s%s%s", text_of(host, "name", "?"), text_of(host, "state", "?"),
            text_of(host, "accel", "?"), why[0] ? " (" : "", why, why[0] ? ")" : "");
        g_autoptr(json_t) outside = json_string(text);
        g_autofree char *safe = zg_value_text(outside);

        print_line("hosts", i, safe);
    }
}

/* "office: 2 of 3 ready, 1 in use" */
static void
print_pools(const json_t *pools)
{
    size_t i;
    json_t *pool;

    json_array_foreach(pools, i, pool)
    {
        const json_t *counts = json_object_get(pool, "counts");
        g_autofree char *text = g_strdup_printf(
            "%s: %d of %d ready, %d in use%s", text_of(pool, "name", "?"),
            (int)json_integer_value(json_object_get(pool, "usable")),
            (int)json_integer_value(json_object_get(pool, "ready")),
            (int)json_integer_value(json_object_get(counts, "in-use")),
            json_is_false(json_object_get(pool, "enabled")) ? ", not enabled" : "");

        print_line("pools", i, text);
    }
}

/* One line for a part that is a word, a number or an object: "ok yes, kind sqlite". */
static void
print_part(const char *name, const json_t *value)
{
    g_autofree char *text = NULL;

    if (json_is_object(value)) {
        GString *line = g_string_new(NULL);
        const char *key;
        json_t *field;

        json_object_foreach((json_t *)value, key, field)
        {
            g_autofree char *one = zg_value_text(field);

            g_string_append_printf(line, "%s%s %s", line->len ? ", " : "", key, one);
        }
        text = g_string_free(line, FALSE);
    } else {
        text = zg_value_text(value);
    }
    print_line(name, 0, text);
}

static void
print_status(const json_t *status)
{
    static const char *const parts[] = {"version", "uptime_s", "store", "directory"};
    const char *state = text_of(status, "state", "unknown");
    ZgPaint paint = g_str_equal(state, "ok")     ? ZG_PAINT_GOOD
                    : g_str_equal(state, "down") ? ZG_PAINT_BAD
                                                 : ZG_PAINT_WARN;
    g_autofree char *shown = zg_paint(paint, state);
    const json_t *problems = json_object_get(status, "problems");
    size_t i;
    json_t *problem;

    printf("%-12s %s\n", "state", shown);
    for (size_t p = 0; p < G_N_ELEMENTS(parts); p++) {
        if (json_object_get(status, parts[p]) != NULL) {
            print_part(parts[p], json_object_get(status, parts[p]));
        }
    }
    print_hosts(json_object_get(status, "hosts"));
    print_pools(json_object_get(status, "pools"));
    if (json_array_size(problems) == 0) {
        printf("\nnothing is wrong\n");
        return;
    }
    printf("\nwhat is wrong:\n");
    json_array_foreach(problems, i, problem)
    {
        print_problem(problem);
    }
}

static int
status_run(ZgCtl *ctl, GError **error)
{
    g_autoptr(json_t) status = NULL;

    if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", "/status", NULL, &status, error)) {
        return -1;
    }
    if (zg_ctl_json(ctl)) {
        zg_print_json(status);
    } else {
        print_status(status);
        fflush(stdout);
    }
    return g_str_equal(text_of(status, "state", ""), "ok") ? 0 : 1;
}

static int
why_run(ZgCtl *ctl, GError **error)
{
    const char *kind = zg_ctl_arg(ctl, 0);
    const char *typed = zg_ctl_arg(ctl, 1);
    g_autofree char *id = NULL;
    g_autofree char *prefix = g_strdup_printf("/why/%s/", kind);
    g_autofree char *path = NULL;

    if (g_str_equal(kind, "user")) {
        id = g_strdup(typed);
    } else if (g_str_equal(kind, "desktop")) {
        id = zg_api_resolve(ctl, "/desktops", kind, typed, error);
    } else if (g_str_equal(kind, "session")) {
        id = zg_api_resolve(ctl, "/sessions", kind, typed, error);
    } else {
        return zg_misuse(error, "'%s': must be desktop, session or user", kind);
    }
    if (id == NULL) {
        return -1;
    }
    path = zg_api_path(prefix, id, "");
    return zg_api_print_list(ctl, path, why_columns, error);
}

/* What a line about a changed thing says of it. */
static const char *
state_of(const json_t *resource)
{
    static const char *const keys[] = {"life", "state", "enabled"};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *text = json_string_value(json_object_get(resource, keys[i]));

        if (text != NULL) {
            return text;
        }
    }
    return "changed";
}

static bool
on_event(const char *kind, const json_t *resource, void *data)
{
    ZgCtl *ctl = data;

    if (zg_ctl_json(ctl)) {
        g_autoptr(json_t) line =
            json_pack("{s:s, s:O?}", "event", kind, "data", (json_t *)resource);

        json_dumpf(line, stdout, JSON_COMPACT | JSON_SORT_KEYS);
        fputc('\n', stdout);
    } else {
        const json_t *name = json_object_get(resource, "name");
        g_autofree char *thing =
            zg_value_text(name ? name : json_object_get(resource, "id"));
        g_autofree char *reason = zg_value_text(json_object_get(resource, "reason"));

        printf("%-10s %-34s %-14s %s\n", kind, thing, state_of(resource), reason);
    }
    return fflush(stdout) == 0; /* nobody reads any more */
}

static int
events_run(ZgCtl *ctl, GError **error)
{
    const char *path = zg_ctl_option(ctl, "mine") ? "/my/events" : "/events";

    return zg_broker_client_events(zg_ctl_client(ctl), path, on_event, ctl, error) ? 0 : -1;
}

const ZgCommand zg_cmd_status = {
    .name = "status", .usage = "",
    .help = "Show what is wrong with this installation, and what to do; exit 1 unless all is well.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = status_run,
};

const ZgCommand zg_cmd_why = {
    .name = "why", .usage = "desktop|session|user ID",
    .help = "Tell from the record why something is as it is.", .flags = ZG_CMD_NEEDS_LOGIN,
    .min_args = 2, .max_args = 2, .run = why_run,
};

static const ZgCtlOption events_options[] = {
    {"mine", NULL, "only what concerns the person who is signed in"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_events = {
    .name = "events", .usage = "[--mine]", .help = "Print changes as they happen, until stopped.",
    .flags = ZG_CMD_NEEDS_LOGIN, .options = events_options, .run = events_run,
};
