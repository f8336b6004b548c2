/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many strangers may be connected: in all and from one address. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct ZgAdmission ZgAdmission;

/** zg_admission_new() - at most @most in all, and @most_per_address from one address. */
ZgAdmission *zg_admission_new(unsigned most, unsigned most_per_address);

/** zg_admission_free() - accepts NULL. */
void zg_admission_free(ZgAdmission *admission);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgAdmission, zg_admission_free)

/** zg_admission_enter() - count one more from @address; false when there is no room. */
bool zg_admission_enter(ZgAdmission *admission, const char *address);

/** zg_admission_leave() - one that entered has proved itself or is gone. */
void zg_admission_leave(ZgAdmission *admission, const char *address);

/** zg_admission_count() - how many are inside. */
unsigned zg_admission_count(const ZgAdmission *admission);
