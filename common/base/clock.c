/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base/clock.h"

#include <glib.h>

int64_t
zg_clock_mono_us(void)
{
    return g_get_monotonic_time();
}

int64_t
zg_clock_utc_us(void)
{
    return g_get_real_time();
}

char *
zg_clock_utc_text(int64_t utc_us)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(utc_us / G_USEC_PER_SEC);
    g_autofree char *seconds = at != NULL ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%S") : NULL;

    return g_strdup_printf("%s.%03dZ", seconds != NULL ? seconds : "0000-00-00T00:00:00",
                           (int)(utc_us % G_USEC_PER_SEC / 1000));
}
