/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sign-in providers: one table of functions, one file per kind of directory. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* What every refused sign-in says, whether the name is unknown or the password is wrong. */
#define ZG_SIGN_IN_REFUSED "The user name or the password is not correct."

/* What a person is told when the check could not be made; the log has cause and addresses. */
#define ZG_SIGN_IN_UNAVAILABLE                                                                     \
    "The directory does not answer, so nobody can be signed in now. Try again in a moment."

/* Who somebody is, as the provider says. */
typedef struct {
    char *user;      /* the provider's own spelling of the name */
    char *full_name; /* never NULL; the user name where nothing better is known */
    char **groups;   /* short names and normalised DNs, sorted; never NULL */
    bool admin;      /* the provider itself says so (local accounts) */
} ZgIdentity;

/** zg_identity_new() - copies its arguments; @groups may be NULL. */
ZgIdentity *zg_identity_new(const char *user, const char *full_name, char **groups, bool admin);

/** zg_identity_free() - accepts NULL. */
void zg_identity_free(ZgIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgIdentity, zg_identity_free)

typedef struct ZgProvider ZgProvider;

typedef struct {
    const char *kind; /* "ldap", "local" */
    bool (*check)(ZgProvider *provider, const char *user, const char *password, size_t n_password,
                  ZgIdentity **out_identity, GError **error);
    bool (*probe)(ZgProvider *provider, GError **error);
    void (*free)(ZgProvider *provider);
} ZgProviderOps;

struct ZgProvider {
    const ZgProviderOps *ops; /* all required */
};

/**
 * zg_provider_check() - is this the password of this user?
 * @user:         what was typed; 1..ZG_LIMIT_USER_BYTES of valid UTF-8 without control characters
 * @password:     bytes, not NUL-terminated; borrowed
 * @out_identity: who that is; the caller frees
 * @error: ZG_ERROR_UNAUTHENTICATED (one text for unknown name and wrong password),
 *         ZG_ERROR_DENIED (right password, but expired, to be changed or disabled; in words),
 *         ZG_ERROR_UNAVAILABLE, ZG_ERROR_TIMEOUT (the check could not be made)
 *
 * Blocks up to the provider's time limit: worker threads only. Several threads may call at once.
 * Empty passwords and passwords with a NUL are refused before the provider is asked (RFC 4513
 * 5.1.2: a directory takes an empty password for an anonymous bind, which succeeds).
 */
bool zg_provider_check(ZgProvider *provider, const char *user, const char *password,
                       size_t n_password, ZgIdentity **out_identity, GError **error);

/** zg_provider_probe() - can sign-ins be checked now? Worker threads only; blocks as check does. */
bool zg_provider_probe(ZgProvider *provider, GError **error);

/** zg_provider_free() - accepts NULL; no check may be running. */
void zg_provider_free(ZgProvider *provider);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgProvider, zg_provider_free)
