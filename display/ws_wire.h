/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WebSocket framing, server side (RFC 6455): bytes in, events out; nothing is opened. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "display/http_head.h"

#define ZG_WS_CONTROL_MAX 125
#define ZG_WS_HEADER_MAX 10
#define ZG_WS_FRAME_MAX (4 * 1024 * 1024) /* a clipboard of 1 MiB and room; never held in memory */

typedef enum {
    ZG_WS_CONTINUATION = 0,
    ZG_WS_TEXT = 1,
    ZG_WS_BINARY = 2,
    ZG_WS_CLOSE = 8,
    ZG_WS_PING = 9,
    ZG_WS_PONG = 10,
} ZgWsOpcode;

typedef enum {
    ZG_WS_EVENT_NONE,   /* all bytes used, nothing to tell */
    ZG_WS_EVENT_DATA,   /* a piece of a binary message */
    ZG_WS_EVENT_PING,   /* answer with a pong of the same payload */
    ZG_WS_EVENT_PONG,
    ZG_WS_EVENT_CLOSE,  /* the peer closes; `code` is 1005 when it gave none */
    ZG_WS_EVENT_BROKEN, /* close with `code` and `text`, read no further */
} ZgWsEventKind;

typedef struct {
    ZgWsEventKind kind;
    const uint8_t *bytes; /* inside the buffer that was fed, or inside the ZgWs */
    size_t n_bytes;
    bool message_end;   /* DATA: last piece of its message */
    int code;           /* CLOSE, BROKEN */
    const char *text;   /* BROKEN: static text */
} ZgWsEvent;

/* Reader's state; {0} is the start. */
typedef struct {
    uint8_t header[14];
    unsigned n_header;
    bool in_frame;
    bool in_message;
    bool final;
    uint8_t opcode;
    uint64_t n_left;
    uint8_t mask[4];
    unsigned mask_at;
    uint8_t control[ZG_WS_CONTROL_MAX];
    unsigned n_control;
    bool broken;
} ZgWs;

/**
 * zg_ws_feed() - read up to one event
 * @bytes:      what came from the client; unmasked in place
 * @out_n_used: how many of them were used; call again with the rest
 *
 * Text messages are refused (1003): the console takes binary ones only.
 */
ZgWsEvent zg_ws_feed(ZgWs *ws, uint8_t *bytes, size_t n_bytes, size_t *out_n_used);

/** zg_ws_header() - header of one unfragmented server frame; returns its length, 2..10. */
size_t zg_ws_header(ZgWsOpcode opcode, size_t n_payload, uint8_t out[ZG_WS_HEADER_MAX]);

/** zg_ws_write() - append one frame. Control payloads are at most ZG_WS_CONTROL_MAX bytes. */
void zg_ws_write(ZgWsOpcode opcode, const void *bytes, size_t n_bytes, GByteArray *out);

/** zg_ws_write_close() - append a close frame; @reason is cut at a whole character to fit. */
void zg_ws_write_close(int code, const char *reason, GByteArray *out);

/** zg_ws_accept_key() - Sec-WebSocket-Accept for a client's key; the caller frees. */
char *zg_ws_accept_key(const char *key);

/**
 * zg_ws_handshake() - check an opening request and write the 101 answer
 * @out_status: on failure 400 or 426
 * @out:        appended to on success
 * @error:      ZG_ERROR_PROTOCOL
 */
bool zg_ws_handshake(const ZgHttpHead *head, GByteArray *out, int *out_status, GError **error);
