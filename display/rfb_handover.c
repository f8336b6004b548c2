/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A viewer's session as bytes, so that another worker goes on with the same viewer. */
#include "display/rfb_session.h"

#include <string.h>

#include "common/base/error.h"
#include "common/base/limits.h"
#include "display/rfb_session_private.h"

#define STATE_MAGIC 0x5a675332u /* "ZgS2": a new layout gets a new number */

enum {
    BIT_COPYRECT = 1 << 0,
    BIT_TIGHT = 1 << 1,
    BIT_DESKTOP_SIZE = 1 << 2,
    BIT_EXTENDED_SIZE = 1 << 3,
    BIT_CURSOR = 1 << 4,
    BIT_CURSOR_ALPHA = 1 << 5,
    BIT_LAST_RECT = 1 << 6,
    BIT_QEMU_KEY = 1 << 7,
    BIT_LED_STATE = 1 << 8,
    BIT_DESKTOP_NAME = 1 << 9,
    BIT_EXTENDED_CLIPBOARD = 1 << 10,
    BIT_REQUESTED = 1 << 11,
    BIT_TOLD_CAPS = 1 << 12,
    BIT_FENCE = 1 << 13,
    BIT_CONTINUOUS_UPDATES = 1 << 14,
    BIT_TOLD_FENCE = 1 << 15,
    BIT_TOLD_CONTINUOUS = 1 << 16,
    BIT_CONTINUOUS = 1 << 17,
    BIT_SYNC_PENDING = 1 << 18,
    BIT_ZRLE = 1 << 19,
    BIT_HEXTILE = 1 << 20,
    BIT_STREAM_STARTED = 1 << 21,
    BIT_H264 = 1 << 22,
    BIT_ZAGUAN = 1 << 23,
};

static uint32_t
state_bits(const ZgRfbSession *s)
{
    const ZgRfbLook *l = &s->look;

    return (l->copyrect ? BIT_COPYRECT : 0u) | (l->tight ? BIT_TIGHT : 0u) |
           (l->desktop_size ? BIT_DESKTOP_SIZE : 0u) |
           (l->extended_size ? BIT_EXTENDED_SIZE : 0u) | (l->cursor ? BIT_CURSOR : 0u) |
           (l->cursor_alpha ? BIT_CURSOR_ALPHA : 0u) | (l->last_rect ? BIT_LAST_RECT : 0u) |
           (l->qemu_key ? BIT_QEMU_KEY : 0u) | (l->led_state ? BIT_LED_STATE : 0u) |
           (l->desktop_name ? BIT_DESKTOP_NAME : 0u) |
           (l->extended_clipboard ? BIT_EXTENDED_CLIPBOARD : 0u) |
           (l->zrle ? BIT_ZRLE : 0u) | (l->h264 ? BIT_H264 : 0u) | (l->hextile ? BIT_HEXTILE : 0u) |
           (l->zaguan ? BIT_ZAGUAN : 0u) |
           (s->stream_started ? BIT_STREAM_STARTED : 0u) | (l->fence ? BIT_FENCE : 0u) |
           (l->continuous_updates ? BIT_CONTINUOUS_UPDATES : 0u) |
           (s->requested ? BIT_REQUESTED : 0u) | (s->told_caps ? BIT_TOLD_CAPS : 0u) |
           (s->told_fence ? BIT_TOLD_FENCE : 0u) |
           (s->told_continuous ? BIT_TOLD_CONTINUOUS : 0u) |
           (s->continuous ? BIT_CONTINUOUS : 0u) | (s->sync_pending ? BIT_SYNC_PENDING : 0u);
}

static void
take_state_bits(ZgRfbSession *s, uint32_t bits)
{
    s->look.copyrect = bits & BIT_COPYRECT;
    s->look.tight = bits & BIT_TIGHT;
    s->look.desktop_size = bits & BIT_DESKTOP_SIZE;
    s->look.extended_size = bits & BIT_EXTENDED_SIZE;
    s->look.cursor = bits & BIT_CURSOR;
    s->look.cursor_alpha = bits & BIT_CURSOR_ALPHA;
    s->look.last_rect = bits & BIT_LAST_RECT;
    s->look.qemu_key = bits & BIT_QEMU_KEY;
    s->look.led_state = bits & BIT_LED_STATE;
    s->look.desktop_name = bits & BIT_DESKTOP_NAME;
    s->look.extended_clipboard = bits & BIT_EXTENDED_CLIPBOARD;
    s->look.zrle = bits & BIT_ZRLE;
    s->look.h264 = bits & BIT_H264;
    s->look.zaguan = bits & BIT_ZAGUAN;
    s->look.hextile = bits & BIT_HEXTILE;
    s->stream_started = bits & BIT_STREAM_STARTED;
    s->look.fence = bits & BIT_FENCE;
    s->look.continuous_updates = bits & BIT_CONTINUOUS_UPDATES;
    s->requested = bits & BIT_REQUESTED;
    s->told_fence = bits & BIT_TOLD_FENCE;
    s->told_continuous = bits & BIT_TOLD_CONTINUOUS;
    s->continuous = bits & BIT_CONTINUOUS;
    s->sync_pending = bits & BIT_SYNC_PENDING;
    s->told_caps = bits & BIT_TOLD_CAPS;
}

