/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One person's viewer: its TLS stream on one side, a socket pair to the worker on the other, bytes
 * spliced between them with back-pressure both ways. Loop thread only.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/net/stream.h"
#include "display/gate.h"
#include "display/ws_wire.h"

typedef struct ZgViewer ZgViewer;

typedef enum {
    ZG_VIEWER_WEBSOCKET,
    ZG_VIEWER_RFB,
} ZgViewerKind;

/* WebSocket close codes (docs/protocol/console.md); RFB viewers get the text only. */
typedef enum {
    ZG_CLOSE_STOPPING = 1001,
    ZG_CLOSE_NOT_UNDERSTOOD = 4400,
    ZG_CLOSE_DENIED = 4401,
    ZG_CLOSE_TAKEN_OVER = 4402,
    ZG_CLOSE_ENDED = 4403,
    ZG_CLOSE_GONE = 4404,
    ZG_CLOSE_SILENT = 4408,
    ZG_CLOSE_PROTOCOL = 4409,
} ZgCloseCode;

typedef struct {
    /*
     * The viewer is over by itself; the owner frees it. @lost: its transport was lost, so it may
     * come back. @reason is for the record. Not called after zg_viewer_cut().
     */
    void (*on_gone)(ZgViewer *viewer, bool lost, const char *reason, void *user);
} ZgViewerHandlers;

/* What was redeemed, and who came. */
typedef struct {
    uint64_t number; /* known to the gate by it */
    ZgGrant grant;
    char *terminal; /* what the person's side calls itself; may be "" */
    char *resume;   /* secret for the answer, or NULL */
    char *title;    /* of the desktop */
} ZgEntry;

void zg_entry_clear(ZgEntry *entry);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ZgEntry, zg_entry_clear)

/**
 * zg_viewer_new() - take over an authenticated stream
 * @stream:   handed over; nothing is read before zg_viewer_attach()
 * @entry:    number, grant and terminal are copied
 * @ws:       reader state of a WebSocket, copied; NULL for RFB
 */
ZgViewer *zg_viewer_new(ZgViewerKind kind, ZgStream *stream, const ZgEntry *entry, const ZgWs *ws,
                        const ZgViewerHandlers *handlers, void *user);

/** zg_viewer_free() - closes at once what is open; accepts NULL. */
void zg_viewer_free(ZgViewer *viewer);

/** zg_viewer_attach() - begin splicing; returns the far end for the worker, or -1 with @error. */
int zg_viewer_attach(ZgViewer *viewer, GError **error);

bool zg_viewer_is_attached(const ZgViewer *viewer);

/** zg_viewer_greet() - send @bytes to the person as they are; before zg_viewer_attach(). */
void zg_viewer_greet(ZgViewer *viewer, const GByteArray *bytes);

/** zg_viewer_feed() - bytes of the stream that were read before the viewer existed. */
void zg_viewer_feed(ZgViewer *viewer, const uint8_t *bytes, size_t n_bytes);

/**
 * zg_viewer_cut() - the end, told to the person; input stops at once, no handler is called
 * @linger_for_worker: RFB: the worker has been asked to show the text and to close
 * The viewer frees itself; the pointer is void afterwards.
 */
void zg_viewer_cut(ZgViewer *viewer, ZgCloseCode code, const char *text, bool linger_for_worker);

/** zg_viewer_tell() - a text frame for the page; nothing for RFB. @message borrowed. */
void zg_viewer_tell(ZgViewer *viewer, const json_t *message);

/** zg_viewer_worker_says_gone() - the worker ended this viewer, e.g. for a protocol error. */
void zg_viewer_worker_says_gone(ZgViewer *viewer, const char *reason);

uint64_t zg_viewer_number(const ZgViewer *viewer);
ZgViewerKind zg_viewer_kind(const ZgViewer *viewer);
const ZgGrant *zg_viewer_grant(const ZgViewer *viewer);
const char *zg_viewer_terminal(const ZgViewer *viewer);

/** zg_viewer_bytes_out() - bytes sent to the person so far. */
uint64_t zg_viewer_bytes_out(const ZgViewer *viewer);
