/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A person's sign-in name as a Unix name and number in the guest. Pure. */
#pragma once

#include <stdint.h>

#define ZG_UNIX_UID_FIRST 20000
#define ZG_UNIX_UIDS 40000

/**
 * zg_unix_name() - the name of @user's account in the guest
 * @user: the directory's name, UTF-8
 * Source: docs/protocol/session.md, "Sign-in name → Unix name".
 * Return: 1..32 ASCII characters, a letter first; the caller frees.
 */
char *zg_unix_name(const char *user);

/** zg_unix_uid() - ZG_UNIX_UID_FIRST..; the same for the same name always. */
int64_t zg_unix_uid(const char *user);
