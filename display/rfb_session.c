/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/rfb_session.h"

#include <string.h>

#include "common/base/error.h"
#include "common/base/limits.h"
#include "display/clipboard.h"
#include "display/rfb_session_private.h"

/* What one message does; bytes used are in the reader. */
typedef struct {
    ZgRfbReader *in;
    GByteArray *out;
    ZgRfbEvent *event;
    GError **error;
} Feed;

static ZgRfbStep
fail(ZgRfbSession *s, Feed *f, int code, const char *what)
{
    s->phase = ZG_RFB_PHASE_FAILED;
    g_set_error(f->error, ZG_ERROR, code, "the viewer broke the protocol: %s", what);
    return ZG_RFB_STEP_FAILED;
}

static ZgRfbStep
tell(Feed *f, ZgRfbEventKind kind)
{
    f->event->kind = kind;
    return ZG_RFB_STEP_EVENT;
}

/* ---- handshake ---- */

static ZgRfbStep
on_version(ZgRfbSession *s, Feed *f)
{
    const char *text = (const char *)zg_rfb_read_bytes(f->in, ZG_RFB_VERSION_BYTES);

    if (text == NULL) {
        return ZG_RFB_STEP_MORE;
    }
    /* 3.8 and whatever claims to be newer; older ones negotiate security in other ways. */
    if (memcmp(text, "RFB 003.", 8) != 0 || memcmp(text + 8, "008", 3) < 0 || text[11] != '\n') {
        return fail(s, f, ZG_ERROR_PROTOCOL, "RFB 3.8 is needed");
    }
    zg_rfb_put_u8(f->out, 1);
    zg_rfb_put_u8(f->out, ZG_RFB_SECURITY_NONE);
    s->phase = ZG_RFB_PHASE_SECURITY;
    return ZG_RFB_STEP_QUIET;
}

static ZgRfbStep
on_security(ZgRfbSession *s, Feed *f)
{
    if (zg_rfb_read_u8(f->in) != ZG_RFB_SECURITY_NONE) {
        return fail(s, f, ZG_ERROR_PROTOCOL, "a security type that was not offered");
    }
    zg_rfb_put_u32(f->out, 0);
    s->phase = ZG_RFB_PHASE_CLIENT_INIT;
    return ZG_RFB_STEP_QUIET;
}

static ZgRfbStep
on_client_init(ZgRfbSession *s, Feed *f)
{
    size_t n_title = strlen(s->title);

    zg_rfb_read_u8(f->in); /* the shared flag: sharing is decided by the ticket */
    zg_rfb_put_u16(f->out, (uint16_t)s->width);
    zg_rfb_put_u16(f->out, (uint16_t)s->height);
    zg_rfb_put_pixel_format(f->out, &zg_pixel_format_native);
    zg_rfb_put_u32(f->out, (uint32_t)n_title);
    g_byte_array_append(f->out, (const uint8_t *)s->title, (guint)n_title);
    s->phase = ZG_RFB_PHASE_READY;
    return tell(f, ZG_RFB_EVENT_READY);
}

/* ---- messages ---- */

/* A viewer that wants a colour map gets one in which every index is its own 3-3-2 colour. */
static void
put_colour_map(GByteArray *out)
{
    zg_rfb_put_u8(out, ZG_RFB_S_COLOUR_MAP);
    zg_rfb_put_u8(out, 0);
    zg_rfb_put_u16(out, 0);
    zg_rfb_put_u16(out, 256);
    for (unsigned i = 0; i < 256; i++) {
        zg_rfb_put_u16(out, (uint16_t)((i >> 5 & 7) * 65535 / 7));
        zg_rfb_put_u16(out, (uint16_t)((i >> 2 & 7) * 65535 / 7));
        zg_rfb_put_u16(out, (uint16_t)((i & 3) * 65535 / 3));
    }
}

