/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/http_head.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/limits.h"

static const char *const hop_by_hop[] = {
    "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
    "te",         "trailer",    "upgrade",          "content-length",     "expect",
};

/* RFC 9110, 5.6.2. */
static bool
is_token_char(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(const char *text)
{
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!is_token_char(*text)) {
            return false;
        }
    }
    return true;
}

static void
clear_field(gpointer data)
{
    ZgHttpField *field = data;

    /* Values may be cookies or bearer tokens. */
    if (field->value != NULL) {
        explicit_bzero(field->value, strlen(field->value));
    }
    g_free(field->name);
    g_free(field->value);
}

void
zg_http_head_free(ZgHttpHead *head)
{
    if (head != NULL) {
        g_free(head->method);
        g_free(head->target);
        g_free(head->authority);
        g_free(head->reason);
        g_array_free(head->fields, TRUE);
        g_free(head);
    }
}

static ZgHttpHead *
head_new(void)
{
    ZgHttpHead *head = g_new0(ZgHttpHead, 1);

    head->fields = g_array_new(FALSE, FALSE, sizeof(ZgHttpField));
    g_array_set_clear_func(head->fields, clear_field);
    return head;
}

static bool
refuse(int *out_status, int status, GError **error, const char *text)
{
    *out_status = status;
    g_set_error_literal(error, ZG_ERROR, status == 431 ? ZG_ERROR_TOO_LARGE : ZG_ERROR_PROTOCOL,
                        text);
    return false;
}

/* Length of the head with its empty line, 0 when it has not come whole; checks every byte. */
static bool
find_end(const uint8_t *bytes, size_t n_bytes, size_t *out_end, int *out_status, GError **error)
{
    size_t n_look = MIN(n_bytes, (size_t)ZG_LIMIT_HTTP_HEAD_BYTES);

    *out_end = 0;
    for (size_t i = 0; i < n_look; i++) {
        if (bytes[i] == '\r') {
            if (i + 1 < n_look && bytes[i + 1] != '\n') {
                return refuse(out_status, 400, error, "a line ends with a bare CR");
            }
        } else if (bytes[i] == '\n') {
            if (i == 0 || bytes[i - 1] != '\r') {
                return refuse(out_status, 400, error, "a line ends with a bare LF");
            }
            if (i >= 3 && bytes[i - 2] == '\n') {
                *out_end = i + 1;
                return true;
            }
        } else if ((bytes[i] < 0x20 && bytes[i] != '\t') || bytes[i] == 0x7f) {
            return refuse(out_status, 400, error, "the head has a control character");
        }
    }
    if (n_bytes >= ZG_LIMIT_HTTP_HEAD_BYTES) {
        return refuse(out_status, 431, error, "the head is longer than 16 KiB");
    }
    return true;
}

static bool
parse_length(const char *value, uint64_t *out_length)
{
    size_t n = strlen(value);

    if (n == 0 || n > 18 || strspn(value, "0123456789") != n) {
        return false;
    }
    *out_length = g_ascii_strtoull(value, NULL, 10);
    return true;
}

static bool
take_field(ZgHttpHead *head, const char *line, int *out_status, GError **error)
{
    const char *colon = strchr(line, ':');
    ZgHttpField field = {0};

    if (line[0] == ' ' || line[0] == '\t') {
        return refuse(out_status, 400, error, "a header line is folded");
    }
    if (colon == NULL) {
        return refuse(out_status, 400, error, "a header line has no colon");
    }
    if (head->fields->len >= ZG_HTTP_FIELDS_MAX) {
        return refuse(out_status, 431, error, "there are more than 100 header lines");
    }
    field.name = g_strndup(line, (gsize)(colon - line));
    field.value = g_strstrip(g_strdup(colon + 1));
    g_array_append_val(head->fields, field);
    if (!is_token(field.name)) {
        return refuse(out_status, 400, error, "a header has a wrong name");
    }
    return true;
}

static bool
take_lengths(ZgHttpHead *head, int *out_status, GError **error)
{
    for (guint i = 0; i < head->fields->len; i++) {
        ZgHttpField *field = &g_array_index(head->fields, ZgHttpField, i);
        uint64_t length;

        if (g_ascii_strcasecmp(field->name, "content-length") != 0) {
            continue;
        }
        if (!parse_length(field->value, &length)) {
            return refuse(out_status, 400, error, "Content-Length is not a number");
        }
        if (head->has_length && head->length != length) {
            return refuse(out_status, 400, error, "there are two different Content-Lengths");
        }
        head->has_length = true;
        head->length = length;
    }
    return true;
}

