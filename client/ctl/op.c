/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan op …, zaguan wait op */
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "common/base/error.h"

static const ZgColumn op_columns[] = {
    {"OPERATION", "id", false}, {"KIND", "kind", false},         {"SUBJECT", "subject", false},
    {"STATE", "state", false},  {"%", "percent", true},          {"TEXT", "text", false},
    {"BEGAN", "created_at", false}, {NULL, NULL, false},
};

static int
op_list(ZgCtl *ctl, GError **error)
{
    return zg_api_print_list(ctl, "/operations", op_columns, error);
}

static int
op_show(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/operations/", zg_ctl_arg(ctl, 0), "");

    return zg_api_print_one(ctl, path, error);
}

static int
op_wait(ZgCtl *ctl, GError **error)
{
    int64_t timeout_s;

    if (!zg_ctl_option_int(ctl, "timeout", 1, 86400, 600, &timeout_s, error) ||
        !zg_api_follow(ctl, zg_ctl_arg(ctl, 0), "operation", timeout_s, error)) {
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
