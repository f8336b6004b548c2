/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps trying to reach one address, with growing pauses, without blocking the loop. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct ZgDial ZgDial;

/* @fd is handed over. */
typedef void (*ZgDialFunc)(int fd, void *user);

/**
 * zg_dial_new() - begin dialling at once
 * @address: `unix:PATH` or `tcp:HOST:PORT` (`tcp:[2001:db8::1]:8440` for IPv6)
 * Return: NULL with ZG_ERROR_INVALID when the address is not of that form.
 *
 * After on_connected the dialler rests; zg_dial_again() starts it anew when the connection ended.
 * Pauses grow from 0.2 s to 5 s, with jitter, and start small again after a connection that lived
 * for 10 s. One try lasts at most 5 s. A failure is logged once until it succeeds.
 */
ZgDial *zg_dial_new(const char *address, ZgDialFunc on_connected, void *user, GError **error);

/** zg_dial_again() - the connection ended: dial after a pause. */
void zg_dial_again(ZgDial *dial);

/** zg_dial_free() - accepts NULL. */
void zg_dial_free(ZgDial *dial);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgDial, zg_dial_free)
