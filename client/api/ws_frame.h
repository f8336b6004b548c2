/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WebSocket frames of a client: bytes in, messages out. Pure. Source: RFC 6455. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A server's message is at most this long: past it the server is not ours. */
#define ZG_WS_MOST_MESSAGE_BYTES (16 * 1024 * 1024)
#define ZG_WS_MOST_HEAD_BYTES 8192

typedef enum {
    ZG_WS_TEXT = 1,
    ZG_WS_BINARY = 2,
    ZG_WS_CLOSE = 8,
    ZG_WS_PING = 9,
    ZG_WS_PONG = 10,
} ZgWsKind;

typedef struct ZgWsReader ZgWsReader;

/* One message. Fragments of binary messages are handed out as they come; text comes whole. */
typedef struct {
    ZgWsKind kind;
    const uint8_t *bytes; /* borrowed until the next call */
    size_t n_bytes;
    unsigned close_code; /* of ZG_WS_CLOSE; 1005 when none was given */
} ZgWsMessage;

/** zg_ws_reader_new() - before the first byte behind the handshake. */
ZgWsReader *zg_ws_reader_new(void);

/** zg_ws_reader_free() - accepts NULL. */
void zg_ws_reader_free(ZgWsReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgWsReader, zg_ws_reader_free)

/** zg_ws_reader_push() - more bytes from the server, cut anywhere; taken whole. */
void zg_ws_reader_push(ZgWsReader *reader, const uint8_t *bytes, size_t n_bytes);

/**
 * zg_ws_reader_next() - the next whole message
 * @error: ZG_ERROR_PROTOCOL: masked, reserved bits, bad opcode or length; ZG_ERROR_TOO_LARGE
 * Return: 1 with @out_message, 0 when more bytes are needed, -1 with @error (for good).
 */
int zg_ws_reader_next(ZgWsReader *reader, ZgWsMessage *out_message, GError **error);

/**
 * zg_ws_frame() - append one whole, masked frame to @out
 * @mask: four random bytes
 */
void zg_ws_frame(GByteArray *out, ZgWsKind kind, const void *bytes, size_t n_bytes,
                 const uint8_t mask[4]);

/** zg_ws_request() - the opening request; @key is 16 random bytes in base64; the caller frees. */
char *zg_ws_request(const char *host, unsigned port, const char *path, const char *key);

/**
 * zg_ws_check_answer() - is the server's head (up to the empty line) the right answer to @key?
 * @error: ZG_ERROR_PROTOCOL; ZG_ERROR_DENIED and the like for an HTTP status
 */
bool zg_ws_check_answer(const char *head, const char *key, GError **error);
