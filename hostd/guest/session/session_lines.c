/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protocol of docs/protocol/session.md as the guest reads and writes it. */
#include "hostd/guest/session/session_lines.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static bool
all_of(const char *text, const char *allowed)
{
    return text[strspn(text, allowed)] == '\0';
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool
is_host_name(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && all_of(text, LOWER DIGITS "-") && text[0] != '-' && text[n - 1] != '-';
}

static bool
is_unix_name(const char *text)
{
    return text[0] >= 'a' && text[0] <= 'z' && all_of(text, LOWER DIGITS "_.-");
}

static bool
is_machine_id(const char *text)
{
    return strlen(text) == 32 && all_of(text, DIGITS "abcdef");
}

static bool
is_locale(const char *text)
{
    return all_of(text, LOWER UPPER DIGITS "_.@-") && text[0] != '-' && text[0] != '.';
}

static bool
is_keyboard(const char *text)
{
    const char *colon = strchr(text, ':');

    return all_of(text, LOWER UPPER DIGITS "_-:") && text[0] != '-' && text[0] != ':' &&
           (colon == NULL || strchr(colon + 1, ':') == NULL);
}

static bool
is_time_zone(const char *text)
{
    return all_of(text, LOWER UPPER DIGITS "_+-/") && text[0] != '/' && text[0] != '-' &&
           strstr(text, "//") == NULL;
}

static bool
is_full_name(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f || *p == ':' || *p == ',') {
            return false;
        }
    }
    return true;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_seed(const char *hex, uint8_t *out)
{
    if (strlen(hex) != 2 * ZG_GUEST_SEED_BYTES) {
        return false;
    }
    for (size_t i = 0; i < ZG_GUEST_SEED_BYTES; i++) {
        int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Copies a text member that fits and that @good accepts. A missing one is "" where @optional. */
static bool
take_text(json_t *object, const char *key, bool optional, bool (*good)(const char *), char *out,
          size_t n_out)
{
    json_t *value = json_object_get(object, key);
    const char *text = "";

    if (value == NULL || json_is_null(value)) {
        if (!optional) {
            return false;
        }
    } else {
        if (!json_is_string(value) ||
            strlen(json_string_value(value)) != json_string_length(value)) {
            return false;
        }
        text = json_string_value(value);
    }
    if (strlen(text) >= n_out || ((text[0] != '\0' || !optional) && !good(text))) {
        return false;
    }
    strcpy(out, text);
    return true;
}

static bool
take_int(json_t *object, const char *key, json_int_t least, json_int_t most, json_int_t *out)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most) {
        return false;
    }
    *out = json_integer_value(value);
    return true;
}

static const char *
read_hello(json_t *object, ZgGuestMessage *message)
{
    json_int_t version = 0;

    if (!take_int(object, "version", 1, 1000, &version)) {
        return "hello: 'version' must be a whole number from 1";
    }
    message->version = (int)version;
    return NULL;
}

static const char *
read_identity(json_t *object, ZgGuestMessage *message)
{
    ZgGuestIdentity *id = &message->identity;
    json_t *keys = json_object_get(object, "ssh_host_keys");
    char seed[2 * ZG_GUEST_SEED_BYTES + 1];

    if (!take_text(object, "host_name", false, is_host_name, id->host_name, sizeof id->host_name)) {
        return "identity: 'host_name' must be a label of lower-case letters, digits and '-'";
    }
    if (!take_text(object, "machine_id", false, is_machine_id, id->machine_id,
                   sizeof id->machine_id)) {
        return "identity: 'machine_id' must be 32 lower-case hex digits";
    }
    if (!take_text(object, "seed", false, is_full_name, seed, sizeof seed) ||
        !read_seed(seed, id->seed)) {
        return "identity: 'seed' must be 64 lower-case hex digits";
    }
    if (keys != NULL && !json_is_boolean(keys)) {
        return "identity: 'ssh_host_keys' must be true or false";
    }
    id->ssh_host_keys = json_is_true(keys);
    return NULL;
}

static const char *
read_sign_on(json_t *object, ZgGuestMessage *message)
{
    ZgGuestSignOn *on = &message->sign_on;
    json_int_t uid = 0;

    if (!take_text(object, "unix_name", false, is_unix_name, on->unix_name, sizeof on->unix_name)) {
        return "sign_on: 'unix_name' is not a Unix name";
    }
    if (!take_int(object, "uid", 1000, 65533, &uid)) {
        return "sign_on: 'uid' must be from 1000 to 65533";
    }
    on->uid = (uint32_t)uid;
    if (!take_text(object, "full_name", true, is_full_name, on->full_name, sizeof on->full_name)) {
        return "sign_on: 'full_name' is too long or has a character that is not allowed";
    }
    if (!take_text(object, "locale", true, is_locale, on->locale, sizeof on->locale)) {
        return "sign_on: 'locale' is not a locale name";
    }
    if (!take_text(object, "keyboard", true, is_keyboard, on->keyboard, sizeof on->keyboard)) {
        return "sign_on: 'keyboard' must be layout or layout:variant";
    }
    if (!take_text(object, "time_zone", true, is_time_zone, on->time_zone, sizeof on->time_zone)) {
        return "sign_on: 'time_zone' is not a time zone name";
    }
    return NULL;
}