static bool
take_fields(ZgHttpHead *head, char **lines, int *out_status, GError **error)
{
    for (; *lines != NULL && **lines != '\0'; lines++) {
        if (!take_field(head, *lines, out_status, error)) {
            return false;
        }
    }
    if (!take_lengths(head, out_status, error)) {
        return false;
    }
    head->keep_alive = head->minor >= 1 && !zg_http_has_token(head, "connection", "close");
    return true;
}

/*
 * RFC 9112, 3.2.2: the path of an absolute target, whose authority must then be the Host's;
 * NULL when that is no address.
 */
static char *
path_of(const char *target, char **out_authority)
{
    const char *mark = strstr(target, "://");
    size_t n_authority;

    if (target[0] == '/' || mark == NULL ||
        (g_ascii_strncasecmp(target, "https:", 6) != 0 &&
         g_ascii_strncasecmp(target, "http:", 5) != 0)) {
        return g_strdup(target);
    }
    n_authority = strcspn(mark + 3, "/?#");
    if (n_authority == 0 || memchr(mark + 3, '@', n_authority) != NULL) {
        return NULL;
    }
    *out_authority = g_strndup(mark + 3, n_authority);
    mark += 3 + n_authority;
    return mark[0] == '/' ? g_strdup(mark) : g_strconcat("/", mark, NULL);
}

static bool
take_request_line(ZgHttpHead *head, const char *line, int *out_status, GError **error)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 0);

    if (g_strv_length(words) != 3 || !is_token(words[0]) || strlen(words[0]) > 20 ||
        words[1][0] == '\0') {
        return refuse(out_status, 400, error, "the request line is not «METHOD target HTTP/1.1»");
    }
    for (const char *at = words[1]; *at != '\0'; at++) {
        if (*at <= 0x20 || *at >= 0x7f) {
            return refuse(out_status, 400, error, "the target has a character that is not ASCII");
        }
    }
    head->method = g_strdup(words[0]);
    head->target = path_of(words[1], &head->authority);
    if (g_str_equal(words[2], "HTTP/1.1")) {
        head->minor = 1;
    } else if (!g_str_equal(words[2], "HTTP/1.0")) {
        return refuse(out_status, 505, error, "only HTTP/1.1 is spoken here");
    }
    if (head->target == NULL || (head->target[0] != '/' && !g_str_equal(words[0], "CONNECT") &&
                                 !g_str_equal(words[1], "*"))) {
        return refuse(out_status, 400, error, "the target is not a path");
    }
    return true;
}

static bool
check_hosts(const ZgHttpHead *head, int *out_status, GError **error)
{
    unsigned n_hosts = 0;

    for (guint i = 0; i < head->fields->len; i++) {
        n_hosts += !g_ascii_strcasecmp(g_array_index(head->fields, ZgHttpField, i).name, "host");
    }
    if (n_hosts > 1 || (n_hosts == 0 && head->minor >= 1)) {
        return refuse(out_status, 400, error, "there must be exactly one Host");
    }
    if (head->authority != NULL && n_hosts == 1 &&
        g_ascii_strcasecmp(head->authority, zg_http_find(head, "host")) != 0) {
        return refuse(out_status, 400, error, "the target and Host name two servers");
    }
    return true;
}

/* A wiped copy would be nicer than g_strsplit(); the lines hold cookies for a moment. */
static void
free_lines(char **lines)
{
    for (char **line = lines; line != NULL && *line != NULL; line++) {
        explicit_bzero(*line, strlen(*line));
    }
    g_strfreev(lines);
}

static char **
split_lines(const uint8_t *bytes, size_t n_head)
{
    g_autofree char *text = g_strndup((const char *)bytes, n_head);
    char **lines = g_strsplit(text, "\r\n", 0);

    explicit_bzero(text, n_head);
    return lines;
}

