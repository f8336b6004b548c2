/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes and blobs on their way to one viewer, in order. Loop thread only. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "display/encoder.h"

/* A viewer that stops reading costs at most this, and is dropped after so long without progress. */
#define ZG_OUT_QUEUE_BYTES_MAX (1024 * 1024)
/* An update or a text; what is left is for answers. */
#define ZG_OUT_UPDATE_BYTES_MAX (ZG_OUT_QUEUE_BYTES_MAX - 64 * 1024)
#define ZG_OUT_STALLED_MS 30000

typedef struct {
    GQueue chunks;        /* of Chunk */
    GByteArray *tail;     /* small pieces not yet a chunk */
    size_t n_first_sent;  /* of the first chunk */
    size_t n_bytes;       /* waiting in all */
    uint64_t n_sent;      /* bytes since the beginning */
    int64_t progress_us;  /* when bytes last went out, or the queue was empty */
} ZgOutQueue;

void zg_out_queue_init(ZgOutQueue *queue, int64_t now_us);
void zg_out_queue_clear(ZgOutQueue *queue);

/** zg_out_queue_tail() - where small pieces are appended; call zg_out_queue_added() afterwards. */
GByteArray *zg_out_queue_tail(ZgOutQueue *queue);
void zg_out_queue_added(ZgOutQueue *queue);

/** zg_out_queue_put_blob() - takes its own reference. */
void zg_out_queue_put_blob(ZgOutQueue *queue, ZgBlob *blob);

/** zg_out_queue_held() - bytes in memory: a chunk is let go when all of it was sent. */
size_t zg_out_queue_held(const ZgOutQueue *queue);

/** zg_out_queue_write() - send what the descriptor takes. Return: false when the peer is gone. */
bool zg_out_queue_write(ZgOutQueue *queue, int fd, int64_t now_us);