static ZgRfbStep
on_pixel_format(ZgRfbSession *s, Feed *f)
{
    ZgPixelFormat format;

    zg_rfb_read_bytes(f->in, 3);
    zg_rfb_read_pixel_format(f->in, &format);
    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    if (!format.true_colour && format.bits_per_pixel == 8) {
        format = zg_pixel_format_332;
        put_colour_map(f->out);
    } else if (!zg_pixel_format_is_valid(&format)) {
        return fail(s, f, ZG_ERROR_PROTOCOL, "a pixel format that cannot be");
    }
    s->look.format = format;
    return tell(f, ZG_RFB_EVENT_LOOK);
}

static void
note_encoding(ZgRfbLook *look, int32_t encoding)
{
    switch (encoding) {
    case ZG_RFB_COPYRECT:
        look->copyrect = true;
        break;
    case ZG_RFB_TIGHT:
        look->tight = true;
        break;
    case ZG_RFB_ZRLE:
        look->zrle = true;
        break;
    case ZG_RFB_HEXTILE:
        look->hextile = true;
        break;
    case ZG_RFB_H264:
        look->h264 = true;
        break;
    case ZG_RFB_ZAGUAN:
        look->zaguan = true;
        break;
    case ZG_RFB_DESKTOP_SIZE:
        look->desktop_size = true;
        break;
    case ZG_RFB_EXTENDED_DESKTOP_SIZE:
        look->extended_size = true;
        break;
    case ZG_RFB_CURSOR:
        look->cursor = true;
        break;
    case ZG_RFB_CURSOR_ALPHA:
        look->cursor_alpha = true;
        break;
    case ZG_RFB_LAST_RECT:
        look->last_rect = true;
        break;
    case ZG_RFB_QEMU_KEY:
        look->qemu_key = true;
        break;
    case ZG_RFB_LED_STATE:
        look->led_state = true;
        break;
    case ZG_RFB_DESKTOP_NAME:
        look->desktop_name = true;
        break;
    case ZG_RFB_EXTENDED_CLIPBOARD:
        look->extended_clipboard = true;
        break;
    case ZG_RFB_FENCE:
        look->fence = true;
        break;
    case ZG_RFB_CONTINUOUS_UPDATES:
        look->continuous_updates = true;
        break;
    default:
        if (encoding >= ZG_RFB_JPEG_QUALITY_0 && encoding <= ZG_RFB_JPEG_QUALITY_9) {
            look->jpeg_quality = encoding - ZG_RFB_JPEG_QUALITY_0;
        } else if (encoding >= ZG_RFB_COMPRESS_0 && encoding <= ZG_RFB_COMPRESS_9) {
            look->compress = encoding - ZG_RFB_COMPRESS_0;
        }
    }
}

/* What a viewer may only use after it was told that we know it too. */
static void
offer_extensions(ZgRfbSession *s, GByteArray *out)
{
    if (s->look.extended_clipboard && !s->told_caps) {
        zg_clip_put_caps(out, ZG_RFB_S_CUT_TEXT);
        s->told_caps = true;
    }
    if (s->look.fence && !s->told_fence) {
        zg_rfb_put_fence(out, ZG_RFB_FENCE_REQUEST, NULL, 0);
        s->told_fence = true;
    }
    if (s->look.continuous_updates && !s->told_continuous) {
        zg_rfb_put_u8(out, ZG_RFB_S_END_OF_CONTINUOUS_UPDATES);
        s->told_continuous = true;
    }
}

static ZgRfbStep
on_encodings(ZgRfbSession *s, Feed *f)
{
    ZgRfbLook look = {.format = s->look.format, .jpeg_quality = -1, .compress = -1};
    unsigned n;

    zg_rfb_read_u8(f->in);
    n = zg_rfb_read_u16(f->in);
    if (n > ZG_RFB_ENCODINGS_MAX) {
        return fail(s, f, ZG_ERROR_TOO_LARGE, "too many encodings");
    }
    for (unsigned i = 0; i < n && !f->in->short_of_bytes; i++) {
        note_encoding(&look, zg_rfb_read_s32(f->in));
    }
    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    s->look = look;
    offer_extensions(s, f->out);
    return tell(f, ZG_RFB_EVENT_LOOK);
}

