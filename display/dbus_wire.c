/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/dbus_wire.h"

#include <string.h>

#include "common/base/error.h"

#define PROTOCOL_VERSION 1
#define FLAG_NO_REPLY_EXPECTED 0x1
#define FIXED_BYTES 16 /* up to and including the length of the header fields */

/* Header fields. */
enum {
    FIELD_PATH = 1,
    FIELD_INTERFACE = 2,
    FIELD_MEMBER = 3,
    FIELD_ERROR_NAME = 4,
    FIELD_REPLY_SERIAL = 5,
    FIELD_SIGNATURE = 8,
    FIELD_UNIX_FDS = 9,
};

static uint8_t
native_order(void)
{
    return G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B';
}

static size_t
align_up(size_t n, size_t alignment)
{
    return (n + alignment - 1) / alignment * alignment;
}

static ZgDbusResult
fail(GError **error, int code, const char *what)
{
    g_set_error(error, ZG_ERROR, code, "the console broke the protocol: %s", what);
    return ZG_DBUS_BROKEN;
}

/* ---- reading ---- */

static const uint8_t *
take(ZgDbusReader *in, size_t n_bytes)
{
    const uint8_t *bytes = in->bytes + in->at;

    if (in->is_broken || in->at > in->n_bytes || n_bytes > in->n_bytes - in->at) {
        in->is_broken = true;
        return NULL;
    }
    in->at += n_bytes;
    return bytes;
}

static uint8_t
read_u8(ZgDbusReader *in)
{
    const uint8_t *byte = take(in, 1);

    return byte != NULL ? *byte : 0;
}

uint32_t
zg_dbus_read_u32(ZgDbusReader *in)
{
    const uint8_t *bytes;
    uint32_t value = 0;

    in->at = align_up(in->at, 4);
    bytes = take(in, sizeof value);
    if (bytes != NULL) {
        memcpy(&value, bytes, sizeof value);
    }
    return value;
}

static const char *
read_chars(ZgDbusReader *in, size_t n_chars)
{
    const uint8_t *text = n_chars < ZG_DBUS_BODY_BYTES_MAX ? take(in, n_chars + 1) : NULL;

    if (text == NULL || text[n_chars] != '\0' || memchr(text, '\0', n_chars) != NULL) {
        in->is_broken = true;
        return "";
    }
    return (const char *)text;
}

const char *
zg_dbus_read_text(ZgDbusReader *in)
{
    uint32_t n_chars = zg_dbus_read_u32(in);

    return read_chars(in, n_chars);
}

static const char *
read_signature(ZgDbusReader *in)
{
    uint8_t n_chars = read_u8(in);

    return read_chars(in, n_chars);
}

/* One header field: a number, and a variant of one of three types. */
static void
read_field(ZgDbusReader *in, ZgDbusHead *out)
{
    const char *text = "", *type;
    uint32_t number = 0;
    uint8_t field;

    in->at = align_up(in->at, 8);
    field = read_u8(in);
    type = read_signature(in);
    if (strcmp(type, "s") == 0 || strcmp(type, "o") == 0) {
        text = zg_dbus_read_text(in);
    } else if (strcmp(type, "g") == 0) {
        text = read_signature(in);
    } else if (strcmp(type, "u") == 0) {
        number = zg_dbus_read_u32(in);
    } else {
        in->is_broken = true; /* no other type is in use; its length could not be told */
    }
    switch (field) {
    case FIELD_INTERFACE:
        out->interface = text;
        break;
    case FIELD_MEMBER:
        out->member = text;
        break;
    case FIELD_ERROR_NAME:
        out->error_name = text;
        break;
    case FIELD_REPLY_SERIAL:
        out->answers = number;
        break;
    case FIELD_SIGNATURE:
        out->signature = text;
        break;
    default:
        break;
    }
}