bool
zg_http_parse_request(const uint8_t *bytes, size_t n_bytes, size_t *out_n_used,
                      ZgHttpHead **out_head, int *out_status, GError **error)
{
    g_autoptr(ZgHttpHead) head = NULL;
    char **lines;
    size_t n_head;
    bool good;

    *out_n_used = 0;
    *out_head = NULL;
    *out_status = 0;
    if (!find_end(bytes, n_bytes, &n_head, out_status, error)) {
        return false;
    }
    if (n_head == 0) {
        return true;
    }
    head = head_new();
    lines = split_lines(bytes, n_head);
    good = take_request_line(head, lines[0], out_status, error) &&
           take_fields(head, lines + 1, out_status, error) && check_hosts(head, out_status, error);
    free_lines(lines);
    if (!good) {
        return false;
    }
    if (zg_http_find(head, "transfer-encoding") != NULL) {
        return refuse(out_status, 411, error, "send the length of the body (Content-Length)");
    }
    *out_n_used = n_head;
    *out_head = g_steal_pointer(&head);
    return true;
}

static bool
take_status_line(ZgHttpHead *head, const char *line)
{
    if (!g_str_has_prefix(line, "HTTP/1.") || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ' || !g_ascii_isdigit(line[9]) || !g_ascii_isdigit(line[10]) ||
        !g_ascii_isdigit(line[11]) || (line[12] != ' ' && line[12] != '\0')) {
        return false;
    }
    head->minor = line[7] - '0';
    head->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    head->reason = g_strdup(line[12] == ' ' ? line + 13 : "");
    return head->status >= 100 && head->status <= 599;
}

bool
zg_http_parse_response(const uint8_t *bytes, size_t n_bytes, size_t *out_n_used,
                       ZgHttpHead **out_head, GError **error)
{
    g_autoptr(ZgHttpHead) head = NULL;
    char **lines;
    size_t n_head;
    int status = 0;
    bool good;

    *out_n_used = 0;
    *out_head = NULL;
    if (!find_end(bytes, n_bytes, &n_head, &status, error)) {
        return false;
    }
    if (n_head == 0) {
        return true;
    }
    head = head_new();
    lines = split_lines(bytes, n_head);
    good = take_status_line(head, lines[0]);
    if (!good) {
        refuse(&status, 400, error, "the status line is wrong");
    }
    good = good && take_fields(head, lines + 1, &status, error);
    free_lines(lines);
    if (!good) {
        return false;
    }
    if (zg_http_find(head, "transfer-encoding") != NULL) {
        head->chunked = true;
        if (head->has_length || !zg_http_has_token(head, "transfer-encoding", "chunked")) {
            return refuse(&status, 400, error, "the body's framing is not clear");
        }
    }
    *out_n_used = n_head;
    *out_head = g_steal_pointer(&head);
    return true;
}

const char *
zg_http_find(const ZgHttpHead *head, const char *name)
{
    for (guint i = 0; i < head->fields->len; i++) {
        const ZgHttpField *field = &g_array_index(head->fields, ZgHttpField, i);

        if (g_ascii_strcasecmp(field->name, name) == 0) {
            return field->value;
        }
    }
    return NULL;
}

static bool
list_has_token(const char *list, const char *token)
{
    g_auto(GStrv) items = g_strsplit(list, ",", 0);

    for (char **item = items; *item != NULL; item++) {
        if (g_ascii_strcasecmp(g_strstrip(*item), token) == 0) {
            return true;
        }
    }
    return false;
}

bool
zg_http_has_token(const ZgHttpHead *head, const char *name, const char *token)
{
    for (guint i = 0; i < head->fields->len; i++) {
        const ZgHttpField *field = &g_array_index(head->fields, ZgHttpField, i);

        if (g_ascii_strcasecmp(field->name, name) == 0 && list_has_token(field->value, token)) {
            return true;
        }
    }
    return false;
}

bool
zg_http_path_is(const ZgHttpHead *head, const char *path)
{
    size_t n = strcspn(head->target, "?#");

    return strlen(path) == n && memcmp(head->target, path, n) == 0;
}

static bool
is_dropped(const ZgHttpHead *head, const char *name)
{
    if (g_ascii_strncasecmp(name, "x-zaguan-", 9) == 0) {
        return true;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(hop_by_hop); i++) {
        if (g_ascii_strcasecmp(name, hop_by_hop[i]) == 0) {
            return true;
        }
    }
    /* What Connection names is for this hop, but Host and the like cannot be named away. */
    return zg_http_has_token(head, "connection", name) && g_ascii_strcasecmp(name, "host") != 0 &&
           g_ascii_strcasecmp(name, "transfer-encoding") != 0;
}

