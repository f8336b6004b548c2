/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The quality profiles of a pool: how its pictures trade bytes for fidelity. One list for all. */
#pragma once

typedef enum {
    ZG_PROFILE_LAN,
    ZG_PROFILE_BRANCH_5MBIT,
    ZG_PROFILE_BRANCH_2MBIT,
    ZG_PROFILE_LOSSLESS,
    ZG_N_PROFILES,
} ZgProfile;

/* Their names in the order of the enumeration, then NULL. */
extern const char *const zg_profile_names[ZG_N_PROFILES + 1];

/** zg_profile_of() - by name; an unknown one (of a newer program) is ZG_PROFILE_LAN. */
ZgProfile zg_profile_of(const char *name);