ZgDbusResult
zg_dbus_read_head(const uint8_t *bytes, size_t n_bytes, ZgDbusHead *out, GError **error)
{
    ZgDbusReader in = {.bytes = bytes, .n_bytes = MIN(n_bytes, ZG_DBUS_HEAD_BYTES_MAX)};
    uint32_t n_fields;

    *out = (ZgDbusHead){.interface = "", .member = "", .signature = "", .error_name = ""};
    if (n_bytes < FIXED_BYTES) {
        return ZG_DBUS_MORE;
    }
    if (bytes[0] != native_order() || bytes[3] != PROTOCOL_VERSION || bytes[1] < ZG_DBUS_CALL ||
        bytes[1] > ZG_DBUS_SIGNAL) {
        return fail(error, ZG_ERROR_PROTOCOL, "not a D-Bus message");
    }
    out->type = bytes[1];
    out->wants_answer = out->type == ZG_DBUS_CALL && (bytes[2] & FLAG_NO_REPLY_EXPECTED) == 0;
    in.at = 4;
    out->n_body = zg_dbus_read_u32(&in);
    out->serial = zg_dbus_read_u32(&in);
    n_fields = zg_dbus_read_u32(&in);
    if (out->n_body > ZG_DBUS_BODY_BYTES_MAX ||
        n_fields > ZG_DBUS_HEAD_BYTES_MAX - FIXED_BYTES - 8) {
        return fail(error, ZG_ERROR_TOO_LARGE, "a message that is too long");
    }
    out->n_head = align_up(FIXED_BYTES + n_fields, 8);
    if (n_bytes < out->n_head) {
        return ZG_DBUS_MORE;
    }
    in.n_bytes = FIXED_BYTES + n_fields;
    while (!in.is_broken && in.at < in.n_bytes) {
        read_field(&in, out);
    }
    return in.is_broken ? fail(error, ZG_ERROR_PROTOCOL, "a D-Bus head that cannot be read")
                        : ZG_DBUS_DONE;
}

/* ---- writing ---- */

void
zg_dbus_pad(GByteArray *body, size_t alignment)
{
    static const uint8_t zeroes[8] = {0};

    g_byte_array_append(body, zeroes, (guint)(align_up(body->len, alignment) - body->len));
}

static void
put_u8(GByteArray *out, uint8_t value)
{
    g_byte_array_append(out, &value, 1);
}

void
zg_dbus_put_u32(GByteArray *body, uint32_t value)
{
    zg_dbus_pad(body, 4);
    g_byte_array_append(body, (const uint8_t *)&value, sizeof value);
}

void
zg_dbus_put_text(GByteArray *body, const char *text)
{
    zg_dbus_put_u32(body, (uint32_t)strlen(text));
    g_byte_array_append(body, (const uint8_t *)text, (guint)strlen(text) + 1);
}

void
zg_dbus_set_u32(GByteArray *body, guint at, uint32_t value)
{
    memcpy(body->data + at, &value, sizeof value);
}

static void
put_field_type(GByteArray *head, uint8_t field, char type)
{
    zg_dbus_pad(head, 8);
    put_u8(head, field);
    put_u8(head, 1);
    put_u8(head, (uint8_t)type);
    put_u8(head, 0);
}

static void
put_text_field(GByteArray *head, uint8_t field, char type, const char *text)
{
    if (text[0] == '\0') {
        return;
    }
    put_field_type(head, field, type);
    if (type == 'g') {
        put_u8(head, (uint8_t)strlen(text));
        g_byte_array_append(head, (const uint8_t *)text, (guint)strlen(text) + 1);
    } else {
        zg_dbus_put_text(head, text);
    }
}

static void
put_number_field(GByteArray *head, uint8_t field, uint32_t number)
{
    if (number != 0) {
        put_field_type(head, field, 'u');
        zg_dbus_put_u32(head, number);
    }
}

typedef struct {
    ZgDbusType type;
    uint32_t serial, answers;
    const char *error_name;
} Kind;

static void
put_message(GByteArray *out, const Kind *kind, const ZgDbusCall *call, const void *body,
            size_t n_body)
{
    g_autoptr(GByteArray) head = g_byte_array_new();

    put_u8(head, native_order());
    put_u8(head, (uint8_t)kind->type);
    put_u8(head, kind->type == ZG_DBUS_CALL ? 0 : FLAG_NO_REPLY_EXPECTED);
    put_u8(head, PROTOCOL_VERSION);
    zg_dbus_put_u32(head, (uint32_t)n_body);
    zg_dbus_put_u32(head, kind->serial);
    zg_dbus_put_u32(head, 0); /* of the fields: known below */
    put_text_field(head, FIELD_PATH, 'o', call->path);
    put_text_field(head, FIELD_INTERFACE, 's', call->interface);
    put_text_field(head, FIELD_MEMBER, 's', call->member);
    put_text_field(head, FIELD_ERROR_NAME, 's', kind->error_name);
    put_number_field(head, FIELD_REPLY_SERIAL, kind->answers);
    put_text_field(head, FIELD_SIGNATURE, 'g', call->signature);
    put_number_field(head, FIELD_UNIX_FDS, call->n_fds);
    zg_dbus_set_u32(head, FIXED_BYTES - 4, head->len - FIXED_BYTES);
    zg_dbus_pad(head, 8);
    g_byte_array_append(out, head->data, head->len);
    g_byte_array_append(out, body, (guint)n_body);
}

