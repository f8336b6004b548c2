/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan op …, zaguan wait op */
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static const ZgColumn op_columns[] = {
    {"OPERATION", "id", false}, {"KIND", "kind", false},         {"SUBJECT", "subject", false},
    {"STATE", "state", false},  {"%", "percent", true},          {"TEXT", "text", false},
    {"BEGAN", "created_at", false}, {NULL, NULL, false},
};

/* The last word of what has ended: why it failed, or nothing. */
static void
settle_text(json_t *operation)
{
    const char *state = json_string_value(json_object_get(operation, "state"));
    json_t *detail = json_object_get(json_object_get(operation, "error"), "detail");

    if (g_strcmp0(state, "done") == 0) {
        json_object_del(operation, "text");
    } else if (detail != NULL) {
        json_object_set(operation, "text", detail);
    }
}

static int
op_list(ZgCtl *ctl, GError **error)
{
    g_autoptr(json_t) items = zg_broker_client_list(zg_ctl_client(ctl), "/operations", error);
    size_t i;
    json_t *item;

    if (items == NULL) {
        return -1;
    }
    if (!zg_ctl_json(ctl)) {
        json_array_foreach(items, i, item)
        {
            settle_text(item);
        }
    }
    zg_print_items(zg_ctl_json(ctl), op_columns, items);
    return 0;
}

static int
op_show(ZgCtl *ctl, GError **error)
{
    g_autofree char *id =
        zg_api_resolve(ctl, "/operations", "operation", zg_ctl_arg(ctl, 0), error);
    g_autofree char *path = id ? zg_api_path("/operations/", id, "") : NULL;

    return path ? zg_api_print_one(ctl, path, error) : -1;
}

static int
op_wait(ZgCtl *ctl, GError **error)
{
    g_autofree char *id = NULL;
    int64_t timeout_s;

    if (!zg_ctl_option_int(ctl, "timeout", 1, 86400, 600, &timeout_s, error) ||
        !(id = zg_api_resolve(ctl, "/operations", "operation", zg_ctl_arg(ctl, 0), error)) ||
        !zg_api_follow(ctl, id, "operation", timeout_s, error)) {
        return -1;
    }
    return 0;
}

static const ZgCtlOption wait_options[] = {
    {"timeout", "SECONDS", "longest wait (default 600)"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_op_list = {
    .name = "op list", .usage = "", .help = "Show long work: what runs and what has ended.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = op_list,
};

const ZgCommand zg_cmd_op_show = {
    .name = "op show", .usage = "OPERATION", .help = "Show one operation.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .run = op_show,
};

const ZgCommand zg_cmd_op_wait = {
    .name = "op wait", .usage = "OPERATION [--timeout SECONDS]",
    .help = "Wait until an operation has ended.", .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1,
    .max_args = 1, .options = wait_options, .run = op_wait,
};

const ZgCommand zg_cmd_wait_op = {
    .name = "wait op", .usage = "OPERATION [--timeout SECONDS]",
    .help = "The same as `op wait`.", .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1,
    .options = wait_options, .run = op_wait,
};
