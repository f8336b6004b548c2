/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The console of a virtual machine, RFB client side. The console is hostile: this accepts exactly
 * what it offers (Raw, CopyRect, sizes, cursors, LED state, clipboard, QEMU keys, name), bounds
 * every number, and anything else ends the console with a reason. Pure: no socket, no loop.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/cursor.h"
#include "display/rect.h"

typedef struct ZgRfbSource ZgRfbSource;

/* Called from zg_rfb_source_feed(); all required. Rectangles lie inside the last size told. */
typedef struct {
    void (*resize)(void *user, int width, int height);
    void (*pixels)(void *user, ZgRect area, const uint8_t *bgrx); /* rows without gaps */
    void (*copy)(void *user, ZgRect to, int from_x, int from_y);
    void (*update)(void *user); /* one whole update has been given */
    void (*cursor)(void *user, const ZgCursor *cursor);
    void (*led)(void *user, uint8_t state);
    void (*text)(void *user, const char *text); /* UTF-8, LF */
    void (*bell)(void *user);
} ZgRfbSourceOps;

/** zg_rfb_source_new() - before the console's ProtocolVersion; @ops and @user are borrowed. */
ZgRfbSource *zg_rfb_source_new(const ZgRfbSourceOps *ops, void *user);

/** zg_rfb_source_free() - accepts NULL. */
void zg_rfb_source_free(ZgRfbSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgRfbSource, zg_rfb_source_free)

/* The most bytes that must be kept between two feeds. */
#define ZG_RFB_SOURCE_INPUT_MAX (1024 * 1024 + 65536)

/**
 * zg_rfb_source_feed() - take what can be taken
 * @out_used: bytes used; keep the rest and come again with more
 * @out:  bytes to send are appended
 * Return: false with ZG_ERROR_PROTOCOL or ZG_ERROR_TOO_LARGE when the console must end.
 */
bool zg_rfb_source_feed(ZgRfbSource *source, const uint8_t *bytes, size_t n_bytes,
                        size_t *out_used, GByteArray *out, GError **error);

/** zg_rfb_source_is_ready() - has the console told its size? */
bool zg_rfb_source_is_ready(const ZgRfbSource *source);

/**
 * zg_rfb_source_request() - ask for the next update
 * The first one and the one after a new size ask for everything. One request is out at a time:
 * while it is, or before the console is ready, this does nothing.
 */
void zg_rfb_source_request(ZgRfbSource *source, GByteArray *out);

/** zg_rfb_source_repaint() - ask for everything, whatever is asked for already. */
void zg_rfb_source_repaint(ZgRfbSource *source, GByteArray *out);

/** zg_rfb_source_key() - with its scancode when the console takes it; 0 is unknown. */
void zg_rfb_source_key(ZgRfbSource *source, bool down, uint32_t keysym, uint32_t scancode,
                       GByteArray *out);

/** zg_rfb_source_pointer() - absolute; moved inside the screen. */
void zg_rfb_source_pointer(ZgRfbSource *source, int x, int y, uint8_t buttons, GByteArray *out);

/** zg_rfb_source_offer_text() - a viewer has new clipboard text (UTF-8, LF, within the limit). */
void zg_rfb_source_offer_text(ZgRfbSource *source, const char *text, GByteArray *out);

/** zg_rfb_source_wish_size() - ask for another size. Return: false when the console cannot. */
bool zg_rfb_source_wish_size(ZgRfbSource *source, int width, int height, GByteArray *out);