void
zg_dbus_put_call(GByteArray *out, uint32_t serial, const ZgDbusCall *call, const void *body,
                 size_t n_body)
{
    Kind kind = {.type = ZG_DBUS_CALL, .serial = serial, .error_name = ""};

    put_message(out, &kind, call, body, n_body);
}

void
zg_dbus_put_return(GByteArray *out, uint32_t serial, uint32_t answers, const char *signature,
                   const void *body, size_t n_body)
{
    Kind kind = {.type = ZG_DBUS_RETURN, .serial = serial, .answers = answers, .error_name = ""};
    ZgDbusCall none = {.path = "", .interface = "", .member = "", .signature = signature};

    put_message(out, &kind, &none, body, n_body);
}

void
zg_dbus_put_error(GByteArray *out, uint32_t serial, uint32_t answers, const char *name)
{
    Kind kind = {.type = ZG_DBUS_ERROR, .serial = serial, .answers = answers, .error_name = name};
    ZgDbusCall none = {.path = "", .interface = "", .member = "", .signature = ""};

    put_message(out, &kind, &none, NULL, 0);
}

/* ---- authentication ---- */

static void
put_line(GByteArray *out, const char *line)
{
    g_byte_array_append(out, (const uint8_t *)line, (guint)strlen(line));
    g_byte_array_append(out, (const uint8_t *)"\r\n", 2);
}

void
zg_dbus_auth_begin(ZgDbusAuth *auth, GByteArray *out)
{
    put_u8(out, 0); /* credentials may go with it */
    put_line(out, "AUTH EXTERNAL");
    *auth = (ZgDbusAuth){.state = ZG_DBUS_AUTH_BEGUN};
}

/* What the other end says in each state, and what it is answered. */
static const char *
answer_line(ZgDbusAuth *auth, const char *line)
{
    if (auth->state == ZG_DBUS_AUTH_BEGUN && g_str_equal(line, "DATA")) {
        auth->state = ZG_DBUS_AUTH_NAMED;
        return "DATA"; /* no name: who we are the socket tells, also across user namespaces */
    }
    if (auth->state == ZG_DBUS_AUTH_NAMED && g_str_has_prefix(line, "OK ")) {
        auth->state = ZG_DBUS_AUTH_FDS;
        return "NEGOTIATE_UNIX_FD";
    }
    if (auth->state == ZG_DBUS_AUTH_FDS && g_str_equal(line, "AGREE_UNIX_FD")) {
        auth->state = ZG_DBUS_AUTH_DONE;
        return "BEGIN";
    }
    return NULL;
}

ZgDbusResult
zg_dbus_auth_feed(ZgDbusAuth *auth, const uint8_t *bytes, size_t n_bytes, size_t *out_used,
                  GByteArray *out, GError **error)
{
    const uint8_t *end = memchr(bytes, '\n', MIN(n_bytes, ZG_DBUS_LINE_BYTES_MAX));
    g_autofree char *line = NULL;
    const char *answer;

    *out_used = 0;
    if (end == NULL) {
        return n_bytes < ZG_DBUS_LINE_BYTES_MAX
                   ? ZG_DBUS_MORE
                   : fail(error, ZG_ERROR_TOO_LARGE, "a line that does not end");
    }
    line = g_strndup((const char *)bytes, (gsize)(end - bytes));
    answer = answer_line(auth, g_strchomp(line));
    if (answer == NULL) {
        return fail(error, ZG_ERROR_PROTOCOL, "its D-Bus does not let us in");
    }
    put_line(out, answer);
    *out_used = (size_t)(end - bytes) + 1;
    return ZG_DBUS_DONE;
}
