/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/clipboard.h"

#include <string.h>
#include <zlib.h>

#include "common/base/limits.h"
#include "display/rfb_wire.h"

static void
put_head(GByteArray *out, uint8_t message_type, int32_t length)
{
    zg_rfb_put_u8(out, message_type);
    zg_rfb_put_zeroes(out, 3);
    zg_rfb_put_s32(out, length);
}

void
zg_clip_put(GByteArray *out, uint8_t message_type, uint32_t flags)
{
    put_head(out, message_type, -4);
    zg_rfb_put_u32(out, flags);
}

void
zg_clip_put_caps(GByteArray *out, uint8_t message_type)
{
    put_head(out, message_type, -8);
    zg_rfb_put_u32(out, ZG_CLIP_CAPS | ZG_CLIP_OURS);
    zg_rfb_put_u32(out, 0); /* bytes of text that may be provided unasked */
}

static void
append_text(GByteArray *out, const char *text, ZgClipReader reader)
{
    if (reader == ZG_CLIP_FOR_CONSOLE) {
        g_byte_array_append(out, (const uint8_t *)text, (guint)strlen(text));
        return;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\n') {
            g_byte_array_append(out, (const uint8_t *)"\r", 1);
        }
        g_byte_array_append(out, (const uint8_t *)p, 1);
    }
    zg_rfb_put_u8(out, 0);
}

void
zg_clip_put_provide(GByteArray *out, uint8_t message_type, const char *text, ZgClipReader reader)
{
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autofree uint8_t *packed = NULL;
    uLongf n_packed;

    zg_rfb_put_u32(plain, 0);
    append_text(plain, text, reader);
    uint32_t n_text_be = GUINT32_TO_BE(plain->len - 4);
    memcpy(plain->data, &n_text_be, 4);
    n_packed = compressBound(plain->len);
    packed = g_malloc(n_packed);
    if (compress2(packed, &n_packed, plain->data, plain->len, 6) != Z_OK) {
        return;
    }
    put_head(out, message_type, -(int32_t)(4 + n_packed));
    zg_rfb_put_u32(out, ZG_CLIP_PROVIDE | ZG_CLIP_TEXT);
    g_byte_array_append(out, packed, (guint)n_packed);
}

void
zg_clip_put_latin1(GByteArray *out, uint8_t message_type, const char *text)
{
    g_autoptr(GByteArray) latin1 = g_byte_array_new();

    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        zg_rfb_put_u8(latin1, c < 256 ? (uint8_t)c : '?');
    }
    put_head(out, message_type, (int32_t)latin1->len);
    g_byte_array_append(out, latin1->data, latin1->len);
}

/* Takes valid text only: UTF-8 without NUL inside; CR LF becomes LF. */
static char *
clean_text(const char *bytes, size_t n_bytes)
{
    g_autoptr(GString) text = NULL;

    while (n_bytes > 0 && bytes[n_bytes - 1] == '\0') {
        n_bytes--;
    }
    if (!g_utf8_validate(bytes, (gssize)n_bytes, NULL)) {
        return NULL;
    }
    text = g_string_sized_new(n_bytes);
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] != '\r' || i + 1 == n_bytes || bytes[i + 1] != '\n') {
            g_string_append_c(text, bytes[i]);
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static bool
inflate_exactly(z_stream *z, void *out, size_t n_out)
{
    z->next_out = out;
    z->avail_out = (uInt)n_out;
    while (z->avail_out > 0) {
        int rc = inflate(z, Z_SYNC_FLUSH);
        if (z->avail_out > 0 && (rc != Z_OK || z->avail_in == 0)) {
            return false;
        }
    }
    return true;
}

char *
zg_clip_parse_provide(const uint8_t *body, size_t n_body)
{
    z_stream z = {.next_in = (Bytef *)body, .avail_in = (uInt)n_body};
    g_autofree char *text = NULL;
    uint32_t n_text = 0;
    bool whole = false;

    if (inflateInit(&z) != Z_OK) {
        return NULL;
    }
    if (inflate_exactly(&z, &n_text, sizeof n_text)) {
        n_text = GUINT32_FROM_BE(n_text);
        if (n_text <= ZG_LIMIT_CLIPBOARD_BYTES) {
            text = g_malloc(n_text + 1);
            whole = inflate_exactly(&z, text, n_text);
        }
    }
    inflateEnd(&z);
    return whole ? clean_text(text, n_text) : NULL;
}

char *
zg_clip_from_latin1(const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(GString) text = g_string_sized_new(n_bytes);

    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] != '\0' && (bytes[i] != '\r' || i + 1 == n_bytes || bytes[i + 1] != '\n')) {
            g_string_append_unichar(text, bytes[i]);
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}