static ZgRfbStep
on_request(ZgRfbSession *s, Feed *f)
{
    f->event->incremental = zg_rfb_read_u8(f->in) != 0;
    f->event->area.x = zg_rfb_read_u16(f->in);
    f->event->area.y = zg_rfb_read_u16(f->in);
    f->event->area.width = zg_rfb_read_u16(f->in);
    f->event->area.height = zg_rfb_read_u16(f->in);
    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    f->event->area = zg_rect_clip(f->event->area, s->width, s->height);
    s->requested |= !(s->continuous && f->event->incremental);
    return tell(f, ZG_RFB_EVENT_REQUEST);
}

/* The area is not kept: viewers ask for the whole picture, and what is outside is on it too. */
static ZgRfbStep
on_continuous_updates(ZgRfbSession *s, Feed *f)
{
    bool on = zg_rfb_read_u8(f->in) != 0;

    zg_rfb_read_bytes(f->in, 8);
    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    if (!s->told_continuous) {
        return fail(s, f, ZG_ERROR_PROTOCOL, "continuous updates that were not offered");
    }
    s->continuous = on;
    if (!on) {
        zg_rfb_put_u8(f->out, ZG_RFB_S_END_OF_CONTINUOUS_UPDATES);
    }
    return tell(f, ZG_RFB_EVENT_CONTINUOUS);
}

/* ---- fences ---- */

#define FENCE_FLAGS (ZG_RFB_FENCE_BLOCK_BEFORE | ZG_RFB_FENCE_BLOCK_AFTER | ZG_RFB_FENCE_SYNC_NEXT)
#define FENCE_NUMBER_BYTES 4 /* payload of our own */

static ZgRfbStep
on_fence_answer(Feed *f, const uint8_t *payload, size_t n_payload)
{
    ZgRfbReader in = {.bytes = payload, .n_bytes = n_payload};

    if (n_payload != FENCE_NUMBER_BYTES) {
        return ZG_RFB_STEP_QUIET; /* the one that offered fences */
    }
    f->event->fence = zg_rfb_read_u32(&in);
    return tell(f, ZG_RFB_EVENT_FENCE);
}

/*
 * Messages are taken one after the other and their answers queued in order, so a fence is answered
 * at once, except for SyncNext: that answer goes out together with the next message's effect.
 */
static ZgRfbStep
on_fence(ZgRfbSession *s, Feed *f)
{
    const uint8_t *payload;
    uint32_t flags;
    uint8_t n_payload;

    zg_rfb_read_bytes(f->in, 3);
    flags = zg_rfb_read_u32(f->in);
    n_payload = zg_rfb_read_u8(f->in);
    if (n_payload > ZG_RFB_FENCE_BYTES_MAX) {
        return fail(s, f, ZG_ERROR_TOO_LARGE, "a fence with too much payload");
    }
    payload = zg_rfb_read_bytes(f->in, n_payload);
    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    if (!s->told_fence) {
        return fail(s, f, ZG_ERROR_PROTOCOL, "a fence that was not offered");
    }
    if (!(flags & ZG_RFB_FENCE_REQUEST)) {
        return on_fence_answer(f, payload, n_payload);
    }
    if (flags & ZG_RFB_FENCE_SYNC_NEXT) {
        s->sync_pending = true;
        s->sync_flags = flags & FENCE_FLAGS;
        s->n_sync_payload = n_payload;
        memcpy(s->sync_payload, payload, n_payload);
    } else {
        zg_rfb_put_fence(f->out, flags & FENCE_FLAGS, payload, n_payload);
    }
    return ZG_RFB_STEP_QUIET;
}

