/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan status, why, events: what is wrong, why it is so, and what happens now */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "client/ctl/look.h"
#include "client/ctl/supervisor.h"
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

/* "sqlite, 76615 MiB free" */
static void
print_store(const json_t *store)
{
    const json_t *free_mib = json_object_get(store, "disk_free_mib");
    g_autofree char *kind = zg_value_text(json_object_get(store, "kind"));
    g_autofree char *free_text =
        free_mib != NULL ? g_strdup_printf(", %" JSON_INTEGER_FORMAT " MiB free",
                                           json_integer_value(free_mib)) : g_strdup("");

    printf("%-12s %s%s%s\n", "store", kind,
           json_is_false(json_object_get(store, "ok")) ? ", failing" : "", free_text);
}

/* "ldaps://dir.example answers" */
static void
print_directory(const json_t *directory)
{
    g_autofree char *name = zg_value_text(json_object_get(directory, "name"));

    if (json_is_false(json_object_get(directory, "configured"))) {
        print_line("directory", 0, "none; only local accounts sign in");
    } else {
        printf("%-12s %s %s\n", "directory", name,
               json_is_false(json_object_get(directory, "ok")) ? "does not answer" : "answers");
    }
}

/* "0.1.0, up for 2 d 3 h" */
static void
print_version(const json_t *status)
{
    json_int_t up_s = json_integer_value(json_object_get(status, "uptime_s"));
    g_autofree char *version = zg_value_text(json_object_get(status, "version"));
    int days = (int)(up_s / 86400), hours = (int)(up_s / 3600 % 24), min = (int)(up_s / 60 % 60);

    if (days > 0) {
        printf("%-12s %s, up for %d d %d h\n", "version", version, days, hours);
    } else if (hours > 0) {
        printf("%-12s %s, up for %d h %d min\n", "version", version, hours, min);
    } else {
        printf("%-12s %s, up for %d min %d s\n", "version", version, min, (int)(up_s % 60));
    }
}

static void
print_status(const json_t *status)
{
    const char *state = text_of(status, "state", "unknown");
    ZgPaint paint = g_str_equal(state, "ok")     ? ZG_PAINT_GOOD
                    : g_str_equal(state, "down") ? ZG_PAINT_BAD
                                                 : ZG_PAINT_WARN;
    g_autofree char *shown = zg_paint(paint, state);
    const json_t *problems = json_object_get(status, "problems");
    size_t i;
    json_t *problem;

    printf("%-12s %s\n", "state", shown);
    if (json_object_get(status, "version") != NULL) {
        print_version(status);
    }
    if (json_object_get(status, "store") != NULL) {
        print_store(json_object_get(status, "store"));
    }
    if (json_object_get(status, "directory") != NULL) {
        print_directory(json_object_get(status, "directory"));
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

/* Without an answer: what this machine itself shows. Takes @cause into the list. */
static json_t *
status_without_broker(const char *directory, const GError *cause)
{
    json_t *problems = json_array();
    g_autofree char *text = g_strndup(cause->message, strcspn(cause->message, "\n"));
    g_autoptr(json_t) programs = zg_look_at_programs(directory);
    g_autoptr(json_t) files = zg_look_at_files(directory);

    json_array_append_new(problems,
                          json_pack("{s:s, s:s, s:s, s:s}", "severity", "error", "thing", "portal",
                                    "text", text, "hint", ""));
    json_array_extend(problems, programs);
    json_array_extend(problems, files);
    return json_pack("{s:s, s:o}", "state", "down", "problems", problems);
}

static void
add_local(json_t *status, const char *directory)
{
    g_autoptr(json_t) found = zg_look_at_files(directory);
    g_autoptr(json_t) programs = zg_supervisor_pid(directory) != 0
                                     ? zg_look_at_programs(directory) : json_array();
    size_t i;
    json_t *problem;

    json_array_extend(found, programs);
    json_array_foreach(found, i, problem)
    {
        if (g_str_equal(text_of(problem, "severity", ""), "error") &&
            g_str_equal(text_of(status, "state", ""), "ok")) {
            json_object_set_new(status, "state", json_string("degraded"));
        }
    }
    json_array_extend(json_object_get(status, "problems"), found);
}

/* The broker answered no, which is another thing than no answer. */
static bool
is_answer(const GError *cause)
{
    return g_error_matches(cause, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED) ||
           g_error_matches(cause, ZG_ERROR, ZG_ERROR_DENIED);
}

static int
status_run(ZgCtl *ctl, GError **error)
{
    const char *directory = zg_ctl_context(ctl)->dir;
    bool local = directory != NULL && access(directory, R_OK | X_OK) == 0;
    g_autoptr(GError) cause = NULL;
    g_autoptr(json_t) status = NULL;

    if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", "/status", NULL, &status, &cause)) {
        if (!local || is_answer(cause)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return -1;
        }
        status = status_without_broker(directory, cause);
    } else if (local) {
        add_local(status, directory);
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
    return zg_api_print_newest(ctl, path, why_columns, error);
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

static const ZgCtlOption why_options[] = {
    ZG_LIMIT_OPTION,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_why = {
    .name = "why", .usage = "desktop|session|user ID [--limit N]",
    .help = "Tell from the record why something is as it is, newest first.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 2, .max_args = 2, .options = why_options,
    .run = why_run,
};

static const ZgCtlOption events_options[] = {
    {"mine", NULL, "only what concerns the person who is signed in"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_events = {
    .name = "events", .usage = "[--mine]", .help = "Print changes as they happen, until stopped.",
    .flags = ZG_CMD_NEEDS_LOGIN, .options = events_options, .run = events_run,
};
