/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/role.h"

#include <glib.h>

#define USER (1u << ZG_ROLE_USER)
#define ADMIN (1u << ZG_ROLE_ADMIN)

static const ZgRoles allowed[ZG_N_ACTIONS] = {
    [ZG_ACTION_SEE_SELF] = USER | ADMIN,
    [ZG_ACTION_USE_OWN] = USER | ADMIN,
    [ZG_ACTION_SEE_OPERATION] = USER | ADMIN,
    [ZG_ACTION_SEE_ALL] = ADMIN,
    [ZG_ACTION_MANAGE_POOLS] = ADMIN,
    [ZG_ACTION_MANAGE_TEMPLATES] = ADMIN,
    [ZG_ACTION_MANAGE_DESKTOPS] = ADMIN,
    [ZG_ACTION_MANAGE_SESSIONS] = ADMIN,
    [ZG_ACTION_MANAGE_HOSTS] = ADMIN,
    [ZG_ACTION_MANAGE_USERS] = ADMIN,
};

const char *
zg_role_name(ZgRole role)
{
    return role == ZG_ROLE_ADMIN ? "admin" : "user";
}

bool
zg_roles_allow(ZgRoles roles, ZgAction action)
{
    return (unsigned)action < ZG_N_ACTIONS && (roles & allowed[action]) != 0;
}

static bool
same_group(const char *a, const char *b)
{
    g_autofree char *folded_a = g_utf8_casefold(a, -1);
    g_autofree char *folded_b = g_utf8_casefold(b, -1);

    return g_str_equal(folded_a, folded_b);
}

ZgRoles
zg_roles_of(char **groups, char **admin_groups, bool admin)
{
    ZgRoles roles = USER | (admin ? ADMIN : 0);

    for (char **group = groups; group != NULL && *group != NULL; group++) {
        for (char **wanted = admin_groups; wanted != NULL && *wanted != NULL; wanted++) {
            if (same_group(*group, *wanted)) {
                roles |= ADMIN;
            }
        }
    }
    return roles;
}