static const char *
read_sign_off(json_t *object, ZgGuestMessage *message)
{
    json_int_t grace_ms = 0;

    if (!take_int(object, "grace_ms", 0, ZG_GUEST_GRACE_MAX_MS, &grace_ms)) {
        return "sign_off: 'grace_ms' must be from 0 to 60000";
    }
    message->grace_ms = (int)grace_ms;
    return NULL;
}

static const char *
read_ping(json_t *object, ZgGuestMessage *message)
{
    json_int_t n = 0;

    if (!take_int(object, "n", INT64_MIN, INT64_MAX, &n)) {
        return "ping: 'n' must be a whole number";
    }
    message->n = n;
    return NULL;
}

static const struct {
    const char *type;
    ZgGuestKind kind;
    const char *(*read)(json_t *object, ZgGuestMessage *message);
} readers[] = {
    { "hello", ZG_GUEST_HELLO, read_hello },       { "identity", ZG_GUEST_IDENTITY, read_identity },
    { "sign_on", ZG_GUEST_SIGN_ON, read_sign_on }, { "sign_off", ZG_GUEST_SIGN_OFF, read_sign_off },
    { "ping", ZG_GUEST_PING, read_ping },
};

static const char *
read_object(json_t *object, ZgGuestMessage *message)
{
    json_t *type = json_object_get(object, "type");

    if (!json_is_string(type)) {
        return "a message needs a 'type'";
    }
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (strcmp(json_string_value(type), readers[i].type) == 0) {
            memset(message, 0, sizeof *message);
            message->kind = readers[i].kind;
            return readers[i].read(object, message);
        }
    }
    return "unknown message type";
}

bool
zg_guest_parse(const char *line, size_t n_line, ZgGuestMessage *message, const char **why)
{
    json_error_t ignored;
    json_t *root = n_line < ZG_GUEST_LINE_MAX
                       ? json_loadb(line, n_line, JSON_REJECT_DUPLICATES, &ignored)
                       : NULL;
    const char *wrong = root == NULL           ? "not JSON"
                        : json_is_object(root) ? read_object(root, message)
                                               : "a message must be a JSON object";

    json_decref(root);
    if (wrong != NULL) {
        *why = wrong;
    }
    return wrong == NULL;
}

static ZgGuestStep
end_line(ZgGuestLines *lines, ZgGuestMessage *message, const char **why)
{
    size_t n = lines->n_bytes;

    lines->n_bytes = 0;
    if (lines->skipping) {
        lines->skipping = false;
        *why = "the line is longer than 8192 bytes";
        return ZG_GUEST_STEP_BAD;
    }
    if (n == 0) {
        return ZG_GUEST_STEP_MORE;
    }
    return zg_guest_parse(lines->bytes, n, message, why) ? ZG_GUEST_STEP_MESSAGE
                                                         : ZG_GUEST_STEP_BAD;
}

ZgGuestStep
zg_guest_lines_next(ZgGuestLines *lines, const char *data, size_t n_data, size_t *n_used,
                    ZgGuestMessage *message, const char **why)
{
    for (size_t i = 0; i < n_data; i++) {
        if (data[i] == '\n') {
            ZgGuestStep step = end_line(lines, message, why);

            if (step != ZG_GUEST_STEP_MORE) {
                *n_used = i + 1;
                return step;
            }
        } else if (lines->n_bytes < sizeof lines->bytes - 1) {
            lines->bytes[lines->n_bytes++] = data[i];
        } else {
            lines->skipping = true;
        }
    }
    *n_used = n_data;
    return ZG_GUEST_STEP_MORE;
}

/* Takes @object over. */
static size_t
write_line(char *buf, size_t n_buf, json_t *object)
{
    size_t n = object != NULL ? json_dumpb(object, buf, n_buf, JSON_COMPACT) : 0;

    json_decref(object);
    if (n == 0 || n >= n_buf || n >= ZG_GUEST_LINE_MAX) {
        return 0;
    }
    buf[n] = '\n';
    return n + 1;
}

size_t
zg_guest_format_hello(char *buf, size_t n_buf, const char *helper, const char *state,
                      const char *machine_id)
{
    return write_line(buf, n_buf,
                      json_pack("{s:s, s:i, s:s, s:s, s:s?}", "type", "hello", "version",
                                ZG_GUEST_PROTOCOL_VERSION, "helper", helper, "state", state,
                                "identity", machine_id));
}

size_t
zg_guest_format_plain(char *buf, size_t n_buf, const char *type)
{
    return write_line(buf, n_buf, json_pack("{s:s}", "type", type));
}

size_t
zg_guest_format_signed_on(char *buf, size_t n_buf, const char *unix_name)
{
    return write_line(buf, n_buf,
                      json_pack("{s:s, s:s}", "type", "signed_on", "unix_name", unix_name));
}

size_t
zg_guest_format_resized(char *buf, size_t n_buf, int width, int height)
{
    return write_line(
        buf, n_buf,
        json_pack("{s:s, s:i, s:i}", "type", "resized", "width", width, "height", height));
}

size_t
zg_guest_format_pong(char *buf, size_t n_buf, int64_t n)
{
    return write_line(buf, n_buf, json_pack("{s:s, s:I}", "type", "pong", "n", (json_int_t)n));
}

size_t
zg_guest_format_error(char *buf, size_t n_buf, const char *code, const char *text)
{
    return write_line(buf, n_buf,
                      json_pack("{s:s, s:s, s:s}", "type", "error", "code", code, "message", text));
}