static void
remember_key(ZgRfbSession *s, bool down, uint32_t keysym, uint32_t scancode)
{
    for (unsigned i = 0; i < s->n_held; i++) {
        bool same = scancode != 0 ? s->held[i].scancode == scancode : s->held[i].keysym == keysym;
        if (same) {
            s->held[i] = s->held[--s->n_held];
            break;
        }
    }
    if (down && s->n_held < ZG_RFB_KEYS_DOWN_MAX) {
        s->held[s->n_held++] = (ZgRfbHeldKey){keysym, scancode};
    }
}

static ZgRfbStep
tell_key(ZgRfbSession *s, Feed *f, bool down, uint32_t keysym, uint32_t scancode)
{
    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    remember_key(s, down, keysym, scancode);
    f->event->key.down = down;
    f->event->key.keysym = keysym;
    f->event->key.scancode = scancode;
    return tell(f, ZG_RFB_EVENT_KEY);
}

static ZgRfbStep
on_key(ZgRfbSession *s, Feed *f)
{
    bool down = zg_rfb_read_u8(f->in) != 0;

    zg_rfb_read_u16(f->in);
    uint32_t keysym = zg_rfb_read_u32(f->in);
    return tell_key(s, f, down, keysym, 0);
}

static ZgRfbStep
on_qemu(ZgRfbSession *s, Feed *f)
{
    uint8_t kind = zg_rfb_read_u8(f->in);
    bool down;

    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    if (kind != 0) {
        return fail(s, f, ZG_ERROR_PROTOCOL, "a QEMU message that was not offered");
    }
    down = zg_rfb_read_u16(f->in) != 0;
    uint32_t keysym = zg_rfb_read_u32(f->in);
    uint32_t scancode = zg_rfb_read_u32(f->in);
    return tell_key(s, f, down, keysym, scancode);
}

static ZgRfbStep
on_pointer(ZgRfbSession *s, Feed *f)
{
    uint8_t buttons = zg_rfb_read_u8(f->in);
    uint16_t x = zg_rfb_read_u16(f->in), y = zg_rfb_read_u16(f->in);

    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    s->pointer_x = (uint16_t)MIN(x, s->width - 1);
    s->pointer_y = (uint16_t)MIN(y, s->height - 1);
    s->buttons = buttons;
    f->event->pointer.x = s->pointer_x;
    f->event->pointer.y = s->pointer_y;
    f->event->pointer.buttons = buttons;
    return tell(f, ZG_RFB_EVENT_POINTER);
}

static ZgRfbStep
tell_text(ZgRfbSession *s, Feed *f, char *text)
{
    s->given = text;
    if (text == NULL) {
        return ZG_RFB_STEP_QUIET;
    }
    f->event->text = text;
    return tell(f, ZG_RFB_EVENT_CLIPBOARD);
}

static ZgRfbStep
on_extended_clipboard(ZgRfbSession *s, Feed *f, const uint8_t *body, size_t n_body)
{
    ZgRfbReader in = {.bytes = body, .n_bytes = n_body};
    uint32_t flags = zg_rfb_read_u32(&in);

    if (flags & ZG_CLIP_CAPS) {
        s->clip_flags = flags;
    } else if (flags & ZG_CLIP_NOTIFY) {
        if (flags & ZG_CLIP_TEXT) {
            zg_clip_put(f->out, ZG_RFB_S_CUT_TEXT, ZG_CLIP_REQUEST | ZG_CLIP_TEXT);
        }
    } else if (flags & ZG_CLIP_REQUEST) {
        s->owes_text |= flags & ZG_CLIP_TEXT && s->offered != NULL;
    } else if (flags & ZG_CLIP_PEEK) {
        zg_clip_put(f->out, ZG_RFB_S_CUT_TEXT,
                    ZG_CLIP_NOTIFY | (s->offered != NULL ? ZG_CLIP_TEXT : 0));
    } else if (flags & ZG_CLIP_PROVIDE && flags & ZG_CLIP_TEXT) {
        return tell_text(s, f, zg_clip_parse_provide(body + in.at, n_body - in.at));
    }
    return ZG_RFB_STEP_QUIET;
}

