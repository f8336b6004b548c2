/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan up, zaguan down: run and stop an installation of one machine. */
#include "client/ctl/commands.h"
#include "common/proto/json.h"

#include "client/ctl/api.h"
#include "client/ctl/supervisor.h"

#define STOP_TIMEOUT_MS 300000

static char *
directory_of(const ZgCtl *ctl)
{
    /* The programs are started with this path, and run in another folder than the person. */
    return g_canonicalize_filename(zg_ctl_arg(ctl, 0), NULL);
}

static int
run_up(ZgCtl *ctl, GError **error)
{
    g_autofree char *directory = directory_of(ctl);

    if (zg_ctl_option(ctl, "detach") != NULL) {
        if (!zg_supervisor_detach(directory, error)) {
            return -1;
        }
        g_autofree char *done =
            g_strdup_printf("'%s' runs; its logs are in %s/log", directory, directory);

        zg_api_done(ctl, NULL, done);
        return 0;
    }
    return zg_supervisor_run(directory, -1, error) ? 0 : -1;
}

static int
run_down(ZgCtl *ctl, GError **error)
{
    g_autofree char *directory = directory_of(ctl);
    bool save = zg_ctl_option(ctl, "keep-desktops") == NULL;

    if (!zg_supervisor_stop(directory, save, STOP_TIMEOUT_MS, error)) {
        return -1;
    }
    zg_api_done(ctl, NULL, save ? "stopped; the desktops are saved" : "stopped");
    return 0;
}

static const ZgCtlOption up_options[] = {
    {"detach", NULL, "run in the background; return when the broker answers"},
    {0},
};

const ZgCommand zg_cmd_up = {
    .name = "up", .usage = "DIR [--detach]",
    .help = "Run an installation on this machine: broker, host agent and front.",
    .min_args = 1, .max_args = 1, .options = up_options, .run = run_up,
};

static const ZgCtlOption down_options[] = {
    {"keep-desktops", NULL, "leave the desktops running; they are adopted at the next start"},
    {0},
};

const ZgCommand zg_cmd_down = {
    .name = "down", .usage = "DIR [--keep-desktops]",
    .help = "Stop an installation; running desktops are saved and resume at the next start.",
    .min_args = 1, .max_args = 1, .options = down_options, .run = run_down,
};
