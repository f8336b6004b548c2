/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the other programs and data of this installation of Zaguan are. */
#pragma once

#include <glib.h>

/**
 * zg_program_find() - path of another of our programs
 * @name:         file name, e.g. "zaguan-broker"
 * @build_folder: its folder in a build tree, e.g. "broker"
 *
 * Looks beside the running program, then in the build tree the running program is part of, then in
 * libexec. The search path is not used: what runs must belong together.
 * Return: the caller frees; NULL with ZG_ERROR_NOT_FOUND.
 */
char *zg_program_find(const char *name, const char *build_folder, GError **error);
