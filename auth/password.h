/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords of local accounts: argon2id, as self-describing text. Any thread; 20-60 ms of CPU. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define ZG_PASSWORD_MIN_CHARS 8

/**
 * zg_password_hash() - hash a new password with a fresh salt
 * @password: ZG_PASSWORD_MIN_CHARS characters to ZG_LIMIT_PASSWORD_BYTES bytes, no NUL
 * @error:    ZG_ERROR_INVALID in words, ZG_ERROR_FAILED
 * Return: "$argon2id$…" owned by the caller, or NULL.
 */
char *zg_password_hash(const char *password, size_t n_password, GError **error);

/**
 * zg_password_verify() - does @password belong to @hash?
 * @hash: text of zg_password_hash(), or NULL: takes as long as a real check and is false
 */
bool zg_password_verify(const char *hash, const char *password, size_t n_password);
