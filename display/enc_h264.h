/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * H.264 for one rectangle that moves like a film: RFB encoding 50. Unlike other encoders it has
 * history: frames must be given and shown in order, from a key frame on. Source: rfbproto.rst,
 * "Open H.264 Encoding". One thread at a time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/encoder.h"

/* A larger frame is not sent: it would hold up all else. The next one is made smaller. */
#define ZG_H264_BYTES_MAX (512 * 1024)

typedef struct ZgH264 ZgH264;

/* Flags of a rectangle on the wire. */
#define ZG_H264_RESET_CONTEXT 1u
#define ZG_H264_RESET_ALL 2u

/**
 * zg_h264_new() - for @area of a picture
 * Return: one reference; NULL when x264 will not.
 */
ZgH264 *zg_h264_new(ZgRect area);
ZgH264 *zg_h264_ref(ZgH264 *h264);
void zg_h264_unref(ZgH264 *h264); /* any thread; accepts NULL */

ZgRect zg_h264_area(const ZgH264 *h264);

/**
 * zg_h264_encode() - the next frame, as one RFB rectangle
 * @pixels: first pixel of the area; @stride: pixels from one row to the next
 * @key:    can be shown without what went before; resets the viewer's context
 * @level:  JPEG quality 0..9 that would be taken; from 6 on at least 40 dB are aimed at
 * Return: NULL when x264 failed; use another encoder.
 */
ZgBlob *zg_h264_encode(ZgH264 *h264, const uint32_t *pixels, size_t stride, bool key,
                        int level);
