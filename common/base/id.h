/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Identifiers: random 128-bit text made by the broker, and the names people give. */
#pragma once

#include <stdbool.h>

#define ZG_ID_CHARS 32 /* lower-case hex */

/** zg_id_new() - a new random id of ZG_ID_CHARS characters; the caller frees. */
char *zg_id_new(void);

/** zg_id_is_valid() - true for exactly ZG_ID_CHARS lower-case hex digits; false for NULL. */
bool zg_id_is_valid(const char *text);

/**
 * zg_name_is_valid() - may a pool, template, host or network be called so?
 * Lower-case letters, digits and inner hyphens, 1..63 characters, a letter first (RFC 1123 label),
 * so that a name is also a host name, a file name and a path segment.
 */
bool zg_name_is_valid(const char *text);
