/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan session … */
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/json.h"

static const ZgColumn session_columns[] = {
    {"SESSION", "id", false},   {"USER", "user", false},         {"POOL", "pool", false},
    {"STATE", "state", false},  {"DESKTOP", "desktop_name", false}, {"TERMINAL", "terminal", false},
    {"SINCE", "created_at", false}, {"REASON", "reason", false}, {NULL, NULL, false},
};

/* A person reads office-3, not the id that the broker gives. */
static void
name_desktop(json_t *session, const json_t *desktops)
{
    const char *id = json_string_value(json_object_get(session, "desktop"));
    size_t i;
    json_t *desktop;

    json_array_foreach(desktops, i, desktop)
    {
        if (g_strcmp0(json_string_value(json_object_get(desktop, "id")), id) == 0) {
            json_object_set(session, "desktop_name", json_object_get(desktop, "name"));
        }
    }
}

static int
session_list(ZgCtl *ctl, GError **error)
{
    g_autoptr(json_t) sessions = zg_broker_client_list(zg_ctl_client(ctl), "/sessions", error);
    g_autoptr(json_t) desktops =
        sessions != NULL && !zg_ctl_json(ctl)
            ? zg_broker_client_list(zg_ctl_client(ctl), "/desktops", error) : NULL;
    size_t i;
    json_t *session;

    if (sessions == NULL || (desktops == NULL && !zg_ctl_json(ctl))) {
        return -1;
    }
    if (desktops != NULL) {
        json_array_foreach(sessions, i, session)
        {
            name_desktop(session, desktops);
        }
    }
    zg_print_items(zg_ctl_json(ctl), session_columns, sessions);
    return 0;
}

static char *
session_path(ZgCtl *ctl, const char *suffix, GError **error)
{
    g_autofree char *id =
        zg_api_resolve(ctl, "/sessions", "session", zg_ctl_arg(ctl, 0), error);

    return id ? zg_api_path("/sessions/", id, suffix) : NULL;
}

static int
session_show(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = session_path(ctl, "", error);

    return path ? zg_api_print_one(ctl, path, error) : -1;
}

static int
session_end(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = session_path(ctl, "", error);
    g_autofree char *title = g_strdup_printf("end session '%s'", zg_ctl_arg(ctl, 0));

    return path ? zg_api_operation(ctl, "DELETE", path, NULL, title, error) : -1;
}

static int
session_message(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = session_path(ctl, "/message", error);
    g_autoptr(json_t) body = json_pack("{s:s}", "text", zg_ctl_arg(ctl, 1));

    if (path == NULL) {
        return -1;
    }
    if (body == NULL) {
        return zg_misuse(error, "the message must be UTF-8 text");
    }
    return zg_api_call(ctl, "POST", path, body, "message sent", error);
}

static const ZgCtlOption end_options[] = {
    ZG_OPERATION_OPTIONS,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_session_list = {
    .name = "session list", .usage = "", .help = "Show who works where.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = session_list,
};

const ZgCommand zg_cmd_session_show = {
    .name = "session show", .usage = "SESSION",
    .help = "Show one session (its id or the start of it), and how its viewer's line is.",
    .flags = ZG_CMD_NEEDS_LOGIN,
    .min_args = 1, .max_args = 1, .run = session_show,
};

const ZgCommand zg_cmd_session_end = {
    .name = "session end", .usage = "SESSION",
    .help = "Log a person off; what was not saved is lost.", .flags = ZG_CMD_NEEDS_LOGIN,
    .min_args = 1, .max_args = 1, .options = end_options, .run = session_end,
};

const ZgCommand zg_cmd_session_message = {
    .name = "session message", .usage = "SESSION TEXT",
    .help = "Show a message on somebody's screen.", .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 2,
    .max_args = 2, .run = session_message,
};
