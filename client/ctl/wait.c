/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan wait pool: until enough desktops are ready */
#include <string.h>
#include "client/ctl/api.h"
#include "client/ctl/commands.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/proto/json.h"

/* "2 of 4 ready, 1 customizing, 1 provisioning" */
static char *
counts_text(const json_t *pool, int64_t ready, int64_t wanted)
{
    GString *text = g_string_new(NULL);
    const char *life;
    json_t *count;

    g_string_append_printf(text, "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " ready", ready,
                           wanted);
    json_object_foreach(json_object_get(pool, "counts"), life, count)
    {
        if (json_integer_value(count) > 0 && strcmp(life, "ready") != 0) {
            g_string_append_printf(text, ", %" JSON_INTEGER_FORMAT " %s",
                                   json_integer_value(count), life);
        }
    }
    return g_string_free(text, FALSE);
}

static int
wait_pool(ZgCtl *ctl, GError **error)
{
    const char *name = zg_ctl_arg(ctl, 0);
    g_autofree char *path = zg_api_path("/pools/", name, "");
    g_autofree char *title = g_strdup_printf("pool '%s'", name);
    g_autoptr(ZgProgress) progress = zg_progress_new(title);
    int64_t wanted, timeout_s, deadline_us;

    if (!zg_ctl_option_int(ctl, "ready", 1, 500, 1, &wanted, error) ||
        !zg_ctl_option_int(ctl, "timeout", 1, 86400, 600, &timeout_s, error)) {
        return -1;
    }
    deadline_us = zg_clock_mono_us() + timeout_s * G_USEC_PER_SEC;
    for (;;) {
        g_autoptr(json_t) pool = NULL;
        g_autofree char *text = NULL;
        int64_t ready;

        if (!zg_broker_client_call(zg_ctl_client(ctl), "GET", path, NULL, &pool, error)) {
            return -1;
        }
        ready = json_integer_value(json_object_get(pool, "usable"));
        text = counts_text(pool, ready, wanted);
        zg_progress_update(progress, (int)MIN(ready * 100 / wanted, 100), text);
        if (ready >= wanted) {
            g_clear_pointer(&progress, zg_progress_free);
            zg_api_done(ctl, pool, text);
            return 0;
        }
        if (zg_clock_mono_us() > deadline_us) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_TIMEOUT,
                        "pool '%s': only %s after %" G_GINT64_FORMAT
                        " s\nhint: zaguan status says what is wrong",
                        name, text, timeout_s);
            return -1;
        }
        g_usleep(G_USEC_PER_SEC / 2);
    }
}

static const ZgCtlOption wait_pool_options[] = {
    {"ready", "N", "how many desktops (default 1)"},
    {"timeout", "SECONDS", "longest wait (default 600)"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_wait_pool = {
    .name = "wait pool", .usage = "POOL [--ready N] [--timeout SECONDS]",
    .help = "Wait until a pool has so many desktops ready.", .flags = ZG_CMD_NEEDS_LOGIN,
    .min_args = 1, .max_args = 1, .options = wait_pool_options, .run = wait_pool,
};
