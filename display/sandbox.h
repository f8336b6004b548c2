/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker can still ask of the kernel once it runs: nothing that opens or starts anything. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * zg_sandbox_enter() - for this process and all its threads, for ever
 *
 * After it there are no new files, sockets, programs or processes: these calls fail with EPERM.
 * Descriptors that are open, or are received over a socket, can be used; threads can be started.
 *
 * Return: false with ZG_ERROR_FAILED; the process must then end.
 */
bool zg_sandbox_enter(GError **error);
