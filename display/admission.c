/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/admission.h"

struct ZgAdmission {
    unsigned most;
    unsigned most_per_address;
    unsigned count;
    GHashTable *addresses; /* address -> count */
};

ZgAdmission *
zg_admission_new(unsigned most, unsigned most_per_address)
{
    ZgAdmission *admission = g_new0(ZgAdmission, 1);

    admission->most = most;
    admission->most_per_address = most_per_address;
    admission->addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return admission;
}

void
zg_admission_free(ZgAdmission *admission)
{
    if (admission != NULL) {
        g_hash_table_destroy(admission->addresses);
        g_free(admission);
    }
}

bool
zg_admission_enter(ZgAdmission *admission, const char *address)
{
    unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(admission->addresses, address));

    if (admission->count >= admission->most || n >= admission->most_per_address) {
        return false;
    }
    admission->count++;
    g_hash_table_insert(admission->addresses, g_strdup(address), GUINT_TO_POINTER(n + 1));
    return true;
}

void
zg_admission_leave(ZgAdmission *admission, const char *address)
{
    unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(admission->addresses, address));

    g_assert(n > 0 && admission->count > 0);
    admission->count--;
    if (n == 1) {
        g_hash_table_remove(admission->addresses, address);
    } else {
        g_hash_table_insert(admission->addresses, g_strdup(address), GUINT_TO_POINTER(n - 1));
    }
}

unsigned
zg_admission_count(const ZgAdmission *admission)
{
    return admission->count;
}
