/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan pool … */
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "common/base/error.h"
#include "common/proto/json.h"

static const ZgColumn pool_columns[] = {
    {"POOL", "name", false},
    {"TITLE", "title", false},
    {"TEMPLATE", "template", false},
    {"WANTED", "ready", true},
    {"MOST", "max", true},
    {"READY", "usable", true},
    {"IN USE", "counts.in-use", true},
    {"ERROR", "counts.error", true},
    {"NETWORK", "network", false},
    {"ENABLED", "enabled", false},
    {NULL, NULL, false},
};

static int
pool_list(ZgCtl *ctl, GError **error)
{
    return zg_api_print_list(ctl, "/pools", pool_columns, error);
}

static int
pool_show(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/pools/", zg_ctl_arg(ctl, 0), "");

    return zg_api_print_one(ctl, path, error);
}

static int
pool_delete(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/pools/", zg_ctl_arg(ctl, 0), "");
    g_autofree char *title = g_strdup_printf("delete pool '%s'", zg_ctl_arg(ctl, 0));

    return zg_api_operation(ctl, "DELETE", path, NULL, title, error);
}

/* Sets a number that was given as an option; the rest of the pool stays as the broker has it. */
static bool
change_number(ZgCtl *ctl, json_t *pool, const char *key, int64_t least, GError **error)
{
    int64_t value = -1;

    if (!zg_ctl_option_int(ctl, key, least, 500, -1, &value, error)) {
        return false;
    }
    if (value >= 0) {
        json_object_set_new(pool, key, json_integer(value));
    }
    return true;
}

static int
pool_scale(ZgCtl *ctl, GError **error)
{
    g_autofree char *path = zg_api_path("/pools/", zg_ctl_arg(ctl, 0), "");
    g_autofree char *done = g_strdup_printf("pool '%s' changed", zg_ctl_arg(ctl, 0));
    g_autoptr(json_t) pool = NULL;
    g_autoptr(json_t) changed = NULL;
    int64_t revision;

    if (zg_ctl_option(ctl, "ready") == NULL && zg_ctl_option(ctl, "max") == NULL) {
        return zg_misuse(error, "nothing to change; give --ready N, --max N or both");
    }
    if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", path, NULL, &pool, error) ||
        !change_number(ctl, pool, "ready", 0, error) ||
        !change_number(ctl, pool, "max", 1, error)) {
        return -1;
    }
    revision = json_integer_value(json_object_get(pool, "revision"));
    json_object_del(pool, "revision");
    json_object_del(pool, "counts");
    json_object_del(pool, "usable");
    if (!zg_broker_client_call_if(zg_ctl_client(ctl), "PUT", path, revision, pool, &changed,
                                  error)) {
        return -1;
    }
    zg_api_done(ctl, changed, done);
    return 0;
}

const ZgCommand zg_cmd_pool_list = {
    .name = "pool list", .usage = "", .help = "Show every pool with its counts.",
    .flags = ZG_CMD_NEEDS_LOGIN, .run = pool_list,
};

const ZgCommand zg_cmd_pool_show = {
    .name = "pool show", .usage = "POOL", .help = "Show one pool with every field.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .run = pool_show,
};

static const ZgCtlOption scale_options[] = {
    {"ready", "N", "desktops kept ready, 0 to 500"},
    {"max", "N", "most desktops, 1 to 500"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_pool_scale = {
    .name = "pool scale", .usage = "POOL [--ready N] [--max N]",
    .help = "Change how many desktops a pool keeps.", .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1,
    .max_args = 1, .options = scale_options, .run = pool_scale,
};

static const ZgCtlOption delete_options[] = {
    ZG_OPERATION_OPTIONS,
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_pool_delete = {
    .name = "pool delete", .usage = "POOL", .help = "Delete a pool and its desktops.",
    .flags = ZG_CMD_NEEDS_LOGIN, .min_args = 1, .max_args = 1, .options = delete_options,
    .run = pool_delete,
};
