/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A console's pictures by QEMU's D-Bus display: what is said on its two connections. On the
 * console's a listener is registered; on the listener's QEMU then tells, unasked, every change that
 * the guest flushes, or from QEMU 9.2 on only where, in memory it shares. The console is hostile:
 * sizes, formats and lengths are checked, and anything else ends it with a reason. Pure: no socket,
 * no loop. Source: QEMU's ui/dbus-display1.xml.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/rect.h"

typedef struct ZgDbusPictures ZgDbusPictures;

typedef enum {
    ZG_DBUS_CONSOLE,
    ZG_DBUS_LISTENER,
    ZG_DBUS_N_LINKS,
} ZgDbusLink;

/* Called from zg_dbus_pictures_feed(); all required. Rectangles lie inside the last size told. */
typedef struct {
    void (*resize)(void *user, int width, int height); /* a whole picture follows */
    void (*pixels)(void *user, ZgRect area, const uint8_t *bgrx); /* rows without gaps */
    /*
     * The descriptor that came last on the listener's connection as memory, for reading.
     * Return: @n_bytes from @offset on, until the next call or the next beginning; NULL when it is
     * not so long, or there is none. The console may write there at any time.
     */
    const uint8_t *(*map)(void *user, size_t offset, size_t n_bytes);
} ZgDbusPicturesOps;

/** zg_dbus_pictures_new() - @ops and @user are borrowed. */
ZgDbusPictures *zg_dbus_pictures_new(const ZgDbusPicturesOps *ops, void *user);

/** zg_dbus_pictures_free() - accepts NULL. */
void zg_dbus_pictures_free(ZgDbusPictures *pictures);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgDbusPictures, zg_dbus_pictures_free)

/* The most bytes that must be kept between two feeds: one row of the widest screen, and a head. */
#define ZG_DBUS_PICTURES_INPUT_MAX (256 * 1024)

/**
 * zg_dbus_pictures_begin() - a new connection: what to send first is appended
 * Beginning the listener's anew forgets everything of the last one.
 */
void zg_dbus_pictures_begin(ZgDbusPictures *pictures, ZgDbusLink link, GByteArray *out);

/**
 * zg_dbus_pictures_feed() - take what can be taken
 * @out_used: bytes used; keep the rest and come again with more
 * @out:      bytes to send are appended
 * Return: false with ZG_ERROR_PROTOCOL or ZG_ERROR_TOO_LARGE when the pictures must end.
 */
bool zg_dbus_pictures_feed(ZgDbusPictures *pictures, ZgDbusLink link, const uint8_t *bytes,
                           size_t n_bytes, size_t *out_used, GByteArray *out, GError **error);

/** zg_dbus_pictures_is_ready() - can a listener be registered? */
bool zg_dbus_pictures_is_ready(const ZgDbusPictures *pictures);

/** zg_dbus_pictures_register() - appends the call; one end of a socket pair goes along with it. */
void zg_dbus_pictures_register(ZgDbusPictures *pictures, GByteArray *out);
