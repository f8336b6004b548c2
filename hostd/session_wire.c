/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/session_wire.h"

#include <stdlib.h>
#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/proto/json.h"

static const char *const type_words[] = {
    [ZG_SESSION_SAYS_HELLO] = "hello",           [ZG_SESSION_SAYS_IDENTIFIED] = "identified",
    [ZG_SESSION_SAYS_SIGNED_ON] = "signed_on",   [ZG_SESSION_SAYS_SIGNED_OFF] = "signed_off",
    [ZG_SESSION_SAYS_RESIZED] = "resized",       [ZG_SESSION_SAYS_PONG] = "pong",
    [ZG_SESSION_SAYS_ERROR] = "error",
};

static const char *const state_words[ZG_N_GUEST_STATES] = {
    [ZG_GUEST_WAITING] = "waiting",
    [ZG_GUEST_IDENTIFIED] = "identified",
    [ZG_GUEST_IN_SESSION] = "in-session",
    [ZG_GUEST_SIGNED_OFF] = "signed-off",
};

/* -1 for a type of a later version. */
static int
type_of(const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(type_words); i++) {
        if (g_str_equal(type, type_words[i])) {
            return (int)i;
        }
    }
    return -1;
}

static void
take_fields(ZgJsonReader *reader, ZgSessionMessage *out)
{
    int state = 0;

    switch (out->kind) {
    case ZG_SESSION_SAYS_HELLO:
        zg_json_take_word(reader, "state", ZG_JSON_REQUIRED, state_words, ZG_N_GUEST_STATES,
                          &state);
        zg_json_take_hex(reader, "identity", ZG_JSON_OPTIONAL, ZG_ID_CHARS, &out->identity);
        out->state = (ZgGuestState)state;
        break;
    case ZG_SESSION_SAYS_SIGNED_ON:
        zg_json_take_text(reader, "unix_name", ZG_JSON_REQUIRED, 1, ZG_SESSION_UNIX_NAME_MAX,
                          &out->unix_name);
        break;
    case ZG_SESSION_SAYS_RESIZED:
        zg_json_take_int(reader, "width", ZG_JSON_REQUIRED, 1, ZG_LIMIT_SCREEN_SIDE, &out->width);
        zg_json_take_int(reader, "height", ZG_JSON_REQUIRED, 1, ZG_LIMIT_SCREEN_SIDE,
                         &out->height);
        break;
    case ZG_SESSION_SAYS_PONG:
        zg_json_take_int(reader, "n", ZG_JSON_REQUIRED, 0, INT64_MAX, &out->n);
        break;
    case ZG_SESSION_SAYS_ERROR:
        zg_json_take_text(reader, "code", ZG_JSON_REQUIRED, 1, ZG_LIMIT_NAME_BYTES, &out->code);
        zg_json_take_long_text(reader, "message", ZG_JSON_OPTIONAL, 0, ZG_LIMIT_TEXT_BYTES,
                               &out->message);
        break;
    case ZG_SESSION_SAYS_IDENTIFIED:
    case ZG_SESSION_SAYS_SIGNED_OFF:
        break;
    }
}

static bool
refuse(GError *cause, GError **error)
{
    g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL, "the guest's session helper: %s",
                cause->message);
    g_error_free(cause);
    return false;
}

static bool
take_line(const GString *line, ZgSessionHandler handler, void *user, GError **error)
{
    GError *cause = NULL;
    g_autoptr(json_t) object = zg_json_parse(line->str, line->len, &cause);
    ZgSessionMessage message = {0};
    ZgJsonReader reader;
    const char *type = "";
    int kind;

    if (object == NULL) {
        return refuse(cause, error);
    }
    zg_json_reader_init(&reader, object, NULL);
    zg_json_take_text(&reader, "type", ZG_JSON_REQUIRED, 1, ZG_LIMIT_NAME_BYTES, &type);
    kind = type_of(type);
    if (kind >= 0) {
        message.kind = (ZgSessionSays)kind;
        take_fields(&reader, &message);
    }
    if (!zg_json_reader_finish(&reader, ZG_JSON_SKIP_UNKNOWN, NULL, &cause)) {
        return refuse(cause, error);
    }
    if (kind >= 0) {
        handler(&message, user);
    }
    return true;
}

bool
zg_session_wire_feed(ZgSessionWire *wire, const void *bytes, size_t n_bytes,
                     ZgSessionHandler handler, void *user, GError **error)
{
    const char *at = bytes;
    const char *end = at + n_bytes;

    if (wire->line == NULL) {
        wire->line = g_string_sized_new(256);
    }
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n_part = (size_t)((newline != NULL ? newline : end) - at);

        if (wire->line->len + n_part > ZG_SESSION_LINE_MAX_BYTES) {
            g_set_error(error, ZG_ERROR, ZG_ERROR_PROTOCOL,
                        "the guest's session helper: a line longer than %d bytes",
                        ZG_SESSION_LINE_MAX_BYTES);
            return false;
        }
        g_string_append_len(wire->line, at, (gssize)n_part);
        at += n_part;
        if (newline != NULL) {
            at++;
            if (wire->line->len > 0 && !take_line(wire->line, handler, user, error)) {
                return false;
            }
            g_string_truncate(wire->line, 0);
        }
    }
    return true;
}

void
zg_session_wire_clear(ZgSessionWire *wire)
{
    if (wire->line != NULL) {
        g_string_free(wire->line, TRUE);
        wire->line = NULL;
    }
}

static char *
line_of(json_t *message)
{
    char *text = zg_json_text(message);
    char *line = g_strconcat(text, "\n", NULL);

    free(text);
    json_decref(message);
    return line;
}

static void
set_text(json_t *message, const char *key, const char *text)
{
    if (text != NULL) {
        json_object_set_new(message, key, json_string(text));
    }
}

char *
zg_session_wire_hello(void)
{
    return line_of(json_pack("{s:s, s:i}", "type", "hello", "version", 1));
}

char *
zg_session_wire_identity(const ZgSessionIdentity *identity)
{
    return line_of(json_pack("{s:s, s:s, s:s, s:s, s:b}", "type", "identity", "host_name",
                             identity->host_name, "machine_id", identity->machine_id, "seed",
                             identity->seed, "ssh_host_keys", 1));
}

char *
zg_session_wire_sign_on(const ZgSessionSignOn *sign_on)
{
    json_t *message = json_pack("{s:s, s:I}", "type", "sign_on", "uid", (json_int_t)sign_on->uid);

    set_text(message, "user", sign_on->user);
    set_text(message, "unix_name", sign_on->unix_name);
    set_text(message, "full_name", sign_on->full_name);
    set_text(message, "locale", sign_on->locale);
    set_text(message, "keyboard", sign_on->keyboard);
    set_text(message, "time_zone", sign_on->time_zone);
    return line_of(message);
}

char *
zg_session_wire_sign_off(int64_t grace_ms)
{
    return line_of(json_pack("{s:s, s:I}", "type", "sign_off", "grace_ms", (json_int_t)grace_ms));
}

char *
zg_session_wire_ping(int64_t n)
{
    return line_of(json_pack("{s:s, s:I}", "type", "ping", "n", (json_int_t)n));
}
