/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key-file configuration: each key is taken once with its bounds; a key nobody took is an error. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZgConfigFile ZgConfigFile;

/**
 * zg_config_load() - read a key file
 * @path: file name; appears in every error
 * Return: owned by the caller, or NULL with ZG_ERROR_NOT_FOUND or ZG_ERROR_INVALID.
 */
ZgConfigFile *zg_config_load(const char *path, GError **error);

/** zg_config_parse() - the same from memory; @name stands for the file in errors. */
ZgConfigFile *zg_config_parse(const char *name, const char *text, size_t n_text, GError **error);

/** zg_config_free() - accepts NULL. */
void zg_config_free(ZgConfigFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgConfigFile, zg_config_free)

/** zg_config_take_int() - an integer in least..most, @fallback when the key is absent. */
bool zg_config_take_int(ZgConfigFile *file, const char *group, const char *key, int64_t least,
                        int64_t most, int64_t fallback, int64_t *out_value, GError **error);

/** zg_config_take_bool() - `true` or `false`. */
bool zg_config_take_bool(ZgConfigFile *file, const char *group, const char *key, bool fallback,
                         bool *out_value, GError **error);

/**
 * zg_config_take_text() - text; @fallback (may be NULL) when the key is absent
 * @out_value: the caller frees with g_free(); NULL when absent without fallback
 */
bool zg_config_take_text(ZgConfigFile *file, const char *group, const char *key,
                         const char *fallback, char **out_value, GError **error);

/** zg_config_take_list() - `;`-separated list; an empty list when absent; g_strfreev(). */
bool zg_config_take_list(ZgConfigFile *file, const char *group, const char *key, char ***out_value,
                         GError **error);

/** zg_config_groups() - group names, for files with one group per named thing; g_strfreev(). */
char **zg_config_groups(ZgConfigFile *file);

/** zg_config_finish() - false with ZG_ERROR_INVALID naming the first key or group nobody took. */
bool zg_config_finish(ZgConfigFile *file, GError **error);
