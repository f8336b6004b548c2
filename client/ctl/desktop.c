/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan desktop … */
#include <string.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static const ZgColumn desktop_columns[] = {
    {"DESKTOP", "name", false},
    {"ID", "id", false},
    {"POOL", "pool", false},
    {"HOST", "host", false},
    {"LIFE", "life", false},
    {"POWER", "power", false},
    {"AGENT", "agent", false},
    {"USER", "user", false},
    {"VERSION", "version", true},
    {"MEMORY MiB", "memory_mib", true},
    {"SINCE", "since", false},
    {"REASON", "reason", false},
    {NULL, NULL, false},
};

static const ZgColumn history_columns[] = {
    {"AT", "at", false},       {"EVENT", "event", false},   {"FROM", "from", false},
    {"TO", "to", false},       {"REASON", "reason", false}, {"BY", "actor", false},
    {"TEXT", "text", false},   {NULL, NULL, false},
};

static int
desktop_list(ZgCtl *ctl, GError **error)
{
    static const char *const filters[] = {"pool", "host", "life"};
    g_autoptr(GString) path = g_string_new("/desktops");

    for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
        const char *value = zg_ctl_option(ctl, filters[i]);

        if (value != NULL) {
            g_autofree char *escaped = zg_broker_client_escape(value);

            g_string_append_printf(path, "%s%s=%s", strchr(path->str, '?') ? "&" : "?",
                                   filters[i], escaped);
        }
    }
    return zg_api_print_list(ctl, path->str, desktop_columns, error);
}

/* "/desktops/ID" + @suffix for the desktop that was named. */
static char *
desktop_path(ZgCtl *ctl, const char *suffix, GError **error)
{
    g_autofree char *id =
        zg_api_resolve(ctl, "/desktops", "desktop", zg_ctl_arg(ctl, 0), error);

    return id ? zg_api_path("/desktops/", id, suffix) : NULL;
}

static int
desktop_show(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = desktop_path(ctl, "", error);

    return path ? zg_api_print_one(ctl, path, error) : -1;
}

static int
desktop_history(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = desktop_path(ctl, "/history", error);

    return path ? zg_api_print_newest(ctl, path, history_columns, error) : -1;
}

static int
desktop_change(ZgCtl *ctl, const char *method, const char *suffix, const char *verb,
               GError **error)
{
    g_autofree char *path = desktop_path(ctl, suffix, error);
    g_autofree char *title = g_strdup_printf("%s desktop '%s'", verb, zg_ctl_arg(ctl, 0));

    return path ? zg_api_operation(ctl, method, path, NULL, title, error) : -1;
}

static int
desktop_refresh(ZgCtl *ctl, GError **error)
{
    return desktop_change(ctl, "POST", "/refresh", "refresh", error);
}

static int
desktop_restart(ZgCtl *ctl, GError **error)
{
    return desktop_change(ctl, "POST", "/restart", "restart", error);
}

static int
desktop_delete(ZgCtl *ctl, GError **error)
{
    return desktop_change(ctl, "DELETE", "", "delete", error);
}

static const ZgCtlOption list_options[] = {
    {"pool", "POOL", "only desktops of this pool"},
    {"host", "HOST", "only desktops on this host"},
    {"life", "LIFE", "only desktops in this state: ready, in-use, error, ..."},
    {NULL, NULL, NULL},
};

static const ZgCtlOption history_options[] = {
    ZG_LIMIT_OPTION,
    {NULL, NULL, NULL},
};

static const ZgCtlOption change_options[] = {
    ZG_OPERATION_OPTIONS,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_desktop_list = {
    .name = "desktop list", .usage = "[--pool POOL] [--host HOST] [--life LIFE]",
    .help = "Show desktops.", .flags = ZG_CMD_NEEDS_LOGIN, .options = list_options,
    .run = desktop_list,
};

const ZgCommand zg_cmd_desktop_show = {
    .name = "desktop show", .usage = "DESKTOP",
    .help = "Show one desktop (its name, its id or the start of it) with every field.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .run = desktop_show,
};

const ZgCommand zg_cmd_desktop_history = {
    .name = "desktop history", .usage = "DESKTOP [--limit N]",
    .help = "Show what happened to a desktop, and why.", .flags = ZG_CMD_NEEDS_LOGIN,
    .min_args = 1, .max_args = 1, .options = history_options, .run = desktop_history,
};

const ZgCommand zg_cmd_desktop_refresh = {
    .name = "desktop refresh", .usage = "DESKTOP",
    .help = "Throw away what the desktop's disk has and start clean.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .options = change_options,
    .run = desktop_refresh,
};

const ZgCommand zg_cmd_desktop_restart = {
    .name = "desktop restart", .usage = "DESKTOP", .help = "Reboot a desktop; its disk stays.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .options = change_options,
    .run = desktop_restart,
};

const ZgCommand zg_cmd_desktop_delete = {
    .name = "desktop delete", .usage = "DESKTOP",
    .help = "Delete a desktop; its pool makes another when it needs one.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .options = change_options,
    .run = desktop_delete,
};
