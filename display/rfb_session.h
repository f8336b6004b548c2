/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One viewer's RFB 3.8 session, server side: bytes in; one event at a time and reply bytes out.
 * Pure: no socket, no loop, no clock. What it knows of the viewer can be exported and imported, so
 * that another worker can go on with the same viewer.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/rect.h"
#include "display/rfb_wire.h"

typedef struct ZgRfbSession ZgRfbSession;

#define ZG_RFB_ENCODINGS_MAX 256   /* read of one SetEncodings; more end the session */
#define ZG_RFB_KEYS_DOWN_MAX 32    /* held at once; further presses are passed but not remembered */
#define ZG_RFB_TITLE_BYTES_MAX 256

typedef enum {
    ZG_RFB_START_VERSION,     /* from ProtocolVersion, offering security None only */
    ZG_RFB_START_CLIENT_INIT, /* security is done: waits for ClientInit */
} ZgRfbStart;

typedef enum {
    ZG_RFB_STEP_MORE,   /* needs more bytes than there are; nothing was used */
    ZG_RFB_STEP_QUIET,  /* used bytes, nothing to tell */
    ZG_RFB_STEP_EVENT,  /* used bytes, *out_event is set */
    ZG_RFB_STEP_FAILED, /* the viewer broke the protocol; @error says how; feed no more */
} ZgRfbStep;

typedef enum {
    ZG_RFB_EVENT_READY,     /* ServerInit was written */
    ZG_RFB_EVENT_LOOK,      /* pixel format or encodings changed; see zg_rfb_session_look() */
    ZG_RFB_EVENT_REQUEST,   /* FramebufferUpdateRequest */
    ZG_RFB_EVENT_KEY,
    ZG_RFB_EVENT_POINTER,
    ZG_RFB_EVENT_CLIPBOARD, /* the viewer gave text */
    ZG_RFB_EVENT_SIZE,      /* SetDesktopSize; must be answered */
    ZG_RFB_EVENT_FENCE,     /* a fence of ours has come back */
    ZG_RFB_EVENT_CONTINUOUS, /* continuous updates were switched on or off */
} ZgRfbEventKind;

typedef struct {
    ZgRfbEventKind kind;
    struct {
        bool down;
        uint32_t keysym, scancode; /* scancode: XT set 1 as QEMU counts it; 0 when unknown */
    } key;
    struct {
        uint16_t x, y;
        uint8_t buttons;
    } pointer;
    bool incremental;
    ZgRect area;      /* of a request, or the wished size (x, y are 0) */
    const char *text; /* UTF-8, LF; borrowed until the next feed */
    uint32_t fence;   /* number of the fence, as zg_rfb_session_put_fence() gave it */
} ZgRfbEvent;

/* What the viewer said it can do. */
typedef struct {
    ZgPixelFormat format;
    bool copyrect, tight, zrle, hextile, h264, zaguan;
    bool desktop_size, extended_size, cursor, cursor_alpha, last_rect, qemu_key, led_state,
        desktop_name, extended_clipboard, fence, continuous_updates;
    int jpeg_quality; /* 0..9, -1 when the viewer does not want JPEG */
    int compress;     /* 0..9, -1 when not told */
} ZgRfbLook;

/**
 * zg_rfb_session_new() - a session at its beginning
 * @width, @height: of the picture, told in ServerInit
 * @title: UTF-8, cut to ZG_RFB_TITLE_BYTES_MAX; copied
 * @out:   bytes to send first are appended
 */
ZgRfbSession *zg_rfb_session_new(ZgRfbStart start, int width, int height, const char *title,
                                 GByteArray *out);

/** zg_rfb_session_free() - accepts NULL. */
void zg_rfb_session_free(ZgRfbSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgRfbSession, zg_rfb_session_free)

/**
 * zg_rfb_session_feed() - take at most one message
 * @bytes: all bytes that were received and not used yet; keep what is left and come again
 * @out_used: bytes taken, 0 with ZG_RFB_STEP_MORE
 * @out:   replies are appended
 * @error: ZG_ERROR_PROTOCOL or ZG_ERROR_TOO_LARGE
 *
 * The caller never has to hold more than ZG_RFB_SESSION_INPUT_MAX bytes.
 */
