/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folders of the state directory. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/** zg_folder_remove() - with what is in it, following no link; absent is success. Blocks. */
bool zg_folder_remove(const char *path, GError **error);

/** zg_folder_make() - create if absent, parents too; 0711 either way. */
bool zg_folder_make(const char *path, GError **error);
