/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan host … */
#include <stdio.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/proto/json.h"

static const ZgColumn host_columns[] = {
    {"HOST", "name", false},
    {"STATE", "state", false},
    {"MAINTENANCE", "maintenance", false},
    {"DRIVER", "driver", false},
    {"ACCEL", "accel", false},
    {"CPUS", "cpus", true},
    {"MEMORY MiB", "memory_mib", true},
    {"FREE MiB", "memory_free_mib", true},
    {"DISK FREE MiB", "disk_free_mib", true},
    {"SINCE", "since", false},
    {NULL, NULL, false},
};

static int
host_list(ZgCtl *ctl, GError **error)
{
    return zg_api_print_list(ctl, "/hosts", host_columns, error);
}

static int
host_show(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/hosts/", zg_ctl_arg(ctl, 0), "");

    return zg_api_print_one(ctl, path, error);
}

static int
host_maintenance(ZgCtl *ctl, GError **error)
{
    const char *wish = zg_ctl_arg(ctl, 1);
    bool on = g_str_equal(wish, "on");
    g_autofree char *path = zg_api_path("/hosts/", zg_ctl_arg(ctl, 0), "");
    g_autofree char *done =
        g_strdup_printf("host '%s': maintenance %s", zg_ctl_arg(ctl, 0), wish);
    g_autoptr(json_t) body = json_pack("{s:b}", "maintenance", on);

    if (!on && !g_str_equal(wish, "off")) {
        return zg_misuse(error, "'%s': must be on or off", wish);
    }
    return zg_api_call(ctl, "PATCH", path, body, done, error);
}

static int
host_token(ZgCtl *ctl, GError **error)
{
    const char *host = zg_ctl_arg(ctl, 0);
    g_autoptr(json_t) body = json_pack("{s:s}", "host", host);
    g_autoptr(json_t) reply = NULL;
    const char *token;

    if (!zg_name_is_valid(host)) {
        return zg_misuse(error, "'%s' cannot be a host's name: lower-case letters, digits and "
                                "inner hyphens, a letter first", host);
    }
    if (!zg_broker_client_call(zg_ctl_client(ctl), "POST", "/hosts/tokens", body, &reply, error)) {
        return -1;
    }
    token = json_string_value(json_object_get(reply, "token"));
    if (zg_ctl_json(ctl)) {
        zg_print_json(reply);
    } else {
        printf("%s\n", token ? token : "");
        zg_say("works once, for 24 h; put it into the join-token-file of that host's hostd.conf");
    }
    return 0;
}

static int
host_delete(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/hosts/", zg_ctl_arg(ctl, 0), "");
    g_autofree char *title = g_strdup_printf("delete host '%s'", zg_ctl_arg(ctl, 0));

    return zg_api_operation(ctl, "DELETE", path, NULL, title, error);
}

const ZgCommand zg_cmd_host_list = {
    .name = "host list", .usage = "", .help = "Show the hosts that run desktops.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = host_list,
};

const ZgCommand zg_cmd_host_show = {
    .name = "host show", .usage = "HOST", .help = "Show one host with every field.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .run = host_show,
};

const ZgCommand zg_cmd_host_maintenance = {
    .name = "host maintenance", .usage = "HOST on|off",
    .help = "Take no new desktops on a host, or take them again.", .flags = ZG_CMD_NEEDS_LOGIN,
    .min_args = 2, .max_args = 2, .run = host_maintenance,
};

const ZgCommand zg_cmd_host_token = {
    .name = "host token", .usage = "HOST",
    .help = "Print a join token with which a new host may enrol once.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .run = host_token,
};

static const ZgCtlOption delete_options[] = {
    ZG_OPERATION_OPTIONS,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_host_delete = {
    .name = "host delete", .usage = "HOST", .help = "Forget a host that is gone for good.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .options = delete_options,
    .run = host_delete,
};
