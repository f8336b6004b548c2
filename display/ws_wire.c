/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/ws_wire.h"

#include <string.h>
#include "common/base/error.h"

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static ZgWsEvent
broken(ZgWs *ws, int code, const char *text)
{
    ws->broken = true;
    return (ZgWsEvent){.kind = ZG_WS_EVENT_BROKEN, .code = code, .text = text};
}

/* Bytes the header has in all, as far as its first two bytes tell; 2 while those are missing. */
static unsigned
header_size(const ZgWs *ws)
{
    unsigned length7;

    if (ws->n_header < 2) {
        return 2;
    }
    length7 = ws->header[1] & 0x7f;
    return 2 + (length7 == 126 ? 2 : length7 == 127 ? 8 : 0) + 4;
}

/* Payload length; UINT64_MAX when it is not written in the shortest way. */
static uint64_t
header_length(const ZgWs *ws)
{
    unsigned length7 = ws->header[1] & 0x7f;
    unsigned n_extra = length7 == 126 ? 2 : length7 == 127 ? 8 : 0;
    uint64_t length = 0;

    for (unsigned i = 0; i < n_extra; i++) {
        length = length << 8 | ws->header[2 + i];
    }
    if (n_extra == 0) {
        return length7;
    }
    return length > (n_extra == 2 ? 125 : 0xffff) ? length : UINT64_MAX;
}

static const char *
wrong_header(const ZgWs *ws, int *out_code)
{
    uint8_t opcode = ws->header[0] & 0x0f;
    bool final = ws->header[0] & 0x80;
    uint64_t length = header_length(ws);

    *out_code = 1002;
    if (ws->header[0] & 0x70) {
        return "reserved bits are set";
    }
    if (length == UINT64_MAX) {
        return "a frame's length is not in its shortest form";
    }
    switch (opcode) {
    case ZG_WS_CONTINUATION:
        if (!ws->in_message) {
            return "a continuation without a message";
        }
        break;
    case ZG_WS_BINARY:
        if (ws->in_message) {
            return "a new message inside another";
        }
        break;
    case ZG_WS_TEXT:
        *out_code = 1003;
        return "only binary messages are understood";
    case ZG_WS_CLOSE:
    case ZG_WS_PING:
    case ZG_WS_PONG:
        return final && length <= ZG_WS_CONTROL_MAX ? NULL : "a control frame is too long";
    default:
        return "an unknown kind of frame";
    }
    *out_code = 1009;
    return length <= ZG_WS_FRAME_MAX ? NULL : "a frame is too long";
}

static void
begin_frame(ZgWs *ws)
{
    ws->opcode = ws->header[0] & 0x0f;
    ws->final = ws->header[0] & 0x80;
    ws->n_left = header_length(ws);
    memcpy(ws->mask, ws->header + ws->n_header - 4, 4);
    ws->mask_at = 0;
    ws->n_control = 0;
    ws->n_header = 0;
    ws->in_frame = true;
    if (ws->opcode < ZG_WS_CLOSE) {
        ws->in_message = true;
    }
}

/* Collects the header. Return: an event to give at once, or kind NONE to go on. */
static ZgWsEvent
feed_header(ZgWs *ws, const uint8_t *bytes, size_t n_bytes, size_t *at)
{
    while (*at < n_bytes && ws->n_header < header_size(ws)) {
        ws->header[ws->n_header++] = bytes[(*at)++];
        if (ws->n_header == 2 && !(ws->header[1] & 0x80)) {
            return broken(ws, 1002, "a client's frame is not masked");
        }
    }
    if (ws->n_header >= 2 && ws->n_header == header_size(ws)) {
        int code;
        const char *text = wrong_header(ws, &code);

        if (text != NULL) {
            return broken(ws, code, text);
        }
        begin_frame(ws);
    }
    return (ZgWsEvent){.kind = ZG_WS_EVENT_NONE};
}

static void
unmask(ZgWs *ws, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= ws->mask[(ws->mask_at + i) & 3];
    }
    ws->mask_at = (ws->mask_at + n) & 3;
}

static ZgWsEvent
finish_close(ZgWs *ws)
{
    int code = 1005;

    if (ws->n_control == 1) {
        return broken(ws, 1002, "a close frame has half a code");
    }
    if (ws->n_control >= 2) {
        code = ws->control[0] << 8 | ws->control[1];
        if (code < 1000 || code > 4999 || (code >= 1004 && code <= 1006) ||
            (code >= 1015 && code < 3000)) {
            return broken(ws, 1002, "a close frame has an unknown code");
        }
        if (!g_utf8_validate((const char *)ws->control + 2, ws->n_control - 2, NULL)) {
            return broken(ws, 1007, "a close reason is not text");
        }
    }
    return (ZgWsEvent){.kind = ZG_WS_EVENT_CLOSE, .code = code};
}

static ZgWsEvent
finish_control(ZgWs *ws)
{
    ZgWsEvent event = {.bytes = ws->control, .n_bytes = ws->n_control};

    ws->in_frame = false;
    if (ws->opcode == ZG_WS_CLOSE) {
        return finish_close(ws);
    }
    event.kind = ws->opcode == ZG_WS_PING ? ZG_WS_EVENT_PING : ZG_WS_EVENT_PONG;
    return event;
}

