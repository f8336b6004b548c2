/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One desktop: console → frame → damage → encoder → viewers, and their input back.
 * The picture and the viewers outlive the console. Loop thread only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/proto/profile.h"
#include "display/output.h"
#include "display/source.h"

typedef struct ZgPipeline ZgPipeline;

#define ZG_VIEWERS_MAX 16

/* What the owner is told; all required; ids are those given to zg_pipeline_add_viewer(). */
typedef struct {
    void (*console_lost)(void *user, const char *reason);
    void (*size)(void *user, int width, int height);
    void (*first_frame)(void *user, const char *id); /* its first picture was sent */
    void (*viewer_gone)(void *user, const char *id, const char *reason);
} ZgPipelineEvents;

typedef struct {
    const char *id; /* unique among viewers; copied */
    ZgRfbStart start;
    bool view_only;
    const uint8_t *state; /* exported by another worker, or NULL; read during the call */
    size_t n_state;
} ZgViewerOptions;

/* Kinds of rectangles beside those of a viewer's encoding. */
typedef struct {
    bool copyrect, jpeg, h264;
} ZgSent;

typedef struct {
    const char *id; /* borrowed until the viewer is gone */
    ZgOutputStats output;
    const char *encoding; /* of what is exact; static text */
    ZgSent in_use;        /* in the last period in which pictures were sent */
    unsigned fps;           /* since the last call */
    const char *bottleneck; /* as zg_effort_judge() says */
    int64_t idle_s; /* since anybody who may typed, pointed or came: the same for all viewers */
} ZgViewerStats;

/** zg_pipeline_new() - without console and viewers; @title is copied. */
ZgPipeline *zg_pipeline_new(const char *title, const ZgPipelineEvents *events, void *user);

/** zg_pipeline_free() - closes everything without telling. */
void zg_pipeline_free(ZgPipeline *pipeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgPipeline, zg_pipeline_free)

/** zg_pipeline_set_title() - what viewers that come later are told. */
void zg_pipeline_set_title(ZgPipeline *pipeline, const char *title);

/** zg_pipeline_set_profile() - ZG_PROFILE_LAN at first. */
void zg_pipeline_set_profile(ZgPipeline *pipeline, ZgProfile profile);

/** zg_pipeline_take_console() - an RFB console in place of any held before; @fd handed over. */
void zg_pipeline_take_console(ZgPipeline *pipeline, int fd);

/**
 * zg_pipeline_take_pictures() - the console's D-Bus display as well, for its pictures
 * @fd: handed over; it goes with the console that is held now
 */
void zg_pipeline_take_pictures(ZgPipeline *pipeline, int fd);

bool zg_pipeline_has_console(const ZgPipeline *pipeline);

/**
 * zg_pipeline_add_viewer() - @fd is handed over, also on failure
 * @error: ZG_ERROR_CONFLICT (id is in use), ZG_ERROR_UNAVAILABLE (ZG_VIEWERS_MAX), ZG_ERROR_INVALID
 */
bool zg_pipeline_add_viewer(ZgPipeline *pipeline, int fd, const ZgViewerOptions *options,
                            GError **error);

/**
 * zg_pipeline_cut() - show @text to one viewer, best effort, and close it
 * @reason: returned in viewer_gone
 * Return: false when there is no such viewer.
 */
bool zg_pipeline_cut(ZgPipeline *pipeline, const char *id, const char *reason, const char *text);

/** zg_pipeline_message() - ring every viewer's bell and show @text on its picture for a while. */
void zg_pipeline_message(ZgPipeline *pipeline, const char *text);

/**
 * zg_pipeline_export() - hand a viewer over: its state, then everything queued is sent and its
 * stream is closed (viewer_gone with reason "exported")
 * Return: NULL when there is no such viewer or it has not finished its handshake.
 */
GBytes *zg_pipeline_export(ZgPipeline *pipeline, const char *id);

unsigned zg_pipeline_count_viewers(const ZgPipeline *pipeline);

/** zg_pipeline_get_stats() - of at most @n viewers; ends a period. Return: how many there are. */
unsigned zg_pipeline_get_stats(ZgPipeline *pipeline, ZgViewerStats *out_stats, unsigned n);
