/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/inventory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

int64_t
zg_inventory_meminfo(const char *text, const char *field)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    size_t n_field = strlen(field);

    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, field) && (*line)[n_field] == ':') {
            return g_ascii_strtoll(*line + n_field + 1, NULL, 10) / 1024;
        }
    }
    return 0;
}

ZgInventory
zg_inventory_take(const char *path)
{
    ZgInventory out = {.cpus = sysconf(_SC_NPROCESSORS_ONLN)};
    g_autofree char *meminfo = NULL;
    struct statvfs about;
    double load = 0;

    if (g_file_get_contents("/proc/meminfo", &meminfo, NULL, NULL)) {
        out.memory_mib = zg_inventory_meminfo(meminfo, "MemTotal");
        out.memory_free_mib = zg_inventory_meminfo(meminfo, "MemAvailable");
    }
    if (statvfs(path, &about) == 0) {
        out.disk_mib = (int64_t)((uint64_t)about.f_blocks * about.f_frsize >> 20);
        out.disk_free_mib = (int64_t)((uint64_t)about.f_bavail * about.f_frsize >> 20);
    }
    if (getloadavg(&load, 1) == 1) {
        out.load_milli = (int64_t)(load * 1000);
    }
    return out;
}

char *
zg_inventory_boot_id(void)
{
    char *text = NULL;

    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL)) {
        return g_strdup("unknown");
    }
    return g_strstrip(text);
}
