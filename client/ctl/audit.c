/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan audit: who did what, and what the installation did by itself */
#include "client/ctl/api.h"
#include "client/ctl/commands.h"

static const ZgColumn audit_columns[] = {
    {"AT", "at", false},     {"EVENT", "event", false},   {"THING", "thing", false},
    {"ID", "id", false},     {"FROM", "from", false},     {"TO", "to", false},
    {"USER", "user", false}, {"BY", "actor", false},      {"TEXT", "text", false},
    {NULL, NULL, false},
};

static int
audit_run(ZgCtl *ctl, GError **error)
{
    return zg_api_print_newest(ctl, "/audit", audit_columns, error);
}

static const ZgCtlOption audit_options[] = {
    ZG_LIMIT_OPTION,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_audit = {
    .name = "audit", .usage = "[--limit N]",
    .help = "Show the record of everything that was done, newest first.",
    .flags = ZG_CMD_NEEDS_LOGIN, .options = audit_options, .run = audit_run,
};
