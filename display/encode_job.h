/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One picture update on its way through the encoder: for one or more viewers with equal wishes. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "common/base/worker.h"
#include "display/enc_h264.h"
#include "display/encoder.h"
#include "display/frame.h"
#include "display/shadow.h"

/* Up to so many pixels are encoded at once on the loop; more go to the encode thread. */
#define ZG_ENCODE_ON_LOOP_PIXELS 32768

typedef struct {
    int refs; /* loop thread */
    bool done; /* `blobs` are all there */
    bool refines; /* makes exact what was sent before */
    ZgEncodeWish wish;
    ZgBlob *first;    /* goes before the blobs: moved parts; or NULL */
    GArray *moves;    /* ZgMove, what `first` moves; or NULL */
    ZgH264 *h264;     /* a frame of a film is part of it; or NULL */
    bool film_key;    /* the frame needs none before it */
    uint64_t film_no, film_before; /* this frame, and the one it needs */
    ZgBlob *film;     /* that frame, once encoded */
    GArray *tiles;    /* ZgRect, each allowed as a tile */
    GPtrArray *blobs; /* ZgBlob, one a tile, once encoded */
    uint32_t *pixels; /* a picture, a g_atomic_rc_box; stays as it is until the job is done */
    size_t stride;
    int64_t n_pixels;
} ZgEncodeJob;

/** zg_encode_job_new() - @areas (ZgRect, inside @picture) are cut into tiles. */
ZgEncodeJob *zg_encode_job_new(const ZgEncodeWish *wish, const GArray *areas,
                               const ZgShadow *picture);
ZgEncodeJob *zg_encode_job_ref(ZgEncodeJob *job);
void zg_encode_job_unref(ZgEncodeJob *job); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgEncodeJob, zg_encode_job_unref)

/** zg_encode_job_add_moves() - @moves (ZgMove, copied) go first. */
void zg_encode_job_add_moves(ZgEncodeJob *job, const GArray *moves);

/** zg_encode_job_add_film() - a frame of a film; such a job is for one thread only. */
void zg_encode_job_add_film(ZgEncodeJob *job, ZgH264 *h264, uint64_t no, uint64_t before, bool key);

/** zg_encode_job_run() - fills `blobs`; the caller sets `done`. */
void zg_encode_job_run(ZgEncodeJob *job, ZgEncoderSet *encoders);
