/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures by QEMU's D-Bus display: dbus_pictures on two descriptors of the loop. Loop thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "display/dbus_pictures.h"

typedef struct ZgSourceDbus ZgSourceDbus;

typedef struct {
    ZgDbusPicturesOps picture;
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
