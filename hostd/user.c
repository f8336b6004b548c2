/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/user.h"

#include <pwd.h>
#include <sys/stat.h>
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

gid_t
zg_user_kvm_group(void)
{
    struct stat info;

    return stat("/dev/kvm", &info) == 0 && (info.st_mode & 0060) == 0060 &&
                   (info.st_mode & 0006) != 0006
               ? info.st_gid
               : 0;
}

void
zg_user_prefix(const char *name, bool with_kvm, GPtrArray *argv, GPtrArray *owned)
{
    gid_t kvm = with_kvm ? zg_user_kvm_group() : 0;
    uid_t uid;
    gid_t gid;

    if (name == NULL || geteuid() != 0 || !zg_user_find(name, &uid, &gid, NULL)) {
        return;
    }
    take(argv, owned, g_strdup("setpriv"));
    take(argv, owned, g_strdup_printf("--reuid=%u", uid));
    take(argv, owned, g_strdup_printf("--regid=%u", gid));
    take(argv, owned,
         name[0] != '+' ? g_strdup("--init-groups")
         : kvm != 0     ? g_strdup_printf("--groups=%u", kvm)
                        : g_strdup("--clear-groups"));
    take(argv, owned, g_strdup("--no-new-privs"));
}
