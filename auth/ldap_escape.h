/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people type, made harmless inside LDAP filters (RFC 4515) and names (RFC 4514). Pure. */
#pragma once

#include <stdbool.h>

/** zg_ldap_escape_filter() - an assertion value of a filter; the caller frees. */
char *zg_ldap_escape_filter(const char *value);

/** zg_ldap_escape_dn() - an attribute value of a DN; the caller frees. */
char *zg_ldap_escape_dn(const char *value);

/**
 * zg_ldap_fill_filter() - put escaped values into a filter's `{user}` and `{dn}`
 * @pattern: of the configuration, e.g. "(uid={user})"
 * @user, @dn: plain values; a placeholder without a value makes the whole filter NULL
 * Return: the filter, owned by the caller, or NULL.
 */
char *zg_ldap_fill_filter(const char *pattern, const char *user, const char *dn);

/**
 * zg_ldap_filter_attribute() - the attribute compared with `{user}`
 * Return: "uid" for "(&(objectClass=person)(uid={user}))", owned by the caller; NULL without one.
 */
char *zg_ldap_filter_attribute(const char *pattern);
