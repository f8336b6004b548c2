/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan my …: what a person does with their own desktops */
#include <string.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "client/ctl/console.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/proto/json.h"

#define LOOK_US (G_USEC_PER_SEC / 2)
#define AWAY_US (30 * G_USEC_PER_SEC) /* a broker, host or display that was started again is back */

static const ZgColumn my_columns[] = {
    {"POOL", "pool", false},   {"TITLE", "title", false},
    {"STATE", "state", false}, {"TEXT", "state_text", false},
    {NULL, NULL, false},
};

static const char *
text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int
my_list(ZgCtl *ctl, GError **error)
{
    return zg_api_print_list(ctl, "/my/pools", my_columns, error);
}

/* The pool that was named, or the only one there is; the caller frees. */
static char *
choose_pool(ZgCtl *ctl, GError **error)
{
    g_autoptr(json_t) pools = NULL;
    g_autoptr(GString) names = g_string_new(NULL);
    size_t i;
    json_t *pool;

    if (zg_ctl_arg(ctl, 0) != NULL) {
        return g_strdup(zg_ctl_arg(ctl, 0));
    }
    pools = zg_broker_client_list(zg_ctl_client(ctl), "/my/pools", error);
    if (pools == NULL) {
        return NULL;
    }
    if (json_array_size(pools) == 1) {
        return g_strdup(text_of(json_array_get(pools, 0), "pool"));
    }
    json_array_foreach(pools, i, pool)
    {
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", text_of(pool, "pool"));
    }
    if (names->len == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "there is no desktop for you");
    } else {
        zg_misuse(error, "which one? you may use: %s", names->str);
    }
    return NULL;
}

/* Language, keyboard and time zone as this machine has them; the pool decides where it does not. */
static json_t *
wish(ZgCtl *ctl, const char *pool)
{
    g_autofree char *zone_link = g_file_read_link("/etc/localtime", NULL);
    const char *mark = zone_link ? strstr(zone_link, "zoneinfo/") : NULL;
    const char *zone = g_getenv("TZ") ? g_getenv("TZ") : mark ? mark + strlen("zoneinfo/") : NULL;
    const char *lang = g_getenv("LANG");
    bool known = lang != NULL && strlen(lang) > 4 && lang[2] == '_';
    bool zone_known = zone != NULL && strchr(zone, '/') != NULL && zone[0] != '/' && zone[0] != ':';

    return json_pack("{s:s, s:s, s:s*, s:s*, s:s*}", "pool", pool, "terminal", g_get_host_name(),
                     "locale", known ? lang : NULL, "keyboard", zg_ctl_option(ctl, "keyboard"),
                     "time_zone", zone_known ? zone : NULL);
}

static void
show_waiting(ZgProgress *progress, const json_t *session)
{
    json_int_t position = json_integer_value(json_object_get(session, "position"));
    json_int_t estimate_s = json_integer_value(json_object_get(session, "estimate_s"));
    GString *text = g_string_new(text_of(session, "state"));

    if (position > 0) {
        g_string_append_printf(text, ", position %" JSON_INTEGER_FORMAT, position);
    }
    if (estimate_s > 0) {
        g_string_append_printf(text, ", about %" JSON_INTEGER_FORMAT " s", estimate_s);
    }
    zg_progress_update(progress, -1, text->str);
    g_string_free(text, TRUE);
}

static bool
has_ended(const json_t *session, GError **error)
{
    const char *reason = text_of(session, "reason_text");

    if (g_strcmp0(text_of(session, "state"), "ended") != 0) {
        return false;
    }
    reason = reason ? reason : text_of(session, "reason");
    g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE, "the session ended: %s",
                reason ? reason : "without a reason");
    return true;
}

/* Whether a refused ticket is worth asking for again. */
static bool
is_passing(const GError *cause, int64_t waited_us)
{
    return g_error_matches(cause, ZG_ERROR, ZG_ERROR_CONFLICT) ||
           (g_error_matches(cause, ZG_ERROR, ZG_ERROR_UNAVAILABLE) && waited_us < AWAY_US);
}

/* Waits until the broker gives a ticket. Return: {ticket, …}, a new reference; or NULL. */
static json_t *
wait_for_ticket(ZgCtl *ctl, const char *id, int64_t timeout_s, GError **error)
{
    g_autofree char *path = zg_api_path("/my/sessions/", id, "");
    g_autofree char *ticket_path = zg_api_path("/my/sessions/", id, "/ticket");
    g_autoptr(json_t) body = zg_ctl_option(ctl, "share") ? json_pack("{s:b}", "share", 1)
                                                         : json_object();
    g_autoptr(ZgProgress) progress = zg_progress_new("desktop");
    int64_t begun_us = zg_clock_mono_us();
    int64_t deadline_us = begun_us + timeout_s * G_USEC_PER_SEC;

    for (;;) {
        g_autoptr(json_t) session = NULL;
        g_autoptr(GError) cause = NULL;
        json_t *ticket = NULL;

        if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", path, NULL, &session, error) ||
            has_ended(session, error)) {
            return NULL;
        }
        show_waiting(progress, session);
        if (g_strcmp0(text_of(session, "state"), "pending") != 0) {
            if (zg_broker_client_call(zg_ctl_client(ctl), "POST", ticket_path, body, &ticket,
                                      &cause)) {
                return ticket;
            }
            if (!is_passing(cause, zg_clock_mono_us() - begun_us)) {
                g_propagate_error(error, g_steal_pointer(&cause));
                return NULL;
            }
            zg_progress_update(progress, -1, cause->message);
        }
        if (zg_clock_mono_us() > deadline_us) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_TIMEOUT,
                        "no desktop was ready within %" G_GINT64_FORMAT " s", timeout_s);
            return NULL;
        }
        g_usleep(LOOK_US);
    }
}