static ZgWsEvent
finish_data(ZgWs *ws, const uint8_t *bytes, size_t n)
{
    ZgWsEvent event = {.kind = ZG_WS_EVENT_DATA, .bytes = bytes, .n_bytes = n};

    if (ws->n_left == 0) {
        ws->in_frame = false;
        ws->in_message = !ws->final;
        event.message_end = ws->final;
    }
    if (n == 0 && !event.message_end) {
        event.kind = ZG_WS_EVENT_NONE;
    }
    return event;
}

ZgWsEvent
zg_ws_feed(ZgWs *ws, uint8_t *bytes, size_t n_bytes, size_t *out_n_used)
{
    ZgWsEvent event = {.kind = ZG_WS_EVENT_NONE};
    size_t at = 0;
    size_t n;

    *out_n_used = 0;
    if (ws->broken) {
        return broken(ws, 1002, "the stream is broken already");
    }
    while (event.kind == ZG_WS_EVENT_NONE) {
        if (!ws->in_frame) {
            event = feed_header(ws, bytes, n_bytes, &at);
            if (!ws->in_frame) {
                break;
            }
        }
        n = (size_t)MIN((uint64_t)(n_bytes - at), ws->n_left);
        unmask(ws, bytes + at, n);
        ws->n_left -= n;
        if (ws->opcode < ZG_WS_CLOSE) {
            event = finish_data(ws, bytes + at, n);
        } else {
            memcpy(ws->control + ws->n_control, bytes + at, n);
            ws->n_control += (unsigned)n;
            if (ws->n_left == 0) {
                event = finish_control(ws);
            }
        }
        at += n;
        if (at == n_bytes) {
            break;
        }
    }
    *out_n_used = at;
    return event;
}

size_t
zg_ws_header(ZgWsOpcode opcode, size_t n_payload, uint8_t out[ZG_WS_HEADER_MAX])
{
    unsigned n_extra = n_payload <= 125 ? 0 : n_payload <= 0xffff ? 2 : 8;

    out[0] = (uint8_t)(0x80 | opcode);
    out[1] = (uint8_t)(n_extra == 0 ? n_payload : n_extra == 2 ? 126 : 127);
    for (unsigned i = 0; i < n_extra; i++) {
        out[2 + i] = (uint8_t)((uint64_t)n_payload >> (8 * (n_extra - 1 - i)));
    }
    return 2 + n_extra;
}

void
zg_ws_write(ZgWsOpcode opcode, const void *bytes, size_t n_bytes, GByteArray *out)
{
    uint8_t header[ZG_WS_HEADER_MAX];
    size_t n_header = zg_ws_header(opcode, n_bytes, header);

    g_assert(opcode < ZG_WS_CLOSE || n_bytes <= ZG_WS_CONTROL_MAX);
    g_byte_array_append(out, header, (guint)n_header);
    g_byte_array_append(out, bytes, (guint)n_bytes);
}

void
zg_ws_write_close(int code, const char *reason, GByteArray *out)
{
    uint8_t payload[ZG_WS_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t n = strlen(reason);
    const char *end;

    if (n > sizeof payload - 2) {
        n = sizeof payload - 2;
    }
    g_utf8_validate(reason, (gssize)n, &end);
    n = (size_t)(end - reason);
    memcpy(payload + 2, reason, n);
    zg_ws_write(ZG_WS_CLOSE, payload, n + 2, out);
}

char *
zg_ws_accept_key(const char *key)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 digest[20];
    gsize n_digest = sizeof digest;

    g_checksum_update(sum, (const guchar *)key, -1);
    g_checksum_update(sum, (const guchar *)ACCEPT_GUID, -1);
    g_checksum_get_digest(sum, digest, &n_digest);
    return g_base64_encode(digest, n_digest);
}

/* 16 bytes in base64: 22 characters and "==". */
static bool
is_key(const char *key)
{
    if (key == NULL || strlen(key) != 24 || !g_str_has_suffix(key, "==")) {
        return false;
    }
    for (int i = 0; i < 22; i++) {
        if (!g_ascii_isalnum(key[i]) && key[i] != '+' && key[i] != '/') {
            return false;
        }
    }
    return true;
}

bool
zg_ws_handshake(const ZgHttpHead *head, GByteArray *out, int *out_status, GError **error)
{
    const char *key = zg_http_find(head, "sec-websocket-key");
    const char *version = zg_http_find(head, "sec-websocket-version");
    g_autofree char *accept = NULL;
    g_autofree char *answer = NULL;

    *out_status = 400;
    if (g_strcmp0(head->method, "GET") != 0 || head->minor < 1 || head->length > 0 ||
        !zg_http_has_token(head, "upgrade", "websocket") ||
        !zg_http_has_token(head, "connection", "upgrade") || !is_key(key)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "this is not a WebSocket handshake");
        return false;
    }
    if (g_strcmp0(version, "13") != 0) {
        *out_status = 426;
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "only WebSocket version 13 is spoken");
        return false;
    }
    accept = zg_ws_accept_key(key);
    answer = g_strdup_printf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                             accept,
                             zg_http_has_token(head, "sec-websocket-protocol", "binary")
                                 ? "Sec-WebSocket-Protocol: binary\r\n"
                                 : "");
    g_byte_array_append(out, (const guint8 *)answer, (guint)strlen(answer));
    return true;
}
