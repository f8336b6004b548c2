/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/placement.h"

#include <glib.h>
#include <string.h>

/* What a driver cannot do, whatever a host says. */
static const struct {
    const char *driver;
    const char *capability;
} cannot[] = {
    {"embed", "storage-pool"},
    {"embed", "libvirt-network"},
    {"embed", "migrate-in"},
};

bool
zg_placement_driver_can(const char *driver, const char *capability)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cannot); i++) {
        if (g_strcmp0(driver, cannot[i].driver) == 0 &&
            strcmp(capability, cannot[i].capability) == 0) {
            return false;
        }
    }
    return true;
}

static bool
offers(const ZgHostView *host, const char *capability)
{
    g_autofree char *word = g_strdup_printf(" %s ", capability);

    return strstr(host->capabilities, word) != NULL &&
           zg_placement_driver_can(host->driver, capability);
}

/* The checks in order; a later reason is nearer to success and is the one told. */
static const char *const reasons[] = {
    "no-host", "host-maintenance", "no-image", "no-network-kind", "no-memory", "no-disk",
    "starts-busy",
};

/* How many checks @host passes; G_N_ELEMENTS(reasons) when all. */
static unsigned
passes(const ZgHostView *host, const ZgPlacementWish *wish)
{
    const bool checks[G_N_ELEMENTS(reasons)] = {
        host->linked,
        !host->maintenance,
        host->has_image,
        offers(host, wish->network),
        host->memory_free_mib - host->in_flight_memory_mib >= wish->memory_mib,
        host->disk_free_mib - host->in_flight_disk_mib >= wish->disk_mib,
        host->n_starting < ZG_STARTS_AT_ONCE,
    };
    unsigned n = 0;

    while (n < G_N_ELEMENTS(checks) && checks[n]) {
        n++;
    }
    return n;
}

int
zg_placement_choose(const ZgHostView *hosts, size_t n_hosts, const ZgPlacementWish *wish,
                    const char **out_reason)
{
    unsigned furthest = 0;
    int64_t best_left = 0;
    int best = -1;

    for (size_t i = 0; i < n_hosts; i++) {
        unsigned n = passes(&hosts[i], wish);
        int64_t left = hosts[i].memory_free_mib - hosts[i].in_flight_memory_mib;

        furthest = MAX(furthest, n);
        if (n == G_N_ELEMENTS(reasons) && (best < 0 || left > best_left)) {
            best = (int)i;
            best_left = left;
        }
    }
    if (best < 0) {
        *out_reason = reasons[furthest];
    }
    return best;
}
