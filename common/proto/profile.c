/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/proto/profile.h"

#include <stddef.h>
#include <string.h>

const char *const zg_profile_names[ZG_N_PROFILES + 1] = {
    [ZG_PROFILE_LAN] = "lan",
    [ZG_PROFILE_BRANCH_5MBIT] = "branch-5mbit",
    [ZG_PROFILE_BRANCH_2MBIT] = "branch-2mbit",
    [ZG_PROFILE_LOSSLESS] = "lossless",
};

ZgProfile
zg_profile_of(const char *name)
{
    for (int i = 0; name != NULL && i < ZG_N_PROFILES; i++) {
        if (strcmp(name, zg_profile_names[i]) == 0) {
            return (ZgProfile)i;
        }
    }
    return ZG_PROFILE_LAN;
}
