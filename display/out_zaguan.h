/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A viewer's zstd stream: the parts that enc_zaguan makes, compressed with a window across
 * updates. Belongs to one viewer; blobs stay shared. Nothing of it is handed over: a new stream
 * says so on the wire. Loop thread only. Source: docs/protocol/zaguan-encoding.md.
 */
#pragma once

#include <glib.h>

#include "display/encoder.h"

/* Bounds of one rectangle, which a viewer checks: parts, and what they may be packed to. */
#define ZG_ZAGUAN_PLAIN_MAX (4 * 1024 * 1024)
#define ZG_ZAGUAN_PACKED_MAX (ZG_ZAGUAN_PLAIN_MAX + 64 * 1024)
#define ZG_ZAGUAN_WINDOW_LOG_MAX 22 /* the most that a viewer must keep */

/* Of one update, a whole page of 1280x800 among it: more would hold the loop for too long. */
#define ZG_ZAGUAN_UPDATE_MAX ZG_ZAGUAN_PLAIN_MAX

/* Flags of a rectangle. */
#define ZG_ZAGUAN_NEW_STREAM 1u
#define ZG_ZAGUAN_NOT_PACKED 2u

/* Kinds of a part. */
enum {
    ZG_ZAGUAN_SOLID,
    ZG_ZAGUAN_PIXELS,
    ZG_ZAGUAN_PREDICTED,
};

typedef struct ZgOutZaguan ZgOutZaguan;

/** zg_out_zaguan_new() - memory for the window is taken as it fills; see the document. */
ZgOutZaguan *zg_out_zaguan_new(void);
void zg_out_zaguan_free(ZgOutZaguan *zaguan); /* accepts NULL */

/**
 * zg_out_zaguan_put() - pack the parts of the first of @blobs; those without parts are skipped
 * @width, @height: of the picture as the viewer was told
 * @room: bytes for what is packed and for what of the blobs is no part
 * @out: whole rectangles are appended, which must be sent before those of the next call
 * @out_n: blobs that fit; or NULL
 * Return: rectangles appended.
 */
unsigned zg_out_zaguan_put(ZgOutZaguan *zaguan, ZgBlob *const *blobs, size_t n_blobs, int width,
                           int height, size_t room, GByteArray *out, size_t *out_n);