static ZgRfbStep
on_cut_text(ZgRfbSession *s, Feed *f)
{
    bool extended;
    int64_t length;
    const uint8_t *body;

    zg_rfb_read_bytes(f->in, 3);
    length = zg_rfb_read_s32(f->in);
    if (f->in->short_of_bytes) {
        return ZG_RFB_STEP_MORE;
    }
    extended = length < 0;
    length = ABS(length);
    if (extended && (length < 4 || !s->told_caps)) {
        return fail(s, f, ZG_ERROR_PROTOCOL, "a clipboard message that was not offered");
    }
    if (length > ZG_CLIP_BODY_MAX || (s->n_expected == 0 && (size_t)length > s->text_room)) {
        s->n_skip = (uint32_t)length; /* text over the limit is dropped, the viewer stays */
        return ZG_RFB_STEP_QUIET;
    }
    body = zg_rfb_read_bytes(f->in, (size_t)length);
    s->n_expected = body == NULL ? (uint32_t)length : 0;
    if (body == NULL) {
        return ZG_RFB_STEP_MORE;
    }
    if (extended) {
        return on_extended_clipboard(s, f, body, (size_t)length);
    }
    if (length > ZG_LIMIT_CLIPBOARD_BYTES) {
        return ZG_RFB_STEP_QUIET;
    }
    return tell_text(s, f, zg_clip_from_latin1(body, (size_t)length));
}

static ZgRfbStep
on_size(ZgRfbSession *s, Feed *f)
{
    unsigned n_screens;

    zg_rfb_read_u8(f->in);
    f->event->area = (ZgRect){.width = zg_rfb_read_u16(f->in)};
    f->event->area.height = zg_rfb_read_u16(f->in);
    n_screens = zg_rfb_read_u8(f->in);
    zg_rfb_read_u8(f->in);
    zg_rfb_read_bytes(f->in, 16 * (size_t)n_screens);
    return f->in->short_of_bytes ? ZG_RFB_STEP_MORE : tell(f, ZG_RFB_EVENT_SIZE);
}

static ZgRfbStep
on_message(ZgRfbSession *s, Feed *f)
{
    switch (zg_rfb_read_u8(f->in)) {
    case ZG_RFB_C_SET_PIXEL_FORMAT:
        return on_pixel_format(s, f);
    case ZG_RFB_C_SET_ENCODINGS:
        return on_encodings(s, f);
    case ZG_RFB_C_UPDATE_REQUEST:
        return on_request(s, f);
    case ZG_RFB_C_KEY:
        return on_key(s, f);
    case ZG_RFB_C_POINTER:
        return on_pointer(s, f);
    case ZG_RFB_C_CUT_TEXT:
        return on_cut_text(s, f);
    case ZG_RFB_C_SET_DESKTOP_SIZE:
        return on_size(s, f);
    case ZG_RFB_C_QEMU:
        return on_qemu(s, f);
    case ZG_RFB_C_CONTINUOUS_UPDATES:
        return on_continuous_updates(s, f);
    case ZG_RFB_C_FENCE:
        return on_fence(s, f);
    default:
        return fail(s, f, ZG_ERROR_PROTOCOL, "a message that was not offered");
    }
}

static ZgRfbStep
step(ZgRfbSession *s, Feed *f)
{
    switch (s->phase) {
    case ZG_RFB_PHASE_VERSION:
        return on_version(s, f);
    case ZG_RFB_PHASE_SECURITY:
        return on_security(s, f);
    case ZG_RFB_PHASE_CLIENT_INIT:
        return on_client_init(s, f);
    case ZG_RFB_PHASE_READY:
        return on_message(s, f);
    case ZG_RFB_PHASE_FAILED:
        break;
    }
    return fail(s, f, ZG_ERROR_PROTOCOL, "it went on after an error");
}

