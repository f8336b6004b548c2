/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/ctl/look.h"

#include <glib.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "client/ctl/supervisor.h"
#include "common/net/tls.h"

#define DISK_LOW_MIB 512
#define CERTIFICATE_DAYS 30

static void
add(json_t *problems, const char *severity, const char *thing, const char *text, const char *hint)
{
    json_array_append_new(problems, json_pack("{s:s, s:s, s:s, s:s}", "severity", severity,
                                              "thing", thing, "text", text, "hint", hint));
}

/* hostd listens nowhere; its supervisor notes its process. */
static bool
program_runs(const char *directory, const char *name)
{
    g_autofree char *pid_file = g_strdup_printf("%s/run/%s.pid", directory, name);

    if (g_str_equal(name, "hostd")) {
        return zg_supervisor_pid(directory) == 0 || access(pid_file, F_OK) == 0;
    }
    return zg_supervisor_listens(directory, name);
}

json_t *
zg_look_at_programs(const char *directory)
{
    static const char *const names[][2] = {
        {"broker", "zaguan-broker"},
        {"front", "zaguan-display (front)"},
        {"hostd", "zaguan-hostd"},
    };
    json_t *problems = json_array();

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!program_runs(directory, names[i][0])) {
            g_autofree char *words = zg_supervisor_last_words(directory, names[i][0]);
            g_autofree char *text = g_strdup_printf("does not run; its last words: %s", words);
            g_autofree char *hint =
                zg_supervisor_pid(directory) == 0
                    ? g_strdup_printf("zaguan up %s --detach", directory)
                    : g_strdup_printf("it is started again by itself; more in %s/log", directory);

            add(problems, "error", names[i][1], text, hint);
        }
    }
    return problems;
}

static void
look_at_certificate(json_t *problems, const char *directory, const char *file, const char *ends)
{
    g_autofree char *path = g_build_filename(directory, file, NULL);
    g_autofree char *thing = g_strdup_printf("certificate '%s'", path);
    g_autofree char *hint = g_strdup_printf("zaguan renew %s", directory);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    int days = 0;

    if (!zg_tls_days_left(path, &days, &error)) {
        add(problems, "error", thing, error->message, hint);
    } else if (days < CERTIFICATE_DAYS) {
        text = days < 0 ? g_strdup_printf("it has ended: %s", ends)
                        : g_strdup_printf("it ends in %d days", days);
        add(problems, days < 0 ? "error" : "warning", thing, text, hint);
    }
}

json_t *
zg_look_at_files(const char *directory)
{
    json_t *problems = json_array();
    struct statvfs disk;

    look_at_certificate(problems, directory, "tls/front.pem", "browsers and viewers refuse it");
    look_at_certificate(problems, directory, "tls/host.pem", "the broker refuses this host");
    if (statvfs(directory, &disk) == 0 &&
        (uint64_t)disk.f_bavail * disk.f_frsize / (1024 * 1024) < DISK_LOW_MIB) {
        g_autofree char *text =
            g_strdup_printf("the disk is nearly full: %d MiB are free",
                            (int)((uint64_t)disk.f_bavail * disk.f_frsize / (1024 * 1024)));

        add(problems, "error", directory, text, "free space there");
    }
    return problems;
}
