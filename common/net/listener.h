/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accepts connections of a listening socket on the GLib loop. */
#pragma once

#include <glib.h>

typedef struct ZgListener ZgListener;

/* @fd is handed over; @peer is "192.0.2.7" or "unix", borrowed. */
typedef void (*ZgAcceptFunc)(int fd, const char *peer, void *user);

/** zg_listener_new() - @fd: listening, non-blocking; handed over. */
ZgListener *zg_listener_new(int fd, ZgAcceptFunc on_accept, void *user);

/** zg_listener_free() - stop listening; accepts NULL. */
void zg_listener_free(ZgListener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgListener, zg_listener_free)