/* One message, and with it the answer to a fence that waited for it. */
static ZgRfbStep
step_and_sync(ZgRfbSession *s, Feed *f)
{
    bool waited = s->sync_pending;
    uint32_t flags = s->sync_flags;
    uint8_t payload[ZG_RFB_FENCE_BYTES_MAX], n_payload = s->n_sync_payload;
    ZgRfbStep result;

    if (!waited) {
        return step(s, f);
    }
    memcpy(payload, s->sync_payload, n_payload);
    s->sync_pending = false; /* the message may be another such fence */
    result = step(s, f);
    if (result == ZG_RFB_STEP_MORE) {
        s->sync_pending = true;
    } else if (result != ZG_RFB_STEP_FAILED) {
        zg_rfb_put_fence(f->out, flags, payload, n_payload);
    }
    return result;
}

ZgRfbStep
zg_rfb_session_feed(ZgRfbSession *s, const uint8_t *bytes, size_t n_bytes, size_t *out_used,
                    GByteArray *out, ZgRfbEvent *out_event, GError **error)
{
    ZgRfbReader in = {.bytes = bytes, .n_bytes = n_bytes};
    Feed f = {.in = &in, .out = out, .event = out_event, .error = error};
    ZgRfbStep result;

    *out_event = (ZgRfbEvent){0};
    *out_used = 0;
    g_clear_pointer(&s->given, g_free);
    if (n_bytes == 0) {
        return ZG_RFB_STEP_MORE;
    }
    if (s->n_skip > 0) {
        *out_used = MIN(n_bytes, s->n_skip);
        s->n_skip -= (uint32_t)*out_used;
        return ZG_RFB_STEP_QUIET;
    }
    result = step_and_sync(s, &f);
    *out_used = result == ZG_RFB_STEP_MORE ? 0 : in.at;
    return result;
}

/* ---- the other direction ---- */

ZgRfbSession *
zg_rfb_session_new(ZgRfbStart start, int width, int height, const char *title, GByteArray *out)
{
    ZgRfbSession *s = g_new0(ZgRfbSession, 1);
    size_t n_title = strnlen(title, ZG_RFB_TITLE_BYTES_MAX);
    g_autofree char *valid = g_utf8_make_valid(title, (gssize)n_title);

    s->phase = start == ZG_RFB_START_VERSION ? ZG_RFB_PHASE_VERSION : ZG_RFB_PHASE_CLIENT_INIT;
    s->width = width;
    s->height = height;
    s->title = g_steal_pointer(&valid);
    s->text_room = SIZE_MAX;
    s->look = (ZgRfbLook){.format = zg_pixel_format_native, .jpeg_quality = -1, .compress = -1};
    if (start == ZG_RFB_START_VERSION) {
        g_byte_array_append(out, (const uint8_t *)ZG_RFB_VERSION_TEXT, ZG_RFB_VERSION_BYTES);
    }
    return s;
}

void
zg_rfb_session_free(ZgRfbSession *s)
{
    if (s != NULL) {
        g_free(s->title);
        g_clear_pointer(&s->offered, g_ref_string_release);
        g_free(s->given);
        g_free(s);
    }
}

bool
zg_rfb_session_is_ready(const ZgRfbSession *s)
{
    return s->phase == ZG_RFB_PHASE_READY;
}

const ZgRfbLook *
zg_rfb_session_look(const ZgRfbSession *s)
{
    return &s->look;
}

void
zg_rfb_session_get_size(const ZgRfbSession *s, int *out_width, int *out_height)
{
    *out_width = s->width;
    *out_height = s->height;
}

unsigned
zg_rfb_session_put_size(ZgRfbSession *s, int reason, int status, int width, int height,
                        GByteArray *out)
{
    if (s->look.extended_size) {
        zg_rfb_put_extended_size(out, reason, status, width, height);
    } else if (s->look.desktop_size && reason == 0) {
        zg_rfb_put_rect(out, 0, 0, width, height, ZG_RFB_DESKTOP_SIZE);
    } else {
        return 0;
    }
    s->width = width;
    s->height = height;
    return 1;
}

