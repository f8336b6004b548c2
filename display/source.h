/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a picture comes from: one table of functions, one file per kind of console. Loop thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/rfb_source.h"

typedef struct ZgSource ZgSource;

/* What a source tells; `picture` as in rfb_source.h. */
typedef struct {
    ZgRfbSourceOps picture;
    /* The console has ended; called once, and last: the source may be freed here. */
    void (*lost)(void *user, const char *reason);
} ZgSourceEvents;

typedef struct {
    void (*free)(ZgSource *source);
    void (*request)(ZgSource *source); /* the next update is wanted; one at a time is asked for */
    void (*watch)(ZgSource *source, bool watched); /* does anybody look? At first nobody */
    void (*take_pictures)(ZgSource *source, int fd); /* a second connection, only for pictures */
    void (*key)(ZgSource *source, bool down, uint32_t keysym, uint32_t scancode);
    void (*pointer)(ZgSource *source, int x, int y, uint8_t buttons);
    void (*offer_text)(ZgSource *source, const char *text);
    bool (*wish_size)(ZgSource *source, int width, int height); /* false: it cannot */
} ZgSourceOps;

struct ZgSource {
    const ZgSourceOps *ops;
};

/* A console that does not finish its handshake, or does not take input, for so long is lost. */
#define ZG_SOURCE_HANDSHAKE_MS 10000

/**
 * zg_source_vnc_new() - an RFB console on a connected stream
 * @fd:     handed over; made non-blocking
 * @events: borrowed for the life of the source
 */
ZgSource *zg_source_vnc_new(int fd, const ZgSourceEvents *events, void *user);

/** zg_source_vnc_repaint() - what was shown is not to be relied on: the next update is whole. */
void zg_source_vnc_repaint(ZgSource *vnc);

/**
 * zg_source_qemu_new() - the same, whose pictures come by QEMU's D-Bus display where it has one
 * RFB stays for everything else, and for pictures whenever D-Bus has none.
 */
ZgSource *zg_source_qemu_new(int fd, const ZgSourceEvents *events, void *user);
