/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every bound on what comes from outside, in one place, with the reason beside it. */
#pragma once

/* JSON: one document. An API body is small; a link frame may carry a report of 500 desktops. */
#define ZG_LIMIT_JSON_DEPTH 32
#define ZG_LIMIT_API_BODY_BYTES (256 * 1024)
#define ZG_LIMIT_FRAME_BYTES (1024 * 1024)
#define ZG_LIMIT_CONTROL_BYTES (64 * 1024)

/* Names that people give: pools, templates, hosts, users. */
#define ZG_LIMIT_NAME_BYTES 63
#define ZG_LIMIT_TEXT_BYTES 1024
#define ZG_LIMIT_USER_BYTES 256
#define ZG_LIMIT_PASSWORD_BYTES 1024

/* A stream's queue towards a peer: past it the peer is not reading and the connection ends. */
#define ZG_LIMIT_STREAM_QUEUE_BYTES (4 * 1024 * 1024)

/* HTTP request head accepted by the front. */
#define ZG_LIMIT_HTTP_HEAD_BYTES (16 * 1024)

/* Console and viewer pictures: width, height and pixels. */
#define ZG_LIMIT_SCREEN_SIDE 8192
#define ZG_LIMIT_SCREEN_PIXELS (4096 * 4096)

/* Clipboard text, either way. */
#define ZG_LIMIT_CLIPBOARD_BYTES (1024 * 1024)

/* A connection that has proved nothing yet is closed after this long, at any stage. */
#define ZG_LIMIT_UNAUTHENTICATED_MS 10000
#define ZG_LIMIT_UNAUTHENTICATED_CONNECTIONS 512

/* Ticket: life as remaining time, and size. */
#define ZG_TICKET_BYTES 32
#define ZG_TICKET_TTL_MAX_MS 120000
#define ZG_HELD_MS 180000
