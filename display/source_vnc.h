/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An RFB console: rfb_source on a descriptor of the loop. Loop thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/rfb_source.h"

typedef struct ZgSourceVnc ZgSourceVnc;

/* What a console tells; `picture` as in rfb_source.h. */
typedef struct {
    ZgRfbSourceOps picture;
    /* The console has ended; called once, and last: the source may be freed here. */
    void (*lost)(void *user, const char *reason);
} ZgSourceEvents;

/* A console that does not finish its handshake for so long is lost. */
#define ZG_SOURCE_HANDSHAKE_MS 10000

/**
 * zg_source_vnc_new() - on a connected stream
 * @fd:     handed over; made non-blocking
 * @events: borrowed for the life of the source
 */
ZgSourceVnc *zg_source_vnc_new(int fd, const ZgSourceEvents *events, void *user);

/** zg_source_vnc_free() - close. */
void zg_source_vnc_free(ZgSourceVnc *vnc);

/** zg_source_vnc_request() - see zg_rfb_source_request(). */
void zg_source_vnc_request(ZgSourceVnc *vnc);

/** zg_source_vnc_repaint() - what was shown is not to be relied on: the next update is whole. */
void zg_source_vnc_repaint(ZgSourceVnc *vnc);

/* Input: as in rfb_source.h. */
void zg_source_vnc_key(ZgSourceVnc *vnc, bool down, uint32_t keysym, uint32_t scancode);
void zg_source_vnc_pointer(ZgSourceVnc *vnc, int x, int y, uint8_t buttons);
void zg_source_vnc_offer_text(ZgSourceVnc *vnc, const char *text);
bool zg_source_vnc_wish_size(ZgSourceVnc *vnc, int width, int height); /* false: it cannot */
