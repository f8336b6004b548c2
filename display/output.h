/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where pictures go: one table of functions, one file per viewer protocol. Loop thread only. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/cursor.h"
#include "display/effort.h"
#include "display/encoder.h"
#include "display/rfb_session.h"

typedef struct ZgOutput ZgOutput;

/* What an output tells its owner. Freeing the output is allowed in `gone` only. */
typedef struct {
    /* It may be able to take a picture now or soon, or its wish or size is another one. */
    void (*changed)(void *user, ZgOutput *output);
    /* The viewer wants @area again although it did not change. */
    void (*repaint)(void *user, ZgOutput *output, ZgRect area);
    /* Key, pointer, clipboard or size, as in rfb_session.h. */
    void (*input)(void *user, ZgOutput *output, const ZgRfbEvent *event);
    /* The viewer has ended; called once, from the loop. */
    void (*gone)(void *user, ZgOutput *output, const char *reason);
} ZgOutputEvents;

typedef struct {
    uint64_t bytes_out, updates;
    size_t queued_bytes;
    int64_t rtt_us;       /* to the viewer and back, without queues; 0 unknown */
    int64_t bytes_per_s;  /* what the link carries; 0 unknown */
} ZgOutputStats;

/* A link that carries so much is not what is slow. */
#define ZG_OUTPUT_BYTES_PER_S_PLENTY 2500000

/* So long before a viewer can take a picture the console is asked for a fresh one. */
#define ZG_OUTPUT_SOON_US 12000

/* The largest tile, whatever its encoding, and a frame of a film. */
#define ZG_OUTPUT_BYTES_SURE (640 * 1024)

typedef struct {
    const char *name;
    void (*free)(ZgOutput *output);
    bool (*wants_picture)(const ZgOutput *output); /* asked, told its size, its link is free */
    bool (*wants_soon)(const ZgOutput *output);    /* now or within ZG_OUTPUT_SOON_US */
    ZgEffortKind (*waits_for)(const ZgOutput *output); /* while it wants no picture */
    void (*set_interval)(ZgOutput *output, int64_t us); /* least time between large updates */
    size_t (*get_budget)(const ZgOutput *output);  /* bytes of one update that delay nothing else */
    bool (*is_ready)(const ZgOutput *output);      /* its handshake is done */
    void (*get_wish)(const ZgOutput *output, ZgEncodeWish *out_wish);
    void (*get_size)(const ZgOutput *output, int *out_width, int *out_height);
    /*
     * One update of the first of these blobs, as many as the viewer has room for, and of all news;
     * answers its request. Return: how many; one that wants a picture takes at least
     * ZG_OUTPUT_BYTES_SURE.
     */
    size_t (*send)(ZgOutput *output, ZgBlob *const *blobs, size_t n_blobs);
    void (*flush_news)(ZgOutput *output); /* size, cursor and the like, if the viewer has asked */
    void (*resize)(ZgOutput *output, int width, int height);
    void (*cursor)(ZgOutput *output, const ZgCursor *cursor); /* borrowed, copied */
    void (*led)(ZgOutput *output, uint8_t state);
    void (*offer_text)(ZgOutput *output, GRefString *text); /* shared */
    void (*bell)(ZgOutput *output);
    void (*answer_size)(ZgOutput *output, int status); /* of an ExtendedDesktopSize wish */
    bool (*release)(ZgOutput *output, ZgRfbEvent *out_event); /* next held key, as rfb_session.h */
    /* `gone` once all is sent, or 2 s later. */
    void (*finish)(ZgOutput *output, const char *reason);
    void (*tick)(ZgOutput *output, int64_t now_us); /* deadlines; about once a second */
    /* After all input that has come was taken; NULL before the handshake is done. */
    GBytes *(*export_state)(ZgOutput *output);
    void (*get_stats)(const ZgOutput *output, ZgOutputStats *out_stats);
} ZgOutputOps;

struct ZgOutput {
    const ZgOutputOps *ops;
};

typedef struct {
    ZgRfbStart start;
    const char *title;
    int width, height;
    const uint8_t *state; /* exported by another worker, or NULL */
    size_t n_state;
} ZgOutputRfbOptions;

/**
 * zg_output_rfb_new() - an RFB viewer on a connected stream
 * @fd:      handed over, also on failure
 * @options: read during the call
 * @events:  borrowed for the life of the output
 * Return: NULL with ZG_ERROR_INVALID when the exported state is not sound.
 */
ZgOutput *zg_output_rfb_new(int fd, const ZgOutputRfbOptions *options,
                            const ZgOutputEvents *events, void *user, GError **error);
