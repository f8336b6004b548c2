/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sign-in through an LDAP directory: search, then bind. ldap.c is the only user of libldap. */
#pragma once

#include <stdint.h>
#include "auth/provider.h"
#include "common/base/config.h"

/* Configuration; see docs/INSTALLATION.md, [ldap]. */
typedef struct {
    char **uris;               /* ldaps://HOST[:PORT] or ldap://…; tried in order */
    bool start_tls;            /* on ldap:// URIs StartTLS is mandatory */
    bool insecure;             /* ldap:// without StartTLS; warned about at every start */
    char *ca_file;             /* PEM; NULL: the system's bundle */
    char *bind_dn;             /* account that searches; NULL: anonymous */
    char *bind_password_file;  /* first line; required with bind_dn */
    char *user_base;
    char *user_filter;         /* contains {user} */
    char *group_base;          /* NULL: memberOf only */
    char *group_filter;        /* contains {dn} */
    char *full_name_attribute;
    int64_t timeout_s;         /* 1..30, for a whole check over all URIs */
} ZgLdapConfig;

/** zg_ldap_config_clear() - frees the contents. */
void zg_ldap_config_clear(ZgLdapConfig *config);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ZgLdapConfig, zg_ldap_config_clear)

/**
 * zg_ldap_config_take() - read the group [ldap]
 * @out_config: zeroed by the caller, who also clears it, whatever the result; without `uris` (an
 *              empty list) there is no directory
 */
bool zg_ldap_config_take(ZgConfigFile *file, ZgLdapConfig *out_config, GError **error);

/**
 * zg_ldap_provider_new() - check the configuration; connects to nothing
 * @config: copied
 * @error:  ZG_ERROR_INVALID naming the key at fault
 *
 * Start of the program only: it also tells libldap to read no files and variables of its own,
 * and has SIGPIPE ignored.
 */
ZgProvider *zg_ldap_provider_new(const ZgLdapConfig *config, GError **error);
