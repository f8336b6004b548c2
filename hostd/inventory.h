/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this machine has. Reads /proc and statvfs; fast. */
#pragma once

#include <glib.h>
#include <stdint.h>

typedef struct {
    int64_t cpus;
    int64_t memory_mib;
    int64_t memory_free_mib;
    int64_t disk_mib;
    int64_t disk_free_mib;
    int64_t load_milli; /* one minute's load average times 1000 */
} ZgInventory;

/** zg_inventory_take() - @path: a folder on the disk that carries the overlays */
ZgInventory zg_inventory_take(const char *path);

/** zg_inventory_boot_id() - changes at every boot; the caller frees. */
char *zg_inventory_boot_id(void);

/** zg_inventory_meminfo() - one field of /proc/meminfo's text in MiB; 0 when absent. Pure. */
int64_t zg_inventory_meminfo(const char *text, const char *field);