ZgRfbStep zg_rfb_session_feed(ZgRfbSession *session, const uint8_t *bytes, size_t n_bytes,
                              size_t *out_used, GByteArray *out, ZgRfbEvent *out_event,
                              GError **error);
#define ZG_RFB_SESSION_INPUT_MAX (1024 * 1024 + 8192)

/** zg_rfb_session_is_ready() - has ServerInit been sent? */
bool zg_rfb_session_is_ready(const ZgRfbSession *session);

/** zg_rfb_session_look() - borrowed; changes with feed. */
const ZgRfbLook *zg_rfb_session_look(const ZgRfbSession *session);

/** zg_rfb_session_get_size() - the size the viewer was last told. */
void zg_rfb_session_get_size(const ZgRfbSession *session, int *out_width, int *out_height);

/**
 * zg_rfb_session_put_size() - append the rectangle that tells a new size
 * @reason, @status: of ExtendedDesktopSize (0, 0: the server's own change)
 * Return: rectangles appended; 0 when this viewer cannot follow (its size stays).
 */
unsigned zg_rfb_session_put_size(ZgRfbSession *session, int reason, int status, int width,
                                 int height, GByteArray *out);

/**
 * zg_rfb_session_set_requested() - remember (for export) whether a request waits for an update
 * With continuous updates the viewer always waits for one.
 */
void zg_rfb_session_set_requested(ZgRfbSession *session, bool requested);
bool zg_rfb_session_is_requested(const ZgRfbSession *session);

/**
 * zg_rfb_session_start_stream() - a ZRLE rectangle is about to be sent
 * Return: true the first time: the viewer's zlib stream must be opened with its header.
 */
bool zg_rfb_session_start_stream(ZgRfbSession *session);

/** zg_rfb_session_is_continuous() - has the viewer switched continuous updates on? */
bool zg_rfb_session_is_continuous(const ZgRfbSession *session);

/**
 * zg_rfb_session_put_fence() - append a fence that the viewer sends back once it has read so far
 * Return: its number, as in ZG_RFB_EVENT_FENCE; 0 when this viewer knows no fences.
 */
uint32_t zg_rfb_session_put_fence(ZgRfbSession *session, GByteArray *out);

/**
 * zg_rfb_session_offer_text() - the desktop's clipboard has new text
 * @text: UTF-8 of at most ZG_LIMIT_CLIPBOARD_BYTES, longer text is not offered; shared
 * With the extended clipboard the viewer is told and gets it when it asks. Nothing is written yet:
 * the session owes it, and of several texts only the newest.
 */
void zg_rfb_session_offer_text(ZgRfbSession *session, GRefString *text);

/** zg_rfb_session_owes_text() - does the viewer wait for clipboard text, or the news of it? */
bool zg_rfb_session_owes_text(const ZgRfbSession *session);

/**
 * zg_rfb_session_put_text() - append what is owed
 * @most: bytes; a text that takes more is not sent
 * Return: false when it was too long.
 */
bool zg_rfb_session_put_text(ZgRfbSession *session, size_t most, GByteArray *out);

/** zg_rfb_session_set_text_room() - drop text of the viewer that is longer; no bound at first. */
void zg_rfb_session_set_text_room(ZgRfbSession *session, size_t n_bytes);

/** zg_rfb_session_expected() - bytes of the text that is coming in; 0: none is. */
size_t zg_rfb_session_expected(const ZgRfbSession *session);

/**
 * zg_rfb_session_release() - the next event that lets go of a held key or of all buttons
 * Return: false when nothing is held any more. For disconnect and loss of the input right.
 */
bool zg_rfb_session_release(ZgRfbSession *session, ZgRfbEvent *out_event);

/** zg_rfb_session_export() - state of a ready session; NULL before. */
GBytes *zg_rfb_session_export(const ZgRfbSession *session);

/**
 * zg_rfb_session_import() - a ready session from exported bytes
 * Return: NULL with ZG_ERROR_INVALID when they are not whole and sound.
 */
ZgRfbSession *zg_rfb_session_import(const uint8_t *bytes, size_t n_bytes, GError **error);
