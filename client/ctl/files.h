/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small files, passwords from the terminal, and where the data is that comes with Zaguan. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "common/base/secret.h"

/** zg_file_write() - replace @path whole (new file, synced, renamed) with the given mode. */
bool zg_file_write(const char *path, const void *bytes, size_t n_bytes, mode_t mode,
                   GError **error);

/**
 * zg_file_read_secret() - everything up to the end of @fd
 * @what: name used in errors
 * @most: more bytes than that are ZG_ERROR_TOO_LARGE
 */
ZgSecret *zg_file_read_secret(int fd, const char *what, size_t most, GError **error);

/** zg_file_read_text() - a whole file of at most @most bytes, "-" is standard input. */
char *zg_file_read_text(const char *path, size_t most, size_t *out_n_bytes, GError **error);

/**
 * zg_password_ask() - a password from @file (first line), or from the terminal without echo
 * @file:   NULL asks on the terminal; "-" reads standard input
 * @prompt: e.g. "Password of ana"
 * Return: 1..ZG_LIMIT_PASSWORD_BYTES bytes, owned by the caller; or NULL.
 */
ZgSecret *zg_password_ask(const char *file, const char *prompt, GError **error);

/** zg_password_generate() - 20 letters and digits that are hard to confuse (about 100 bits). */
ZgSecret *zg_password_generate(void);

/** zg_confirm() - ask on the terminal for "yes"; false when there is no terminal. */
bool zg_confirm(const char *question);

/**
 * zg_data_find() - a file or folder that comes with Zaguan: installed, or in the source tree
 * @installed: below PREFIX/share/zaguan, e.g. "web"
 * @built:     below the build folder, or NULL
 * @source:    below the top of the source tree, or NULL
 * Return: absolute path the caller frees, or NULL with ZG_ERROR_NOT_FOUND.
 */
char *zg_data_find(const char *installed, const char *built, const char *source, GError **error);
