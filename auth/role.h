/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Roles, and the one table of who may do what. Pure. */
#pragma once

#include <stdbool.h>

typedef enum {
    ZG_ROLE_USER,
    ZG_ROLE_ADMIN,
    ZG_N_ROLES
} ZgRole;

/* Several roles as bits: 1u << ZG_ROLE_USER and so on. */
typedef unsigned ZgRoles;

typedef enum {
    ZG_ACTION_SEE_SELF,        /* /me, sign out */
    ZG_ACTION_USE_OWN,         /* own pools, sessions, tickets, events */
    ZG_ACTION_SEE_OPERATION,   /* own ones; others need SEE_ALL */
    ZG_ACTION_SEE_ALL,         /* pools, templates, desktops, sessions, hosts, status, audit */
    ZG_ACTION_MANAGE_POOLS,
    ZG_ACTION_MANAGE_TEMPLATES,
    ZG_ACTION_MANAGE_DESKTOPS,
    ZG_ACTION_MANAGE_SESSIONS, /* of others: log off, message */
    ZG_ACTION_MANAGE_HOSTS,
    ZG_ACTION_MANAGE_USERS,    /* local accounts, revoking sign-ins */
    ZG_N_ACTIONS
} ZgAction;

/** zg_role_name() - "user", "admin". */
const char *zg_role_name(ZgRole role);

/** zg_roles_allow() - does any of @roles allow @action? False for values outside the table. */
bool zg_roles_allow(ZgRoles roles, ZgAction action);

/**
 * zg_roles_of() - roles of a signed-in person
 * @groups:       the person's groups, NULL-terminated; may be NULL
 * @admin_groups: groups that make an administrator (short names or DNs); may be NULL
 * @admin:        the provider itself says so
 *
 * Groups are compared without regard to case, as directories do. Everybody is a user.
 */
ZgRoles zg_roles_of(char **groups, char **admin_groups, bool admin);
