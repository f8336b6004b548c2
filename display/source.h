/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a picture comes from: a console that speaks RFB, and whose pictures come by QEMU's D-Bus
 * display where it has one. RFB stays for everything else, and for pictures whenever D-Bus has
 * none. Loop thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/source_vnc.h"

typedef struct ZgSource ZgSource;

/**
 * zg_source_new() - an RFB console on a connected stream
 * @fd:     handed over; made non-blocking
 * @events: borrowed for the life of the source
 */
ZgSource *zg_source_new(int fd, const ZgSourceEvents *events, void *user);

/** zg_source_free() - accepts NULL. */
void zg_source_free(ZgSource *source);

/** zg_source_take_pictures() - its D-Bus display; @fd is handed over. */
void zg_source_take_pictures(ZgSource *source, int fd);

/** zg_source_watch() - does anybody look? At first nobody does. */
void zg_source_watch(ZgSource *source, bool watched);

/** zg_source_request() - the next update is wanted; one at a time is asked for. */
void zg_source_request(ZgSource *source);

/* Input: as in rfb_source.h. */
void zg_source_key(ZgSource *source, bool down, uint32_t keysym, uint32_t scancode);
void zg_source_pointer(ZgSource *source, int x, int y, uint8_t buttons);
void zg_source_offer_text(ZgSource *source, const char *text);
bool zg_source_wish_size(ZgSource *source, int width, int height); /* false: it cannot */
