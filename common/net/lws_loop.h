/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libwebsockets on the process's one GLib loop. Loop thread only. */
#pragma once

#include <glib.h>
#include <libwebsockets.h>
#include <stdbool.h>

/**
 * zg_lws_context_new() - a context without virtual hosts, served by the default main context
 * @loop:    the program's loop, not yet running; borrowed
 * @n_conns: most connections at once over all virtual hosts
 * @error:   ZG_ERROR_FAILED, also when the GLib plug-in of libwebsockets is not installed
 * Return: owned by the caller, zg_lws_context_free().
 */
struct lws_context *zg_lws_context_new(GMainLoop *loop, unsigned n_conns, GError **error);

/** zg_lws_context_free() - closes every connection; at the program's end only; accepts NULL. */
void zg_lws_context_free(struct lws_context *context);

