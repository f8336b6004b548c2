/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local accounts: for the first start, and for the day when the directory is down. */
#pragma once

#include "auth/provider.h"

/* What is stored of a local account. */
typedef struct {
    char *name;
    char *full_name; /* may be NULL */
    char *hash;      /* of zg_password_hash() */
    bool admin;
    bool enabled;
} ZgLocalAccount;

/** zg_local_account_clear() - frees the contents. */
void zg_local_account_clear(ZgLocalAccount *account);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ZgLocalAccount, zg_local_account_clear)

/**
 * ZgLocalFind - read a stored account; runs on a worker thread
 * @out_account: filled when found; the caller clears it
 * Return: false with ZG_ERROR_NOT_FOUND when there is none, another code when it could not be read.
 */
typedef bool (*ZgLocalFind)(void *data, const char *name, ZgLocalAccount *out_account,
                            GError **error);

/** zg_local_provider_new() - @find is called with @data for every check; both outlive it. */
ZgProvider *zg_local_provider_new(ZgLocalFind find, void *data);
