/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFB on the wire: numbers, pixel formats, message heads. Pure. Source: RFC 6143, rfbproto.rst. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Encodings and pseudo-encodings. */
enum {
    ZG_RFB_RAW = 0,
    ZG_RFB_COPYRECT = 1,
    ZG_RFB_HEXTILE = 5,
    ZG_RFB_TIGHT = 7,
    ZG_RFB_ZRLE = 16,
    ZG_RFB_H264 = 50,
    ZG_RFB_ZAGUAN = 0x5a475a31, /* "ZGZ1": ours, docs/protocol/zaguan-encoding.md */
    ZG_RFB_JPEG_QUALITY_0 = -32, /* .. -23 */
    ZG_RFB_JPEG_QUALITY_9 = -23,
    ZG_RFB_DESKTOP_SIZE = -223,
    ZG_RFB_LAST_RECT = -224,
    ZG_RFB_CURSOR = -239,
    ZG_RFB_COMPRESS_0 = -256, /* .. -247 */
    ZG_RFB_COMPRESS_9 = -247,
    ZG_RFB_QEMU_KEY = -258,
    ZG_RFB_LED_STATE = -261,
    ZG_RFB_DESKTOP_NAME = -307,
    ZG_RFB_EXTENDED_DESKTOP_SIZE = -308,
    ZG_RFB_FENCE = -312,
    ZG_RFB_CONTINUOUS_UPDATES = -313,
    ZG_RFB_CURSOR_ALPHA = -314,
    ZG_RFB_EXTENDED_CLIPBOARD = -1063131698, /* 0xC0A1E5CE */
};

/* Client to server. */
enum {
    ZG_RFB_C_SET_PIXEL_FORMAT = 0,
    ZG_RFB_C_SET_ENCODINGS = 2,
    ZG_RFB_C_UPDATE_REQUEST = 3,
    ZG_RFB_C_KEY = 4,
    ZG_RFB_C_POINTER = 5,
    ZG_RFB_C_CUT_TEXT = 6,
    ZG_RFB_C_CONTINUOUS_UPDATES = 150,
    ZG_RFB_C_FENCE = 248,
    ZG_RFB_C_SET_DESKTOP_SIZE = 251,
    ZG_RFB_C_QEMU = 255,
};

/* Server to client. */
enum {
    ZG_RFB_S_UPDATE = 0,
    ZG_RFB_S_COLOUR_MAP = 1,
    ZG_RFB_S_BELL = 2,
    ZG_RFB_S_CUT_TEXT = 3,
    ZG_RFB_S_END_OF_CONTINUOUS_UPDATES = 150,
    ZG_RFB_S_FENCE = 248,
};

/* Flags of a fence. */
enum {
    ZG_RFB_FENCE_BLOCK_BEFORE = 1 << 0,
    ZG_RFB_FENCE_BLOCK_AFTER = 1 << 1,
    ZG_RFB_FENCE_SYNC_NEXT = 1 << 2,
};
#define ZG_RFB_FENCE_REQUEST 0x80000000u
#define ZG_RFB_FENCE_BYTES_MAX 64

#define ZG_RFB_VERSION_BYTES 12
#define ZG_RFB_VERSION_TEXT "RFB 003.008\n"
#define ZG_RFB_PIXEL_FORMAT_BYTES 16
#define ZG_RFB_RECT_HEAD_BYTES 12
#define ZG_RFB_SECURITY_NONE 1

/* How one pixel lies in memory. */
typedef struct {
    uint8_t bits_per_pixel, depth;
    bool big_endian, true_colour;
    uint16_t red_max, green_max, blue_max;
    uint8_t red_shift, green_shift, blue_shift;
} ZgPixelFormat;

/* 32 bits, little-endian, bytes B G R X: how frames are kept. */
extern const ZgPixelFormat zg_pixel_format_native;
/* 8 bits, red 3, green 3, blue 2: what a viewer that asks for a colour map gets. */
extern const ZgPixelFormat zg_pixel_format_332;

/** zg_pixel_format_is_valid() - 8, 16 or 32 bits; true colour; colours inside the pixel. */
bool zg_pixel_format_is_valid(const ZgPixelFormat *format);

/** zg_pixel_format_equal() - do both lay out a pixel in the same way? */
bool zg_pixel_format_equal(const ZgPixelFormat *a, const ZgPixelFormat *b);

/* Reads big-endian numbers; past the end it reads zeroes and sets `short_of_bytes`. */
typedef struct {
    const uint8_t *bytes; /* borrowed */
    size_t n_bytes, at;
    bool short_of_bytes;
} ZgRfbReader;

uint8_t zg_rfb_read_u8(ZgRfbReader *in);
uint16_t zg_rfb_read_u16(ZgRfbReader *in);
uint32_t zg_rfb_read_u32(ZgRfbReader *in);
int32_t zg_rfb_read_s32(ZgRfbReader *in);
void zg_rfb_read_pixel_format(ZgRfbReader *in, ZgPixelFormat *out_format);

/** zg_rfb_read_bytes() - borrow @n bytes of the input; NULL when there are fewer. */
const uint8_t *zg_rfb_read_bytes(ZgRfbReader *in, size_t n);

void zg_rfb_put_u8(GByteArray *out, uint8_t value);
void zg_rfb_put_u16(GByteArray *out, uint16_t value);
void zg_rfb_put_u32(GByteArray *out, uint32_t value);
void zg_rfb_put_s32(GByteArray *out, int32_t value);
void zg_rfb_put_zeroes(GByteArray *out, size_t n);
void zg_rfb_put_pixel_format(GByteArray *out, const ZgPixelFormat *format);

/** zg_rfb_put_rect() - head of one rectangle of a FramebufferUpdate. */
void zg_rfb_put_rect(GByteArray *out, int x, int y, int width, int height, int32_t encoding);

/** zg_rfb_put_update() - head of a FramebufferUpdate with @n_rects rectangles. */
void zg_rfb_put_update(GByteArray *out, unsigned n_rects);

/** zg_rfb_put_update_request() - FramebufferUpdateRequest. */
void zg_rfb_put_update_request(GByteArray *out, bool incremental, int width, int height);

/** zg_rfb_put_fence() - ServerFence with @n bytes (at most ZG_RFB_FENCE_BYTES_MAX) of payload. */
void zg_rfb_put_fence(GByteArray *out, uint32_t flags, const uint8_t *payload, size_t n);

/** zg_rfb_put_extended_size() - ExtendedDesktopSize rectangle with one screen. */
void zg_rfb_put_extended_size(GByteArray *out, int reason, int status, int width, int height);
