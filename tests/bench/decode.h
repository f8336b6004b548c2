/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rectangles of an update into a picture, each encoding in a file of its own. Written for
 * measuring: a server that sends nonsense ends the program with a reason. */
#pragma once

#include <glib.h>
#include <stdint.h>
#include "tests/bench/connection.h"

typedef struct {
    int x, y, width, height;
} ZgDecodeRect;

/* The picture, and where the bytes come from. */
typedef struct {
    ZgWire *wire;
    int width, height;
    uint32_t *pixels; /* rrggbb below */
    GByteArray *packed, *plain; /* of one rectangle; reused */
    ZgDecodeRect wanted; /* pixels elsewhere need not be put; empty: all of them */
} ZgPicture;

/** zg_decode_wants() - must the pixels of @rect be put? Else its bytes are read, no more. */
bool zg_decode_wants(const ZgPicture *picture, const ZgDecodeRect *rect);

/** zg_decode() - read the body of one rectangle; false: an encoding we do not know. */
bool zg_decode(ZgPicture *picture, const ZgDecodeRect *rect, int32_t encoding);

/** zg_decode_packed() - read @n bytes into picture->packed. */
const uint8_t *zg_decode_packed(ZgPicture *picture, size_t n);

/** zg_decode_fill() - one colour. */
void zg_decode_fill(ZgPicture *picture, int x, int y, int width, int height, uint32_t colour);

void zg_decode_tight(ZgPicture *picture, const ZgDecodeRect *rect);
void zg_decode_zrle(ZgPicture *picture, const ZgDecodeRect *rect);
void zg_decode_h264(ZgPicture *picture, const ZgDecodeRect *rect);

/** zg_decode_zaguan() - our own encoding: what it draws lies anywhere, wanted or not. */
void zg_decode_zaguan(ZgPicture *picture);