GBytes *
zg_rfb_session_export(const ZgRfbSession *s)
{
    GByteArray *out;

    if (s->phase != ZG_RFB_PHASE_READY) {
        return NULL;
    }
    out = g_byte_array_new();
    zg_rfb_put_u32(out, STATE_MAGIC);
    zg_rfb_put_u16(out, (uint16_t)s->width);
    zg_rfb_put_u16(out, (uint16_t)s->height);
    zg_rfb_put_pixel_format(out, &s->look.format);
    zg_rfb_put_u32(out, state_bits(s));
    zg_rfb_put_s32(out, s->look.jpeg_quality);
    zg_rfb_put_s32(out, s->look.compress);
    zg_rfb_put_u32(out, s->clip_flags);
    zg_rfb_put_u32(out, s->n_skip);
    zg_rfb_put_u16(out, s->pointer_x);
    zg_rfb_put_u16(out, s->pointer_y);
    zg_rfb_put_u32(out, s->n_fences);
    zg_rfb_put_u32(out, s->sync_flags);
    zg_rfb_put_u8(out, s->n_sync_payload);
    g_byte_array_append(out, s->sync_payload, s->n_sync_payload);
    zg_rfb_put_u8(out, s->buttons);
    zg_rfb_put_u8(out, (uint8_t)s->n_held);
    for (unsigned i = 0; i < s->n_held; i++) {
        zg_rfb_put_u32(out, s->held[i].keysym);
        zg_rfb_put_u32(out, s->held[i].scancode);
    }
    return g_byte_array_free_to_bytes(out);
}

static bool
read_sync_payload(ZgRfbSession *s, ZgRfbReader *in)
{
    const uint8_t *payload;

    s->n_sync_payload = zg_rfb_read_u8(in);
    payload = s->n_sync_payload > ZG_RFB_FENCE_BYTES_MAX
                  ? NULL
                  : zg_rfb_read_bytes(in, s->n_sync_payload);
    if (payload == NULL) {
        return false;
    }
    memcpy(s->sync_payload, payload, s->n_sync_payload);
    return true;
}

static bool
read_state(ZgRfbSession *s, ZgRfbReader *in)
{
    bool sound = zg_rfb_read_u32(in) == STATE_MAGIC;

    s->width = zg_rfb_read_u16(in);
    s->height = zg_rfb_read_u16(in);
    zg_rfb_read_pixel_format(in, &s->look.format);
    take_state_bits(s, zg_rfb_read_u32(in));
    s->look.jpeg_quality = zg_rfb_read_s32(in);
    s->look.compress = zg_rfb_read_s32(in);
    s->clip_flags = zg_rfb_read_u32(in);
    s->n_skip = zg_rfb_read_u32(in);
    s->pointer_x = zg_rfb_read_u16(in);
    s->pointer_y = zg_rfb_read_u16(in);
    s->n_fences = zg_rfb_read_u32(in);
    s->sync_flags = zg_rfb_read_u32(in);
    if (!read_sync_payload(s, in)) {
        return false;
    }
    s->buttons = zg_rfb_read_u8(in);
    s->n_held = zg_rfb_read_u8(in);
    if (s->n_held > ZG_RFB_KEYS_DOWN_MAX) {
        return false;
    }
    for (unsigned i = 0; i < s->n_held; i++) {
        s->held[i].keysym = zg_rfb_read_u32(in);
        s->held[i].scancode = zg_rfb_read_u32(in);
    }
    return sound && !in->short_of_bytes && in->at == in->n_bytes && s->width > 0 &&
           s->height > 0 && s->width <= ZG_LIMIT_SCREEN_SIDE &&
           s->height <= ZG_LIMIT_SCREEN_SIDE && zg_pixel_format_is_valid(&s->look.format) &&
           s->look.jpeg_quality >= -1 && s->look.jpeg_quality <= 9 && s->look.compress >= -1 &&
           s->look.compress <= 9;
}

ZgRfbSession *
zg_rfb_session_import(const uint8_t *bytes, size_t n_bytes, GError **error)
{
    ZgRfbReader in = {.bytes = bytes, .n_bytes = n_bytes};
    g_autoptr(ZgRfbSession) s = g_new0(ZgRfbSession, 1);

    s->phase = ZG_RFB_PHASE_READY;
    s->title = g_strdup("");
    s->text_room = SIZE_MAX;
    if (!read_state(s, &in)) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "the viewer's exported state is not whole or from another version");
        return NULL;
    }
    return g_steal_pointer(&s);
}