/* NULL in *out_viewer for `--viewer none`; the caller frees. */
static bool
choose_viewer(ZgCtl *ctl, char **out_viewer, GError **error)
{
    static const char *const usual[] = {"xtigervncviewer", "vncviewer"};
    const char *typed = zg_ctl_option(ctl, "viewer");
    char *found = typed ? g_find_program_in_path(typed) : NULL;

    if (g_strcmp0(typed, "none") == 0) {
        g_free(found);
        *out_viewer = NULL;
        return true;
    }
    for (size_t i = 0; typed == NULL && found == NULL && i < G_N_ELEMENTS(usual); i++) {
        found = g_find_program_in_path(usual[i]);
    }
    if (found == NULL) {
        zg_misuse(error, "the viewer '%s' is not installed; use --viewer none and open the socket "
                         "with one of yours", typed ? typed : usual[0]);
        return false;
    }
    *out_viewer = found;
    return true;
}

static int
my_connect(ZgCtl *ctl, GError **error)
{
    g_autofree char *pool = NULL;
    g_autofree char *viewer = NULL;
    g_autoptr(json_t) body = NULL;
    g_autoptr(json_t) session = NULL;
    g_autoptr(json_t) answer = NULL;
    ZgConsoleOptions options = {.context = zg_ctl_context(ctl)};
    int64_t timeout_s;

    if (!zg_ctl_option_int(ctl, "timeout", 1, 86400, 600, &timeout_s, error) ||
        !choose_viewer(ctl, &viewer, error) || (pool = choose_pool(ctl, error)) == NULL) {
        return -1;
    }
    body = wish(ctl, pool);
    if (!zg_broker_client_call(zg_ctl_client(ctl), "POST", "/my/sessions", body, &session,
                               error)) {
        return -1;
    }
    if (text_of(session, "id") == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "the broker's answer has no session");
        return -1;
    }
    answer = wait_for_ticket(ctl, text_of(session, "id"), timeout_s, error);
    options.ticket = text_of(answer, "ticket");
    options.viewer = viewer;
    if (answer == NULL) {
        return -1;
    }
    if (options.ticket == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "the broker's answer has no ticket");
        return -1;
    }
    return zg_console_run(&options, error) ? 0 : -1;
}

/* The person's live session, in the named pool or the only one; the caller frees. */
static char *
own_session(ZgCtl *ctl, GError **error)
{
    g_autoptr(json_t) sessions =
        zg_broker_client_list(zg_ctl_client(ctl), "/my/sessions", error);
    const char *pool = zg_ctl_arg(ctl, 0);
    const char *found = NULL;
    size_t i;
    json_t *session;

    if (sessions == NULL) {
        return NULL;
    }
    json_array_foreach(sessions, i, session)
    {
        bool live = g_strcmp0(text_of(session, "state"), "ended") != 0;

        if (live && (pool == NULL || g_strcmp0(text_of(session, "pool"), pool) == 0)) {
            if (found != NULL) {
                zg_misuse(error, "you have several desktops; name the pool");
                return NULL;
            }
            found = text_of(session, "id");
        }
    }
    if (found == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "you have no desktop%s%s",
                    pool ? " in " : "", pool ? pool : "");
    }
    return g_strdup(found);
}

static int
change_own(ZgCtl *ctl, const char *suffix, const char *title, GError **error)
{
    g_autofree char *id = own_session(ctl, error);
    g_autofree char *path = id ? zg_api_path("/my/sessions/", id, suffix) : NULL;

    return path ? zg_api_operation(ctl, "POST", path, NULL, title, error) : -1;
}

static int
my_restart(ZgCtl *ctl, GError **error)
{
    return change_own(ctl, "/restart", "restart my desktop", error);
}

static int
my_log_off(ZgCtl *ctl, GError **error)
{
    return change_own(ctl, "/log-off", "log off", error);
}

const ZgCommand zg_cmd_my_list = {
    .name = "my list", .usage = "", .help = "Show the desktops you may use.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = my_list,
};

static const ZgCtlOption connect_options[] = {
    {"viewer", "PROGRAM|none", "VNC viewer to open (default xtigervncviewer); none prints the "
                               "socket's path for one of yours"},
    {"share", NULL, "add a viewer instead of taking over"},
    {"keyboard", "LAYOUT", "XKB layout of this terminal, e.g. es"},
    {"timeout", "SECONDS", "longest wait for a desktop (default 600)"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_my_connect = {
    .name = "my connect", .usage = "[POOL] [--viewer PROGRAM|none] [--share]",
    .help = "Open your desktop in a VNC viewer.", .flags = ZG_CMD_NEEDS_LOGIN, .max_args = 1,
    .options = connect_options, .run = my_connect,
};

static const ZgCtlOption change_options[] = {
    ZG_OPERATION_OPTIONS,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_my_restart = {
    .name = "my restart", .usage = "[POOL]", .help = "Reboot your desktop; its disk stays.",
    .flags = ZG_CMD_NEEDS_LOGIN, .max_args = 1, .options = change_options, .run = my_restart,
};

const ZgCommand zg_cmd_my_log_off = {
    .name = "my log-off", .usage = "[POOL]",
    .help = "Log off; what you left on the desktop is gone.", .flags = ZG_CMD_NEEDS_LOGIN,
    .max_args = 1, .options = change_options, .run = my_log_off,
};
