/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The console of a fake guest: an RFB server that shows one colour; a pressed key changes it. */
#pragma once

#include <glib.h>

/**
 * zg_rfb_fake_start() - serve on a thread until the other end closes
 * @seed: chooses the first colour
 * Return: our end of a socket pair, owned by the caller; -1 with @error.
 */
int zg_rfb_fake_start(const char *seed, GError **error);
