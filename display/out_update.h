/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * FramebufferUpdate messages to one RFB viewer, and the compressed streams that run through them.
 * Loop thread only. Source: rfbproto.rst, "FramebufferUpdate".
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "display/encoder.h"
#include "display/out_queue.h"
#include "display/out_tight.h"
#include "display/out_zaguan.h"
#include "display/rfb_session.h"

typedef struct {
    ZgOutQueue *queue;
    ZgRfbSession *session;
    ZgOutZaguan *zaguan; /* its zstd stream; NULL until one is needed */
    ZgOutTight *tight;   /* and that of small Tight parts */
    bool came_over;      /* from another worker: its streams have been used */
} ZgOutUpdate;

/** zg_out_update_init() - @queue and @session are borrowed for its life. */
void zg_out_update_init(ZgOutUpdate *update, ZgOutQueue *queue, ZgRfbSession *session,
                        bool came_over);
void zg_out_update_clear(ZgOutUpdate *update);

/**
 * zg_out_update_put() - an update of @news (@n_news rectangles) and the first of @blobs
 * @room: bytes it may have
 * @out_n_bytes: about how many it has
 * Return: blobs taken; if none fits, and there are no news, nothing was put.
 */
size_t zg_out_update_put(ZgOutUpdate *update, const GByteArray *news, unsigned n_news,
                         ZgBlob *const *blobs, size_t n_blobs, size_t room, size_t *out_n_bytes);
