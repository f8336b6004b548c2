/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/provider.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"

ZgIdentity *
zg_identity_new(const char *user, const char *full_name, char **groups, bool admin)
{
    ZgIdentity *identity = g_new0(ZgIdentity, 1);

    identity->user = g_strdup(user);
    identity->full_name = g_strdup(full_name != NULL && full_name[0] != '\0' ? full_name : user);
    identity->groups = groups != NULL ? g_strdupv(groups) : g_new0(char *, 1);
    identity->admin = admin;
    return identity;
}

void
zg_identity_free(ZgIdentity *identity)
{
    if (identity != NULL) {
        g_free(identity->user);
        g_free(identity->full_name);
        g_strfreev(identity->groups);
        g_free(identity);
    }
}

static bool
user_is_sane(const char *user)
{
    size_t n_user = user == NULL ? 0 : strlen(user);

    if (n_user == 0 || n_user > ZG_LIMIT_USER_BYTES || !g_utf8_validate(user, -1, NULL)) {
        return false;
    }
    for (const char *at = user; *at != '\0'; at = g_utf8_next_char(at)) {
        if (g_unichar_iscntrl(g_utf8_get_char(at))) {
            return false;
        }
    }
    return true;
}

bool
zg_provider_check(ZgProvider *provider, const char *user, const char *password, size_t n_password,
                  ZgIdentity **out_identity, GError **error)
{
    if (!user_is_sane(user) || password == NULL || n_password == 0 ||
        n_password > ZG_LIMIT_PASSWORD_BYTES || memchr(password, '\0', n_password) != NULL) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED, ZG_SIGN_IN_REFUSED);
        return false;
    }
    return provider->ops->check(provider, user, password, n_password, out_identity, error);
}

bool
zg_provider_probe(ZgProvider *provider, GError **error)
{
    return provider->ops->probe(provider, error);
}

void
zg_provider_free(ZgProvider *provider)
{
    if (provider != NULL) {
        provider->ops->free(provider);
    }
}
