/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/api/ws_frame.h"

#include <stdlib.h>
#include <string.h>
#include "common/base/error.h"

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define MOST_CONTROL_BYTES 125

struct ZgWsReader {
    GByteArray *in;
    size_t n_used;       /* of `in`, by the message handed out last */
    GByteArray *text;    /* fragments of a text message */
    ZgWsKind fragmented; /* kind of the message that continues; 0 when none does */
    bool broken;
};

typedef struct {
    bool final;
    unsigned opcode;
    size_t n_head;
    uint64_t n_payload;
} FrameHead;

ZgWsReader *
zg_ws_reader_new(void)
{
    ZgWsReader *reader = g_new0(ZgWsReader, 1);

    reader->in = g_byte_array_new();
    reader->text = g_byte_array_new();
    return reader;
}

void
zg_ws_reader_free(ZgWsReader *reader)
{
    if (reader != NULL) {
        g_byte_array_unref(reader->in);
        g_byte_array_unref(reader->text);
        g_free(reader);
    }
}

void
zg_ws_reader_push(ZgWsReader *reader, const uint8_t *bytes, size_t n_bytes)
{
    if (!reader->broken) {
        g_byte_array_append(reader->in, bytes, (guint)n_bytes);
    }
}

static int
break_off(ZgWsReader *reader, ZgErrorCode code, const char *text, GError **error)
{
    reader->broken = true;
    g_byte_array_set_size(reader->in, 0);
    reader->n_used = 0;
    g_set_error(error, ZG_ERROR, (int)code, "WebSocket: %s", text);
    return -1;
}

/* Return: 1 when the head is whole, 0 when it is not. Checks nothing. */
static int
read_head(const uint8_t *in, size_t n_in, FrameHead *head)
{
    unsigned length;

    if (n_in < 2) {
        return 0;
    }
    length = in[1] & 0x7f;
    head->final = (in[0] & 0x80) != 0;
    head->opcode = in[0] & 0x0f;
    head->n_head = length == 126 ? 4 : length == 127 ? 10 : 2;
    if (n_in < head->n_head) {
        return 0;
    }
    head->n_payload = length;
    if (length >= 126) {
        head->n_payload = 0;
        for (size_t i = 2; i < head->n_head; i++) {
            head->n_payload = head->n_payload << 8 | in[i];
        }
    }
    return 1;
}

static const char *
fault_of(const ZgWsReader *reader, const uint8_t *in, const FrameHead *head)
{
    bool control = head->opcode >= 8;

    if ((in[0] & 0x70) != 0) {
        return "reserved bits are set";
    }
    if ((in[1] & 0x80) != 0) {
        return "a server's frame is masked";
    }
    if (control && (!head->final || head->n_payload > MOST_CONTROL_BYTES)) {
        return "a control frame is too long or cut";
    }
    if (control ? head->opcode > ZG_WS_PONG : head->opcode > ZG_WS_BINARY) {
        return "unknown kind of frame";
    }
    if (!control && (head->opcode == 0) != (reader->fragmented != 0)) {
        return "fragments are out of order";
    }
    return NULL;
}

static void
take_close(ZgWsMessage *message)
{
    message->close_code = 1005;
    if (message->n_bytes >= 2) {
        message->close_code = (unsigned)(message->bytes[0] << 8 | message->bytes[1]);
        message->bytes += 2;
        message->n_bytes -= 2;
    }
}

/* Return: true when the frame completes something to hand out. */
static bool
take_frame(ZgWsReader *reader, const FrameHead *head, ZgWsMessage *message)
{
    if (head->opcode >= 8) {
        message->kind = (ZgWsKind)head->opcode;
        if (message->kind == ZG_WS_CLOSE) {
            take_close(message);
        }
        return true;
    }
    message->kind = head->opcode == 0 ? reader->fragmented : (ZgWsKind)head->opcode;
    if (head->opcode != 0) {
        g_byte_array_set_size(reader->text, 0);
    }
    reader->fragmented = head->final ? 0 : message->kind;
    if (message->kind == ZG_WS_BINARY) {
        return true;
    }
    g_byte_array_append(reader->text, message->bytes, (guint)message->n_bytes);
    message->bytes = reader->text->data;
    message->n_bytes = reader->text->len;
    return head->final;
}

