/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One picture update on its way through the encoder: for one or more viewers with equal wishes. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "common/base/worker.h"
#include "display/encoder.h"
#include "display/frame.h"

/* Up to so many pixels are encoded at once on the loop; more go to the encode thread. */
#define ZG_ENCODE_ON_LOOP_PIXELS 32768

typedef struct {
    ZgEncodeWish wish;
    GArray *tiles;    /* ZgRect, each allowed as a tile */
    GPtrArray *blobs; /* ZgBlob, one a tile, once encoded */
    uint32_t *copy;   /* pixels of all tiles one after the other; NULL when the frame is read */
    int64_t n_pixels;
} ZgEncodeJob;

/** zg_encode_job_new() - @areas (ZgRect, inside the frame) are cut into tiles. */
ZgEncodeJob *zg_encode_job_new(const ZgEncodeWish *wish, const GArray *areas);
void zg_encode_job_free(ZgEncodeJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgEncodeJob, zg_encode_job_free)

/** zg_encode_job_copy() - keep the pixels, so that the frame may change meanwhile. */
void zg_encode_job_copy(ZgEncodeJob *job, const ZgFrame *frame);

/** zg_encode_job_run() - from the copy, or from @frame on the loop. Fills `blobs`. */
void zg_encode_job_run(ZgEncodeJob *job, const ZgFrame *frame, ZgEncoderSet *encoders);
