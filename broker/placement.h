/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which host takes a new desktop. Pure: facts in, an index or a reason out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZG_STARTS_AT_ONCE 6

/* One host as seen now; borrowed. */
typedef struct {
    const char *name;
    bool linked;
    bool maintenance;
    const char *driver;       /* "embed", "system", "fake" */
    const char *capabilities; /* words with spaces around each: " save nat isolated " */
    bool has_image;           /* the version asked for */
    int64_t memory_free_mib;
    int64_t disk_free_mib;    /* free now, less what the overlays there may still grow to */
    int64_t in_flight_memory_mib; /* asked of it, not running yet */
    int64_t in_flight_disk_mib;
    int n_starting;
} ZgHostView;

typedef struct {
    int64_t memory_mib;
    int64_t disk_mib;
    const char *network; /* "isolated", "nat" */
} ZgPlacementWish;

/**
 * zg_placement_choose() - the host with most memory left after this desktop and what is in flight
 * @out_reason: when none: a reason code, static
 * Return: index into @hosts, or -1.
 */
int zg_placement_choose(const ZgHostView *hosts, size_t n_hosts, const ZgPlacementWish *wish,
                        const char **out_reason);

/** zg_placement_driver_can() - the capability table: can this kind of host do it at all? */
bool zg_placement_driver_can(const char *driver, const char *capability);
