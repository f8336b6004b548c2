/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/user.h"

#include <pwd.h>
#include <unistd.h>
#include "common/base/error.h"

bool
zg_user_find(const char *name, uid_t *out_uid, gid_t *out_gid, GError **error)
{
    guint64 number;
    struct passwd *entry;

    if (name[0] == '+' && g_ascii_string_to_unsigned(name + 1, 10, 1, 0xfffffffe, &number, NULL)) {
        *out_uid = (uid_t)number;
        *out_gid = (gid_t)number;
        return true;
    }
    entry = getpwnam(name);
    if (entry == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_NOT_FOUND, "no user '%s' on this machine", name);
        return false;
    }
    if (entry->pw_uid == 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "user '%s' is root: refused", name);
        return false;
    }
    *out_uid = entry->pw_uid;
    *out_gid = entry->pw_gid;
    return true;
}

static void
take(GPtrArray *argv, GPtrArray *owned, char *text)
{
    g_ptr_array_add(owned, text);
    g_ptr_array_add(argv, text);
}

void
zg_user_prefix(const char *name, GPtrArray *argv, GPtrArray *owned)
{
    uid_t uid;
    gid_t gid;

    if (name == NULL || geteuid() != 0 || !zg_user_find(name, &uid, &gid, NULL)) {
        return;
    }
    take(argv, owned, g_strdup("setpriv"));
    take(argv, owned, g_strdup_printf("--reuid=%u", uid));
    take(argv, owned, g_strdup_printf("--regid=%u", gid));
    take(argv, owned, g_strdup(name[0] == '+' ? "--clear-groups" : "--init-groups"));
    take(argv, owned, g_strdup("--no-new-privs"));
}
