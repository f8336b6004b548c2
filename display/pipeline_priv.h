/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files that make up the pipeline; not for its owners. */
#pragma once

#include "common/base/limits.h"
#include "display/canvas.h"
#include "display/effort.h"
#include "display/frame.h"
#include "display/pipeline.h"
#include "display/quality.h"

#define ZG_BUDGET_PIXELS_MAX ((int64_t)ZG_LIMIT_SCREEN_PIXELS)

typedef struct {
    ZgPipeline *pipeline;
    char *id;
    ZgOutput *output;
    bool view_only;
    bool has_update, told_first_frame; /* something was sent; the owner knows */
    ZgView view;
    ZgDamage urgent; /* small changes soon after input: sent before a backlog */
    bool behind;     /* an update was cut: there is a backlog */
    bool busy;      /* a job for it is on the encode thread */
    unsigned serial; /* +1 when what is being encoded no longer fits */
    int64_t budget_pixels; /* of one update, so that the queue stays bounded */
    double bytes_per_pixel; /* of late; 0 unknown */
    int64_t rested_us;      /* when the next lossy area will have rested */
    ZgQuality quality;
    ZgEffort effort;
    ZgSent sent, in_use; /* of this period of statistics, and of the last one with pictures */
} ZgPipelineViewer;

struct ZgPipeline {
    const ZgPipelineEvents *events;
    void *user;
    char *title;
    const ZgQualityRules *rules;
    ZgSource *source;
    ZgFrame frame;
    ZgCanvas canvas;
    bool has_picture; /* a console has painted at least once */
    int64_t *changed_us; /* of each block of the frame */
    int64_t input_us;    /* a key or the pointer, last */
    ZgCursor cursor;
    int64_t touched_us; /* when somebody last typed, pointed or came */
    uint8_t led;
    ZgPipelineViewer *viewers[ZG_VIEWERS_MAX];
    unsigned n_viewers;
    ZgEncoderSet encoders; /* of the loop thread */
    ZgEncoderSet *thread_encoders; /* of the encode thread; freed with the pool */
    ZgWorkerPool *pool;
    GPtrArray *flights; /* Flight; owned by the pool until done */
    int64_t burst_us;    /* of the last large encode whose memory was not given back; 0: none */
    ZgBrowsing browsing;
    int wished_width, wished_height; /* by a viewer, not passed on yet; 0: none */
    guint tick, refine, message_timer, wish_timer;
};

/* pipeline_pictures.c */

/** zg_pipeline_kick() - something changed: encode for whoever can take a picture, ask for more. */
void zg_pipeline_kick(ZgPipeline *pipeline);

/** zg_pipeline_tell_source() - whether anybody looks. */
void zg_pipeline_tell_source(ZgPipeline *pipeline);

/** zg_pipeline_start_over() - the viewer has nothing of the picture. */
void zg_pipeline_start_over(ZgPipeline *pipeline, ZgPipelineViewer *viewer);

/** zg_pipeline_tell_first_frame() - the owner, once a console has painted and it was sent. */
void zg_pipeline_tell_first_frame(ZgPipeline *pipeline, ZgPipelineViewer *viewer);

/** zg_pipeline_flight_free() - of `flights`. */
void zg_pipeline_flight_free(gpointer flight);

/* pipeline_viewers.c */

void zg_pipeline_viewer_free(ZgPipelineViewer *viewer);