static void
append_text(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static void
append_field(GByteArray *out, const char *name, const char *value)
{
    append_text(out, name);
    append_text(out, ": ");
    append_text(out, value);
    append_text(out, "\r\n");
}

static void
write_fields(const ZgHttpHead *head, GByteArray *out)
{
    for (guint i = 0; i < head->fields->len; i++) {
        const ZgHttpField *field = &g_array_index(head->fields, ZgHttpField, i);

        if (!is_dropped(head, field->name)) {
            append_field(out, field->name, field->value);
        }
    }
    if (head->has_length) {
        char text[24];

        g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, head->length);
        append_field(out, "Content-Length", text);
    }
}

void
zg_http_write_upstream(const ZgHttpHead *head, const char *peer, GByteArray *out)
{
    append_text(out, head->method);
    append_text(out, " ");
    append_text(out, head->target);
    append_text(out, " HTTP/1.1\r\n");
    write_fields(head, out);
    append_field(out, "X-Zaguan-Peer", peer);
    append_text(out, "Connection: close\r\n\r\n");
}

void
zg_http_write_downstream(const ZgHttpHead *head, bool keep_alive, GByteArray *out)
{
    char line[24];

    g_snprintf(line, sizeof line, "HTTP/1.1 %d ", head->status);
    append_text(out, line);
    append_text(out, head->reason);
    append_text(out, "\r\n");
    write_fields(head, out);
    append_field(out, "Connection", keep_alive ? "keep-alive" : "close");
    append_text(out, "\r\n");
}

enum {
    CHUNK_SIZE,    /* reading hex digits */
    CHUNK_EXT,     /* skipping an extension up to CR */
    CHUNK_SIZE_LF, /* LF after the size */
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER, /* lines after the last chunk */
    CHUNK_TRAILER_LF,
};

#define CHUNK_LINE_MAX 1024

/* One byte outside of chunk data; false when it may not stand here. */
static bool
chunk_step(ZgHttpChunks *chunks, uint8_t c, bool *out_end)
{
    int digit = g_ascii_xdigit_value((gchar)c);

    if (++chunks->n_line > CHUNK_LINE_MAX) {
        return false;
    }
    switch (chunks->state) {
    case CHUNK_SIZE:
        if (digit >= 0) {
            chunks->left = chunks->left << 4 | (uint64_t)digit;
            return chunks->n_line <= 15;
        }
        chunks->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXT;
        return chunks->n_line > 1 && (c == '\r' || c == ';' || c == ' ' || c == '\t');
    case CHUNK_EXT:
        chunks->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXT;
        return c != '\n';
    case CHUNK_SIZE_LF:
        chunks->state = chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        chunks->n_line = 0;
        return c == '\n';
    case CHUNK_DATA_CR:
        chunks->state = CHUNK_DATA_LF;
        return c == '\r';
    case CHUNK_DATA_LF:
        chunks->state = CHUNK_SIZE;
        chunks->n_line = 0;
        return c == '\n';
    case CHUNK_TRAILER:
        if (c == '\r') {
            chunks->state = CHUNK_TRAILER_LF;
        }
        return c != '\n';
    case CHUNK_TRAILER_LF:
        *out_end = chunks->n_line == 2;
        chunks->state = CHUNK_TRAILER;
        chunks->n_line = 0;
        return c == '\n';
    default:
        return false;
    }
}

bool
zg_http_chunks_feed(ZgHttpChunks *chunks, const uint8_t *bytes, size_t n_bytes, size_t *out_n_used,
                    bool *out_end)
{
    size_t at = 0;

    *out_end = false;
    while (at < n_bytes && !*out_end) {
        if (chunks->state == CHUNK_DATA) {
            size_t n = (size_t)MIN((uint64_t)(n_bytes - at), chunks->left);

            at += n;
            chunks->left -= n;
            if (chunks->left == 0) {
                chunks->state = CHUNK_DATA_CR;
                chunks->n_line = 0;
            }
        } else if (!chunk_step(chunks, bytes[at++], out_end)) {
            return false;
        }
    }
    *out_n_used = at;
    return true;
}