int
zg_ws_reader_next(ZgWsReader *reader, ZgWsMessage *out_message, GError **error)
{
    for (;;) {
        FrameHead head = {0};
        const char *fault;
        size_t n_text = reader->fragmented != 0 ? reader->text->len : 0;

        if (reader->n_used > 0) {
            g_byte_array_remove_range(reader->in, 0, (guint)reader->n_used);
            reader->n_used = 0;
        }
        if (reader->broken || !read_head(reader->in->data, reader->in->len, &head)) {
            return 0;
        }
        fault = fault_of(reader, reader->in->data, &head);
        if (fault != NULL) {
            return break_off(reader, ZG_ERROR_PROTOCOL, fault, error);
        }
        if (head.n_payload > ZG_WS_MOST_MESSAGE_BYTES - n_text) {
            return break_off(reader, ZG_ERROR_TOO_LARGE, "a message is too large", error);
        }
        if (reader->in->len - head.n_head < head.n_payload) {
            return 0;
        }
        *out_message = (ZgWsMessage){.bytes = reader->in->data + head.n_head,
                                     .n_bytes = (size_t)head.n_payload};
        reader->n_used = head.n_head + (size_t)head.n_payload;
        if (take_frame(reader, &head, out_message)) {
            return 1;
        }
    }
}

void
zg_ws_frame(GByteArray *out, ZgWsKind kind, const void *bytes, size_t n_bytes,
            const uint8_t mask[4])
{
    uint8_t head[14] = {(uint8_t)(0x80 | kind)};
    size_t n_head = 2;
    size_t at;

    if (n_bytes < 126) {
        head[1] = (uint8_t)(0x80 | n_bytes);
    } else {
        size_t n_length = n_bytes < 65536 ? 2 : 8;

        head[1] = n_length == 2 ? 0x80 | 126 : 0x80 | 127;
        for (size_t i = 0; i < n_length; i++) {
            head[n_head++] = (uint8_t)((uint64_t)n_bytes >> (8 * (n_length - 1 - i)));
        }
    }
    memcpy(head + n_head, mask, 4);
    n_head += 4;
    g_byte_array_append(out, head, (guint)n_head);
    at = out->len;
    if (n_bytes > 0) {
        g_byte_array_append(out, bytes, (guint)n_bytes);
    }
    for (size_t i = 0; i < n_bytes; i++) {
        out->data[at + i] ^= mask[i % 4];
    }
}

char *
zg_ws_request(const char *host, unsigned port, const char *path, const char *key)
{
    bool six = strchr(host, ':') != NULL;

    return g_strdup_printf("GET %s HTTP/1.1\r\n"
                           "Host: %s%s%s:%u\r\n"
                           "Upgrade: websocket\r\n"
                           "Connection: Upgrade\r\n"
                           "Sec-WebSocket-Key: %s\r\n"
                           "Sec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Protocol: binary\r\n"
                           "\r\n",
                           path, six ? "[" : "", host, six ? "]" : "", port, key);
}

static char *
accept_of(const char *key)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 digest[20];
    gsize n_digest = sizeof digest;

    g_checksum_update(sum, (const guchar *)key, -1);
    g_checksum_update(sum, (const guchar *)ACCEPT_GUID, -1);
    g_checksum_get_digest(sum, digest, &n_digest);
    return g_base64_encode(digest, n_digest);
}

/* Value of a header; the caller frees. NULL when it is absent. */
static char *
header_of(char *const *lines, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 1; lines[0] != NULL && lines[i] != NULL; i++) {
        if (g_ascii_strncasecmp(lines[i], name, n) == 0 && lines[i][n] == ':') {
            return g_strstrip(g_strdup(lines[i] + n + 1));
        }
    }
    return NULL;
}

static bool
refused(long status, GError **error)
{
    ZgErrorCode code = ZG_ERROR_PROTOCOL;

    for (int i = 0; i < ZG_N_ERRORS; i++) {
        if (zg_error_http_status(i) == status) {
            code = (ZgErrorCode)i;
            break;
        }
    }
    g_set_error(error, ZG_ERROR, (int)code, "the console was refused with HTTP status %ld", status);
    return false;
}

bool
zg_ws_check_answer(const char *head, const char *key, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(head, "\r\n", 100);
    g_autofree char *expected = accept_of(key);
    g_autofree char *accepted = header_of(lines, "Sec-WebSocket-Accept");
    g_autofree char *upgrade = header_of(lines, "Upgrade");
    g_autofree char *protocol = header_of(lines, "Sec-WebSocket-Protocol");
    long status = g_str_has_prefix(head, "HTTP/1.1 ") ? strtol(head + 9, NULL, 10) : 0;

    if (status >= 400 && status <= 599) {
        return refused(status, error);
    }
    if (status != 101 || g_strcmp0(accepted, expected) != 0 || upgrade == NULL ||
        g_ascii_strcasecmp(upgrade, "websocket") != 0 || g_strcmp0(protocol, "binary") != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL,
                    "the server's answer is not that of a console");
        return false;
    }
    return true;
}
