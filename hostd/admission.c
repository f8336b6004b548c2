/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/admission.h"

#include "common/base/error.h"

static bool
fits(const char *what, int64_t free_mib, int64_t promised, int64_t reserve, int64_t wanted,
     GError **error)
{
    if (wanted == 0 || free_mib - promised - reserve >= wanted) {
        return true;
    }
    g_set_error(error, ZG_ERROR, ZG_ERROR_UNAVAILABLE,
                "not enough %s on this host: %" G_GINT64_FORMAT " MiB needed, %" G_GINT64_FORMAT
                " MiB free, of which %" G_GINT64_FORMAT " MiB are promised to other desktops and %"
                G_GINT64_FORMAT " MiB reserved",
                what, wanted, free_mib, promised, reserve);
    return false;
}

bool
zg_admission_check(const ZgAdmission *facts, GError **error)
{
    return fits("memory", facts->memory_free, facts->memory_promised, facts->memory_reserve,
                facts->memory_wanted > 0 ? facts->memory_wanted + ZG_ADMISSION_OVERHEAD_MIB : 0,
                error) &&
           fits("disk", facts->disk_free, facts->disk_promised, facts->disk_reserve,
                facts->disk_wanted, error);
}
