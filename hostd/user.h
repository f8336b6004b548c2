/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ordinary user that QEMU and image tools run as when hostd is root. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * zg_user_find() - numbers of a user
 * @name: account name, or `+UID` (its group has the same number)
 * Return: false with ZG_ERROR_NOT_FOUND, or ZG_ERROR_INVALID for root.
 */
bool zg_user_find(const char *name, uid_t *out_uid, gid_t *out_gid, GError **error);

/**
 * zg_user_kvm_group() - the group that opens /dev/kvm, as Debian's udev sets it up
 * Return: 0 where no group is needed, or none helps.
 */
gid_t zg_user_kvm_group(void);

/**
 * zg_user_prefix() - begin @argv with what makes the program run as that user
 * Nothing is added when we are not root or @name is NULL.
 * @with_kvm: a user without account (`+UID`) also gets the group of /dev/kvm
 * @owned:    takes the texts; keep it as long as @argv
 */
void zg_user_prefix(const char *name, bool with_kvm, GPtrArray *argv, GPtrArray *owned);
