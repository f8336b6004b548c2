/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clipboard text on RFB: the extended clipboard's messages and conversions of text. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Flags of the extended clipboard. Source: rfbproto.rst, "Extended Clipboard Pseudo-Encoding". */
#define ZG_CLIP_TEXT 0x00000001u
#define ZG_CLIP_CAPS 0x01000000u
#define ZG_CLIP_REQUEST 0x02000000u
#define ZG_CLIP_PEEK 0x04000000u
#define ZG_CLIP_NOTIFY 0x08000000u
#define ZG_CLIP_PROVIDE 0x10000000u

/* What we can do, said in our `caps`. */
#define ZG_CLIP_OURS                                                                               \
    (ZG_CLIP_TEXT | ZG_CLIP_REQUEST | ZG_CLIP_PEEK | ZG_CLIP_NOTIFY | ZG_CLIP_PROVIDE)

/* The longest cut-text body that is read: a provide of incompressible text at the limit. */
#define ZG_CLIP_BODY_MAX (ZG_LIMIT_CLIPBOARD_BYTES + 4096)

/* Who reads a provided text: RFB says CR LF and a final NUL, QEMU hands the bytes to the guest. */
typedef enum {
    ZG_CLIP_FOR_VIEWER,
    ZG_CLIP_FOR_CONSOLE,
} ZgClipReader;

/**
 * zg_clip_put() - one extended message without data (notify, request, peek)
 * @message_type: ZG_RFB_C_CUT_TEXT or ZG_RFB_S_CUT_TEXT
 */
void zg_clip_put(GByteArray *out, uint8_t message_type, uint32_t flags);

/** zg_clip_put_caps() - our capabilities; text up to ZG_LIMIT_CLIPBOARD_BYTES unasked: none. */
void zg_clip_put_caps(GByteArray *out, uint8_t message_type);

/** zg_clip_put_provide() - UTF-8 @text, compressed. */
void zg_clip_put_provide(GByteArray *out, uint8_t message_type, const char *text,
                         ZgClipReader reader);

/** zg_clip_put_latin1() - classic cut text; characters outside Latin-1 become '?'. */
void zg_clip_put_latin1(GByteArray *out, uint8_t message_type, const char *text);

/**
 * zg_clip_parse_provide() - text of a provide message
 * @body: the bytes after the flags
 * Return: UTF-8 with LF line ends, the caller frees; NULL when there is no valid text or it is
 * longer than ZG_LIMIT_CLIPBOARD_BYTES.
 */
char *zg_clip_parse_provide(const uint8_t *body, size_t n_body);

/** zg_clip_from_latin1() - classic cut text as UTF-8 with LF line ends; the caller frees. */
char *zg_clip_from_latin1(const uint8_t *bytes, size_t n_bytes);
