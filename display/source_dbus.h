/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures by QEMU's D-Bus display: dbus_pictures on two descriptors of the loop. Loop thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "display/rect.h"

typedef struct ZgSourceDbus ZgSourceDbus;

typedef struct {
    void (*resize)(void *user, int width, int height); /* as in dbus_pictures.h */
    void (*pixels)(void *user, ZgRect area, const uint8_t *bgrx);
    /* What was shown is not kept up any more; a whole picture follows, or `lost`. */
    void (*stopped)(void *user);
    /* They have ended; called once, and last: the source may be freed here. */
    void (*lost)(void *user, const char *reason);
} ZgSourceDbusEvents;

/**
 * zg_source_dbus_new() - nothing is shown before somebody watches
 * @fd:     a connection to QEMU's D-Bus display, handed over; made non-blocking
 * @events: borrowed for the life of the source
 */
ZgSourceDbus *zg_source_dbus_new(int fd, const ZgSourceDbusEvents *events, void *user);

/** zg_source_dbus_free() - accepts NULL. */
void zg_source_dbus_free(ZgSourceDbus *source);

/** zg_source_dbus_watch() - begin with a whole picture, or stop. */
void zg_source_dbus_watch(ZgSourceDbus *source, bool watched);

/** zg_source_dbus_restart() - begin anew while somebody watches; `stopped` is told. */
void zg_source_dbus_restart(ZgSourceDbus *source);
