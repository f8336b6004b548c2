/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The [ldap] group of a key file. */
#include "auth/ldap.h"

bool
zg_ldap_config_take(ZgConfigFile *file, ZgLdapConfig *out_config, GError **error)
{
    static const char group[] = "ldap";
    ZgLdapConfig *c = out_config;

    return zg_config_take_list(file, group, "uris", &c->uris, error) &&
           zg_config_take_bool(file, group, "start-tls", false, &c->start_tls, error) &&
           zg_config_take_bool(file, group, "insecure", false, &c->insecure, error) &&
           zg_config_take_text(file, group, "ca-file", NULL, &c->ca_file, error) &&
           zg_config_take_text(file, group, "bind-dn", NULL, &c->bind_dn, error) &&
           zg_config_take_text(file, group, "bind-password-file", NULL, &c->bind_password_file,
                               error) &&
           zg_config_take_text(file, group, "user-base", NULL, &c->user_base, error) &&
           zg_config_take_text(file, group, "user-filter", "(uid={user})", &c->user_filter,
                               error) &&
           zg_config_take_text(file, group, "group-base", NULL, &c->group_base, error) &&
           zg_config_take_text(file, group, "group-filter", "(member={dn})", &c->group_filter,
                               error) &&
           zg_config_take_text(file, group, "full-name-attribute", "cn", &c->full_name_attribute,
                               error) &&
           zg_config_take_int(file, group, "timeout-s", 1, 30, 5, &c->timeout_s, error);
}

void
zg_ldap_config_clear(ZgLdapConfig *config)
{
    g_strfreev(config->uris);
    g_free(config->ca_file);
    g_free(config->bind_dn);
    g_free(config->bind_password_file);
    g_free(config->user_base);
    g_free(config->user_filter);
    g_free(config->group_base);
    g_free(config->group_filter);
    g_free(config->full_name_attribute);
    *config = (ZgLdapConfig){0};
}