void
zg_rfb_session_set_requested(ZgRfbSession *s, bool requested)
{
    s->requested = requested;
}

bool
zg_rfb_session_is_requested(const ZgRfbSession *s)
{
    return s->requested || s->continuous;
}

bool
zg_rfb_session_start_stream(ZgRfbSession *s)
{
    bool first = !s->stream_started;

    s->stream_started = true;
    return first;
}

bool
zg_rfb_session_is_continuous(const ZgRfbSession *s)
{
    return s->continuous;
}

uint32_t
zg_rfb_session_put_fence(ZgRfbSession *s, GByteArray *out)
{
    uint8_t payload[FENCE_NUMBER_BYTES];

    if (s->phase != ZG_RFB_PHASE_READY || !s->look.fence) {
        return 0;
    }
    s->n_fences = s->n_fences == UINT32_MAX ? 1 : s->n_fences + 1;
    for (int i = 0; i < FENCE_NUMBER_BYTES; i++) {
        payload[i] = (uint8_t)(s->n_fences >> (24 - 8 * i));
    }
    zg_rfb_put_fence(out, ZG_RFB_FENCE_REQUEST | ZG_RFB_FENCE_BLOCK_BEFORE, payload,
                     sizeof payload);
    return s->n_fences;
}

void
zg_rfb_session_offer_text(ZgRfbSession *s, GRefString *text)
{
    if (s->phase != ZG_RFB_PHASE_READY || strlen(text) > ZG_LIMIT_CLIPBOARD_BYTES) {
        return;
    }
    g_clear_pointer(&s->offered, g_ref_string_release);
    s->offered = g_ref_string_acquire(text);
    if (s->look.extended_clipboard && s->clip_flags & ZG_CLIP_NOTIFY) {
        s->owes_notice = true;
    } else if (s->look.extended_clipboard && s->clip_flags & ZG_CLIP_PROVIDE) {
        s->owes_text = true;
    } else {
        s->owes_plain = true;
    }
}

bool
zg_rfb_session_owes_text(const ZgRfbSession *s)
{
    return s->owes_notice || s->owes_text || s->owes_plain;
}

bool
zg_rfb_session_put_text(ZgRfbSession *s, size_t most, GByteArray *out)
{
    guint at;

    if (s->owes_notice) {
        zg_clip_put(out, ZG_RFB_S_CUT_TEXT, ZG_CLIP_NOTIFY | ZG_CLIP_TEXT);
    }
    at = out->len;
    if (s->owes_text) {
        zg_clip_put_provide(out, ZG_RFB_S_CUT_TEXT, s->offered, ZG_CLIP_FOR_VIEWER);
    } else if (s->owes_plain) {
        zg_clip_put_latin1(out, ZG_RFB_S_CUT_TEXT, s->offered);
    }
    s->owes_notice = s->owes_text = s->owes_plain = false;
    if (out->len - at > most) {
        g_byte_array_set_size(out, at);
        return false;
    }
    return true;
}

void
zg_rfb_session_set_text_room(ZgRfbSession *s, size_t n_bytes)
{
    s->text_room = n_bytes;
}

size_t
zg_rfb_session_expected(const ZgRfbSession *s)
{
    return s->n_expected;
}

bool
zg_rfb_session_release(ZgRfbSession *s, ZgRfbEvent *out_event)
{
    *out_event = (ZgRfbEvent){0};
    if (s->n_held > 0) {
        ZgRfbHeldKey key = s->held[--s->n_held];
        out_event->kind = ZG_RFB_EVENT_KEY;
        out_event->key.keysym = key.keysym;
        out_event->key.scancode = key.scancode;
        return true;
    }
    if (s->buttons != 0) {
        s->buttons = 0;
        out_event->kind = ZG_RFB_EVENT_POINTER;
        out_event->pointer.x = s->pointer_x;
        out_event->pointer.y = s->pointer_y;
        return true;
    }
    return false;
}
