/* SPDX-License-Identifier: GPL-3.0-or-later */
/* May one more desktop start here? Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* What QEMU needs beside the guest's memory: translated code, screen, its own heap. */
#define ZG_ADMISSION_OVERHEAD_MIB 160

/* All MiB. */
typedef struct {
    int64_t memory_free;     /* available now */
    int64_t memory_promised; /* what running guests have not touched yet */
    int64_t memory_reserve;
    int64_t memory_wanted; /* 0: no new guest, e.g. only its disk */
    int64_t disk_free;
    int64_t disk_promised; /* what all overlays may still grow by */
    int64_t disk_reserve;
    int64_t disk_wanted; /* what a new overlay may grow to; 0: it is there already */
} ZgAdmission;

/** zg_admission_check() - false with ZG_ERROR_UNAVAILABLE and a sentence with the numbers. */
bool zg_admission_check(const ZgAdmission *facts, GError **error);
